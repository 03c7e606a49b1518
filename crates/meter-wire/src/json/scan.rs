//! The incremental scanner: bytes in, in any pieces; the reachable part of one JSON value out.
//!
//! It holds the stack of open containers that some pointer looks into, at most one key or scalar, and what was kept so
//! far ([`KEPT_MAX`] bytes). What nothing looks into is passed over without a look at its grammar, only at strings
//! and brackets, so a large body costs little more than finding its quotes.

use super::node::Node;
use super::projection::{Projection, Reached};
use super::text::{Characters, is_literal, unescaped};
use crate::decimal::Decimal;
use crate::value::{TEXT_MAX, Value};
use memchr::memchr2;

/// Longest key that can match a pointer.
const KEY_MAX: usize = 256;
/// Longest literal that is read as a number.
const BARE_MAX: usize = 64;
/// Deepest nesting that pointers follow; below it nothing is found.
const DEPTH_MAX: usize = 128;
/// Most bytes kept of one message; what comes later is not kept and [`Scanner::is_over`] says so.
const KEPT_MAX: usize = 1 << 20;
/// What a kept node costs beside its text.
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

struct Frame {
    reached: Reached,
    node: Node,
    key: Box<str>,
    index: u32,
}

/// Reads one JSON value.
pub(crate) struct Scanner {
    state: State,
    escaped: bool,
    stack: Vec<Frame>,
    pending: Reached,
    /// The last key; only where something looks at its value.
    key: String,
    text: Vec<u8>,
    root: Option<Node>,
    kept: usize,
    over: bool,
    container: bool,
    fresh: bool,
    by_name: bool,
    /// Of the text that is being read, where they are counted.
    characters: Option<Characters>,
}

impl Scanner {
    /// A scanner for one value; with `by_name` it stops at a message whose name no table reads.
    pub(crate) fn new(projection: &Projection, by_name: bool) -> Scanner {
        Scanner {
            state: State::Value(false),
            escaped: false,
            stack: Vec::new(),
            pending: projection.root(),
            key: String::new(),
            text: Vec::new(),
            root: None,
            kept: 0,
            over: false,
            container: false,
            fresh: true,
            by_name,
            characters: None,
        }
    }

    /// Begins anew with the memory it has.
    pub(crate) fn reset(&mut self, projection: &Projection, by_name: bool) {
        self.state = State::Value(false);
        self.by_name = by_name;
        self.escaped = false;
        self.stack.clear();
        self.pending = projection.root();
        self.key.clear();
        self.text.clear();
        self.root = None;
        self.kept = 0;
        self.over = false;
        self.container = false;
        self.fresh = true;
        self.characters = None;
    }

    /// Takes bytes up to the end of the value; returns how many. After the end only white space is taken.
    pub(crate) fn push(&mut self, bytes: &[u8], projection: &Projection) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Done => match bytes[at] {
                    b' ' | b'\t' | b'\r' | b'\n' => at += 1,
                    _ => return at,
                },
                State::Failed | State::Dropped => return bytes.len(),
                State::Text | State::KeyText => at = self.string(bytes, at, projection),
                State::Skip(depth, text) => at = self.skip(bytes, at, depth, text),
                State::Bare => match bytes[at] {
                    b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' => self.end_bare(projection),
                    byte => {
                        if self.text.len() <= BARE_MAX {
                            self.text.push(byte);
                        }
                        at += 1;
                    }
                },
                _ => {
                    let byte = bytes[at];
                    at += 1;
                    if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                        self.fresh = false;
                        self.structure(byte, projection);
                    }
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
    pub(crate) fn into_node(mut self) -> Option<Node> {
        self.take_node()
    }

    /// As [`Scanner::into_node`], once; then [`Scanner::reset`] is due.
    pub(crate) fn take_node(&mut self) -> Option<Node> {
        if self.is_whole() { self.root.take() } else { None }
    }

    fn structure(&mut self, byte: u8, projection: &Projection) {
        match (self.state, byte) {
            (State::Value(true), b']') | (State::Key(true), b'}') => self.close(byte),
            (State::Value(_), _) => self.begin(byte, projection),
            (State::Key(_), b'"') => self.string_begins(State::KeyText),
            (State::Colon, b':') => self.state = State::Value(false),
            (State::After, b',') => self.next(projection),
            (State::After, b']' | b'}') => self.close(byte),
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
        let looked_at = !self.pending.is_nothing() && !self.over;
        match byte {
            b'{' | b'[' => {
                self.container |= self.stack.is_empty();
                if !looked_at || self.stack.len() >= DEPTH_MAX {
                    self.escaped = false;
                    self.state = State::Skip(1, false);
                    return;
                }
                let array = byte == b'[';
                let node = if array { Node::Array(Vec::new()) } else { Node::Object(Vec::new()) };
                let reached = std::mem::take(&mut self.pending);
                let key = self.key.as_str().into();
                self.key.clear();
                self.stack.push(Frame { reached, node, key, index: 0 });
                if array {
                    self.element(projection);
                    self.state = State::Value(true);
                } else {
                    self.state = State::Key(true);
                }
            }
            b'"' if looked_at => {
                self.string_begins(State::Text);
                self.characters = projection.is_measured(&self.pending).then(Characters::default);
            }
            b'"' => {
                self.escaped = false;
                self.state = State::Skip(0, true);
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                self.text.clear();
                self.text.push(byte);
                self.state = State::Bare;
            }
            _ => self.state = State::Failed,
        }
    }

    /// Prepares for the next element of the array on top.
    fn element(&mut self, projection: &Projection) {
        if let Some(frame) = self.stack.last() {
            self.pending = projection.element(&frame.reached, frame.index);
        }
    }

    fn next(&mut self, projection: &Projection) {
        match self.stack.last_mut() {
            Some(Frame { node: Node::Array(_), index, .. }) => {
                *index = index.saturating_add(1);
                self.element(projection);
                self.state = State::Value(false);
            }
            Some(_) => self.state = State::Key(false),
            None => self.state = State::Failed,
        }
    }

    fn string(&mut self, bytes: &[u8], from: usize, projection: &Projection) -> usize {
        let limit = if self.state == State::KeyText { KEY_MAX } else { TEXT_MAX };
        let mut at = from;
        while at < bytes.len() {
            if self.escaped {
                self.escaped = false;
                self.keep_text(&bytes[at..=at], limit);
                at += 1;
                continue;
            }
            let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) else {
                self.keep_text(&bytes[at..], limit);
                return bytes.len();
            };
            self.keep_text(&bytes[at..at + found], limit);
            at += found + 1;
            if bytes[at - 1] == b'"' {
                self.string_ends(projection);
                return at;
            }
            self.escaped = true;
            self.keep_text(b"\\", limit);
        }
        at
    }

    fn keep_text(&mut self, bytes: &[u8], limit: usize) {
        if let Some(characters) = &mut self.characters {
            characters.push(bytes);
        }
        let room = (limit + 1).saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn string_ends(&mut self, projection: &Projection) {
        if self.state == State::KeyText {
            self.key_ends(projection);
            self.state = State::Colon;
            return;
        }
        if self.names_another(projection) {
            self.state = State::Dropped;
            return;
        }
        let wanted = projection.is_wanted(&self.pending);
        let node = if !wanted && !self.pending.firm {
            None
        } else if wanted && !self.text.is_empty() {
            let text = unescaped(&self.text);
            let node = Value::text(crate::value::cut(&text, TEXT_MAX)).map(|value| match self.characters.take() {
                Some(characters) => Node::Measured(characters.count(), value),
                None => Node::Scalar(value),
            });
            node.or(Some(Node::Blank))
        } else {
            Some(Node::Blank)
        };
        self.scalar(node, projection);
    }

    fn key_ends(&mut self, projection: &Projection) {
        self.pending = Reached::default();
        self.key.clear();
        let Some(frame) = self.stack.last().filter(|_| self.text.len() <= KEY_MAX) else { return };
        match std::str::from_utf8(&self.text) {
            Ok(plain) if !plain.contains('\\') => {
                self.pending = projection.child(&frame.reached, plain);
                if !self.pending.is_nothing() {
                    self.key.push_str(plain);
                }
            }
            _ => {
                self.key = unescaped(&self.text);
                self.pending = projection.child(&frame.reached, &self.key);
            }
        }
    }

    /// Whether the text that ends here is the message's name and none that a table reads.
    fn names_another(&self, projection: &Projection) -> bool {
        self.by_name
            && self.stack.len() == 1
            && projection.name_key.as_deref() == Some(self.key.as_str())
            && !self.text.is_empty()
            && !self.text.contains(&b'\\')
            && std::str::from_utf8(&self.text).is_ok_and(|name| {
                projection.names.as_ref().is_some_and(|names| names.iter().all(|known| **known != *name))
            })
    }

    fn end_bare(&mut self, projection: &Projection) {
        let text = std::str::from_utf8(&self.text).unwrap_or("");
        let value = match text {
            "true" => Some(Value::Truth(true)),
            "false" => Some(Value::Truth(false)),
            "null" => None,
            _ if text.len() > BARE_MAX => None,
            _ => match Decimal::literal(text) {
                Some(number) => Some(Value::Number(number)),
                None if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && is_literal(text) => None,
                None => {
                    self.state = State::Failed;
                    return;
                }
            },
        };
        let node = if projection.is_wanted(&self.pending) {
            Some(value.map_or(Node::Blank, Node::Scalar))
        } else {
            self.pending.firm.then_some(Node::Blank)
        };
        self.scalar(node, projection);
    }

    fn scalar(&mut self, node: Option<Node>, projection: &Projection) {
        if self.by_name
            && self.stack.len() == 1
            && let (Some(Node::Scalar(Value::Text(name))), Some(key), Some(names)) =
                (&node, &projection.name_key, &projection.names)
            && **key == *self.key.as_str()
            && !names.contains(name)
        {
            self.state = State::Dropped;
            return;
        }
        self.attach(node);
    }

    /// Puts a finished value into its container and goes on.
    fn attach(&mut self, node: Option<Node>) {
        if let Some(node) = node {
            let key: Box<str> = self.key.as_str().into();
            let text = if let Some(Value::Text(text)) = node.value() { text.len() } else { 0 };
            self.kept += NODE_COST + text + key.len();
            self.over |= self.kept > KEPT_MAX;
            match self.stack.last_mut() {
                _ if self.over => {}
                Some(Frame { node: Node::Array(items), index, .. }) => items.push((*index, node)),
                Some(frame) => frame.node.put(key, node),
                None => self.root = Some(node),
            }
        }
        self.key.clear();
        self.state = if self.stack.is_empty() { State::Done } else { State::After };
    }

    fn close(&mut self, byte: u8) {
        let Some(frame) = self.stack.pop() else {
            self.state = State::Failed;
            return;
        };
        let node = match (frame.node, byte) {
            (Node::Array(items), b']') if items.is_empty() && !frame.reached.firm => None,
            (Node::Object(entries), b'}') if entries.is_empty() && !frame.reached.firm => None,
            (node @ Node::Array(_), b']') | (node @ Node::Object(_), b'}') => Some(node),
            _ => {
                self.state = State::Failed;
                return;
            }
        };
        self.key.clear();
        self.key.push_str(&frame.key);
        self.attach(node);
    }

    fn skip(&mut self, bytes: &[u8], from: usize, mut depth: u32, mut text: bool) -> usize {
        let mut at = from;
        while at < bytes.len() {
            if text {
                if self.escaped {
                    self.escaped = false;
                    at += 1;
                    continue;
                }
                let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) else {
                    self.state = State::Skip(depth, true);
                    return bytes.len();
                };
                at += found + 1;
                self.escaped = bytes[at - 1] == b'\\';
                text = self.escaped;
            } else {
                match bytes[at] {
                    b'"' => text = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
            if depth == 0 && !text {
                let node = self.pending.firm.then_some(Node::Blank);
                self.attach(node);
                return at;
            }
        }
        self.state = State::Skip(depth, text);
        at
    }
}

#[cfg(test)]
mod tests;
