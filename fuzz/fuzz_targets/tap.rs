//! Any bytes from both sides of a connection, in any order, gated or not: no panic gets out, an ungated tap adds nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meter_tap::{End, Event, ExchangeId, HeadVerdict, Observer, Output, Protocol, Refusal, RequestHead, Tap, Verdict};
use std::collections::BTreeMap;

#[derive(Default)]
struct Watching {
    open: BTreeMap<u64, u32>,
    verdicts: Vec<u8>,
    later: Vec<ExchangeId>,
    opaque: bool,
}

impl Watching {
    fn next(&mut self) -> u8 {
        self.verdicts.pop().unwrap_or(0)
    }
}

fn refusal() -> Refusal {
    Refusal { status: 403, fields: Vec::new(), body: b"{}".to_vec() }
}

impl Observer for Watching {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::RequestHead(id, _) => *self.open.entry(id.0).or_default() += 1,
            Event::Finished(id, _) => *self.open.entry(id.0).or_default() += 100,
            // A panic inside is caught and becomes this reason: fuzzing is there to see it.
            Event::Opaque(reason) => {
                self.opaque = true;
                assert!(!reason.contains("panic") && !reason.contains("fault"), "{reason}");
            }
            _ => {}
        }
    }

    fn head(&mut self, _: ExchangeId, _: &RequestHead) -> HeadVerdict {
        match self.next() % 4 {
            0 => HeadVerdict::Refuse(refusal()),
            1 => HeadVerdict::Pass,
            _ => HeadVerdict::Hold,
        }
    }

    fn complete(&mut self, id: ExchangeId) -> Verdict {
        match self.next() % 4 {
            0 => Verdict::Refuse(refusal()),
            1 => {
                self.later.push(id);
                Verdict::Later
            }
            _ => Verdict::Allow,
        }
    }

    fn wants_messages(&mut self, _: ExchangeId) -> bool {
        true
    }
}

// The first byte chooses protocol and gate. Then pieces: a byte for the side and length, and that many bytes.
fuzz_target!(|input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    let protocol = if choice & 1 == 0 { Protocol::H1 } else { Protocol::H2 };
    let gated = choice & 2 != 0;
    let mut tap = Tap::new(protocol, gated);
    let mut watching = Watching { verdicts: rest.iter().rev().take(8).copied().collect(), ..Watching::default() };
    let mut rest = rest;
    let mut closed = false;
    while let [head, bytes @ ..] = rest {
        let length = (usize::from(head >> 1) + 1).min(bytes.len());
        let (piece, left) = bytes.split_at(length);
        rest = left;
        let mut output = Output::default();
        if head & 1 == 0 {
            tap.client(piece, &mut output, &mut watching);
        } else {
            tap.origin(piece, &mut output, &mut watching);
        }
        for id in std::mem::take(&mut watching.later) {
            tap.decide(id, Verdict::Allow, &mut output, &mut watching);
        }
        if !gated {
            assert!(output.to_origin.is_empty() && output.to_client.is_empty() && !output.close);
        }
        closed |= output.close;
        if closed {
            break;
        }
    }
    let mut output = Output::default();
    tap.client_end(End::Clean, &mut output, &mut watching);
    tap.origin_end(End::Reset, &mut output, &mut watching);
    // Each request ends exactly once.
    assert!(watching.open.values().all(|count| *count == 101), "{:?}", watching.open);
});
