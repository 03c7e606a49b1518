//! What reading costs: MB/s of each framing and coding, and messages a second (1000 / million = nanoseconds of one).
//!
//! `cargo bench -p meter-wire`. Target: 500 MB/s for event streams, and no allocation for an event no field needs.
//! Messages differ from each other as they do in life, and each body ends with usage that has to be found, so what was
//! not read to its end is not measured.

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use meter_call::{EndpointClass, Meter};
use meter_wire::{CallReading, Dialect, ExchangeReader, RouteFacts};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, LazyLock};

#[path = "read/bodies.rs"]
mod bodies;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/wire/written.rs"]
mod written;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

static DIALECTS: LazyLock<BTreeMap<String, Arc<Dialect>>> = LazyLock::new(written::dialects);

/// Bytes of one body.
const SIZE: usize = 8 << 20;
/// As a relay hands them over.
const PIECE: usize = 16 << 10;

fn main() {
    divan::main();
}

/// Many messages and what ends them.
struct Body {
    bytes: Vec<u8>,
    messages: usize,
}

impl Body {
    fn of(message: impl Fn(usize) -> Vec<u8>, end: &[u8]) -> Body {
        let mut bytes = Vec::new();
        let mut messages = 0;
        while bytes.len() < SIZE {
            bytes.extend(message(messages));
            messages += 1;
        }
        bytes.extend(end);
        Body { bytes, messages }
    }

    fn text(message: impl Fn(usize) -> String, end: &str) -> Body {
        Body::of(|number| message(number).into_bytes(), end.as_bytes())
    }
}

fn reader(dialect: &Arc<Dialect>, status: u16, kind: &str, coding: &str) -> ExchangeReader {
    let captures = BTreeMap::from([("model".to_owned(), "m".to_owned())]);
    let facts = RouteFacts { captures, query: Vec::new(), stream: None, class: EndpointClass::Costed };
    let mut reader = ExchangeReader::new(Arc::clone(dialect), facts);
    reader.request_head(&[]);
    reader.request_end();
    let field = |name: &str, value: &str| (Box::from(name.as_bytes()), Box::from(value.as_bytes()));
    reader.response_head(
        status,
        &[
            field("content-type", kind),
            field("content-encoding", coding),
            field("request-id", "r"),
            field("x-request-id", "r"),
            field("x-amzn-requestid", "r"),
        ],
    );
    reader
}

/// Measures the reading of a body, once it is known to be read to its end.
fn read(bencher: Bencher, dialect: &str, kind: &str, coding: &str, body: &Body) {
    let coded = bodies::coded(coding, &body.bytes);
    let dialect = &DIALECTS[dialect];
    let once = || -> Vec<CallReading> {
        let mut reader = reader(dialect, 200, kind, coding);
        coded.chunks(PIECE).for_each(|piece| reader.response_body(black_box(piece)));
        reader.close(true)
    };
    let reading = once().remove(0);
    assert_eq!(reading.answer_bytes, body.bytes.len() as u64, "{:?}", reading.flags);
    assert!(reading.buckets.count(Meter::Input) > 0, "the usage at the end was not found: {reading:?}");
    bencher.counter(BytesCount::new(body.bytes.len())).counter(ItemsCount::new(body.messages)).bench(once);
}

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";

#[divan::bench]
fn sse_anthropic_delta(bencher: Bencher) {
    read(bencher, "anthropic_messages", SSE, "", &Body::text(bodies::anthropic_delta, bodies::ANTHROPIC_END));
}

#[divan::bench]
fn sse_responses_delta(bencher: Bencher) {
    read(bencher, "openai_responses", SSE, "", &Body::text(bodies::responses_delta, bodies::RESPONSES_END));
}

/// Chunks without names: every one has to be looked into.
#[divan::bench]
fn sse_chat_chunk(bencher: Bencher) {
    read(bencher, "openai_chat", SSE, "", &Body::text(bodies::chat_chunk, bodies::CHAT_END));
}

/// As some hosts send it: usage so far in every chunk.
#[divan::bench]
fn sse_chat_running_usage(bencher: Bencher) {
    read(bencher, "openai_chat", SSE, "", &Body::text(bodies::chat_running_usage, bodies::CHAT_END));
}

#[divan::bench]
fn sse_gemini_chunk(bencher: Bencher) {
    let chunk = |number| format!("data: {}\r\n\r\n", bodies::gemini_chunk(number));
    read(bencher, "gemini_generate", SSE, "", &Body::text(chunk, ""));
}

#[divan::bench]
fn json_array_gemini_chunk(bencher: Bencher) {
    let before = |number| if number == 0 { "[" } else { "," };
    let chunk = |number| format!("{}{}\n", before(number), bodies::gemini_chunk(number).replace(": ", ":\n    "));
    read(bencher, "gemini_generate", JSON, "", &Body::text(chunk, "]"));
}

#[divan::bench]
fn ndjson_ollama_line(bencher: Bencher) {
    read(bencher, "ollama", "application/x-ndjson", "", &Body::text(bodies::ollama_line, bodies::OLLAMA_END));
}

const AWS: &str = "application/vnd.amazon.eventstream";

#[divan::bench]
fn eventstream_converse_delta(bencher: Bencher) {
    let end = bodies::frame("metadata", bodies::CONVERSE_END);
    read(bencher, "bedrock_converse", AWS, "", &Body::of(bodies::converse_delta, &end));
}

/// Events in base64 inside an object inside a frame.
#[divan::bench]
fn eventstream_invoke_chunk(bencher: Bencher) {
    let end = bodies::invoke_chunk(bodies::INVOKE_END);
    let delta = |number| bodies::invoke_chunk(&bodies::anthropic_event(number));
    read(bencher, "bedrock_invoke", AWS, "", &Body::of(delta, &end));
}

#[divan::bench]
fn grpc_xai_chunk(bencher: Bencher) {
    let (_, end) = bodies::XAI.split_at(bodies::XAI_CHUNK);
    read(bencher, "xai_grpc_chunk", "application/grpc", "", &Body::of(bodies::xai_chunk, end));
}

/// Messages as the tap gives them; what inflating them costs is a bench of `meter-tap`.
#[divan::bench]
fn websocket_realtime_delta(bencher: Bencher) {
    let mut messages: Vec<String> = Vec::new();
    let mut bytes = 0;
    while bytes < SIZE {
        messages.push(bodies::realtime_delta(messages.len()));
        bytes += messages[messages.len() - 1].len();
    }
    messages.push(bodies::REALTIME_END.to_owned());
    let once = || {
        let mut reader = reader(&DIALECTS["openai_realtime"], 101, "", "");
        messages.iter().for_each(|message| reader.websocket_message(false, black_box(message.as_bytes())));
        reader.close(true)
    };
    assert!(once().remove(0).buckets.count(Meter::Input) > 0);
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(messages.len())).bench(once);
}

/// Numbers that nothing looks into.
#[divan::bench]
fn json_embeddings_as_floats(bencher: Bencher) {
    read(bencher, "openai_embeddings", JSON, "", &Body::text(bodies::embedding_floats, bodies::EMBEDDINGS_END));
}

#[divan::bench]
fn json_embeddings_as_base64(bencher: Bencher) {
    read(bencher, "openai_embeddings", JSON, "", &Body::text(bodies::embedding_base64, bodies::EMBEDDINGS_END));
}

/// One string of megabytes: the speed of finding its end, which is that of the processor's memory.
#[divan::bench]
fn json_one_large_string(bencher: Bencher) {
    let picture = |_| format!("{{\"data\":[{{\"b64_json\":\"{}\"}}", "iVBORw0KGgoAAAAN".repeat(SIZE / 16));
    read(bencher, "openai_embeddings", JSON, "", &Body::text(picture, bodies::EMBEDDINGS_END));
}

/// A coding around events; MB/s are those of the text inside.
#[divan::bench(args = ["gzip", "deflate", "br", "zstd"])]
fn coding_anthropic_delta(bencher: Bencher, coding: &str) {
    read(bencher, "anthropic_messages", SSE, coding, &Body::text(bodies::anthropic_delta, bodies::ANTHROPIC_END));
}

/// A conversation that is sent again with each turn.
#[divan::bench]
fn request_anthropic(bencher: Bencher) {
    let body = Body::text(bodies::request_message, bodies::REQUEST_END);
    let once = || {
        let facts =
            RouteFacts { captures: BTreeMap::new(), query: Vec::new(), stream: None, class: EndpointClass::Costed };
        let mut reader = ExchangeReader::new(Arc::clone(&DIALECTS["anthropic_messages"]), facts);
        reader.request_head(&[(Box::from(&b"content-type"[..]), Box::from(JSON.as_bytes()))]);
        body.bytes.chunks(PIECE).for_each(|piece| reader.request_body(black_box(piece)));
        reader.request_end()
    };
    let reading = once();
    assert_eq!((reading.model.as_deref(), reading.readable), (Some("m"), true));
    bencher.counter(BytesCount::new(body.bytes.len())).counter(ItemsCount::new(body.messages)).bench(once);
}
