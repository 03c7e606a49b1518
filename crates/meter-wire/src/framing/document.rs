//! One JSON document, or the elements of a JSON array that arrives in pieces.

use super::{Cutting, Message};
use crate::json::{Projection, Scanner};
use std::collections::BTreeSet;

const BOM: &[u8] = b"\xef\xbb\xbf";

enum State {
    /// Before the first byte that counts.
    Start,
    Document,
    /// Between elements.
    Between,
    Element,
    End,
}

/// The framer of documents.
pub(crate) struct Documents {
    state: State,
    open_arrays: bool,
    array: bool,
    whole: bool,
    scanner: Scanner,
}

impl Documents {
    pub(crate) fn new(projection: &Projection, open_arrays: bool) -> Documents {
        let scanner = Scanner::new(projection, false);
        Documents { state: State::Start, open_arrays, array: false, whole: false, scanner }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let mut rest = bytes;
        while let Some(byte) = rest.first() {
            match self.state {
                // A byte order mark, or blank lines that keep a slow answer alive.
                State::Start if BOM.contains(byte) || byte.is_ascii_whitespace() => rest = &rest[1..],
                State::Start if *byte == b'[' && self.open_arrays => {
                    self.array = true;
                    self.state = State::Between;
                    rest = &rest[1..];
                }
                State::Start => self.state = State::Document,
                State::Between => match byte {
                    b']' => {
                        self.whole = true;
                        self.state = State::End;
                    }
                    b',' | b' ' | b'\t' | b'\r' | b'\n' => rest = &rest[1..],
                    _ => {
                        self.scanner.reset(cutting.projection, false);
                        self.state = State::Element;
                    }
                },
                State::Document | State::Element => {
                    let taken = self.scanner.push(rest, cutting.projection);
                    rest = &rest[taken..];
                    if self.scanner.is_done() {
                        self.ended(cutting, flags);
                    }
                }
                State::End => return,
            }
        }
    }

    fn ended(&mut self, cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        if self.scanner.is_over() {
            flags.insert("body_limit");
        }
        if matches!(self.state, State::Element) {
            self.state = State::Between;
        } else {
            self.whole = self.scanner.is_whole();
            self.state = State::End;
        }
        if let Some(tree) = self.scanner.tree() {
            cutting.message(&Message::json(tree));
        }
    }

    pub(crate) fn is_array(&self) -> bool {
        self.array
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }
}
