//! What hearing the messages of a WebSocket costs: plain, and compressed with `permessage-deflate`.
//!
//! MB/s are those of the text inside; messages a second (1000 / million = nanoseconds of one).

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use flate2::{Compress, Compression, FlushCompress};
use meter_tap::{Event, ExchangeId, HeadVerdict, Observer, Output, Protocol, RequestHead, Side, Tap, Verdict};
use std::hint::black_box;

/// Bytes of text in one conversation.
const SIZE: usize = 8 << 20;
/// As a relay hands them over.
const PIECE: usize = 16 << 10;

fn main() {
    divan::main();
}

/// Counts what it hears.
#[derive(Default)]
struct Heard {
    messages: usize,
    bytes: usize,
}

impl Observer for Heard {
    fn event(&mut self, _: Event<'_>) {}

    fn head(&mut self, _: ExchangeId, _: &RequestHead) -> HeadVerdict {
        HeadVerdict::Pass
    }

    fn complete(&mut self, _: ExchangeId) -> Verdict {
        Verdict::Allow
    }

    fn wants_messages(&mut self, _: ExchangeId) -> bool {
        true
    }

    fn websocket_message(&mut self, _: ExchangeId, _: Side, _: u8, payload: &[u8]) {
        self.messages += 1;
        self.bytes += payload.len();
    }
}

fn message(number: usize) -> String {
    let words = "x".repeat(1 + number.wrapping_mul(2_654_435_761) % 24);
    format!(
        "{{\"type\":\"response.output_text.delta\",\"event_id\":\"event_{number}\",\"response_id\":\"resp_1\",\"item_id\":\"item_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"{words}\"}}"
    )
}

/// A text frame of the origin.
fn frame(payload: &[u8], compressed: bool) -> Vec<u8> {
    let mut frame = vec![if compressed { 0xc1 } else { 0x81 }];
    match u8::try_from(payload.len()).ok().filter(|length| *length < 126) {
        Some(length) => frame.push(length),
        None => {
            frame.push(126);
            frame.extend(u16::try_from(payload.len()).expect("a short message").to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

fn hear(bencher: Bencher, compressed: bool) {
    let mut compress = Compress::new(Compression::default(), false);
    let (mut frames, mut text, mut messages) = (Vec::new(), 0, 0);
    while text < SIZE {
        let message = message(messages);
        messages += 1;
        text += message.len();
        if compressed {
            let mut coded = Vec::with_capacity(message.len() + 64);
            compress.compress_vec(message.as_bytes(), &mut coded, FlushCompress::Sync).expect("to memory");
            frames.extend(frame(coded.strip_suffix(b"\x00\x00\xff\xff").expect("a sync flush"), true));
        } else {
            frames.extend(frame(message.as_bytes(), false));
        }
    }
    let once = || {
        let (mut tap, mut out, mut heard) = (Tap::new(Protocol::H1, false), Output::default(), Heard::default());
        tap.client(b"GET /v1/realtime HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", &mut out, &mut heard);
        let extensions = if compressed { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
        let head = format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n{extensions}\r\n");
        tap.origin(head.as_bytes(), &mut out, &mut heard);
        for piece in frames.chunks(PIECE) {
            tap.origin(black_box(piece), &mut out, &mut heard);
            out.to_client.clear();
        }
        heard
    };
    let heard = once();
    assert_eq!((heard.messages, heard.bytes), (messages, text));
    bencher.counter(BytesCount::new(text)).counter(ItemsCount::new(messages)).bench(once);
}

#[divan::bench]
fn websocket_plain(bencher: Bencher) {
    hear(bencher, false);
}

#[divan::bench]
fn websocket_permessage_deflate(bencher: Bencher) {
    hear(bencher, true);
}
