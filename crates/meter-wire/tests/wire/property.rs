//! Whatever comes, in whatever pieces: no panic, and the pieces do not matter, nor what the message before said.

use super::exchange::Exchange;
use super::expected::Sample;
use super::written::dialects;
use meter_call::EndpointClass;
use meter_wire::{CallReading, Dialect, ExchangeReader, RouteFacts};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

static DIALECTS: LazyLock<BTreeMap<String, Arc<Dialect>>> = LazyLock::new(dialects);

static EXCHANGES: LazyLock<Vec<Exchange>> =
    LazyLock::new(|| Sample::all().into_iter().flat_map(|sample| sample.exchanges).collect());

/// Reads `answer` in the dialect of an exchange, cut at the given places.
fn read(
    exchange: &Exchange,
    kind: &str,
    coding: &str,
    answer: &[u8],
    cuts: &[prop::sample::Index],
) -> Vec<CallReading> {
    let mut reader = ExchangeReader::new(Arc::clone(&exchange.dialect), exchange.facts.clone());
    reader.request_head(&exchange.request_headers);
    reader.request_body(&exchange.request);
    reader.request_end();
    let field = |name: &str, value: &str| (name.as_bytes().into(), value.as_bytes().into());
    reader.response_head(200, &[field("content-type", kind), field("content-encoding", coding)]);
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(answer.len() + 1)).collect();
    ends.push(answer.len());
    ends.sort_unstable();
    let mut start = 0;
    for end in ends {
        reader.response_body(&answer[start..end]);
        start = end;
    }
    reader.close(true)
}

/// Bytes that look like answers often enough to reach the deep states.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "data: ",
        "data:",
        "event: message_start\n",
        "\n",
        "\r",
        "\r\n\r\n",
        "\u{feff}",
        ": c\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"type\"",
        "\"message_start\"",
        "\"usage\"",
        "\"input_tokens\"",
        "\"choices\"",
        "12",
        "-0.5e3",
        "1e999999999",
        "null",
        "true",
        "\"\\ud83d\\udc1f\"",
        "[DONE]",
        "\"iterations\"",
        "\u{0}\u{0}\u{0}\u{5}",
        "ö",
    ]);
    let piece = prop_oneof![
        8 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn kinds() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "application/json",
        "text/event-stream",
        "application/x-ndjson",
        "application/vnd.amazon.eventstream",
        "application/grpc",
        "text/html",
    ])
}

/// Chunks of a stream that differ in some of their values, as Gemini and the hosts of chat completions send them.
fn chunks() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    let number = || 0..3_u32;
    let text = |texts: Vec<&'static str>| prop::sample::select(texts);
    let finish = text(vec!["null", "\"STOP\"", "\"\""]);
    let modality = text(vec!["TEXT", "AUDIO", "IMAGE"]);
    let model = text(vec!["\"m\"", "\"gemini-2.5\"", "null"]);
    let chunk = (number(), number(), modality, finish, model, text(vec!["message", "event"]));
    (any::<bool>(), prop::collection::vec(chunk, 1..8)).prop_map(|(gemini, chunks)| {
        let spelled = |(prompt, answer, modality, finish, model, name): (u32, u32, &str, &str, &str, &str)| {
            let total = prompt + answer;
            if gemini {
                format!("{{\"candidates\":[{{\"finishReason\":{finish}}}],\"usageMetadata\":{{\"promptTokenCount\":{prompt},\"candidatesTokenCount\":{answer},\"totalTokenCount\":{total},\"promptTokensDetails\":[{{\"modality\":\"{modality}\",\"tokenCount\":{prompt}}}]}},\"modelVersion\":{model}}}")
            } else {
                format!("{{\"type\":\"{name}\",\"model\":{model},\"choices\":[{{\"finish_reason\":{finish}}}],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{answer},\"total_tokens\":{total}}}}}")
            }
        };
        let dialect = if gemini { "gemini_generate" } else { "openai_chat" };
        (dialect, chunks.into_iter().map(spelled).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn noise_reads_the_same_in_any_pieces(
        which in any::<prop::sample::Index>(),
        kind in kinds(),
        coding in prop::sample::select(vec!["", "", "", "gzip", "deflate", "br", "zstd"]),
        answer in noise(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let exchange = which.get(&EXCHANGES);
        let (cut, whole) = (read(exchange, kind, coding, &answer, &cuts), read(exchange, kind, coding, &answer, &[]));
        // How much a decoder gives of broken bytes before it notices is its own affair.
        if coding.is_empty() || whole.iter().all(|reading| !reading.flags.contains("undecodable")) {
            prop_assert_eq!(cut, whole);
        }
    }

    #[test]
    fn what_a_chunk_repeats_reads_as_if_it_were_new((dialect, chunks) in chunks()) {
        let read = |between: &str| {
            let facts = RouteFacts {
                captures: BTreeMap::new(),
                query: Vec::new(),
                stream: Some(true),
                class: EndpointClass::Costed,
            };
            let mut reader = ExchangeReader::new(Arc::clone(&DIALECTS[dialect]), facts);
            reader.request_head(&[]);
            reader.request_end();
            reader.response_head(200, &[(Box::from(&b"content-type"[..]), Box::from(&b"text/event-stream"[..]))]);
            chunks.iter().for_each(|chunk| reader.response_body(format!("data: {chunk}\n\n{between}").as_bytes()));
            let mut readings = reader.close(true);
            readings.iter_mut().for_each(|reading| reading.answer_bytes = 0);
            readings
        };
        // Behind another message nothing is compared.
        prop_assert_eq!(read(""), read("data: another\n\n"));
    }

    #[test]
    fn a_damaged_sample_never_panics(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let exchange = which.get(&EXCHANGES);
        let mut answer = exchange.response.clone();
        if !answer.is_empty() {
            for (at, byte) in &damage {
                let at = at.index(answer.len());
                answer[at] = *byte;
            }
        }
        let kind = exchange.response_headers.iter().find(|(name, _)| **name == *b"content-type");
        let kind = kind.map_or(String::new(), |(_, value)| String::from_utf8_lossy(value).into_owned());
        prop_assert_eq!(read(exchange, &kind, "", &answer, &cuts), read(exchange, &kind, "", &answer, &[]));
    }

    #[test]
    fn noise_on_a_socket_never_panics(
        which in any::<prop::sample::Index>(),
        messages in prop::collection::vec((any::<bool>(), noise()), 0..12),
    ) {
        let exchange = which.get(&EXCHANGES);
        let mut reader = ExchangeReader::new(Arc::clone(&exchange.dialect), exchange.facts.clone());
        reader.request_head(&exchange.request_headers);
        reader.request_body(b"\xff{");
        reader.request_end();
        reader.response_head(101, &[]);
        for (from_client, text) in &messages {
            reader.websocket_message(*from_client, text);
        }
        reader.trailers(&[]);
        let count = reader.close(false).len();
        prop_assert!(count <= messages.len() + 1);
    }
}
