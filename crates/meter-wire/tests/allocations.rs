//! What reading one call needs of memory, counted by an allocator of our own: a test of its own, because it counts
//! everything the process does.
#![allow(unsafe_code, reason = "an allocator that counts cannot be written without")]

#[allow(dead_code, reason = "shared with the other tests")]
mod wire {
    pub mod exchange;
    pub mod labels;
    pub mod written;
}

use meter_call::EndpointClass;
use meter_wire::{Dialect, ExchangeReader, RouteFacts};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wire::exchange::{Exchange, sources};
use wire::written::{dialects, repository};

/// What one call may hold at most.
const CALL_MAX: usize = 1 << 20;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static MADE: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    MADE.fetch_add(1, Relaxed);
    PEAK.fetch_max(LIVE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; only numbers are kept beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Relaxed);
        grown(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes held at most at any moment of `work` beyond what was held before, and how often memory was asked for.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let (before, made) = (LIVE.load(Relaxed), MADE.load(Relaxed));
    PEAK.store(before, Relaxed);
    let value = work();
    (value, PEAK.load(Relaxed).saturating_sub(before), MADE.load(Relaxed) - made)
}

fn exchanges() -> Vec<(String, Exchange)> {
    let sources = sources();
    let mut all = Vec::new();
    for entry in std::fs::read_dir(repository("tests/wire-samples")).expect("the folder of samples") {
        let folder = entry.expect("an entry").path();
        let Ok(expected) = std::fs::read_to_string(folder.join("expected.toml")) else { continue };
        let expected: toml::Table = expected.parse().expect("TOML");
        for written in expected["exchange"].as_array().expect("exchanges") {
            let written = written.as_table().expect("a table");
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            all.push((name, Exchange::load(&folder, written, EndpointClass::Costed, &sources)));
        }
    }
    all
}

fn reader(dialect: &Arc<Dialect>, kind: &str) -> ExchangeReader {
    let facts = RouteFacts { captures: BTreeMap::new(), query: Vec::new(), stream: None, class: EndpointClass::Costed };
    let mut reader = ExchangeReader::new(Arc::clone(dialect), facts);
    reader.request_head(&[]);
    reader.request_end();
    let field = |name: &str, value: &str| (Box::from(name.as_bytes()), Box::from(value.as_bytes()));
    reader.response_head(200, &[field("content-type", kind), field("x-request-id", "r"), field("request-id", "r")]);
    reader
}

/// One event or line as often as it takes to see what each of them costs: bytes held, and allocations of one.
fn stream(dialect: &Arc<Dialect>, kind: &str, piece: &str) -> (usize, f64) {
    const MANY: usize = 20_000;
    let mut reader = reader(dialect, kind);
    (0..100).for_each(|_| reader.response_body(piece.as_bytes()));
    let ((), held, made) = counted(|| (0..MANY).for_each(|_| reader.response_body(piece.as_bytes())));
    (held, made as f64 / MANY as f64)
}

#[test]
fn a_call_is_read_in_little_memory() {
    for (name, exchange) in exchanges() {
        let (readings, held, _) = counted(|| exchange.read());
        assert!(held < CALL_MAX, "{name} held {held} bytes");
        drop(readings);
    }
    let dialects = dialects();
    let chat = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a word or two\"},\"finish_reason\":null}]}\n\n";
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a word or two\"}}\n\n";
    let responses = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"delta\":\"a word or two\",\"obfuscation\":\"xxxxxx\"}\n\n";
    let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a word or two\"}]}}],\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":9}}\r\n\r\n";
    for (dialect, kind, piece, most) in [
        // No table reads these events, so nothing of them is kept.
        ("anthropic_messages", "text/event-stream", delta, 0.0),
        ("openai_responses", "text/event-stream", responses, 0.0),
        // Every chunk names model, id and finish: what fields keep of it is allocated.
        ("openai_chat", "text/event-stream", chat, 25.0),
        ("gemini_generate", "text/event-stream", gemini, 20.0),
        ("ollama", "application/x-ndjson", "{\"model\":\"m\",\"message\":{\"content\":\"a\"},\"done\":false}\n", 20.0),
    ] {
        let (held, made) = stream(&dialects[dialect], kind, piece);
        println!("{dialect}: {held} bytes held, {made:.1} allocations an event");
        assert!(held < CALL_MAX, "{dialect} held {held} bytes");
        assert!(made <= most, "{dialect} makes {made} allocations an event");
    }
}
