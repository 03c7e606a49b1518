//! What providers send, by the number of the message. Words vary in length, so that nothing can be foretold.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use std::io::Write;

/// A few letters: another word, of another length, for each number.
fn words(number: usize) -> &'static str {
    const TEXT: &str =
        "the quick brown fox jumps over the lazy dog and then it goes on as if nothing had happened at all";
    let mixed = number.wrapping_mul(2_654_435_761) >> 7;
    let start = mixed % 60;
    &TEXT[start..start + 1 + (mixed >> 6) % 24]
}

/// The data of one delta.
pub fn anthropic_event(number: usize) -> String {
    let text = words(number);
    format!(
        "{{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}"
    )
}

pub fn anthropic_delta(number: usize) -> String {
    format!("event: content_block_delta\ndata: {}\n\n", anthropic_event(number))
}

pub const ANTHROPIC_END: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":7,\"output_tokens\":9}}\n\n";
pub const INVOKE_END: &str = "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":7,\"output_tokens\":9}}";

pub fn responses_delta(number: usize) -> String {
    let text = words(number);
    format!(
        "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\"item_id\":\"msg_0123456789abcdef\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\",\"logprobs\":[],\"obfuscation\":\"xxxxxxxx\"}}\n\n"
    )
}

pub const RESPONSES_END: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"model\":\"m\",\"status\":\"completed\",\"usage\":{\"input_tokens\":7,\"output_tokens\":9,\"total_tokens\":16}}}\n\n";

pub fn chat_chunk(number: usize) -> String {
    let text = words(number);
    format!(
        "data: {{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,\"model\":\"gpt-5.4-2026-03-01\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"xxxxxxxx\"}}\n\n"
    )
}

pub fn chat_running_usage(number: usize) -> String {
    let (text, total) = (words(number), number + 14);
    format!(
        "data: {{\"id\":\"0123456789abcdef\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,\"model\":\"sonar-pro\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}],\"usage\":{{\"prompt_tokens\":14,\"completion_tokens\":{number},\"total_tokens\":{total}}}}}\n\n"
    )
}

pub const CHAT_END: &str = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9,\"total_tokens\":16}}\n\ndata: [DONE]\n\n";

pub fn gemini_chunk(number: usize) -> String {
    let (first, second, total) = (words(number), words(number + 1), number + 7);
    format!(
        "{{\"candidates\": [{{\"content\": {{\"parts\": [{{\"text\": \"{first}, {second}: larger pieces than others send\"}}],\"role\": \"model\"}},\"index\": 0}}],\"usageMetadata\": {{\"promptTokenCount\": 7,\"candidatesTokenCount\": {number},\"totalTokenCount\": {total},\"promptTokensDetails\": [{{\"modality\": \"TEXT\",\"tokenCount\": 7}}]}},\"modelVersion\": \"gemini-3-flash\",\"responseId\": \"x\"}}"
    )
}

pub fn ollama_line(number: usize) -> String {
    let text = words(number);
    format!(
        "{{\"model\":\"gemma4\",\"created_at\":\"2026-11-24T10:00:00.000Z\",\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"done\":false}}\n"
    )
}

pub const OLLAMA_END: &str =
    "{\"model\":\"gemma4\",\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":7,\"eval_count\":9}\n";

/// A frame of Amazon's event stream.
pub fn frame(event: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(u8::try_from(name.len()).expect("short"));
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let sum = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_be_bytes()
    };
    let length = |length: usize| u32::try_from(length).expect("small").to_be_bytes();
    let mut frame = [length(headers.len() + payload.len() + 16), length(headers.len())].concat();
    frame.extend(sum(&frame));
    frame.extend(headers);
    frame.extend(payload.as_bytes());
    frame.extend(sum(&frame));
    frame
}

pub fn converse_delta(number: usize) -> Vec<u8> {
    let text = words(number);
    let payload = format!("{{\"contentBlockIndex\":0,\"delta\":{{\"text\":\"{text}\"}},\"p\":\"abcdefghijklmnop\"}}");
    frame("contentBlockDelta", &payload)
}

pub const CONVERSE_END: &str =
    "{\"metrics\":{\"latencyMs\":9},\"usage\":{\"inputTokens\":7,\"outputTokens\":9,\"totalTokens\":16}}";

pub fn invoke_chunk(event: &str) -> Vec<u8> {
    frame("chunk", &format!("{{\"bytes\":\"{}\",\"p\":\"abcdefghijklmnop\"}}", STANDARD.encode(event)))
}

/// Two chunks of xAI, the second with usage.
pub const XAI: &[u8] = include_bytes!("../../../../tests/wire-samples/xai-grpc-chunks/response.grpc.bin");

/// Bytes of the first.
pub const XAI_CHUNK: usize = 5 + 0x36;

/// Where the first letter of its text stands.
const XAI_TEXT: usize = 23;

/// The first with another letter in its text.
pub fn xai_chunk(number: usize) -> Vec<u8> {
    let mut chunk = XAI[..XAI_CHUNK].to_vec();
    chunk[XAI_TEXT] = b"abcdefghijklmnopqrstuvwxyz"[number % 26];
    chunk
}

pub fn realtime_delta(number: usize) -> String {
    let text = words(number);
    format!(
        "{{\"type\":\"response.output_text.delta\",\"event_id\":\"event_{number}\",\"response_id\":\"resp_1\",\"item_id\":\"item_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\"}}"
    )
}

pub const REALTIME_END: &str = "{\"type\":\"response.done\",\"event_id\":\"e\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"usage\":{\"total_tokens\":16,\"input_tokens\":7,\"input_token_details\":{\"text_tokens\":7},\"output_tokens\":9}}}";

fn embedding(number: usize, value: &str) -> String {
    let before = if number == 0 { "{\"object\":\"list\",\"data\":[" } else { "," };
    format!("{before}{{\"object\":\"embedding\",\"index\":{number},\"embedding\":{value}}}")
}

pub fn embedding_floats(number: usize) -> String {
    let value = |i: usize| format!("{}0.0{:07}", if i.is_multiple_of(3) { "-" } else { "" }, i * 7919 % 9_999_999);
    let values: Vec<String> = (number..number + 1536).map(value).collect();
    embedding(number, &format!("[{}]", values.join(", ")))
}

pub fn embedding_base64(number: usize) -> String {
    embedding(number, &format!("\"{}\"", "0123456789abcdef".repeat(512)))
}

pub const EMBEDDINGS_END: &str = "],\"model\":\"m\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}";

pub fn request_message(number: usize) -> String {
    let before = if number == 0 { "{\"messages\":[" } else { "," };
    let (first, second) = (words(number), words(number + 1));
    format!(
        "{before}{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"{first}\\n{second}\"}},{{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_{number}\",\"content\":\"{second} {first} {second}\"}}]}}"
    )
}

pub const REQUEST_END: &str = "],\"model\":\"m\",\"max_tokens\":32000,\"stream\":true}";

/// A body as a content coding makes it.
pub fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let memory = "to memory";
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).expect(memory);
            encoder.finish().expect(memory)
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).expect(memory);
            encoder.finish().expect(memory)
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            encoder.write_all(body).expect(memory);
            encoder.into_inner()
        }
        "zstd" => zstd::encode_all(body, 3).expect(memory),
        _ => body.to_vec(),
    }
}
