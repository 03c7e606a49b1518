//! Keeps a decoder in step with an encoder some of whose blocks it never gets.
//!
//! Once a swallowed block has changed the dynamic table, every later block of that direction points into a table that the
//! reader does not have. From then on each is decoded by us and written anew as literals, which need no table.

use super::frame::{FrameHeader, write_literal_block};
use crate::hpack::{Block, Resized};

/// What became of one direction's header blocks.
#[derive(Debug, Default)]
pub(crate) struct Recoding {
    on: bool,
    /// Table sizes of swallowed blocks: the reader waits for them if it asked for a smaller table.
    owed: Option<Resized>,
}

impl Recoding {
    /// Whether blocks have to be written anew.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// The reader does not get this block.
    pub(crate) fn swallow(&mut self, block: &Block) {
        self.on |= block.changed_table;
        self.owed = self.owed.map_or(block.resized, |owed| Some(owed.then(block.resized)));
    }

    /// Writes a block anew.
    pub(crate) fn write(&mut self, first: FrameHeader, promised: Option<u32>, block: &Block, out: &mut Vec<u8>) {
        let resized = self.owed.take().map_or(block.resized, |owed| Some(owed.then(block.resized)));
        write_literal_block(first, promised, block, resized, out);
    }
}
