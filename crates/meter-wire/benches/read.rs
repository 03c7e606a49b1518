//! What reading costs: MB/s of each framing, and the time of one event.
//!
//! `cargo bench -p meter-wire`. Target: 500 MB/s for event streams, and no allocation for an event no field needs.

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use meter_call::EndpointClass;
use meter_wire::{Dialect, ExchangeReader, RouteFacts};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, LazyLock};

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

fn read(bencher: Bencher, dialect: &str, kind: &str, piece: &str) {
    let count = SIZE / piece.len();
    let body = piece.repeat(count);
    let field = |name: &str, value: &str| (Box::from(name.as_bytes()), Box::from(value.as_bytes()));
    let head = [field("content-type", kind), field("request-id", "r"), field("x-request-id", "r")];
    bencher.counter(BytesCount::of_str(&body)).counter(ItemsCount::new(count)).bench(|| {
        let facts =
            RouteFacts { captures: BTreeMap::new(), query: Vec::new(), stream: None, class: EndpointClass::Costed };
        let mut reader = ExchangeReader::new(Arc::clone(&DIALECTS[dialect]), facts);
        reader.request_head(&[]);
        reader.request_end();
        reader.response_head(200, &head);
        body.as_bytes().chunks(PIECE).for_each(|piece| reader.response_body(black_box(piece)));
        reader.close(true)
    });
}

/// The usual event: a few words.
#[divan::bench]
fn sse_anthropic_delta(bencher: Bencher) {
    read(
        bencher,
        "anthropic_messages",
        "text/event-stream",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a word or two\"}}\n\n",
    );
}

#[divan::bench]
fn sse_responses_delta(bencher: Bencher) {
    read(
        bencher,
        "openai_responses",
        "text/event-stream",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":7,\"item_id\":\"msg_0123456789abcdef\",\"output_index\":0,\"content_index\":0,\"delta\":\"a word or two\",\"logprobs\":[],\"obfuscation\":\"xxxxxxxx\"}\n\n",
    );
}

/// Chunks without names: every one has to be looked into.
#[divan::bench]
fn sse_chat_chunk(bencher: Bencher) {
    read(
        bencher,
        "openai_chat",
        "text/event-stream",
        "data: {\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,\"model\":\"gpt-5.4-2026-03-01\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a word or two\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"xxxxxxxx\"}\n\n",
    );
}

#[divan::bench]
fn sse_gemini_chunk(bencher: Bencher) {
    read(
        bencher,
        "gemini_generate",
        "text/event-stream",
        "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"a few sentences of an answer that comes in larger pieces than others do\"}],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 7,\"candidatesTokenCount\": 2,\"totalTokenCount\": 9,\"promptTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": 7}]},\"modelVersion\": \"gemini-3-flash\",\"responseId\": \"x\"}\r\n\r\n",
    );
}

#[divan::bench]
fn ndjson_ollama_line(bencher: Bencher) {
    read(
        bencher,
        "ollama",
        "application/x-ndjson",
        "{\"model\":\"gemma4\",\"created_at\":\"2026-11-24T10:00:00.000Z\",\"message\":{\"role\":\"assistant\",\"content\":\"a word\"},\"done\":false}\n",
    );
}

/// A large document that nothing looks into: embeddings, pictures.
#[divan::bench]
fn json_large_document(bencher: Bencher) {
    let filler = format!("\"{}\"", "0123456789abcdef".repeat(SIZE / 16 - 8));
    let piece =
        format!("{{\"data\":[{{\"embedding\":{filler}}}],\"usage\":{{\"prompt_tokens\":1,\"total_tokens\":1}}}}");
    read(bencher, "openai_embeddings", "application/json", &piece);
}
