//! Large bodies need no large memory. A test of its own, because the kernel counts the peak of the whole process.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "shared with the other tests")]
#[path = "wire/written.rs"]
mod written;

use meter_call::{EndpointClass, Meter, UsageState};
use meter_wire::{CallReading, Dialect, ExchangeReader, RequestReading, RouteFacts};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// Bytes of a large document or event.
const LARGE: usize = 50 << 20;
/// Bytes of a body of small messages, of which each is forgotten at once.
const MANY: usize = 6 << 20;
/// What reading it may add to the peak. One decoder window and what is kept of one message are far below.
const ALLOWED_KB: u64 = 16 << 10;

/// The peak of resident memory so far, in KiB.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

type Field = (Box<[u8]>, Box<[u8]>);
/// Head, filler, tail of a body.
type Parts<'a> = (&'a str, &'a str, &'a str);

fn fields(pairs: &[(&str, &str)]) -> Vec<Field> {
    pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
}

/// A body that is never in memory as a whole: head, filler, tail.
fn feed(head: &str, filler: &str, tail: &str, size: usize, sink: &mut dyn FnMut(&[u8])) {
    let block = filler.repeat((64 << 10) / filler.len().max(1));
    sink(head.as_bytes());
    for _ in 0..size.checked_div(block.len()).unwrap_or(0) {
        sink(block.as_bytes());
    }
    sink(tail.as_bytes());
}

fn read(
    dialect: &Arc<Dialect>,
    request: Parts<'_>,
    kind: &str,
    coding: &str,
    answer: Parts<'_>,
    size: usize,
) -> (RequestReading, CallReading) {
    let facts = RouteFacts { captures: BTreeMap::new(), query: Vec::new(), stream: None, class: EndpointClass::Costed };
    let mut reader = ExchangeReader::new(Arc::clone(dialect), facts);
    reader.request_head(&fields(&[("content-type", "application/json")]));
    feed(request.0, request.1, request.2, LARGE, &mut |piece| reader.request_body(piece));
    let request = reader.request_end();
    reader.response_head(200, &fields(&[("content-type", kind), ("content-encoding", coding)]));
    if coding == "gzip" {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        feed(answer.0, answer.1, answer.2, size, &mut |piece| {
            encoder.write_all(piece).expect("to memory");
            reader.response_body(&std::mem::take(encoder.get_mut()));
        });
        reader.response_body(&encoder.finish().expect("to memory"));
    } else {
        feed(answer.0, answer.1, answer.2, size, &mut |piece| reader.response_body(piece));
    }
    (request, reader.close(true).remove(0))
}

#[test]
fn fifty_megabytes_pass_in_a_few() {
    let dialects = written::dialects();
    let large = ("{\"messages\":[\"", "xxxxxxxxxxxxxxx\\n", "\"],\"model\":\"m\",\"stream\":true}");
    let small = ("{\"messages\":[", "", "],\"model\":\"m\",\"stream\":true}");
    let usage = "{\"prompt_tokens\":7,\"completion_tokens\":1,\"total_tokens\":8}";
    let document = format!("\"],\"model\":\"n\",\"usage\":{usage}}}");
    let chunk = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a word or two\"}}]}\n\n";
    let last = format!("data: {{\"model\":\"n\",\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n");
    let one_event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}", "");
    let event_end = format!("\"}}}}],\"model\":\"n\",\"usage\":{usage}}}\n\ndata: [DONE]\n\n");
    let line_end = format!("{{\"model\":\"n\",\"choices\":[{{\"finish_reason\":\"stop\"}}],\"usage\":{usage}}}\n");
    // Noise compresses badly; text that repeats would end at the guard against bombs.
    let varied: String = (0..4000_u32).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
    let image_end = "\"}],\"model\":\"n\",\"size\":\"1024x1024\",\"quality\":\"high\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1,\"total_tokens\":8}}";
    let (json, sse, chat) = ("application/json", "text/event-stream", "openai_chat");
    let answers: [(&str, &str, &str, Parts<'_>, usize); 8] = [
        (chat, json, "", ("{\"data\":[\"", "0123456789abcdef", &document), LARGE),
        (chat, json, "gzip", ("{\"data\":[\"", &varied, &document), LARGE),
        (chat, json, "", ("{\"data\":[0", ",[1,{\"a\":2}]", &document.replacen('"', "", 1)), LARGE),
        (chat, sse, "", ("", chunk, &last), MANY),
        (chat, sse, "", (&one_event, "0123456789abcdef", &event_end), LARGE),
        (chat, "application/x-ndjson", "", ("", "{\"choices\":[{\"delta\":{}}]}\n", &line_end), MANY),
        (
            "openai_embeddings",
            json,
            "",
            ("{\"data\":[{\"embedding\":[0", ",-0.0123456", &format!("]}}{}", &document[1..])),
            LARGE,
        ),
        ("openai_images", json, "", ("{\"data\":[{\"b64_json\":\"", "iVBORw0KGgoAAAAN", image_end), LARGE),
    ];
    let before = peak_kb();
    for (index, (dialect, kind, coding, answer, size)) in answers.into_iter().enumerate() {
        let request = if index == 0 { large } else { small };
        let (request, reading) = read(&dialects[dialect], request, kind, coding, answer, size);
        assert_eq!((request.model.as_deref(), request.readable), (Some("m"), true));
        assert_eq!(request.body_bytes, reading.request_bytes);
        assert_eq!(reading.model_answered.as_deref(), Some("n"), "{dialect} {kind} {coding}: {:?}", reading.flags);
        assert_eq!((reading.usage, reading.buckets.count(Meter::Input)), (UsageState::Final, 7), "{kind} {coding}");
        let more = peak_kb() - before;
        assert!(more < ALLOWED_KB, "{kind} {coding} took {more} KiB more");
    }
}
