//! The dialect language rule by rule, rows, noise, and every wire sample of the repository, read as its `expected.toml`
//! says, however its bytes are cut.

mod exchange;
mod expected;
mod labels;
mod language;
mod property;
mod request;
mod rows;
mod surfaces;
mod written;

use expected::Sample;
use labels::NOT_YET;
use meter_call::{Side, UsageState};
use meter_wire::CallReading;
use std::fmt::Write;

#[test]
fn every_bundled_dialect_compiles_without_a_warning() {
    for (id, dialect) in written::dialects() {
        assert!(dialect.warnings().is_empty(), "{id}: {:#?}", dialect.warnings());
    }
}

#[test]
fn every_sample_reads_as_expected() {
    let mut report = String::new();
    let samples = Sample::all();
    for sample in &samples {
        let wrong = sample.differences();
        match NOT_YET.iter().find(|(name, _)| *name == sample.name) {
            Some((name, reason)) if wrong.is_empty() => writeln!(report, "{name} passes now; it was listed: {reason}"),
            Some(_) => continue,
            None if wrong.is_empty() => continue,
            None => writeln!(report, "{}:\n  {}", sample.name, wrong.join("\n  ")),
        }
        .expect("to memory");
    }
    assert!(samples.len() >= 50, "only {} samples were found", samples.len());
    assert!(report.is_empty(), "{report}");
}

/// Offsets that differ from run to run would make a failure hard to repeat; these only look random.
fn scattered(length: usize, seed: u64) -> Vec<usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0)
    };
    let count = 1 + next() % 12;
    (0..count).map(|_| next() % length.max(1)).collect()
}

#[test]
fn cuts_change_nothing() {
    for sample in Sample::all() {
        for exchange in sample.exchanges.iter().filter(|exchange| !exchange.websocket) {
            let length = exchange.response.len();
            let whole = exchange.read();
            let every: Vec<usize> = (1..length.max(exchange.request.len())).collect();
            assert_eq!(exchange.read_cut(&every, length), whole, "{} byte by byte", sample.name);
            assert_eq!(exchange.read_cut(&exchange.split_at, length), whole, "{} at its own cuts", sample.name);
            for seed in 0..40 {
                let cuts = scattered(length, seed);
                assert_eq!(exchange.read_cut(&cuts, length), whole, "{} cut at {cuts:?}", sample.name);
            }
        }
    }
}

/// Every line end of a stream in another form, and a byte order mark before it.
fn line_ends(body: &[u8], end: &str) -> Vec<u8> {
    let text = String::from_utf8(body.to_vec()).expect("a stream is text");
    let plain = text.replace("\r\n", "\n").replace('\r', "\n");
    format!("\u{feff}{}", plain.trim_start_matches('\u{feff}').replace('\n', end)).into_bytes()
}

#[test]
fn line_ends_change_nothing() {
    let mut seen = 0;
    for sample in Sample::all() {
        for exchange in &sample.exchanges {
            let head = |wanted: &[u8]| exchange.response_headers.iter().find(|(name, _)| **name == *wanted);
            let kind = head(b"content-type").map(|(_, value)| String::from_utf8_lossy(value).into_owned());
            let kind = kind.unwrap_or_default();
            let sse = kind.starts_with("text/event-stream");
            let lines = kind.contains("ndjson") || kind.contains("jsonl");
            if head(b"content-encoding").is_some() || !(sse || lines) {
                continue;
            }
            seen += 1;
            // How long the answer was is not what it said.
            let said = |exchange: &expected::Exchange, cuts: &[usize]| {
                let mut readings = exchange.read_cut(cuts, exchange.response.len());
                readings.iter_mut().for_each(|reading| reading.answer_bytes = 0);
                readings
            };
            let plain = said(exchange, &[]);
            for end in if sse { &["\n", "\r\n", "\r"][..] } else { &["\n", "\r\n"] } {
                let mut other = exchange.clone();
                other.response = line_ends(&exchange.response, end);
                let every: Vec<usize> = (1..other.response.len()).collect();
                assert_eq!(said(&other, &[]), plain, "{} with {end:?}", sample.name);
                assert_eq!(said(&other, &every), plain, "{} with {end:?} byte by byte", sample.name);
            }
        }
    }
    assert!(seen >= 20, "only {seen} streams were found");
}

fn tokens(reading: &CallReading) -> u64 {
    reading.buckets.total(Side::Input) + reading.buckets.total(Side::Output)
}

#[test]
fn a_prefix_never_claims_more() {
    for sample in Sample::all() {
        for exchange in &sample.exchanges {
            let whole = exchange.read();
            let check = |part: Vec<CallReading>, at: usize| {
                for reading in &part {
                    let full = whole.iter().find(|full| full.turn == reading.turn);
                    let full = full.unwrap_or_else(|| panic!("{} has a row too many at {at}", sample.name));
                    // A settled number is the same; a lower bound is not above it. A truncated answer that is `final`
                    // has read the same final record.
                    assert!(tokens(reading) <= tokens(full), "{} claims more at {at}", sample.name);
                    if reading.usage == UsageState::Final && !is_running(&sample) {
                        assert_eq!(reading.buckets, full.buckets, "{} is final too early at {at}", sample.name);
                    }
                }
            };
            if exchange.websocket {
                (0..exchange.messages.len()).for_each(|at| check(exchange.read_messages(at), at));
            } else {
                (0..exchange.response.len()).for_each(|at| check(exchange.read_cut(&[], at), at));
            }
        }
    }
}

/// Anthropic's first `message_delta` with a stop reason is a final record even when another follows, and a session's
/// seconds are final once its socket closes, whenever that is.
fn is_running(sample: &Sample) -> bool {
    ["anthropic-sse-web-search-two-deltas", "openai-live-cumulative"].contains(&sample.name.as_str())
}

/// A content coding around an answer.
fn coded(coding: &str, plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let level = flate2::Compression::default();
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain).expect("to memory");
            encoder.finish().expect("to memory")
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(plain).expect("to memory");
            encoder.finish().expect("to memory")
        }
        "zstd" => zstd::encode_all(plain, 3).expect("to memory"),
        // One uncompressed meta-block of brotli for each 32 KiB (RFC 7932 section 9.2), then the empty last one.
        "br" => {
            let mut out = Vec::new();
            for (index, block) in plain.chunks(1 << 15).enumerate() {
                // First: window bits 16 in one bit. Then ISLAST 0, MNIBBLES 4, MLEN - 1, ISUNCOMPRESSED 1.
                let header = (block.len() - 1) << 3 | 1 << 19;
                let header = if index == 0 { header << 1 } else { header };
                out.extend_from_slice(&header.to_le_bytes()[..3]);
                out.extend_from_slice(block);
            }
            out.push(0b11);
            out
        }
        other => panic!("no encoder for {other}"),
    }
}

#[test]
fn content_codings_change_nothing() {
    for sample in Sample::all() {
        for exchange in sample.exchanges.iter().filter(|exchange| !exchange.websocket && !exchange.response.is_empty())
        {
            if exchange.response_headers.iter().any(|(name, _)| **name == *b"content-encoding") {
                continue;
            }
            let plain = exchange.read();
            for coding in ["gzip", "deflate", "zstd", "br"] {
                let body = coded(coding, &exchange.response);
                let mut other = exchange.with_response(&body, coding);
                assert_eq!(other.read(), plain, "{} in {coding}", sample.name);
                let every: Vec<usize> = (1..body.len()).collect();
                assert_eq!(other.read_cut(&every, body.len()), plain, "{} in {coding} byte by byte", sample.name);
                let half = body.len() / 2;
                other.response.truncate(half);
                assert_eq!(other.read_cut(&every, half), other.read_cut(&[], half), "half of {}", sample.name);
            }
        }
    }
}
