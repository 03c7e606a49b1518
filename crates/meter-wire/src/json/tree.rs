//! What is kept of a JSON value: one row of entries in document order, and their texts in one buffer.
//!
//! A tree is emptied and filled again for each message of a stream, so that a message costs no allocation.

use super::places::PlaceSet;
use super::projection::{Place, Projection};
use crate::value::Value;
use std::sync::Arc;

/// Kept keys of an object among which a repeated one is looked for.
const LOOKED_AT: u32 = 256;

/// The part of a JSON value that pointers can reach. Arrays keep the index of what they kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    entries: Vec<Entry>,
    text: String,
    /// The keys that pointers name.
    names: Arc<[Box<str>]>,
    /// For each place of the projection, the entry after the last one that was kept there, 0 for none; empty = nobody
    /// looked.
    places: Vec<u32>,
    /// A key of an object was repeated: what stood at its place is not there any more.
    repeated: bool,
}

/// Part of the tree's text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Span {
    at: u32,
    length: u32,
}

/// What an entry is to its container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Label {
    /// The value itself.
    Root,
    /// A key that some pointer names.
    Name(u16),
    /// Any other key.
    Key(Span),
    Index(u32),
    /// A later key was the same.
    Replaced,
}

/// What an entry holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum What {
    /// Null, an empty text, or a container that nothing looks into.
    Blank,
    Scalar(Value<Span>),
    /// A text whose characters were counted, and what is kept of it.
    Measured(u64, Span),
    Object,
    Array,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    label: Label,
    what: What,
    place: Place,
    /// The entry after its last descendant.
    end: u32,
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    tree: &'a Tree,
    at: usize,
}

impl Tree {
    /// Empties it for a message that is read with this projection.
    pub(super) fn reset(&mut self, projection: &Projection) {
        self.entries.clear();
        self.text.clear();
        if !Arc::ptr_eq(&self.names, projection.key_names()) {
            self.names = Arc::clone(projection.key_names());
        }
        self.places.clear();
        self.places.resize(projection.len(), 0);
        self.repeated = false;
    }

    /// Becomes the same as another with the memory it has.
    pub(crate) fn copy(&mut self, other: &Tree) {
        self.entries.clone_from(&other.entries);
        self.text.clone_from(&other.text);
        if !Arc::ptr_eq(&self.names, &other.names) {
            self.names = Arc::clone(&other.names);
        }
        self.places.clone_from(&other.places);
        self.repeated = other.repeated;
    }

    /// The places where a tree of the same shape holds something else; `None` when the shapes differ.
    pub(crate) fn changes(&self, new: &Tree) -> Option<PlaceSet> {
        if self.repeated || new.repeated || self.entries.len() != new.entries.len() {
            return None;
        }
        let mut places = PlaceSet::default();
        // Most of the time only numbers change, and one look at all texts tells.
        let same_texts = self.text == new.text;
        let same_text = |a: Span, b: Span| if same_texts { a == b } else { self.bytes(a) == new.bytes(b) };
        for (a, b) in self.entries.iter().zip(&new.entries) {
            let same_label = match (a.label, b.label) {
                (Label::Key(a), Label::Key(b)) => same_text(a, b),
                (a, b) => a == b,
            };
            if !same_label || a.place != b.place || a.end != b.end {
                return None;
            }
            let same = match (a.what, b.what) {
                (What::Scalar(Value::Text(a)), What::Scalar(Value::Text(b))) => same_text(a, b),
                (What::Measured(n, a), What::Measured(m, b)) => n == m && same_text(a, b),
                (a, b) => a == b,
            };
            if !same {
                places.add(b.place);
            }
        }
        Some(places)
    }

    /// The whole value; `None` when nothing was kept.
    pub(crate) fn root(&self) -> Option<Node<'_>> {
        (!self.entries.is_empty()).then_some(Node { tree: self, at: 0 })
    }

    /// Whether something may have been kept at one of these places.
    pub(crate) fn saw(&self, places: &[Place]) -> bool {
        self.places.is_empty() || places.iter().any(|place| self.last(*place) != Some(0))
    }

    /// The only node at a place that one path leads to. The outer `None`: it has to be looked for.
    pub(crate) fn only(&self, place: Place) -> Option<Option<Node<'_>>> {
        let last = self.last(place).filter(|_| !self.repeated)?;
        Some((last as usize).checked_sub(1).map(|at| Node { tree: self, at }))
    }

    fn last(&self, place: Place) -> Option<u32> {
        self.places.get(usize::from(place)).copied()
    }

    /// Keeps a text for an entry to come.
    pub(crate) fn keep(&mut self, text: &str) -> Span {
        let at = self.text.len();
        self.text.push_str(text);
        // A tree holds about a megabyte.
        Span { at: u32::try_from(at).unwrap_or(u32::MAX), length: u32::try_from(text.len()).unwrap_or(0) }
    }

    /// Forgets the last text, which no entry needed.
    pub(super) fn forget(&mut self, label: Label) {
        if let Label::Key(span) = label {
            self.text.truncate(span.at as usize);
        }
    }

    /// Adds an entry; a container takes what follows until it is closed.
    pub(crate) fn add(&mut self, label: Label, place: Place, what: What) -> usize {
        let at = self.entries.len();
        self.entries.push(Entry { label, what, place, end: self.next() + 1 });
        at
    }

    fn next(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX - 1)
    }

    /// What an entry is to its container.
    pub(super) fn label(&self, at: usize) -> Label {
        self.entries.get(at).map_or(Label::Root, |entry| entry.label)
    }

    /// A container is whole.
    pub(crate) fn close(&mut self, at: usize) {
        let end = self.next();
        if let Some(entry) = self.entries.get_mut(at) {
            entry.end = end;
        }
    }

    /// Takes back a container; `false` when it is not empty.
    pub(super) fn take_back(&mut self, at: usize) -> bool {
        if self.entries.len() != at + 1 {
            return false;
        }
        if let Some(entry) = self.entries.pop() {
            self.forget(entry.label);
        }
        true
    }

    /// An entry is whole and stays; its object has `children` kept keys, 0 in an array.
    ///
    /// The last of two equal keys stays. In an object of more than [`LOOKED_AT`] a repeated key is added again, so that
    /// a hostile body cannot make this slow; [`Node::child`] still finds the last.
    pub(crate) fn stays(&mut self, container: usize, at: usize, children: u32) {
        let Some(Entry { label, place, .. }) = self.entries.get(at).copied() else { return };
        // Equal keys have equal places.
        let is_first = match self.places.get_mut(usize::from(place)) {
            Some(last) => std::mem::replace(last, u32::try_from(at + 1).unwrap_or(0)) == 0,
            None => false,
        };
        if is_first || children <= 1 {
            return;
        }
        self.repeated |= children > LOOKED_AT;
        let mut sibling = container + 1;
        while sibling < at && children <= LOOKED_AT {
            let entry = self.entries[sibling];
            if entry.place == place && self.key(entry.label).is_some_and(|key| Some(key) == self.key(label)) {
                self.entries[sibling].label = Label::Replaced;
                self.repeated = true;
            }
            sibling = entry.end as usize;
        }
    }

    /// The key of an entry, where it has one.
    pub(super) fn key(&self, label: Label) -> Option<&str> {
        match label {
            Label::Name(name) => self.names.get(usize::from(name)).map(|name| &**name),
            Label::Key(span) => Some(self.text(span)),
            Label::Root | Label::Index(_) | Label::Replaced => None,
        }
    }

    fn bytes(&self, span: Span) -> &[u8] {
        let at = span.at as usize;
        self.text.as_bytes().get(at..at + span.length as usize).unwrap_or_default()
    }

    fn text(&self, span: Span) -> &str {
        let at = span.at as usize;
        self.text.get(at..at + span.length as usize).unwrap_or("")
    }
}

impl<'a> Node<'a> {
    fn entry(self) -> Entry {
        self.tree.entries[self.at]
    }

    /// The child of a key or an index.
    pub(crate) fn child(self, key: &str) -> Option<Node<'a>> {
        match self.entry().what {
            What::Object => self.children().filter(|child| self.tree.key(child.entry().label) == Some(key)).last(),
            What::Array => {
                let index = index(key.as_bytes())?;
                self.children().find(|child| child.entry().label == Label::Index(index))
            }
            What::Blank | What::Scalar(_) | What::Measured(..) => None,
        }
    }

    /// All children in document order.
    pub(crate) fn children(self) -> impl Iterator<Item = Node<'a>> {
        let end = self.entry().end as usize;
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            while at < end {
                let child = Node { tree: self.tree, at };
                at = child.entry().end as usize;
                if child.entry().label != Label::Replaced {
                    return Some(child);
                }
            }
            None
        })
    }

    /// The value, when it is one.
    pub(crate) fn value(self) -> Option<Value<&'a str>> {
        match self.entry().what {
            What::Scalar(Value::Text(span)) | What::Measured(_, span) => Some(Value::Text(self.tree.text(span))),
            What::Scalar(Value::Number(number)) => Some(Value::Number(number)),
            What::Scalar(Value::Truth(truth)) => Some(Value::Truth(truth)),
            What::Blank | What::Object | What::Array => None,
        }
    }

    /// Null, an empty text, or a container that nothing looks into.
    pub(crate) fn is_blank(self) -> bool {
        self.entry().what == What::Blank
    }

    /// The characters of a text, where they were counted.
    pub(crate) fn characters(self) -> Option<u64> {
        if let What::Measured(characters, _) = self.entry().what { Some(characters) } else { None }
    }

    /// Its number within its tree; what stands later has a higher one.
    pub(crate) fn place_in_order(self) -> usize {
        self.at
    }

    /// A tree of its own with this as its root.
    pub(crate) fn cut_out(self) -> Tree {
        let mut tree = Tree { names: Arc::clone(&self.tree.names), ..Tree::default() };
        let offset = u32::try_from(self.at).unwrap_or(0);
        for entry in &self.tree.entries[self.at..self.entry().end as usize] {
            let mut moved = |span| tree.keep(self.tree.text(span));
            let what = match entry.what {
                What::Scalar(Value::Text(span)) => What::Scalar(Value::Text(moved(span))),
                What::Measured(characters, span) => What::Measured(characters, moved(span)),
                what => what,
            };
            let label = if let Label::Key(span) = entry.label { Label::Key(moved(span)) } else { entry.label };
            tree.entries.push(Entry { label, what, end: entry.end - offset, place: entry.place });
        }
        tree
    }
}

/// The number a key spells as an index of an array.
pub(super) fn index(key: &[u8]) -> Option<u32> {
    let canonical = key == b"0" || (key.iter().all(u8::is_ascii_digit) && !key.starts_with(b"0"));
    let text = std::str::from_utf8(key).ok().filter(|_| canonical)?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::projection::NOWHERE;
    use super::*;
    use crate::decimal::Decimal;

    #[test]
    fn a_part_of_a_tree_is_a_tree() {
        let mut tree = Tree::default();
        let root = tree.add(Label::Root, NOWHERE, What::Object);
        let key = tree.keep("list");
        let list = tree.add(Label::Key(key), NOWHERE, What::Array);
        for index in [3, 5] {
            let object = tree.add(Label::Index(index), NOWHERE, What::Object);
            let (key, text) = (tree.keep("key"), tree.keep("text"));
            tree.add(Label::Key(key), NOWHERE, What::Scalar(Value::Text(text)));
            tree.close(object);
        }
        tree.close(list);
        let key = tree.keep("list");
        let number = tree.add(Label::Key(key), NOWHERE, What::Scalar(Value::Number(Decimal::whole(1))));
        tree.close(root);
        let find = |tree: &Tree| Some(tree.root()?.child("list")?.child("5")?.child("key")?.value()?.show(9));
        assert_eq!(tree.root().expect("a root").children().count(), 2);
        tree.stays(root, number, 2);
        assert_eq!(tree.root().expect("a root").children().count(), 1);
        assert_eq!(find(&tree), None);
        let element = Node { tree: &tree, at: 4 }.cut_out();
        let root = element.root().expect("a root");
        assert_eq!(root.child("key").and_then(Node::value), Some(Value::Text("text")));
        assert_eq!(root.child("3").map(|node| node.at), None);
    }

    #[test]
    fn an_index_has_one_spelling() {
        assert_eq!(
            ["0", "17", "017", "00", "", "-1", "9999999999"].map(|key| index(key.as_bytes())).map(|i| i.is_some()),
            [true, true, false, false, false, false, false]
        );
    }
}
