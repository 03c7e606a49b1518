//! One JSON value a line.

use super::{Cutting, Message};
use crate::json::{Projection, Scanner};
use memchr::memchr;
use std::collections::BTreeSet;

/// The framer of NDJSON and JSONL; the last line may lack its LF.
pub(crate) struct Lines {
    scanner: Scanner,
    broken: bool,
    first: bool,
}

impl Lines {
    pub(crate) fn new(projection: &Projection) -> Lines {
        Lines { scanner: Scanner::new(projection, false), broken: false, first: true }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.first && self.scanner.is_fresh() && b"\xef\xbb\xbf".contains(&rest[0]) {
                rest = &rest[1..];
                continue;
            }
            let end = memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            if !self.broken {
                let taken = self.scanner.push(line, cutting.projection);
                // Something after the value: the line is not one.
                self.broken = taken < line.len();
            }
            rest = &rest[line.len()..];
            if end.is_some() {
                rest = &rest[1..];
                self.finish(cutting, flags);
            }
        }
    }

    pub(crate) fn finish(&mut self, cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        self.first = false;
        if self.scanner.is_over() {
            flags.insert("body_limit");
        }
        if let (Some(tree), false) = (self.scanner.tree(), self.broken) {
            cutting.message(&Message::json(tree));
        }
        self.scanner.reset(cutting.projection, false);
        self.broken = false;
    }
}
