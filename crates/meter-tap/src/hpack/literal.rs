//! Encodes header blocks that neither read nor change the dynamic table, so they fit between any two others.

use super::decoder::Resized;
use super::integer;
use super::table::static_name;
use crate::Fields;

/// A block of these fields. `resized`: table sizes that the reader has to be told of, and has not been.
///
/// Every field is a literal that is never indexed: what was sensitive stays marked so, and nothing else is harmed by it.
pub(crate) fn literal_block(fields: &Fields, resized: Option<Resized>) -> Vec<u8> {
    let mut block = Vec::new();
    if let Some(Resized { smallest, last }) = resized {
        if smallest < last {
            integer::write(smallest, 5, 0x20, &mut block);
        }
        integer::write(last, 5, 0x20, &mut block);
    }
    for (name, value) in fields {
        let index = static_name(name).unwrap_or(0);
        integer::write(index, 4, 0x10, &mut block);
        if index == 0 {
            string(name, &mut block);
        }
        string(value, &mut block);
    }
    block
}

fn string(text: &[u8], block: &mut Vec<u8>) {
    integer::write(text.len(), 7, 0, block);
    block.extend_from_slice(text);
}
