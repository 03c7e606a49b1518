//! One JSON document, or the elements of a JSON array that arrives in pieces; lists inside the document whose elements
//! are messages of their own.

use super::lists::Lists;
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
    lists: Lists,
    /// The document around the list whose elements are being read.
    around: Option<Scanner>,
}

impl Documents {
    pub(crate) fn new(projection: &Projection, open_arrays: bool) -> Documents {
        let scanner = Scanner::new(projection, false);
        Documents {
            state: State::Start,
            open_arrays,
            array: false,
            whole: false,
            scanner,
            lists: Lists::default(),
            around: None,
        }
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
                    b']' => match self.around.take() {
                        Some(around) => {
                            self.scanner = around;
                            self.scanner.push(b"]", cutting.projection);
                            rest = &rest[1..];
                            self.state = State::Document;
                        }
                        None => {
                            self.whole = true;
                            self.state = State::End;
                        }
                    },
                    b',' | b' ' | b'\t' | b'\r' | b'\n' => rest = &rest[1..],
                    _ => {
                        self.scanner.reset(cutting.projection, false);
                        self.state = State::Element;
                    }
                },
                State::Document if self.open_arrays && !cutting.projection.lists.is_empty() => {
                    let (upto, opens) = self.lists.next(rest, &cutting.projection.lists);
                    let taken = self.scanner.push(&rest[..upto], cutting.projection);
                    rest = &rest[taken..];
                    if self.scanner.is_done() {
                        self.ended(cutting, flags);
                    } else if opens {
                        let inner = Scanner::new(cutting.projection, false);
                        self.around = Some(std::mem::replace(&mut self.scanner, inner));
                        self.state = State::Between;
                    }
                }
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
