//! Decodes the header blocks of one direction, as a listener.
//!
//! A listener does not know which SETTINGS the encoder has seen, so the table may grow to the highest size that was ever
//! announced to it; the encoder says in the block what it really uses.

use super::table::Table;
use super::{huffman, integer};
use crate::{Fields, Unreadable};

/// Table size before any SETTINGS (RFC 9113 section 6.5.2).
const TABLE_DEFAULT: usize = 4096;
/// Largest table we follow, whatever was announced.
const TABLE_MAX: usize = 16 * 1024 * 1024;
/// Largest decoded block: the bytes of names and values, and 32 for each field.
const LIST_MAX: usize = 1024 * 1024;
const FIELD_OVERHEAD: usize = 32;

/// The decoder of one direction.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Table,
    table_max: usize,
}

/// A decoded block.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Block {
    /// Pseudo-headers included, in order.
    pub(crate) fields: Fields,
    /// Whether the block changed the dynamic table: a decoder that misses it is out of step from then on.
    pub(crate) changed_table: bool,
    /// The table sizes the block set, if any.
    pub(crate) resized: Option<Resized>,
}

/// Table sizes that were set since some point: the smallest on the way, and the last. An encoder that skips sizes still has
/// to signal both (RFC 7541 section 4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Resized {
    pub(crate) smallest: usize,
    pub(crate) last: usize,
}

impl Resized {
    /// Both changes, this one first.
    pub(crate) fn then(self, later: Option<Self>) -> Self {
        later.map_or(self, |later| Self { smallest: self.smallest.min(later.smallest), last: later.last })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: Table::new(TABLE_DEFAULT), table_max: TABLE_DEFAULT }
    }
}

impl Decoder {
    /// The reader of these blocks allows a table of this size.
    pub(crate) fn announce(&mut self, table_bytes: u32) {
        let announced = usize::try_from(table_bytes).unwrap_or(usize::MAX).min(TABLE_MAX);
        self.table_max = self.table_max.max(announced);
    }

    /// Decodes one complete block.
    pub(crate) fn decode(&mut self, block: &[u8]) -> Result<Block, Unreadable> {
        let mut decoded = Block { fields: Vec::new(), changed_table: false, resized: None };
        let mut list_bytes = 0;
        let mut rest = block;
        while let Some(&first) = rest.first() {
            if first & 0xe0 == 0x20 {
                let (size, taken) = integer::read(rest, 5)?;
                rest = &rest[taken..];
                if size > self.table_max {
                    return Err(Unreadable("a header table is larger than was ever allowed"));
                }
                self.table.resize(size);
                let now = Resized { smallest: size, last: size };
                decoded.resized = Some(decoded.resized.map_or(now, |before| before.then(Some(now))));
                decoded.changed_table = true;
                continue;
            }
            let (name, value) = if first & 0x80 != 0 {
                let (index, taken) = integer::read(rest, 7)?;
                rest = &rest[taken..];
                let (name, value) = self.at(index)?;
                (name.into(), value.into())
            } else {
                let indexed = first & 0x40 != 0;
                let (index, taken) = integer::read(rest, if indexed { 6 } else { 4 })?;
                rest = &rest[taken..];
                let name: Box<[u8]> = if index == 0 { string(&mut rest)? } else { self.at(index)?.0.into() };
                let value = string(&mut rest)?;
                if indexed {
                    self.table.insert(name.clone(), value.clone());
                    decoded.changed_table = true;
                }
                (name, value)
            };
            list_bytes += name.len() + value.len() + FIELD_OVERHEAD;
            if list_bytes > LIST_MAX {
                return Err(Unreadable("a header list is over the limit"));
            }
            decoded.fields.push((name, value));
        }
        Ok(decoded)
    }

    fn at(&self, index: usize) -> Result<(&[u8], &[u8]), Unreadable> {
        self.table.at(index).ok_or(Unreadable("a header block points outside its table"))
    }
}

/// Reads a string literal (RFC 7541 section 5.2).
fn string(rest: &mut &[u8]) -> Result<Box<[u8]>, Unreadable> {
    let coded = rest.first().is_some_and(|first| first & 0x80 != 0);
    let (len, taken) = integer::read(rest, 7)?;
    let text = rest.get(taken..taken + len).ok_or(Unreadable("a header block ends within a string"))?;
    *rest = &rest[taken + len..];
    if !coded {
        return Ok(text.into());
    }
    let mut plain = Vec::with_capacity(len * 8 / 5);
    huffman::decode(text, &mut plain)?;
    Ok(plain.into())
}
