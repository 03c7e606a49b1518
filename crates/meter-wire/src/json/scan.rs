//! The incremental scanner: bytes in, in any pieces; the reachable part of one JSON value out.
//!
//! It holds the stack of open containers that some pointer looks into, at most one key or scalar, and what was kept so
//! far ([`KEPT_MAX`] bytes). What nothing looks into is passed over without a look at its grammar, only at strings
//! and brackets, so a large body costs little more than finding its quotes.

use super::find::{calm, quote};
use super::projection::{NOWHERE, Place, Projection, ROOT};
use super::text::{Characters, is_literal, unescaped};
use super::tree::{Label, Tree, What};
use crate::decimal::Decimal;
use crate::value::{TEXT_MAX, Value, cut};
use std::borrow::Cow;

/// Longest key that can match a pointer.
const KEY_MAX: usize = 256;
/// Longest literal that is read as a number.
const BARE_MAX: usize = 64;
/// Deepest nesting that pointers follow; below it nothing is found.
const DEPTH_MAX: usize = 128;
/// Most bytes kept of one message; what comes later is not kept and [`Scanner::is_over`] says so.
const KEPT_MAX: usize = 1 << 20;
/// What a kept node counts for beside its text.
const NODE_COST: usize = 48;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// A value; `true`: or the end of the array just opened.
    Value(bool),
    /// A key; `true`: or the end of the object just opened.
    Key(bool),
    KeyText,
    Colon,
    Text,
    Bare,
    After,
    /// Inside something nothing looks into: open brackets, and whether in a string.
    Skip(u32, bool),
    Done,
    Failed,
    /// Its name is none that a table reads.
    Dropped,
}

/// An open container.
#[derive(Clone, Copy)]
struct Frame {
    place: Place,
    /// Its entry in the tree.
    entry: usize,
    array: bool,
    /// The element that is read.
    index: u32,
    /// Kept keys.
    children: u32,
}

/// Reads one JSON value.
pub(crate) struct Scanner {
    state: State,
    /// The next byte of a string stands behind a backslash.
    escaped: bool,
    stack: Vec<Frame>,
    /// Where the value that comes next stands, and what it will be there.
    place: Place,
    label: Label,
    /// A string or literal that began in an earlier piece.
    text: Vec<u8>,
    tree: Tree,
    kept: usize,
    over: bool,
    container: bool,
    fresh: bool,
    by_name: bool,
    /// Of the text that is being read, where they are counted.
    characters: Option<Characters>,
    /// Bytes handed in so far, over all values.
    #[cfg(test)]
    pub(crate) handed: usize,
}

impl Scanner {
    /// A scanner for one value; with `by_name` it stops at a message whose name no table reads.
    pub(crate) fn new(projection: &Projection, by_name: bool) -> Scanner {
        let mut scanner = Scanner {
            state: State::Value(false),
            escaped: false,
            stack: Vec::new(),
            place: ROOT,
            label: Label::Root,
            text: Vec::new(),
            tree: Tree::default(),
            kept: 0,
            over: false,
            container: false,
            fresh: true,
            by_name,
            characters: None,
            #[cfg(test)]
            handed: 0,
        };
        scanner.reset(projection, by_name);
        scanner
    }

    /// Begins anew with the memory it has.
    pub(crate) fn reset(&mut self, projection: &Projection, by_name: bool) {
        self.state = State::Value(false);
        self.by_name = by_name;
        self.escaped = false;
        self.stack.clear();
        self.place = ROOT;
        self.label = Label::Root;
        self.text.clear();
        self.tree.reset(projection);
        self.kept = 0;
        self.over = false;
        self.container = false;
        self.fresh = true;
        self.characters = None;
    }

    /// Takes bytes up to the end of the value; returns how many. After the end only white space is taken.
    pub(crate) fn push(&mut self, bytes: &[u8], projection: &Projection) -> usize {
        #[cfg(test)]
        {
            self.handed += bytes.len();
        }
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Done => match byte {
                    b' ' | b'\t' | b'\r' | b'\n' => at += 1,
                    _ => return at,
                },
                State::Failed | State::Dropped => return bytes.len(),
                State::Text | State::KeyText => {
                    at = self.string(bytes, at, projection);
                    if self.state == State::Colon && bytes.get(at) == Some(&b':') {
                        self.state = State::Value(false);
                        at += 1;
                    }
                }
                State::Skip(depth, text) => at = self.skip(bytes, at, depth, text, projection),
                State::Bare => at = self.bare(bytes, at, projection),
                State::Key(_) if byte == b'"' => {
                    self.string_begins(State::KeyText);
                    at += 1;
                }
                State::Colon if byte == b':' => {
                    self.state = State::Value(false);
                    at += 1;
                }
                State::After if byte == b',' => {
                    self.next(projection);
                    at += 1;
                    if self.state == State::Key(false) && bytes.get(at) == Some(&b'"') {
                        self.string_begins(State::KeyText);
                        at += 1;
                    }
                }
                _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => at += 1,
                _ => {
                    self.fresh = false;
                    self.structure(byte, projection);
                    // The first letter of a literal belongs to it.
                    at += usize::from(self.state != State::Bare);
                }
            }
        }
        at
    }

    /// A whole object or array was read.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::Done && self.container
    }

    /// The value's end was seen.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Its name is none that a table reads: nothing will come of it.
    pub(crate) fn is_dropped(&self) -> bool {
        self.state == State::Dropped
    }

    /// No byte but white space came.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// More was wanted than may be kept.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// What was kept, when the value is a whole object or array.
    pub(crate) fn tree(&self) -> Option<&Tree> {
        (self.is_whole() && !self.over && self.tree.root().is_some()).then_some(&self.tree)
    }

    fn structure(&mut self, byte: u8, projection: &Projection) {
        match (self.state, byte) {
            (State::After, b']' | b'}') | (State::Value(true), b']') | (State::Key(true), b'}') => {
                self.close(byte, projection);
            }
            (State::Value(_), _) => self.begin(byte, projection),
            _ => self.state = State::Failed,
        }
    }

    fn string_begins(&mut self, state: State) {
        self.text.clear();
        self.characters = None;
        self.escaped = false;
        self.state = state;
    }

    fn begin(&mut self, byte: u8, projection: &Projection) {
        let looked_at = self.place != NOWHERE && !self.over;
        match byte {
            b'{' | b'[' => {
                self.container |= self.stack.is_empty();
                if !looked_at || self.stack.len() >= DEPTH_MAX {
                    self.escaped = false;
                    self.state = State::Skip(1, false);
                    return;
                }
                let array = byte == b'[';
                let entry = self.tree.add(self.label, self.place, if array { What::Array } else { What::Object });
                self.stack.push(Frame { place: self.place, entry, array, index: 0, children: 0 });
                if array {
                    self.element(projection);
                    self.state = State::Value(true);
                } else {
                    self.state = State::Key(true);
                }
            }
            b'"' if looked_at => {
                self.string_begins(State::Text);
                self.characters = projection.is_measured(self.place).then(Characters::default);
            }
            b'"' => {
                self.escaped = false;
                self.state = State::Skip(0, true);
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                self.text.clear();
                self.state = State::Bare;
            }
            _ => self.state = State::Failed,
        }
    }

    /// Prepares for the next element of the array on top.
    fn element(&mut self, projection: &Projection) {
        if let Some(frame) = self.stack.last() {
            self.place = projection.element(frame.place, frame.index);
            self.label = Label::Index(frame.index);
        }
    }

    fn next(&mut self, projection: &Projection) {
        match self.stack.last_mut() {
            Some(frame) if frame.array => {
                frame.index = frame.index.saturating_add(1);
                self.element(projection);
                self.state = State::Value(false);
            }
            Some(_) => self.state = State::Key(false),
            None => self.state = State::Failed,
        }
    }

    /// A string's inside from `from` on: as one slice where it came in one piece.
    fn string(&mut self, bytes: &[u8], from: usize, projection: &Projection) -> usize {
        let inside = |from: usize| quote(bytes.get(from..).unwrap_or_default()).map(|at| from + at);
        let mut at = from + usize::from(std::mem::take(&mut self.escaped));
        while let Some(found) = inside(at) {
            if bytes[found] == b'"' {
                if self.text.is_empty() {
                    if let Some(characters) = &mut self.characters {
                        characters.push(&bytes[from..found]);
                    }
                    self.string_ends(&bytes[from..found], at == from, projection);
                } else {
                    self.keep_text(&bytes[from..found]);
                    let text = std::mem::take(&mut self.text);
                    self.string_ends(&text, false, projection);
                    self.text = text;
                }
                return found + 1;
            }
            at = found + 2;
        }
        self.escaped = at > bytes.len();
        self.keep_text(&bytes[from..]);
        bytes.len()
    }

    fn limit(&self) -> usize {
        let most = match self.state {
            State::KeyText => KEY_MAX,
            State::Bare => BARE_MAX,
            _ => TEXT_MAX,
        };
        most + 1
    }

    /// Keeps a part of a string or literal that goes on in the next piece.
    fn keep_text(&mut self, bytes: &[u8]) {
        if let Some(characters) = &mut self.characters {
            characters.push(bytes);
        }
        let room = self.limit().saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// A string ended: its whole inside, or the beginning of one that came in pieces; `plain` = it has no backslash.
    fn string_ends(&mut self, raw: &[u8], plain: bool, projection: &Projection) {
        if self.state == State::KeyText {
            self.key_ends(raw, plain, projection);
            self.state = State::Colon;
            return;
        }
        let raw = &raw[..raw.len().min(TEXT_MAX + 1)];
        if !projection.is_wanted(self.place) {
            return self.blank(projection);
        }
        let text = spelled(raw, plain);
        let text = cut(&text, TEXT_MAX);
        if text.is_empty() {
            return self.attach(Some(What::Blank));
        }
        if self.by_name
            && projection.name == Some(self.place)
            && projection.names.as_ref().is_some_and(|names| names.iter().all(|known| **known != *text))
        {
            self.state = State::Dropped;
            return;
        }
        // A text that is over is not kept, but it is counted.
        let span = if self.over { self.tree.keep("") } else { self.tree.keep(text) };
        self.kept += text.len();
        let what = match self.characters.take() {
            Some(characters) => What::Measured(characters.count(), span),
            None => What::Scalar(Value::Text(span)),
        };
        self.attach(Some(what));
    }

    fn key_ends(&mut self, raw: &[u8], plain: bool, projection: &Projection) {
        self.place = NOWHERE;
        self.label = Label::Root;
        let Some(frame) = self.stack.last().filter(|_| raw.len() <= KEY_MAX) else { return };
        // Whatever is no UTF-8 in a plain key is in no name either.
        let spelt = if plain { Cow::Borrowed("") } else { unescaped(raw) };
        let key = if plain { raw } else { spelt.as_bytes() };
        let (place, name) = projection.child(frame.place, key);
        self.place = place;
        self.label = match name {
            Some(name) => Label::Name(name),
            None if place == NOWHERE => Label::Root,
            None => Label::Key(self.tree.keep(&spelled(key, true))),
        };
    }

    /// A number, `true`, `false` or `null` from `from` on.
    fn bare(&mut self, bytes: &[u8], from: usize, projection: &Projection) -> usize {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
        let Some(length) = bytes[from..].iter().position(ends) else {
            self.keep_text(&bytes[from..]);
            return bytes.len();
        };
        let end = from + length;
        if self.text.is_empty() {
            self.bare_ends(&bytes[from..end], projection);
        } else {
            self.keep_text(&bytes[from..end]);
            let text = std::mem::take(&mut self.text);
            self.bare_ends(&text, projection);
            self.text = text;
        }
        end
    }

    fn bare_ends(&mut self, raw: &[u8], projection: &Projection) {
        let raw = &raw[..raw.len().min(BARE_MAX + 1)];
        let count = Decimal::count(raw);
        if count.is_none() && !is_literal(raw) {
            self.state = State::Failed;
            return;
        }
        if !projection.is_wanted(self.place) {
            return self.blank(projection);
        }
        let value = match raw {
            _ if count.is_some() => count.map(Value::Number),
            b"true" => Some(Value::Truth(true)),
            b"false" => Some(Value::Truth(false)),
            b"null" => None,
            _ if raw.len() > BARE_MAX => None,
            _ => std::str::from_utf8(raw).ok().and_then(Decimal::literal).map(Value::Number),
        };
        self.attach(Some(value.map_or(What::Blank, What::Scalar)));
    }

    /// A value ended of which nothing is wanted but that it was there.
    fn blank(&mut self, projection: &Projection) {
        self.attach(projection.is_firm(self.place).then_some(What::Blank));
    }

    /// Puts a finished scalar into its container and goes on.
    fn attach(&mut self, what: Option<What>) {
        match what.filter(|_| self.count()) {
            Some(what) => {
                let entry = self.tree.add(self.label, self.place, what);
                self.attached(entry);
            }
            None => self.tree.forget(self.label),
        }
        self.goes_on();
    }

    /// Counts a node that is to be kept; `false` when nothing more is.
    fn count(&mut self) -> bool {
        self.kept += NODE_COST + self.tree.key(self.label).map_or(0, str::len);
        self.over |= self.kept > KEPT_MAX;
        !self.over
    }

    fn attached(&mut self, entry: usize) {
        let (container, children) = match self.stack.last_mut() {
            Some(frame) if !frame.array => {
                frame.children = frame.children.saturating_add(1);
                (frame.entry, frame.children)
            }
            _ => (0, 0),
        };
        self.tree.stays(container, entry, children);
    }

    fn goes_on(&mut self) {
        self.state = if self.stack.is_empty() { State::Done } else { State::After };
    }

    fn close(&mut self, byte: u8, projection: &Projection) {
        let Some(frame) = self.stack.pop().filter(|frame| frame.array == (byte == b']')) else {
            self.state = State::Failed;
            return;
        };
        self.place = frame.place;
        let is_kept = projection.is_firm(frame.place) || !self.tree.take_back(frame.entry);
        if is_kept {
            self.label = self.tree.label(frame.entry);
            self.tree.close(frame.entry);
            if self.count() {
                self.attached(frame.entry);
            }
        }
        self.goes_on();
    }

    fn skip(&mut self, bytes: &[u8], from: usize, mut depth: u32, mut text: bool, projection: &Projection) -> usize {
        let mut at = from + usize::from(std::mem::take(&mut self.escaped));
        while at < bytes.len() {
            if text {
                let Some(found) = quote(&bytes[at..]) else {
                    at = bytes.len();
                    break;
                };
                text = bytes[at + found] == b'\\';
                // What stands behind a backslash ends nothing.
                at += found + 1 + usize::from(text);
            } else {
                at += calm(&bytes[at..]);
                match bytes.get(at) {
                    Some(b'"') => text = true,
                    Some(b'{' | b'[') => depth += 1,
                    Some(_) => depth -= 1,
                    None => break,
                }
                at += 1;
            }
            if depth == 0 && !text {
                self.blank(projection);
                return at;
            }
        }
        self.escaped = at > bytes.len();
        self.state = State::Skip(depth, text);
        at.min(bytes.len())
    }
}

/// The text of a string's inside.
fn spelled(raw: &[u8], plain: bool) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(text) if plain => Cow::Borrowed(text),
        _ => unescaped(raw),
    }
}

#[cfg(test)]
mod tests;
