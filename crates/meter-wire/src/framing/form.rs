//! `multipart/form-data`, read as one object: the fields; what has a file name is passed over.

use super::{Cutting, Message};
use crate::json::{Label, NOWHERE, Tree, What};
use crate::value::{TEXT_MAX, Value, cut};
use memchr::memmem;
use std::collections::BTreeSet;

const HEAD_MAX: usize = 8 << 10;
const FIELDS_MAX: usize = 256;

enum State {
    /// Before the first boundary, or inside a part.
    Content,
    /// Right after a boundary: `--` ends the form, a line end begins a part.
    Border,
    Head,
    End,
}

/// The framer of forms.
pub(crate) struct Form {
    /// CR LF `--` boundary.
    delimiter: Vec<u8>,
    held: Vec<u8>,
    state: State,
    name: Option<String>,
    value: Vec<u8>,
    fields: Vec<(String, String)>,
}

impl Form {
    pub(crate) fn new(boundary: &[u8]) -> Form {
        Form {
            delimiter: [b"\r\n--", boundary].concat(),
            // The first boundary has no line end before it; as if there were one.
            held: b"\r\n".to_vec(),
            state: State::Content,
            name: None,
            value: Vec::new(),
            fields: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], flags: &mut BTreeSet<&'static str>) {
        // Small pieces, so that what is held stays small.
        for piece in bytes.chunks(HEAD_MAX) {
            self.held.extend_from_slice(piece);
            while self.step(flags) {}
        }
    }

    /// One step; `false` when more bytes are needed.
    fn step(&mut self, flags: &mut BTreeSet<&'static str>) -> bool {
        match self.state {
            State::Content => {
                let found = memmem::find(&self.held, &self.delimiter);
                let safe = self.held.len().saturating_sub(self.delimiter.len() - 1);
                let content: Vec<u8> = self.held.drain(..found.unwrap_or(safe)).collect();
                if self.name.is_some() {
                    let room = (TEXT_MAX + 1).saturating_sub(self.value.len());
                    self.value.extend_from_slice(&content[..content.len().min(room)]);
                }
                if found.is_some() {
                    self.field(flags);
                    self.held.drain(..self.delimiter.len());
                    self.state = State::Border;
                }
                found.is_some()
            }
            State::Border => {
                if self.held.len() < 2 {
                    return false;
                }
                self.state = if self.held.starts_with(b"--") { State::End } else { State::Head };
                true
            }
            State::Head => {
                // The border's own line end is part of this, so a part without headers is found too.
                let Some(end) = memmem::find(&self.held, b"\r\n\r\n") else {
                    if self.held.len() > HEAD_MAX {
                        flags.insert("body_limit");
                        self.state = State::End;
                    }
                    return false;
                };
                let head: Vec<u8> = self.held.drain(..end + 4).collect();
                self.name = field_name(&head);
                self.value.clear();
                self.state = State::Content;
                true
            }
            State::End => {
                self.held.clear();
                false
            }
        }
    }

    fn field(&mut self, flags: &mut BTreeSet<&'static str>) {
        let Some(name) = self.name.take() else { return };
        if self.fields.len() >= FIELDS_MAX {
            flags.insert("body_limit");
            return;
        }
        let text = String::from_utf8_lossy(&self.value);
        self.fields.push((name, cut(&text, TEXT_MAX).to_owned()));
    }

    pub(crate) fn finish(&mut self, cutting: &mut Cutting<'_>) {
        let mut tree = Tree::default();
        let object = tree.add(Label::Root, NOWHERE, What::Object);
        for (children, (name, text)) in (1..).zip(std::mem::take(&mut self.fields)) {
            let label = Label::Key(tree.keep(&name));
            let what = if text.is_empty() { What::Blank } else { What::Scalar(Value::Text(tree.keep(&text))) };
            let field = tree.add(label, NOWHERE, what);
            tree.stays(object, field, children);
        }
        tree.close(object);
        cutting.message(&Message::json(&tree));
    }

    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.state, State::End)
    }
}

/// `name` of a part without a file name.
fn field_name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let mut name = None;
    for part in line.split(';').skip(1) {
        let (key, value) = part.trim().split_once('=')?;
        match key.trim().to_ascii_lowercase().as_str() {
            "filename" | "filename*" => return None,
            "name" => name = Some(value.trim().trim_matches('"').to_owned()),
            _ => {}
        }
    }
    name
}
