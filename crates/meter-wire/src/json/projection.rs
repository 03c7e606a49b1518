//! Which parts of a message any pointer can reach, as a trie that the scanner walks along.

use crate::dialect::pointer::{Pointer, Segment};

/// The set of pointers, merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Projection {
    nodes: Vec<Trie>,
    /// Top-level key that names a message.
    pub(crate) name_key: Option<Box<str>>,
    /// Names some table reads; `None` when a table reads every message.
    pub(crate) names: Option<Vec<Box<str>>>,
}

#[derive(Clone, Debug, Default)]
struct Trie {
    keys: Vec<(Box<str>, u16)>,
    each: Option<u16>,
    deep: Option<u16>,
    /// This state stays on every child: the node after `**`.
    loops: bool,
    terminal: bool,
    /// The characters of a text here are counted.
    measured: bool,
}

/// A few numbers without an allocation, and more where a dialect's pointers really overlap so much.
#[derive(Clone, Debug, Default, PartialEq)]
struct States {
    count: u8,
    few: [u16; 6],
    more: Vec<u16>,
}

impl States {
    fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.few[..usize::from(self.count)].iter().chain(&self.more).copied()
    }

    fn push(&mut self, state: u16) {
        match self.few.get_mut(usize::from(self.count)) {
            Some(slot) => {
                *slot = state;
                self.count += 1;
            }
            None => self.more.push(state),
        }
    }
}

/// Positions in the trie that a node of the message has reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reached {
    states: States,
    /// Reached by something else than the loop of `**`: kept even when empty.
    pub(crate) firm: bool,
}

impl Reached {
    /// Nothing looks here.
    pub(crate) fn is_nothing(&self) -> bool {
        self.states.count == 0
    }
}

impl Projection {
    /// A projection that keeps what these pointers reach.
    pub(crate) fn of<'a>(pointers: impl IntoIterator<Item = &'a Pointer>) -> Projection {
        let mut projection = Projection { nodes: vec![Trie::default()], name_key: None, names: None };
        for pointer in pointers {
            projection.insert(0, &pointer.0);
        }
        projection
    }

    /// Counts the characters of the texts that these pointers reach, too.
    pub(crate) fn measure(&mut self, pointers: &[Pointer]) {
        for pointer in pointers {
            let end = self.insert(0, &pointer.0);
            self.nodes[usize::from(end)].measured = true;
        }
    }

    /// Whether the characters of a text here are counted.
    pub(crate) fn is_measured(&self, reached: &Reached) -> bool {
        reached.states.iter().any(|state| self.nodes[usize::from(state)].measured)
    }

    fn insert(&mut self, at: u16, segments: &[Segment]) -> u16 {
        let Some((first, rest)) = segments.split_first() else {
            self.nodes[usize::from(at)].terminal = true;
            return at;
        };
        match first {
            Segment::Key(key) => {
                let next = self.key(at, key);
                self.insert(next, rest)
            }
            Segment::Each => {
                let next = self.each(at);
                self.insert(next, rest)
            }
            Segment::Deep => {
                let next = self.deep(at);
                self.insert(next, rest)
            }
            Segment::Where(filters) => {
                let next = self.each(at);
                for filter in filters {
                    let end = filter.path.iter().fold(next, |node, key| self.key(node, key));
                    self.nodes[usize::from(end)].terminal = true;
                }
                self.insert(next, rest)
            }
        }
    }

    fn add(&mut self) -> u16 {
        // A dialect has some hundred pointers; the index cannot run out (the compiler limits their number).
        let index = u16::try_from(self.nodes.len()).unwrap_or(u16::MAX);
        if index < u16::MAX {
            self.nodes.push(Trie::default());
        }
        index.min(u16::try_from(self.nodes.len() - 1).unwrap_or(0))
    }

    fn key(&mut self, at: u16, key: &str) -> u16 {
        if let Some((_, next)) = self.nodes[usize::from(at)].keys.iter().find(|(name, _)| **name == *key) {
            return *next;
        }
        let next = self.add();
        self.nodes[usize::from(at)].keys.push((key.into(), next));
        next
    }

    fn each(&mut self, at: u16) -> u16 {
        if let Some(next) = self.nodes[usize::from(at)].each {
            return next;
        }
        let next = self.add();
        self.nodes[usize::from(at)].each = Some(next);
        next
    }

    fn deep(&mut self, at: u16) -> u16 {
        if let Some(next) = self.nodes[usize::from(at)].deep {
            return next;
        }
        let next = self.add();
        self.nodes[usize::from(next)].loops = true;
        self.nodes[usize::from(at)].deep = Some(next);
        next
    }

    fn enter(&self, reached: &mut Reached, state: u16) {
        if !reached.states.iter().any(|known| known == state) {
            reached.states.push(state);
            if let Some(deep) = self.nodes[usize::from(state)].deep {
                self.enter(reached, deep);
            }
        }
    }

    /// Where the root of a message stands.
    pub(crate) fn root(&self) -> Reached {
        let mut reached = Reached { states: States::default(), firm: true };
        if !self.nodes.is_empty() {
            self.enter(&mut reached, 0);
        }
        reached
    }

    /// Where a child stands.
    pub(crate) fn child(&self, parent: &Reached, key: &str) -> Reached {
        let mut reached = Reached::default();
        for state in parent.states.iter() {
            let node = &self.nodes[usize::from(state)];
            if node.loops {
                self.enter(&mut reached, state);
            }
        }
        for state in parent.states.iter() {
            let node = &self.nodes[usize::from(state)];
            let by_key = node.keys.iter().find(|(name, _)| **name == *key).map(|(_, next)| *next);
            for next in [by_key, node.each].into_iter().flatten() {
                reached.firm = true;
                self.enter(&mut reached, next);
            }
        }
        reached
    }

    /// Where an element of an array stands.
    pub(crate) fn element(&self, parent: &Reached, index: u32) -> Reached {
        let numbered = |state: u16| self.nodes[usize::from(state)].keys.iter().any(|(key, _)| is_index(key));
        if parent.states.iter().any(numbered) {
            self.child(parent, &index.to_string())
        } else {
            // No pointer has an empty key, so this matches what matches every element.
            self.child(parent, "")
        }
    }

    /// Whether a scalar here is wanted.
    pub(crate) fn is_wanted(&self, reached: &Reached) -> bool {
        reached.states.iter().any(|state| self.nodes[usize::from(state)].terminal)
    }
}

fn is_index(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_digit())
}
