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
use std::io::Write;
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
    coded_reader(dialect, kind, "")
}

fn coded_reader(dialect: &Arc<Dialect>, kind: &str, coding: &str) -> ExchangeReader {
    let facts = RouteFacts { captures: BTreeMap::new(), query: Vec::new(), stream: None, class: EndpointClass::Costed };
    let mut reader = ExchangeReader::new(Arc::clone(dialect), facts);
    reader.request_head(&[]);
    reader.request_end();
    let field = |name: &str, value: &str| (Box::from(name.as_bytes()), Box::from(value.as_bytes()));
    let known = [field("x-request-id", "r"), field("request-id", "r")];
    let framed = [field("content-type", kind), field("content-encoding", coding)];
    reader.response_head(200, &[framed, known].concat());
    reader
}

/// A stream whose messages all differ where fields look: what a message is made of, by its number.
struct Stream {
    dialect: &'static str,
    kind: &'static str,
    message: fn(usize) -> String,
}

const SSE: &str = "text/event-stream";

/// Every way of streaming: names that no table reads, chunks without names, running totals, arrays and lines.
const STREAMS: [Stream; 8] = [
    Stream {
        dialect: "anthropic_messages",
        kind: SSE,
        message: |n| {
            format!(
                "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{n}\"}}}}\n\n"
            )
        },
    },
    Stream {
        dialect: "openai_responses",
        kind: SSE,
        message: |n| {
            format!(
                "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{n},\"item_id\":\"i\",\"output_index\":0,\"delta\":\"a word or two\"}}\n\n"
            )
        },
    },
    Stream {
        dialect: "openai_chat",
        kind: SSE,
        message: |n| {
            format!(
                "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"service_tier\":\"default\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{n}\"}},\"finish_reason\":null}}],\"usage\":null}}\n\n"
            )
        },
    },
    Stream {
        dialect: "openai_chat",
        kind: SSE,
        message: |n| {
            format!(
                "data: {{\"id\":\"c\",\"model\":\"m\",\"service_tier\":\"default\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}},\"finish_reason\":null}}],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":{n},\"total_tokens\":{}}}}}\n\n",
                n + 7
            )
        },
    },
    Stream {
        dialect: "gemini_generate",
        kind: SSE,
        message: |n| {
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"a word or two\"}}]}}}}],\"usageMetadata\":{{\"promptTokenCount\":7,\"candidatesTokenCount\":{n},\"totalTokenCount\":{},\"trafficType\":\"ON_DEMAND\",\"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":7}}]}},\"modelVersion\":\"m\"}}\r\n\r\n",
                n + 7
            )
        },
    },
    Stream {
        dialect: "gemini_generate",
        kind: "application/json",
        message: |n| {
            let before = if n == 0 { '[' } else { ',' };
            format!(
                "{before}{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"a word or two\"}}]}}}}],\"usageMetadata\":{{\"promptTokenCount\":7,\"totalTokenCount\":{n}}},\"modelVersion\":\"m\"}}\n"
            )
        },
    },
    Stream {
        dialect: "ollama",
        kind: "application/x-ndjson",
        message: |n| {
            format!("{{\"model\":\"m\",\"message\":{{\"content\":\"{n}\"}},\"done\":false,\"eval_count\":{n}}}\n")
        },
    },
    Stream {
        dialect: "cohere",
        kind: SSE,
        message: |n| {
            format!(
                "event: content-delta\ndata: {{\"type\":\"content-delta\",\"index\":0,\"delta\":{{\"message\":{{\"content\":{{\"text\":\"{n}\"}}}}}}}}\n\n"
            )
        },
    },
];

/// Bytes held and how often memory was asked for, to read so many messages, each in two pieces.
fn stream(dialect: &Arc<Dialect>, stream: &Stream, messages: usize) -> (usize, usize) {
    let bodies: Vec<String> = (0..messages).map(stream.message).collect();
    let halves = bodies.iter().flat_map(|body| <[&[u8]; 2]>::from(body.as_bytes().split_at(body.len() / 2)));
    let mut reader = reader(dialect, stream.kind);
    let ((), held, made) = counted(|| halves.for_each(|piece| reader.response_body(piece)));
    (held, made)
}

#[test]
fn a_call_is_read_in_little_memory() {
    for (name, exchange) in exchanges() {
        let (readings, held, _) = counted(|| exchange.read());
        assert!(held < CALL_MAX, "{name} held {held} bytes");
        drop(readings);
    }
    let dialects = dialects();
    for each in &STREAMS {
        let (dialect, kind) = (each.dialect, each.kind);
        let (_, few) = stream(&dialects[dialect], each, 1000);
        let (held, many) = stream(&dialects[dialect], each, 2000);
        println!("{dialect}, {kind}: {held} bytes held, {many} allocations for 2000 messages");
        assert!(held < CALL_MAX, "{dialect} held {held} bytes");
        assert_eq!(few, many, "{dialect}, {kind}: a message costs an allocation");
    }
    // The brotli decoder allocates its trees anew for each block that is flushed.
    for coding in ["gzip", "deflate", "zstd"] {
        let (few, many) = (coded(&dialects, coding, 1000), coded(&dialects, coding, 2000));
        println!("{coding}: {many} allocations for 2000 messages");
        assert_eq!(few, many, "{coding}: a message costs an allocation");
    }
}

/// How often memory was asked for, to read so many events that were flushed one by one through a coding.
fn coded(dialects: &BTreeMap<String, Arc<Dialect>>, coding: &str, messages: usize) -> usize {
    let pieces = flushed(coding, (0..messages).map(STREAMS[0].message));
    let mut reader = coded_reader(&dialects[STREAMS[0].dialect], SSE, coding);
    counted(|| pieces.iter().for_each(|piece| reader.response_body(piece))).2
}

/// What an encoder gives for each text.
fn flushed(coding: &str, texts: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    fn each<W: Write>(
        mut encoder: W,
        texts: impl Iterator<Item = String>,
        out: impl Fn(&mut W) -> &mut Vec<u8>,
    ) -> Vec<Vec<u8>> {
        let flushed = |text: String| {
            encoder.write_all(text.as_bytes()).and_then(|()| encoder.flush()).expect("to memory");
            std::mem::take(out(&mut encoder))
        };
        texts.map(flushed).collect()
    }
    let level = flate2::Compression::default();
    match coding {
        "gzip" => each(flate2::write::GzEncoder::new(Vec::new(), level), texts, |encoder| encoder.get_mut()),
        "deflate" => each(flate2::write::ZlibEncoder::new(Vec::new(), level), texts, |encoder| encoder.get_mut()),
        _ => each(zstd::Encoder::new(Vec::new(), 3).expect("an encoder"), texts, |encoder| encoder.get_mut()),
    }
}
