//! What a message says that the one before it did not.

use super::{Body, Message};
use crate::json::{PlaceSet, Tree};

/// The last message. Chunks of one answer differ in their text, which nothing keeps: what is left says nothing new
/// most of the time, or has another number at a place or two.
#[derive(Default)]
pub(crate) struct Repeat {
    tree: Tree,
    event: String,
    /// There was a message, and it was JSON.
    is_json: bool,
}

/// What is new, as far as it can be told cheaply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum News {
    /// It is the last message again.
    Nothing,
    /// The last message again, but for these places.
    At(PlaceSet),
    /// Another message.
    Message,
}

impl Repeat {
    /// Compares a message with the last one, and makes it the last.
    pub(crate) fn news(&mut self, message: &Message<'_>) -> News {
        let event = message.event.unwrap_or_default();
        let Message { body: Body::Json(tree), data: None, .. } = message else {
            self.is_json = false;
            return News::Message;
        };
        // Empty texts apart: some processors take a hundred nanoseconds to compare none of the bytes of nowhere.
        let same_event = if event.is_empty() { self.event.is_empty() } else { self.event == event };
        let comparable = std::mem::replace(&mut self.is_json, message.headers.is_empty()) && self.is_json && same_event;
        let changed = if comparable { self.tree.changes(tree) } else { None };
        if changed.is_some_and(PlaceSet::is_empty) {
            return News::Nothing;
        }
        self.tree.copy(tree);
        self.event.clear();
        self.event.push_str(event);
        changed.map_or(News::Message, News::At)
    }
}
