//! What is kept of a JSON value.

use crate::value::Value;

/// Kept keys of an object among which a repeated one is looked for.
const LOOKED_AT: usize = 256;

/// The part of a JSON value that pointers can reach. Arrays keep the index of what they kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Null, an empty text, or a container that nothing looks into.
    Blank,
    /// A value.
    Scalar(Value),
    /// A text whose characters were counted, and what is kept of it.
    Measured(u64, Value),
    /// An object; the last of two equal keys stays.
    Object(Vec<(Box<str>, Node)>),
    /// An array.
    Array(Vec<(u32, Node)>),
}

impl Node {
    /// The child of a key or an index.
    pub(crate) fn child(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Object(entries) => entries.iter().rfind(|(name, _)| **name == *key).map(|(_, node)| node),
            Node::Array(items) => {
                let index = key.parse::<u32>().ok().filter(|index| index.to_string() == key)?;
                items.iter().find(|(at, _)| *at == index).map(|(_, node)| node)
            }
            Node::Blank | Node::Scalar(_) | Node::Measured(..) => None,
        }
    }

    /// All children in document order.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Node> {
        let entries = if let Node::Object(entries) = self { entries.as_slice() } else { &[] };
        let items = if let Node::Array(items) = self { items.as_slice() } else { &[] };
        entries.iter().map(|(_, node)| node).chain(items.iter().map(|(_, node)| node))
    }

    /// The value, when it is one.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Node::Scalar(value) | Node::Measured(_, value) => Some(value),
            Node::Blank | Node::Object(_) | Node::Array(_) => None,
        }
    }

    /// Adds or replaces a key of an object. In an object of more than [`LOOKED_AT`] kept keys a repeated key is added
    /// again, so that a hostile body cannot make this slow; [`Node::child`] still finds the last.
    pub(crate) fn put(&mut self, key: Box<str>, node: Node) {
        if let Node::Object(entries) = self {
            let looked_at = if entries.len() <= LOOKED_AT { entries.as_mut_slice() } else { &mut [] };
            match looked_at.iter_mut().find(|(name, _)| *name == key) {
                Some((_, old)) => *old = node,
                None => entries.push((key, node)),
            }
        }
    }
}
