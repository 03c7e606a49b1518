//! Pointers: where a value stands in a message.

use crate::decimal::Decimal;
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
    pub(crate) fn find<'a>(&self, root: Node<'a>, each: &mut dyn FnMut(Node<'a>)) {
        walk(root, &self.0, each);
    }

    /// The value it names.
    pub(crate) fn value<'a>(&self, root: Node<'a>) -> Option<Value<&'a str>> {
        let mut combined = Combined::default();
        self.find(root, &mut |node| combined.extend(node.value()));
        combined.value()
    }
}

fn walk<'a>(node: Node<'a>, segments: &[Segment], found: &mut dyn FnMut(Node<'a>)) {
    let Some((first, rest)) = segments.split_first() else {
        found(node);
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
            for child in node.children().filter(|child| filters.iter().all(|filter| filter.admits(*child))) {
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
    fn admits(&self, element: Node<'_>) -> bool {
        let target = self.path.iter().try_fold(element, |node, key| node.child(key));
        target.and_then(Node::value).is_some_and(|value| value.is_spelled(&self.text) == self.equal)
    }
}

/// The value of several matches: one is itself; numbers are summed; texts and truths are a value only when equal.
#[derive(Default)]
pub(crate) struct Combined<'a> {
    first: Option<Value<&'a str>>,
    several: bool,
    differ: bool,
    sum: Option<Decimal>,
}

impl<'a> Combined<'a> {
    /// What all of them make.
    pub(crate) fn value(self) -> Option<Value<&'a str>> {
        match self.sum {
            Some(sum) if self.several => Some(Value::Number(sum)),
            _ => self.first.filter(|_| !self.differ),
        }
    }
}

impl<'a> Extend<Value<&'a str>> for Combined<'a> {
    fn extend<I: IntoIterator<Item = Value<&'a str>>>(&mut self, values: I) {
        for value in values {
            let Some(first) = self.first else {
                self.first = Some(value);
                continue;
            };
            let sum = if self.several { self.sum } else { first.number() };
            self.sum = sum.zip(value.number()).and_then(|(sum, number)| sum.add(number));
            self.several = true;
            self.differ |= first != value;
        }
    }
}
