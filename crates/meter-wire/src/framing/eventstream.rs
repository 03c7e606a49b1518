//! Amazon event stream frames (`application/vnd.amazon.eventstream`).
//!
//! Big-endian: total length, header length, CRC-32 of those eight bytes, headers, payload, CRC-32 of all before it.

use super::{Body, Cutting, Message};
use crate::dialect::pointer::{Pointer, Segment};
use crate::json::{Projection, Scanner};
use crate::value::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Crc;
use memchr::{memchr, memmem};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const PRELUDE: usize = 12;
/// Largest frame that is read; a larger one is passed over.
const FRAME_MAX: usize = 4 << 20;

/// The framer of event streams.
pub(crate) struct EventStream {
    scanner: Scanner,
    wrapper: Wrapper,
    held: Vec<u8>,
    /// Bytes of a frame that is too large, still to pass over.
    passing: u64,
    lost: bool,
}

impl EventStream {
    pub(crate) fn new(projection: &Projection) -> EventStream {
        EventStream {
            scanner: Scanner::new(projection, false),
            wrapper: Wrapper::default(),
            held: Vec::new(),
            passing: 0,
            lost: false,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.lost {
            if self.passing > 0 {
                let passed = rest.len().min(usize::try_from(self.passing).unwrap_or(usize::MAX));
                self.passing -= passed as u64;
                rest = &rest[passed..];
                continue;
            }
            let wanted = self.length().unwrap_or(PRELUDE);
            let taken = rest.len().min(wanted.saturating_sub(self.held.len()));
            self.held.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            if self.held.len() < PRELUDE {
                continue;
            }
            let prelude_is_right = checksum(&self.held[..8]) == word(&self.held[8..12]);
            match self.length() {
                // Without a length that can be trusted there is no next frame.
                _ if !prelude_is_right => self.lose(flags),
                Some(length) if length < PRELUDE + 4 => self.lose(flags),
                Some(length) if length > FRAME_MAX => {
                    flags.insert("body_limit");
                    self.passing = (length - self.held.len()) as u64;
                    self.held.clear();
                }
                Some(length) if self.held.len() == length => {
                    self.frame(cutting, flags);
                    self.held.clear();
                }
                _ => {}
            }
        }
    }

    fn lose(&mut self, flags: &mut BTreeSet<&'static str>) {
        flags.insert("undecodable");
        self.lost = true;
        self.held = Vec::new();
    }

    fn length(&self) -> Option<usize> {
        (self.held.len() >= PRELUDE).then(|| word(&self.held) as usize)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.held.is_empty() && self.passing == 0 && !self.lost
    }

    fn frame(&mut self, cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let (body, crc) = self.held.split_at(self.held.len() - 4);
        let headers_end = PRELUDE.saturating_add(word(&body[4..]) as usize);
        let headers = body.get(PRELUDE..headers_end).and_then(Headers::of);
        let (true, Some(headers)) = (checksum(body) == word(crc), headers) else {
            // The frame's borders are known, so the next one can be read.
            flags.insert("undecodable");
            return;
        };
        let payload = &body[headers_end..];
        let payload = self.wrapper.open(payload).unwrap_or(payload);
        self.scanner.reset(cutting.projection, false);
        let taken = self.scanner.push(payload, cutting.projection);
        let tree = self.scanner.tree().filter(|_| taken == payload.len());
        cutting.message(&Message { body: tree.map_or(Body::Nothing, Body::Json), headers, ..Message::default() });
    }
}

/// Opens `{"bytes":"<base64>", …}`.
#[derive(Default)]
struct Wrapper {
    scanner: Option<Scanner>,
    event: Vec<u8>,
}

/// What finds the wrapper's only key.
static WRAPPER: LazyLock<Projection> = LazyLock::new(|| {
    Projection::of(&[Pointer(vec![Segment::Key("bytes".into())])], &[])
        .map_or_else(|_| Projection::default(), |of| of.0)
});

impl Wrapper {
    /// The event inside, where there is one.
    fn open(&mut self, payload: &[u8]) -> Option<&[u8]> {
        memmem::find(payload, b"\"bytes\"")?;
        let scanner = self.scanner.get_or_insert_with(|| Scanner::new(&WRAPPER, false));
        scanner.reset(&WRAPPER, false);
        scanner.push(payload, &WRAPPER);
        let Some(Value::Text(start)) = scanner.tree()?.root()?.child("bytes")?.value() else { return None };
        // The event may be longer than a kept text: the scanner finds it, its whole text is cut out here.
        let at = memmem::find(payload, start.as_bytes())?;
        let end = memchr(b'"', &payload[at..])?;
        self.event.clear();
        STANDARD.decode_vec(&payload[at..at + end], &mut self.event).ok()?;
        Some(&self.event)
    }
}

/// The headers of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// `None` when the bytes are no headers.
    fn of(bytes: &'a [u8]) -> Option<Headers<'a>> {
        let mut rest = bytes;
        while !rest.is_empty() {
            next(&mut rest)?;
        }
        Some(Headers(bytes))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text of a header.
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        let mut rest = self.0;
        while !rest.is_empty() {
            let (found, value) = next(&mut rest)?;
            if found == name.as_bytes() && value.is_some() {
                return std::str::from_utf8(value?).ok();
            }
        }
        None
    }
}

/// The name of the next header, and its value where it is a text; other types are passed over by their length.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = match kind {
        0 | 1 => (0, rest),
        2 => (1, rest),
        3 => (2, rest),
        4 => (4, rest),
        5 | 8 => (8, rest),
        9 => (16, rest),
        6 | 7 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((name, (*kind == 7).then_some(value)))
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk::<4>().map_or(0, |word| u32::from_be_bytes(*word))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(event: &str, payload: &[u8]) -> Vec<u8> {
        let mut headers = vec![11];
        headers.extend_from_slice(b":event-type");
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(event.len()).expect("short").to_be_bytes());
        headers.extend_from_slice(event.as_bytes());
        let total = u32::try_from(PRELUDE + headers.len() + payload.len() + 4).expect("small");
        let mut frame = total.to_be_bytes().to_vec();
        frame.extend_from_slice(&u32::try_from(headers.len()).expect("small").to_be_bytes());
        frame.extend_from_slice(&checksum(&frame).to_be_bytes());
        frame.extend_from_slice(&headers);
        frame.extend_from_slice(payload);
        frame.extend_from_slice(&checksum(&frame).to_be_bytes());
        frame
    }

    /// Of each message: its type, and whether it has the key.
    fn read(bytes: &[u8], step: usize) -> (Vec<(String, bool)>, BTreeSet<&'static str>) {
        let pointer = Pointer(vec![Segment::Key("a".into())]);
        let (projection, _) = Projection::of(std::slice::from_ref(&pointer), &[]).expect("one pointer");
        let mut flags = BTreeSet::new();
        let mut messages = Vec::new();
        let mut stream = EventStream::new(&projection);
        for piece in bytes.chunks(step) {
            let mut sink = |message: &Message<'_>| {
                let found =
                    matches!(message.body, Body::Json(tree) if pointer.value(tree.root().expect("a root")).is_some());
                messages.push((message.frame(":event-type").unwrap_or_default().to_owned(), found));
            };
            stream.push(piece, &mut Cutting { projection: &projection, by_name: false, sink: &mut sink }, &mut flags);
        }
        (messages, flags)
    }

    #[test]
    fn a_wrong_checksum_costs_its_own_frame() {
        let inner = STANDARD.encode(br#"{"a":2}"#);
        let good = [frame("x", br#"{"a":1}"#), frame("chunk", format!(r#"{{"bytes":"{inner}","p":"ab"}}"#).as_bytes())]
            .concat();
        for step in [1, 5, 1000] {
            let (messages, flags) = read(&good, step);
            assert_eq!(messages, [("x".to_owned(), true), ("chunk".to_owned(), true)]);
            assert!(flags.is_empty());
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let (messages, flags) = read(&bad, 1000);
            assert!(messages.len() < 2, "byte {at}");
            let waits_for_more = at < 4 || (at > 30 && messages.len() == 1);
            assert!(flags.contains("undecodable") || waits_for_more, "byte {at}");
        }
    }
}
