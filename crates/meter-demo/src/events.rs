//! The text events of each dialect's stream.

use crate::answers::Surface;
use crate::script::Script;
use serde_json::{Value, json};

/// One server-sent event (or array element) and whether it counts as text for [`Script::cut_after`].
pub struct Piece {
    /// The bytes on the wire.
    pub bytes: Vec<u8>,
    /// A text event, as opposed to a frame around the text.
    pub text: bool,
}

/// Every piece of a stream, in order.
pub fn pieces(surface: Surface, model: &str, script: &Script) -> Vec<Piece> {
    match surface {
        Surface::AnthropicMessages => anthropic(model, script),
        Surface::OpenAiChat => chat(model, script),
        Surface::OpenAiResponses => responses(model, script),
        Surface::CohereChat => cohere(script),
        Surface::GeminiSse => gemini(model, script).into_iter().map(|(v, text)| sse(None, &v, text, "\r\n")).collect(),
        Surface::GeminiArray => gemini_array(model, script),
        Surface::AnthropicCount | Surface::OpenAiEmbeddings | Surface::GeminiGenerate | Surface::GeminiCount => {
            Vec::new()
        }
    }
}

fn word(number: u64) -> String {
    format!("word {number} ")
}

fn sse(event: Option<&str>, data: &Value, text: bool, line_end: &str) -> Piece {
    let name = event.map(|event| format!("event: {event}{line_end}")).unwrap_or_default();
    Piece { bytes: format!("{name}data: {data}{line_end}{line_end}").into_bytes(), text }
}

fn anthropic(model: &str, script: &Script) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |data: Value, text| {
        let name = data["type"].as_str().unwrap_or_default().to_owned();
        pieces.push(sse(Some(&name), &data, text, "\n"));
    };
    push(
        json!({"type": "message_start", "message": {"id": script.named("msg_demo"), "type": "message", "role": "assistant",
            "model": model, "content": [], "stop_reason": null, "stop_sequence": null, "usage": {
            "input_tokens": script.input, "cache_creation_input_tokens": script.cache_write,
            "cache_read_input_tokens": script.cache_read,
            "cache_creation": {"ephemeral_5m_input_tokens": script.cache_write, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 1, "service_tier": "standard"}}}),
        false,
    );
    push(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}), false);
    for number in 0..script.events {
        push(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word(number)}}),
            true,
        );
    }
    push(json!({"type": "content_block_stop", "index": 0}), false);
    push(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {
            "input_tokens": script.input, "cache_creation_input_tokens": script.cache_write,
            "cache_read_input_tokens": script.cache_read, "output_tokens": script.output + script.reasoning,
            "output_tokens_details": {"thinking_tokens": script.reasoning},
            "server_tool_use": {"web_search_requests": script.web_search}}}),
        false,
    );
    push(json!({"type": "message_stop"}), false);
    pieces
}

fn chat(model: &str, script: &Script) -> Vec<Piece> {
    let chunk = |choices: Value, usage: Value| {
        json!({"id": script.named("chatcmpl-demo"), "object": "chat.completion.chunk", "created": 1_790_000_000, "model": model,
            "service_tier": "default", "choices": choices, "usage": usage})
    };
    let mut pieces: Vec<Piece> = (0..script.events)
        .map(|number| {
            let delta = json!([{"index": 0, "delta": {"role": "assistant", "content": word(number)},
                "finish_reason": null}]);
            sse(None, &chunk(delta, Value::Null), true, "\n")
        })
        .collect();
    let stop = json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]);
    pieces.push(sse(None, &chunk(stop, Value::Null), false, "\n"));
    pieces.push(sse(None, &chunk(json!([]), crate::answers::chat_usage(script)), false, "\n"));
    pieces.push(Piece { bytes: b"data: [DONE]\n\n".to_vec(), text: false });
    pieces
}

fn responses(model: &str, script: &Script) -> Vec<Piece> {
    let mut number = 0_u64;
    let mut event = |mut data: Value, text: bool| {
        data["sequence_number"] = number.into();
        number += 1;
        let name = data["type"].as_str().unwrap_or_default().to_owned();
        sse(Some(&name), &data, text, "\n")
    };
    let mut pieces = vec![event(
        json!({"type": "response.created",
            "response": crate::answers::responses_object(model, script, "in_progress")}),
        false,
    )];
    for text in 0..script.events {
        pieces.push(event(
            json!({"type": "response.output_text.delta", "item_id": script.named("msg_demo"), "output_index": 0, "content_index": 0,
                "delta": word(text)}),
            true,
        ));
    }
    pieces.push(event(
        json!({"type": "response.completed",
            "response": crate::answers::responses_object(model, script, "completed")}),
        false,
    ));
    pieces
}

fn cohere(script: &Script) -> Vec<Piece> {
    let event = |data: Value, text| sse(data["type"].as_str(), &data, text, "\n");
    let mut pieces = vec![
        event(
            json!({"type": "message-start", "id": script.named("cohere-demo"), "delta": {"message": {"role": "assistant", "content": [],
                "tool_plan": "", "tool_calls": [], "citations": []}}}),
            false,
        ),
        event(
            json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
            false,
        ),
    ];
    for number in 0..script.events {
        let delta = json!({"message": {"content": {"text": word(number)}}});
        pieces.push(event(json!({"type": "content-delta", "index": 0, "delta": delta}), true));
    }
    pieces.push(event(json!({"type": "content-end", "index": 0}), false));
    let delta = json!({"finish_reason": "COMPLETE", "usage": crate::answers::cohere_usage(script)});
    pieces.push(event(json!({"type": "message-end", "delta": delta}), false));
    pieces
}

fn gemini(model: &str, script: &Script) -> Vec<(Value, bool)> {
    let mut chunks: Vec<(Value, bool)> = (0..script.events)
        .map(|number| {
            let mut chunk = crate::answers::gemini_document(model, script, &word(number), None);
            // Running totals: the last chunk has the bill.
            chunk["usageMetadata"]["candidatesTokenCount"] = number.min(script.output).into();
            (chunk, true)
        })
        .collect();
    chunks.push((crate::answers::gemini_document(model, script, "", Some("STOP")), false));
    chunks
}

fn gemini_array(model: &str, script: &Script) -> Vec<Piece> {
    let chunks = gemini(model, script);
    let last = chunks.len() - 1;
    chunks
        .into_iter()
        .enumerate()
        .map(|(index, (chunk, text))| {
            let before = if index == 0 { "[" } else { ",\r\n" };
            let after = if index == last { "]" } else { "" };
            Piece { bytes: format!("{before}{chunk:#}{after}").into_bytes(), text }
        })
        .collect()
}
