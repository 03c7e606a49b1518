//! An encoder that uses the dynamic table, so that tests can tell when a decoder is out of step.

use super::integer;
use super::table::Table;
use crate::Fields;

/// What a test wants of the next field or block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Point into the table where it has the field, else enter it there.
    Index,
    /// Leave the table alone.
    Literal,
    /// Set another table size first, then index.
    Resize(usize),
}

#[derive(Debug)]
pub(crate) struct Encoder {
    table: Table,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { table: Table::new(4096) }
    }
}

impl Encoder {
    pub(crate) fn encode(&mut self, fields: &Fields, manner: Manner) -> Vec<u8> {
        let mut block = Vec::new();
        if let Manner::Resize(bytes) = manner {
            self.table.resize(bytes);
            integer::write(bytes, 5, 0x20, &mut block);
        }
        for (name, value) in fields {
            let known = (1..).map_while(|index| Some((index, self.table.at(index)?)));
            let known = known.filter(|(_, entry)| *entry == (&**name, &**value)).map(|(index, _)| index).next();
            match (known, manner) {
                (Some(index), Manner::Index | Manner::Resize(_)) => integer::write(index, 7, 0x80, &mut block),
                (_, Manner::Literal) => literal(0x00, name, value, &mut block),
                (None, _) => {
                    literal(0x40, name, value, &mut block);
                    self.table.insert(name.clone(), value.clone());
                }
            }
        }
        block
    }
}

fn literal(first: u8, name: &[u8], value: &[u8], block: &mut Vec<u8>) {
    block.push(first);
    for text in [name, value] {
        integer::write(text.len(), 7, 0, block);
        block.extend_from_slice(text);
    }
}
