//! Pointers: where a value stands in a message.

use crate::json::Node;
use crate::value::Value;

/// One segment of a pointer.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Segment {
    /// A key of an object, an index of an array, a field number of a protobuf message.
    Key(Box<str>),
    /// Every element.
    Each,
    /// Any depth, this level included.
    Deep,
    /// The elements for which all hold.
    Where(Vec<Filter>),
}

/// `[action/type=search]`: a condition on one element.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Filter {
    /// Keys below the element; empty compares the element itself.
    pub(crate) path: Vec<Box<str>>,
    /// `=` or `!=`.
    pub(crate) equal: bool,
    /// The text it is compared with.
    pub(crate) text: Box<str>,
}

/// A path through a message.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Pointer(pub(crate) Vec<Segment>);

impl Pointer {
    /// This pointer under a prefix.
    pub(crate) fn under(&self, prefix: &Pointer) -> Pointer {
        Pointer(prefix.0.iter().chain(&self.0).cloned().collect())
    }

    /// Every node it names, in document order.
    pub(crate) fn find<'a>(&self, root: &'a Node) -> Vec<&'a Node> {
        let mut found = Vec::new();
        walk(root, &self.0, &mut found);
        found
    }
}

fn walk<'a>(node: &'a Node, segments: &[Segment], found: &mut Vec<&'a Node>) {
    let Some((first, rest)) = segments.split_first() else {
        found.push(node);
        return;
    };
    match first {
        Segment::Key(key) => {
            if let Some(child) = node.child(key) {
                walk(child, rest, found);
            }
        }
        Segment::Each => node.children().for_each(|child| walk(child, rest, found)),
        Segment::Where(filters) => {
            for child in node.children().filter(|child| filters.iter().all(|filter| filter.admits(child))) {
                walk(child, rest, found);
            }
        }
        Segment::Deep => {
            walk(node, rest, found);
            node.children().for_each(|child| walk(child, segments, found));
        }
    }
}

impl Filter {
    fn admits(&self, element: &Node) -> bool {
        let target = self.path.iter().try_fold(element, |node, key| node.child(key));
        target.and_then(Node::value).is_some_and(|value| value.is_spelled(&self.text) == self.equal)
    }
}

/// The value of several matches: one is itself; numbers are summed; texts and truths are a value only when equal.
pub(crate) fn combined<'a>(mut values: impl Iterator<Item = &'a Value>) -> Option<Value> {
    let first = values.next()?;
    let mut same = true;
    let mut sum = first.number();
    let mut several = false;
    for value in values {
        several = true;
        same &= value == first;
        sum = match (sum, value.number()) {
            (Some(sum), Some(number)) => sum.add(number),
            _ => None,
        };
    }
    match (several, sum) {
        (false, _) => Some(first.clone()),
        (true, Some(sum)) => Some(Value::Number(sum)),
        (true, None) => same.then(|| first.clone()),
    }
}
