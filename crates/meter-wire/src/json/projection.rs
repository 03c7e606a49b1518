//! Which parts of a message any pointer can reach: a table of places that the scanner walks along.
//!
//! Pointers are merged into a trie, and the sets of its nodes that one path can stand on become places, so that a step
//! down is one comparison of a key however many pointers overlap.

use super::tree::index;
use crate::dialect::pointer::{Pointer, Segment};
use crate::framing::ListPath;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A place in a message, as pointers tell them apart.
pub(crate) type Place = u16;

/// Nothing looks here.
pub(crate) const NOWHERE: Place = 0;
/// The message itself.
pub(crate) const ROOT: Place = 1;
/// Most places; the largest bundled dialect has some hundred.
const PLACES_MAX: usize = 4096;

/// The set of pointers, merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Projection {
    places: Vec<Looked>,
    /// Every key that some pointer names, once.
    key_names: Arc<[Box<str>]>,
    /// Where the name of a message stands.
    pub(crate) name: Option<Place>,
    /// Names some table reads; `None` when a table reads every message.
    pub(crate) names: Option<Vec<Box<str>>>,
    /// Lists inside a document whose elements are messages.
    pub(crate) lists: Vec<ListPath>,
}

/// What is looked for at a place.
#[derive(Clone, Debug, Default)]
struct Looked {
    keys: Vec<Named>,
    /// Where a key stands in `keys`, from 1, by its print; as many as a power of two, and half of them 0.
    slots: Vec<u16>,
    /// Children of an array that have a place of their own.
    indexes: Vec<(u32, Place)>,
    /// Every other child.
    other: Place,
    /// Reached by something else than the loop of `**`: kept even when empty.
    firm: bool,
    wanted: bool,
    /// The characters of a text here are counted.
    measured: bool,
}

/// A child with a key that some pointer names.
#[derive(Clone, Debug)]
struct Named {
    key: Box<[u8]>,
    /// Index among all names.
    name: u16,
    place: Place,
}

/// Where pointers end.
pub(crate) struct Ends(Vec<(Pointer, Vec<Place>)>);

impl Ends {
    /// The places where one of these pointers ends.
    pub(crate) fn of(&self, pointers: &[Pointer]) -> Vec<Place> {
        let ends = self.0.iter().filter(|(pointer, _)| pointers.contains(pointer));
        let mut places: Vec<Place> = ends.flat_map(|(_, places)| places.iter().copied()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Pointers overlap in more ways than there may be places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlapping;

impl Projection {
    /// A projection that keeps what these pointers reach, and counts the characters of the texts at `measured` ones.
    ///
    /// # Errors
    /// They overlap in too many ways.
    pub(crate) fn of(pointers: &[Pointer], measured: &[Pointer]) -> Result<(Projection, Ends), Overlapping> {
        let mut trie = vec![Node::default()];
        let mut ends = BTreeMap::new();
        for pointer in pointers.iter().chain(measured) {
            let end = insert(&mut trie, 0, &pointer.0)?;
            trie[usize::from(end)].wanted = true;
            ends.entry(end).or_insert_with(Vec::new).push(pointer);
        }
        for pointer in measured {
            let end = insert(&mut trie, 0, &pointer.0)?;
            trie[usize::from(end)].measured = true;
        }
        let mut key_names: Vec<Box<str>> =
            trie.iter().flat_map(|node| &node.keys).map(|(key, _)| key.clone()).collect();
        key_names.sort_unstable();
        key_names.dedup();
        let (places, sets) = places(&trie, &key_names)?;
        let of_end = |end: u16| -> Vec<Place> {
            let standing = (ROOT..).zip(&sets).filter(|(_, set)| set.nodes.contains(&end));
            standing.map(|(place, _)| place).collect()
        };
        let ends = ends.into_iter().flat_map(|(end, pointers)| {
            let places = of_end(end);
            pointers.into_iter().map(move |pointer| (pointer.clone(), places.clone()))
        });
        Ok((
            Projection { places, key_names: key_names.into(), name: None, names: None, lists: Vec::new() },
            Ends(ends.collect()),
        ))
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Every key that some pointer names.
    pub(super) fn key_names(&self) -> &Arc<[Box<str>]> {
        &self.key_names
    }

    /// Where a child of an object stands, and the index of its key where that is a name.
    pub(crate) fn child(&self, parent: Place, key: &[u8]) -> (Place, Option<u16>) {
        let Some(looked) = self.places.get(usize::from(parent)) else { return (NOWHERE, None) };
        let Some(mask) = looked.slots.len().checked_sub(1) else { return (looked.other, None) };
        let mut slot = print(key) & mask;
        while let Some(at) = usize::from(looked.slots[slot]).checked_sub(1) {
            let named = &looked.keys[at];
            if *named.key == *key {
                return (named.place, Some(named.name));
            }
            slot = (slot + 1) & mask;
        }
        (looked.other, None)
    }

    /// Where an element of an array stands.
    pub(crate) fn element(&self, parent: Place, index: u32) -> Place {
        let Some(looked) = self.places.get(usize::from(parent)) else { return NOWHERE };
        let own = looked.indexes.iter().find(|(own, _)| *own == index);
        own.map_or(looked.other, |(_, place)| *place)
    }

    /// Whether a scalar here is wanted.
    pub(crate) fn is_wanted(&self, place: Place) -> bool {
        self.places.get(usize::from(place)).is_some_and(|looked| looked.wanted)
    }

    /// Whether something here is kept even when it is empty.
    pub(crate) fn is_firm(&self, place: Place) -> bool {
        self.places.get(usize::from(place)).is_some_and(|looked| looked.firm)
    }

    /// Whether the characters of a text here are counted.
    pub(crate) fn is_measured(&self, place: Place) -> bool {
        self.places.get(usize::from(place)).is_some_and(|looked| looked.measured)
    }
}

/// A number that few keys share, in its low bits.
fn print(key: &[u8]) -> usize {
    let word = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => key.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let mixed = (word ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Fits: thirty-two bits.
    (mixed >> 32) as usize
}

fn slots(keys: &[Named]) -> Vec<u16> {
    if keys.is_empty() {
        return Vec::new();
    }
    let mut slots = vec![0; (keys.len() * 2).next_power_of_two()];
    for (number, named) in (1..).zip(keys) {
        let mut slot = print(&named.key) & (slots.len() - 1);
        while slots[slot] != 0 {
            slot = (slot + 1) & (slots.len() - 1);
        }
        slots[slot] = number;
    }
    slots
}

/// A node of the trie of pointers.
#[derive(Default)]
struct Node {
    keys: Vec<(Box<str>, u16)>,
    each: Option<u16>,
    deep: Option<u16>,
    /// Stays on every child: the node after `**`.
    loops: bool,
    wanted: bool,
    measured: bool,
}

fn insert(trie: &mut Vec<Node>, at: u16, segments: &[Segment]) -> Result<u16, Overlapping> {
    let Some((first, rest)) = segments.split_first() else { return Ok(at) };
    let next = match first {
        Segment::Key(name) => key(trie, at, name)?,
        Segment::Each => each(trie, at)?,
        Segment::Deep => match trie[usize::from(at)].deep {
            Some(next) => next,
            None => {
                let next = add(trie)?;
                trie[usize::from(next)].loops = true;
                trie[usize::from(at)].deep = Some(next);
                next
            }
        },
        Segment::Where(filters) => {
            let next = each(trie, at)?;
            for filter in filters {
                let end = filter.path.iter().try_fold(next, |node, name| key(trie, node, name))?;
                trie[usize::from(end)].wanted = true;
            }
            next
        }
    };
    insert(trie, next, rest)
}

fn add(trie: &mut Vec<Node>) -> Result<u16, Overlapping> {
    trie.push(Node::default());
    u16::try_from(trie.len() - 1).map_err(|_| Overlapping)
}

fn key(trie: &mut Vec<Node>, at: u16, key: &str) -> Result<u16, Overlapping> {
    if let Some((_, next)) = trie[usize::from(at)].keys.iter().find(|(name, _)| **name == *key) {
        return Ok(*next);
    }
    let next = add(trie)?;
    trie[usize::from(at)].keys.push((key.into(), next));
    Ok(next)
}

fn each(trie: &mut Vec<Node>, at: u16) -> Result<u16, Overlapping> {
    if let Some(next) = trie[usize::from(at)].each {
        return Ok(next);
    }
    let next = add(trie)?;
    trie[usize::from(at)].each = Some(next);
    Ok(next)
}

/// The nodes of the trie that one path stands on, in order.
#[derive(Clone, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Standing {
    nodes: Vec<u16>,
    firm: bool,
}

impl Standing {
    fn enter(&mut self, trie: &[Node], node: u16) {
        if let Err(at) = self.nodes.binary_search(&node) {
            self.nodes.insert(at, node);
            if let Some(deep) = trie[usize::from(node)].deep {
                self.enter(trie, deep);
            }
        }
    }

    /// Where a child with this key stands; without one, a child that no key names.
    fn child(&self, trie: &[Node], key: Option<&str>) -> Standing {
        let mut child = Standing::default();
        for at in &self.nodes {
            let node = &trie[usize::from(*at)];
            if node.loops {
                child.enter(trie, *at);
            }
            let named = node.keys.iter().find(|(name, _)| Some(&**name) == key).map(|(_, next)| *next);
            for next in [named, node.each].into_iter().flatten() {
                child.firm = true;
                child.enter(trie, next);
            }
        }
        child
    }
}

/// The places, [`NOWHERE`] first, and where each but that one stands in the trie.
fn places(trie: &[Node], names: &[Box<str>]) -> Result<(Vec<Looked>, Vec<Standing>), Overlapping> {
    let mut root = Standing { nodes: Vec::new(), firm: true };
    root.enter(trie, 0);
    let mut known = BTreeMap::from([(root.clone(), ROOT)]);
    let mut sets = vec![root];
    let mut places = vec![Looked::default()];
    while let Some(set) = sets.get(places.len() - 1).cloned() {
        let mut place = |child: Standing| {
            if child.nodes.is_empty() {
                return Ok(NOWHERE);
            }
            if let Some(place) = known.get(&child) {
                return Ok(*place);
            }
            sets.push(child.clone());
            let place = u16::try_from(sets.len()).ok().filter(|_| sets.len() < PLACES_MAX).ok_or(Overlapping)?;
            known.insert(child, place);
            Ok(place)
        };
        let nodes = || set.nodes.iter().map(|node| &trie[usize::from(*node)]);
        let mut looked = Looked {
            firm: set.firm,
            wanted: nodes().any(|node| node.wanted),
            measured: nodes().any(|node| node.measured),
            other: place(set.child(trie, None))?,
            ..Looked::default()
        };
        for (key, _) in nodes().flat_map(|node| &node.keys) {
            if looked.keys.iter().all(|named| *named.key != *key.as_bytes()) {
                let name =
                    names.binary_search(key).ok().and_then(|name| u16::try_from(name).ok()).ok_or(Overlapping)?;
                let child = place(set.child(trie, Some(key)))?;
                looked.indexes.extend(index(key.as_bytes()).map(|index| (index, child)));
                looked.keys.push(Named { key: key.as_bytes().into(), name, place: child });
            }
        }
        looked.slots = slots(&looked.keys);
        places.push(looked);
    }
    Ok((places, sets))
}
