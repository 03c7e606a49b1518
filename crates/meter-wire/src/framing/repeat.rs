//! Whether a message says again what the one before it said.

use super::{Body, Message};
use crate::json::Tree;

/// What was kept of the last message. Chunks of one answer differ in their text, which nothing keeps: what is left
/// says nothing new most of the time, and need not be read again.
#[derive(Default)]
pub(crate) struct Repeat {
    tree: Tree,
    event: String,
    /// There was a message, and it was JSON.
    is_json: bool,
}

impl Repeat {
    /// Whether this is the last message again, as far as it can be told cheaply; it becomes the last.
    pub(crate) fn is(&mut self, message: &Message<'_>) -> bool {
        let event = message.event.unwrap_or_default();
        let Message { body: Body::Json(tree), data: None, .. } = message else {
            self.is_json = false;
            return false;
        };
        // Empty texts apart: some processors take a hundred nanoseconds to compare none of the bytes of nowhere.
        let same_event = if event.is_empty() { self.event.is_empty() } else { self.event == event };
        if self.is_json && message.headers.is_empty() && same_event && self.tree == **tree {
            return true;
        }
        self.is_json = message.headers.is_empty();
        self.tree.copy(tree);
        self.event.clear();
        self.event.push_str(event);
        false
    }
}
