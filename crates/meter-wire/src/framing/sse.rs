//! Server-sent events, as servers really send them.
//!
//! Line ends are LF, CRLF or CR, mixed; a byte order mark may stand first; comments and events without `data` are
//! nothing. `data` goes straight into the JSON scanner, so an event of any length needs no buffer.

use super::{Body, Cutting, FRAME_TEXT_MAX, Message};
use crate::json::{Projection, Scanner};
use memchr::memchr2;
use std::collections::BTreeSet;

const NAME_MAX: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// First bytes of the stream: how much of the mark was seen.
    Mark(u8),
    /// At or inside a field's name.
    Name,
    /// After the colon: one space belongs to it.
    Colon(Field),
    Value(Field),
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Data,
    Event,
    Other,
}

/// The framer of event streams.
pub(crate) struct Sse {
    state: State,
    after_cr: bool,
    line_empty: bool,
    name: Vec<u8>,
    event: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The data begins as an object: it is no word of the frame.
    is_object: bool,
    broken: bool,
    /// The body ended in an event that no empty line closed.
    is_open: bool,
    scanner: Scanner,
}

impl Sse {
    pub(crate) fn new(projection: &Projection) -> Sse {
        Sse {
            state: State::Mark(0),
            after_cr: false,
            line_empty: true,
            name: Vec::new(),
            event: Vec::new(),
            data: Vec::new(),
            has_data: false,
            is_object: false,
            broken: false,
            is_open: false,
            scanner: Scanner::new(projection, true),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if let State::Mark(seen) = self.state {
                if b"\xef\xbb\xbf".get(usize::from(seen)) == Some(&byte) {
                    self.state = State::Mark(seen + 1);
                    rest = &rest[1..];
                    continue;
                }
                self.state = State::Name;
            }
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                rest = &rest[1..];
                continue;
            }
            if matches!(byte, b'\n' | b'\r') {
                self.after_cr = byte == b'\r';
                rest = &rest[1..];
                self.line_ends(cutting, flags);
                continue;
            }
            self.line_empty = false;
            match self.state {
                State::Name if byte == b':' => {
                    self.state = State::Colon(self.field(cutting));
                    rest = &rest[1..];
                }
                State::Name | State::Mark(_) => {
                    if self.name.len() < NAME_MAX {
                        self.name.push(byte);
                    }
                    rest = &rest[1..];
                }
                State::Colon(field) => {
                    self.state = State::Value(field);
                    if byte == b' ' {
                        rest = &rest[1..];
                    }
                }
                State::Value(field) => {
                    let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                    self.value(field, &rest[..end], cutting);
                    rest = &rest[end..];
                }
            }
        }
    }

    /// The field whose name just ended; a further `data` line is joined with LF.
    fn field(&mut self, cutting: &Cutting<'_>) -> Field {
        let field = match self.name.as_slice() {
            b"data" => Field::Data,
            b"event" => Field::Event,
            _ => Field::Other,
        };
        match field {
            Field::Data if self.has_data => self.value(Field::Data, b"\n", cutting),
            Field::Data => self.has_data = true,
            Field::Event => self.event.clear(),
            Field::Other => {}
        }
        field
    }

    fn value(&mut self, field: Field, bytes: &[u8], cutting: &Cutting<'_>) {
        let keep = |text: &mut Vec<u8>| {
            let room = (FRAME_TEXT_MAX + 1).saturating_sub(text.len());
            text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        };
        match field {
            Field::Data => {
                if !self.broken && !self.scanner.is_dropped() {
                    self.is_object |= self.data.is_empty() && bytes.first() == Some(&b'{');
                    if !self.is_object {
                        keep(&mut self.data);
                    }
                    self.broken = self.scanner.push(bytes, cutting.projection) < bytes.len();
                }
            }
            Field::Event => keep(&mut self.event),
            Field::Other => {}
        }
    }

    fn line_ends(&mut self, cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        if self.line_empty {
            self.dispatch(false, cutting, flags);
        } else if self.state == State::Name {
            // A line without a colon is a name with an empty value.
            self.field(cutting);
        }
        self.line_empty = true;
        self.name.clear();
        self.state = State::Name;
    }

    fn dispatch(&mut self, unclosed: bool, cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let broken = std::mem::take(&mut self.broken);
        if std::mem::take(&mut self.has_data) && !self.scanner.is_dropped() {
            if self.scanner.is_over() {
                flags.insert("body_limit");
            }
            let tree = self.scanner.tree().filter(|_| !broken);
            if !(unclosed && tree.is_none() && !self.line_empty) {
                let data = if tree.is_none() { short(&self.data) } else { None };
                let body = tree.map_or(Body::Nothing, Body::Json);
                cutting.message(&Message { body, event: short(&self.event), data, ..Message::default() });
            }
        }
        self.event.clear();
        self.data.clear();
        self.is_object = false;
        self.scanner.reset(cutting.projection, cutting.by_name);
    }

    /// An event that no empty line closed: the standard discards it, but servers cut there. What it says counts when its
    /// data is whole JSON, or at least its last line was closed; the stream was cut all the same.
    pub(crate) fn finish(&mut self, cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        self.is_open = self.has_data;
        self.dispatch(true, cutting, flags);
    }

    /// The body ended inside an event.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }
}

/// A text that is short enough to be a frame's word.
fn short(bytes: &[u8]) -> Option<&str> {
    let fits = !bytes.is_empty() && bytes.len() <= FRAME_TEXT_MAX;
    std::str::from_utf8(bytes).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::pointer::{Pointer, Segment};

    #[test]
    fn a_long_line_is_scanned_once_however_it_is_cut() {
        let pointer = Pointer(vec![Segment::Key("wanted".into())]);
        let (projection, _) = Projection::of(std::slice::from_ref(&pointer), &[]).expect("one pointer");
        let filler = "0123456789\\n".repeat(50_000);
        let json = format!("{{\"other\":[\"{filler}\",{{\"{filler}\":1}}],\"wanted\":\"{filler}\"}}");
        let body = format!("event: e\ndata: {json}\n\n");
        for step in [1, 7, 4096, body.len()] {
            let mut sse = Sse::new(&projection);
            let mut found = 0;
            let mut sink = |message: &Message<'_>| {
                found += usize::from(
                    matches!(message.body, Body::Json(tree) if pointer.value(tree.root().expect("a root")).is_some()),
                );
            };
            for piece in body.as_bytes().chunks(step) {
                let mut cutting = Cutting { projection: &projection, by_name: false, sink: &mut sink };
                sse.push(piece, &mut cutting, &mut BTreeSet::new());
            }
            assert_eq!((found, sse.scanner.handed), (1, json.len()), "in pieces of {step}");
        }
    }
}
