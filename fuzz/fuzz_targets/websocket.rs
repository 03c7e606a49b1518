//! Any frames of a WebSocket behind a good upgrade, with and without compression: no panic, the same however they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meter_tap::{Event, ExchangeId, HeadVerdict, Observer, Output, Protocol, RequestHead, Side, Tap, Verdict};

#[derive(Default)]
struct Watching {
    frames: Vec<(Side, u8, u64)>,
    messages: Vec<(Side, u8, Vec<u8>)>,
}

impl Observer for Watching {
    fn event(&mut self, event: Event<'_>) {
        if let Event::WebSocketFrame(_, side, opcode, length) = event {
            self.frames.push((side, opcode, length));
        }
    }

    fn head(&mut self, _: ExchangeId, _: &RequestHead) -> HeadVerdict {
        HeadVerdict::Pass
    }

    fn complete(&mut self, _: ExchangeId) -> Verdict {
        Verdict::Allow
    }

    fn wants_messages(&mut self, _: ExchangeId) -> bool {
        true
    }

    fn websocket_message(&mut self, _: ExchangeId, from: Side, opcode: u8, payload: &[u8]) {
        self.messages.push((from, opcode, payload.to_vec()));
    }
}

fn run(extensions: &str, from_client: bool, bytes: &[u8], piece: usize) -> Watching {
    let mut tap = Tap::new(Protocol::H1, false);
    let mut watching = Watching::default();
    let mut output = Output::default();
    tap.client(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        &mut output,
        &mut watching,
    );
    let answer =
        format!("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n{extensions}\r\n");
    tap.origin(answer.as_bytes(), &mut output, &mut watching);
    for bytes in bytes.chunks(piece) {
        if from_client {
            tap.client(bytes, &mut output, &mut watching);
        } else {
            tap.origin(bytes, &mut output, &mut watching);
        }
    }
    assert!(output.to_client.is_empty() && output.to_origin.is_empty());
    watching
}

fuzz_target!(|input: &[u8]| {
    let [choice, piece, bytes @ ..] = input else { return };
    let extensions = match choice >> 1 & 3 {
        0 => "",
        1 => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        2 => "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n",
        _ => "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n",
    };
    let from_client = choice & 1 == 0;
    let whole = run(extensions, from_client, bytes, bytes.len().max(1));
    let cut = run(extensions, from_client, bytes, usize::from(*piece % 16) + 1);
    assert_eq!(whole.frames, cut.frames);
    assert_eq!(whole.messages, cut.messages);
});
