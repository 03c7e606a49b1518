//! Bundled dialects that no recorded sample covers, on small exchanges of our own.

use super::language::{facts, fields};
use super::written::dialects;
use meter_call::{Buckets, Meter, Meter::*, UsageState};
use meter_wire::{CallReading, Dialect, ExchangeReader, StreamEnd};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

static DIALECTS: LazyLock<BTreeMap<String, Arc<Dialect>>> = LazyLock::new(dialects);

/// Reads one exchange whole and byte by byte; both must say the same.
fn read(dialect: &str, request: &str, kind: &str, body: &[u8]) -> Vec<CallReading> {
    let run = |pieces: usize| {
        let mut reader = ExchangeReader::new(Arc::clone(&DIALECTS[dialect]), facts());
        reader.request_head(&fields(&[("content-type", "application/json")]));
        request.as_bytes().chunks(pieces).for_each(|piece| reader.request_body(piece));
        reader.request_end();
        reader.response_head(200, &fields(&[("content-type", kind), ("x-request-id", "req")]));
        body.chunks(pieces).for_each(|piece| reader.response_body(piece));
        reader.close(true)
    };
    let whole = run(1 << 20);
    assert_eq!(run(1), whole, "{dialect} byte by byte");
    whole
}

fn one(dialect: &str, request: &str, kind: &str, body: &str) -> CallReading {
    let mut all = read(dialect, request, kind, body.as_bytes());
    assert_eq!(all.len(), 1, "{dialect}");
    let reading = all.remove(0);
    assert!(!reading.flags.contains("usage_inconsistent"), "{dialect}: {:?}", reading.flags);
    reading
}

/// Messages of a socket: `true` is the client's.
fn socket(dialect: &str, messages: &[(bool, &str)]) -> Vec<CallReading> {
    let mut reader = ExchangeReader::new(Arc::clone(&DIALECTS[dialect]), facts());
    reader.request_head(&[]);
    reader.request_end();
    reader.response_head(101, &[]);
    let mut rows = Vec::new();
    for (client, text) in messages {
        reader.websocket_message(*client, text.as_bytes());
        rows.extend(reader.take_ended());
    }
    rows.extend(reader.close(true));
    rows
}

fn has(reading: &CallReading, expected: &[(Meter, u64)]) {
    assert_eq!(reading.buckets, expected.iter().copied().collect::<Buckets>());
}

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

#[test]
fn a_batch_file_of_openai_is_a_row_for_each_line_that_succeeded() {
    let body = concat!(
        r#"{"id":"b1","custom_id":"a","response":{"status_code":200,"request_id":"r1","body":{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5.4","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens":30,"completion_tokens_details":{"reasoning_tokens":10},"total_tokens":130}}},"error":null}"#,
        "\n",
        r#"{"id":"b2","custom_id":"b","response":{"status_code":400,"request_id":"r2","body":{"error":{"message":"no","code":"model_not_found"}}},"error":null}"#,
        "\n",
        r#"{"id":"b3","custom_id":"c","response":{"status_code":200,"request_id":"r3","body":{"id":"resp_3","object":"response","model":"gpt-5.4","status":"completed","usage":{"input_tokens":7,"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":12}}},"error":null}"#,
        "\n",
        r#"{"id":"b4","custom_id":"d","response":{"status_code":200,"request_id":"r4","body":{"object":"list","model":"text-embedding-3-small","data":[],"usage":{"prompt_tokens":9,"total_tokens":9}}},"error":null}"#,
    );
    let rows = read("openai_batch", "", "application/octet-stream", body.as_bytes());
    let ids: Vec<_> = rows.iter().map(|row| (row.row_key.as_deref(), row.request_id.as_deref())).collect();
    assert_eq!(ids, [(Some("chatcmpl-1"), Some("r1")), (Some("resp_3"), Some("r3")), (Some("r4"), Some("r4"))]);
    has(&rows[0], &[(Input, 60), (CacheRead, 40), (Output, 20), (Reasoning, 10)]);
    has(&rows[1], &[(Input, 7), (Output, 3), (Reasoning, 2)]);
    has(&rows[2], &[(Input, 9)]);
    assert!(rows.iter().all(|row| row.usage == UsageState::Final && row.flags.is_empty()));
    assert!(read("openai_batch", "", "application/octet-stream", b"{\"messages\":[]}\n{\"messages\":[]}\n").is_empty());
}

#[test]
fn a_batch_file_of_gemini_is_a_row_for_each_answer() {
    let body = concat!(
        r#"{"key":"a","response":{"responseId":"x1","modelVersion":"gemini-3-flash","candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":4,"thoughtsTokenCount":3,"totalTokenCount":15}}}"#,
        "\n",
        r#"{"key":"b","error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}"#,
    );
    let rows = read("gemini_batch", "", "application/octet-stream", body.as_bytes());
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].response_id.as_deref(), rows[0].model_answered.as_deref()),
        (Some("x1"), Some("gemini-3-flash"))
    );
    has(&rows[0], &[(Input, 8), (Output, 4), (Reasoning, 3)]);
}

#[test]
fn results_inside_the_document_of_a_batch_are_a_row_each() {
    let answer = |id: &str| {
        format!(
            r#"{{"response":{{"responseId":"{id}","modelVersion":"gemini-3-flash","candidates":[{{"content":{{"parts":[{{"text":"]}}, \"inlinedResponses\": ["}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":8,"candidatesTokenCount":4,"totalTokenCount":12}}}},"metadata":{{"key":"k"}}}}"#
        )
    };
    let failed = r#"{"error":{"code":3,"message":"no"},"metadata":{"key":"f"}}"#;
    let list = format!("[ {} ,\n {failed}, {} ]", answer("a"), answer("b"));
    let around = |list: &str| {
        format!(
            r#"{{"name":"batches/1","metadata":{{"state":"BATCH_STATE_SUCCEEDED"}},"done":true,"response":{{"inlinedResponses":{list}}}}}"#
        )
    };
    for document in [around(&list), around(&format!(r#"{{"inlinedResponses":{list}}}"#))] {
        let rows = read("gemini_batch", "", JSON, document.as_bytes());
        let ids: Vec<_> = rows.iter().filter_map(|row| row.response_id.as_deref()).collect();
        assert_eq!(ids, ["a", "b"]);
        for row in &rows {
            has(row, &[(Input, 8), (Output, 4)]);
            assert_eq!((row.usage, row.error.as_ref(), row.flags.len()), (UsageState::Final, None, 0));
        }
        // A document that was cut has the results that came whole.
        let cut = document.find(r#""b""#).expect("the second id");
        assert_eq!(read("gemini_batch", "", JSON, &document.as_bytes()[..cut]).len(), 1);
    }
    assert!(read("gemini_batch", "", JSON, around("[]").as_bytes()).is_empty());
    assert!(
        read("gemini_batch", "", JSON, br#"{"name":"batches/1","metadata":{"state":"BATCH_STATE_RUNNING"}}"#)
            .is_empty()
    );
}

#[test]
fn speech_is_billed_by_characters_or_by_the_usage_of_its_stream() {
    let asked = r#"{"input":"Grüß Gott \ud83d\udc1f","voice":"x","model":"tts-1-hd"}"#;
    let reading = read("openai_speech", asked, "audio/mpeg", b"\xff\xfb\x90{[\x00").remove(0);
    has(&reading, &[(Characters, 11)]);
    assert_eq!((reading.usage, reading.stream_end), (UsageState::Final, StreamEnd::None));
    // A model that is billed by tokens says nothing beside the sound.
    let reading = read("openai_speech", &asked.replace("tts-1-hd", "gpt-4o-mini-tts"), "audio/mpeg", b"\xff").remove(0);
    assert_eq!(reading.usage, UsageState::None);
    let done = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AA==\"}\n\ndata: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n";
    let reading = one("openai_speech", &asked.replace("tts-1-hd", "gpt-4o-mini-tts"), SSE, done);
    has(&reading, &[(Input, 14), (OutputAudio, 101)]);
    assert_eq!(reading.stream_end, StreamEnd::Normal);
}

#[test]
fn an_image_tools_own_model_is_a_line_beside() {
    let body = r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.4","tools":[{"type":"web_search"},{"type":"image_generation","model":"gpt-image-2"}],"usage":{"input_tokens":50,"output_tokens":20,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":70},"tool_usage":{"image_gen":{"input_tokens":30,"input_tokens_details":{"image_tokens":10,"text_tokens":20},"output_tokens":900,"output_tokens_details":{"image_tokens":900,"text_tokens":0},"total_tokens":930}}}"#;
    let reading = one("openai_responses", "{}", JSON, body);
    has(&reading, &[(Input, 70), (InputImage, 10), (Output, 20), (OutputImage, 900)]);
    assert_eq!(reading.lines.len(), 2);
    assert_eq!(reading.lines[0].model.as_deref(), Some("gpt-5.4"));
    assert_eq!(reading.lines[1].model.as_deref(), Some("gpt-image-2"));
    assert_eq!(reading.lines[1].buckets.count(OutputImage), 900);
    // Without a name it is a model of its own all the same, not the answering one.
    let reading = one("openai_responses", "{}", JSON, &body.replace(r#","model":"gpt-image-2""#, ""));
    assert_eq!(reading.lines[1].model.as_deref(), Some("image_generation"));
}

#[test]
fn a_drawing_of_an_image_call_is_a_line_beside() {
    let body = r#"{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":20,"input_tokens_details":{"image_tokens":0,"text_tokens":20},"output_tokens":300,"total_tokens":320},"svg_usage":{"model":"gpt-svg-1","input_tokens":40,"output_tokens":70,"total_tokens":110}}"#;
    let reading = one("openai_images", r#"{"model":"gpt-image-2"}"#, JSON, body);
    has(&reading, &[(Input, 60), (OutputImage, 300), (Output, 70), (Image, 1)]);
    assert_eq!(reading.lines[1].model.as_deref(), Some("gpt-svg-1"));
    assert_eq!(reading.lines[1].buckets.count(Output), 70);
}

#[test]
fn what_a_price_may_depend_on_is_read_and_the_answer_has_the_last_word() {
    let asked = r#"{"model":"m","size":"auto","quality":"high"}"#;
    let drawn = r#"{"size":"1024x1024","data":[{"b64_json":""}],"usage":{"input_tokens":1,"output_tokens":2}}"#;
    let image = one("openai_images", asked, JSON, drawn).conditions;
    assert_eq!((image.size.as_deref(), image.quality.as_deref()), (Some("1024x1024"), Some("high")));
    let searched = r#"{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2,"search_context_size":"low"}}"#;
    let context = one("perplexity", "{}", JSON, searched).conditions.search_context;
    assert_eq!(context.as_deref(), Some("low"));
    let cached = |kind: &str| {
        let usage = format!(r#"{{"prompt_tokens":9,"prompt_tokens_details":{{"cached_tokens":4{kind}}}}}"#);
        one("qwen_chat", "{}", JSON, &format!(r#"{{"model":"m","usage":{usage}}}"#)).conditions.cache_mode
    };
    let decided = r#"{"model":"m","status":"completed","usage":{"input_tokens":1,"output_tokens":2}}"#;
    assert_eq!(one("openai_decisions", "{}", JSON, decided).conditions.class.as_deref(), Some("decisions"));
    assert_eq!((cached(r#","cache_type":"ephemeral""#).as_deref(), cached("")), (Some("explicit"), None));
}

#[test]
fn a_live_session_of_gemini_is_a_row_for_each_turn() {
    let setup = r#"{"setup":{"model":"models/gemini-3-live"}}"#;
    let turn = |prompt: u32, sound: u32| {
        format!(
            r#"{{"serverContent":{{"turnComplete":true}},"usageMetadata":{{"promptTokenCount":{prompt},"promptTokensDetails":[{{"modality":"AUDIO","tokenCount":{prompt}}}],"responseTokenCount":{sound},"responseTokensDetails":[{{"modality":"AUDIO","tokenCount":{sound}}}],"totalTokenCount":{}}}}}"#,
            prompt + sound
        )
    };
    let (first, second) = (turn(10, 20), turn(40, 5));
    let rows = socket(
        "gemini_live",
        &[
            (true, setup),
            (false, r#"{"setupComplete":{}}"#),
            (true, r#"{"realtimeInput":{"audio":{"data":"AAAA"}}}"#),
            (false, r#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AAAA"}}]}}}"#),
            (false, &first),
            (true, r#"{"clientContent":{"turns":[]}}"#),
            (false, &second),
            (false, r#"{"serverContent":{"generationComplete":true}}"#),
        ],
    );
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.model_requested.as_deref() == Some("gemini-3-live")));
    has(&rows[0], &[(InputAudio, 10), (OutputAudio, 20)]);
    has(&rows[1], &[(InputAudio, 40), (OutputAudio, 5)]);
    assert!(rows.iter().all(|row| row.usage == UsageState::Final && row.stream_end == StreamEnd::Normal));
    assert_eq!(socket("gemini_live", &[(true, setup)])[0].usage, UsageState::None);
}

#[test]
fn interactions_as_document_and_as_stream() {
    let usage = r#""usage":{"total_input_tokens":100,"total_cached_tokens":30,"total_output_tokens":40,"total_thought_tokens":5,"total_tool_use_tokens":0,"total_tokens":145}"#;
    let expected = [(Input, 70), (CacheRead, 30), (Output, 40), (Reasoning, 5)];
    let document = format!(r#"{{"id":"i1","model":"gemini-3-pro","status":"completed",{usage}}}"#);
    has(&one("gemini_interactions", r#"{"model":"gemini-3-pro","input":"x"}"#, JSON, &document), &expected);
    let stream = format!(
        "event: interaction.created\ndata: {{\"event_type\":\"interaction.created\",\"interaction\":{{\"id\":\"i1\",\"status\":\"in_progress\"}}}}\n\nevent: x\ndata: {{\"event_type\":\"step.delta\",\"delta\":{{\"text\":\"hi\"}}}}\n\ndata: {{\"event_type\":\"interaction.completed\",\"interaction\":{{\"id\":\"i1\",\"model\":\"gemini-3-pro\",\"status\":\"completed\",{usage}}}}}\n\ndata: [DONE]\n\n"
    );
    let reading =
        one("gemini_interactions", r#"{"agent":"deep-research","stream":true,"background":true}"#, SSE, &stream);
    has(&reading, &expected);
    assert_eq!((reading.response_id.as_deref(), reading.stream_end), (Some("i1"), StreamEnd::Normal));
    assert_eq!(reading.kind.as_deref(), Some("background"));
}

#[test]
fn cohere_in_its_first_version_and_its_units() {
    let lines = "{\"event_type\":\"stream-start\",\"generation_id\":\"g1\"}\n{\"event_type\":\"text-generation\",\"text\":\"hi\"}\n{\"event_type\":\"stream-end\",\"finish_reason\":\"COMPLETE\",\"response\":{\"response_id\":\"r1\",\"meta\":{\"billed_units\":{\"input_tokens\":11.0,\"output_tokens\":3.0},\"tokens\":{\"input_tokens\":80.0}}}}\n";
    let reading = one("cohere_v1", r#"{"model":"command-a","stream":true}"#, "application/stream+json", lines);
    has(&reading, &[(Input, 11), (Output, 3)]);
    assert_eq!((reading.finish.as_deref(), reading.stream_end), (Some("COMPLETE"), StreamEnd::Normal));
    let document = r#"{"response_id":"r1","text":"hi","finish_reason":"COMPLETE","meta":{"billed_units":{"input_tokens":11,"output_tokens":3}}}"#;
    has(&one("cohere_v1", r#"{"model":"command-a"}"#, JSON, document), &[(Input, 11), (Output, 3)]);
    let reranked =
        r#"{"id":"x","results":[],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":2}}}"#;
    has(&one("cohere_units", r#"{"model":"rerank-v4.0-pro"}"#, JSON, reranked), &[(Query, 2)]);
    let embedded = r#"{"id":"x","embeddings":{},"meta":{"billed_units":{"input_tokens":5}}}"#;
    has(&one("cohere_units", r#"{"model":"embed-v4.0"}"#, JSON, embedded), &[(Input, 5)]);
}

#[test]
fn what_mistral_perplexity_and_vertex_have_of_their_own() {
    let conversation = r#"{"object":"conversation.response","conversation_id":"c","outputs":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"connector_tokens":6,"total_tokens":20,"connectors":{"web_search":2}}}"#;
    has(
        &one("mistral_conversations", r#"{"model":"mistral-large"}"#, JSON, conversation),
        &[(Input, 16), (Output, 4), (WebSearch, 2)],
    );
    let pages = r#"{"pages":[],"model":"mistral-ocr-2512","usage_info":{"pages_processed":3,"doc_size_bytes":9}}"#;
    has(&one("mistral_ocr", r#"{"model":"mistral-ocr-latest"}"#, JSON, pages), &[(Page, 3)]);
    let search = r#"{"id":"s","results":[{"title":"a"},{"title":"b"}]}"#;
    has(&one("perplexity_search", r#"{"query":"x"}"#, JSON, search), &[(Request, 1)]);
    let agent = r#"{"object":"response","model":"sonar","status":"completed","usage":{"input_tokens":30,"input_tokens_details":{"cache_creation_input_tokens":4,"cache_read_input_tokens":6},"output_tokens":8,"total_tokens":38,"cost":{"currency":"USD","total_cost":0.00125}}}"#;
    let reading = one("perplexity_responses", "{}", JSON, agent);
    has(&reading, &[(Input, 20), (CacheWrite, 4), (CacheRead, 6), (Output, 8)]);
    assert_eq!(reading.provider_cost.as_deref(), Some("0.00125"));
    let predicted = r#"{"predictions":[{"embeddings":{"statistics":{"token_count":4}}},{"embeddings":{"statistics":{"token_count":5}}}],"metadata":{"billableCharacterCount":30}}"#;
    has(&one("vertex_predict", "{}", JSON, predicted), &[(Input, 9)]);
    let pictures = r#"{"predictions":[{"bytesBase64Encoded":"AAAA"},{"bytesBase64Encoded":"BBBB"}]}"#;
    has(&one("vertex_predict", "{}", JSON, pictures), &[(Image, 2)]);
}

#[test]
fn a_live_session_of_openai_is_billed_by_its_last_count_of_seconds() {
    let rows = socket(
        "openai_live",
        &[
            (false, r#"{"type":"session.created","session":{"id":"s1","model":"gpt-live-transcribe"}}"#),
            (false, r#"{"type":"session.usage.updated","usage":{"seconds":10.4}}"#),
            (false, r#"{"type":"session.usage.updated","usage":{"seconds":31.2}}"#),
        ],
    );
    assert_eq!(rows.len(), 1);
    has(&rows[0], &[(Audio, 31)]);
    assert_eq!(rows[0].model_answered.as_deref(), Some("gpt-live-transcribe"));
}

#[test]
fn what_nobody_has_published_is_counted_only() {
    let rows = read(
        "opaque",
        "\u{0}\u{0}\u{0}\u{0}\u{5}hello",
        "application/connect+proto",
        b"\0\0\0\0\x03abc\x02\0\0\0\x02{}",
    );
    assert_eq!((rows.len(), rows[0].usage, rows[0].stream_end), (1, UsageState::None, StreamEnd::None));
    assert!(rows[0].flags.is_empty() && rows[0].buckets.is_empty());
}

/// A protobuf field: a number, or bytes.
fn proto(number: u8, value: Result<u8, &[u8]>) -> Vec<u8> {
    let tag = number << 3;
    match value {
        Ok(count) if count < 128 => vec![tag, count],
        Ok(count) => vec![tag, count, 1],
        Err(bytes) => [&[tag | 2, u8::try_from(bytes.len()).expect("short")], bytes].concat(),
    }
}

fn prefixed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag], &u32::try_from(message.len()).expect("short").to_be_bytes()[..], message].concat()
}

fn grpc(answer: &[u8], head: &[(&str, &str)], trailers: &[(&str, &str)], status: u16) -> CallReading {
    let run = |pieces: usize| {
        let mut reader = ExchangeReader::new(Arc::clone(&DIALECTS["xai_grpc"]), facts());
        reader.request_head(&fields(&[("content-type", "application/grpc"), ("te", "trailers")]));
        reader.request_body(&prefixed(0, &proto(2, Err(b"grok-4.5"))));
        assert!(reader.request_end().readable);
        let kind = [("content-type", "application/grpc"), ("x-request-id", "req")];
        reader.response_head(status, &fields(&[&kind, head].concat()));
        answer.chunks(pieces).for_each(|piece| reader.response_body(piece));
        if !trailers.is_empty() {
            reader.trailers(&fields(trailers));
        }
        reader.close(true).remove(0)
    };
    let whole = run(usize::MAX);
    assert_eq!(run(1), whole);
    whole
}

#[test]
fn one_grpc_answer_plain_compressed_and_failed() {
    use std::io::Write;
    let usage = [proto(1, Ok(40)), proto(2, Ok(90)), proto(3, Ok(137)), proto(6, Ok(7)), proto(7, Ok(60))].concat();
    let answer =
        [proto(1, Err(b"chat-1")), proto(6, Err(b"grok-4.5")), proto(9, Err(&usage)), proto(15, Ok(2))].concat();
    let ok = [("grpc-status", "0")];
    let plain = grpc(&prefixed(0, &answer), &[], &ok, 200);
    // 137 = 90 + 40 + 7: reasoning stands outside.
    has(&plain, &[(Input, 30), (CacheRead, 60), (Output, 40), (Reasoning, 7)]);
    assert_eq!((plain.usage, plain.flags.len()), (UsageState::Final, 0));
    assert_eq!((plain.model_requested.as_deref(), plain.service_tier.as_deref()), (Some("grok-4.5"), Some("priority")));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&answer).expect("to memory");
    let small = encoder.finish().expect("to memory");
    let packed = grpc(&prefixed(1, &small), &[("grpc-encoding", "gzip")], &ok, 200);
    assert_eq!((packed.buckets, packed.response_id.as_deref()), (plain.buckets, Some("chat-1")));
    // A failure may come in the head alone, and its HTTP status is 200.
    let failed = grpc(&[], &[("grpc-status", "8"), ("grpc-message", "too%20fast")], &[], 200);
    let error = failed.error.expect("an error");
    assert_eq!((error.class, error.code.as_deref()), (meter_call::ErrorClass::RateLimit, Some("8")));
    assert_eq!(failed.usage, UsageState::None);
    assert!(failed.unknown.is_empty(), "nothing was done, so nothing is billed");
}

#[test]
fn vercels_own_protocol_names_the_model_in_the_head_and_the_cost_in_the_last_part() {
    let finish = r#"data: {"type":"finish","finishReason":{"unified":"stop","raw":"end_turn"},"usage":{"inputTokens":{"total":1000,"noCache":300,"cacheRead":600,"cacheWrite":100},"outputTokens":{"total":50,"text":20,"reasoning":30}},"providerMetadata":{"gateway":{"routing":{"finalProvider":"anthropic"},"cost":"0.0016","gatewayCost":"0.0017","generationId":"gen_1"}}}"#;
    let body = format!("data: {{\"type\":\"stream-start\",\"warnings\":[]}}\n\n{finish}\n\n");
    let streamed = one("vercel_sdk", r#"{"prompt":[],"maxOutputTokens":64}"#, SSE, &body);
    has(&streamed, &[(Input, 300), (CacheRead, 600), (CacheWrite, 100), (Output, 20), (Reasoning, 30)]);
    assert_eq!(streamed.provider_cost.map(|cost| cost.to_string()).as_deref(), Some("0.0017"));
    assert_eq!((streamed.usage, streamed.stream_end), (UsageState::Final, StreamEnd::Normal));

    let older = r#"{"content":[],"finishReason":"stop","usage":{"inputTokens":1000,"outputTokens":50,"totalTokens":1050,"reasoningTokens":30,"cachedInputTokens":600}}"#;
    has(&one("vercel_sdk", "{}", JSON, older), &[(Input, 400), (CacheRead, 600), (Output, 20), (Reasoning, 30)]);
    has(&one("vercel_sdk", "{}", JSON, r#"{"embeddings":[[0.1]],"usage":{"tokens":7}}"#), &[(Input, 7)]);

    let mut reader = ExchangeReader::new(Arc::clone(&DIALECTS["vercel_sdk"]), facts());
    reader.request_head(&fields(&[("ai-language-model-id", "anthropic/claude-sonnet-5.5")]));
    reader.request_end();
    reader.response_head(200, &fields(&[("content-type", JSON)]));
    reader.response_body(older.as_bytes());
    let named = reader.close(true).remove(0);
    assert_eq!(named.model_requested.as_deref(), Some("anthropic/claude-sonnet-5.5"));
}
