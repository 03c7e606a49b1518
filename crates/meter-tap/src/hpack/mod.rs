//! Header compression of HTTP/2 (RFC 7541): a decoder that follows both encoders, and an encoder of literals alone.
//!
//! Of our own because the decoders on offer panic on broken input or are far slower, none tells whether a block changed
//! the table, and none comes with an encoder that leaves the table alone.

mod decoder;
mod huffman;
#[cfg(test)]
pub(crate) mod indexing;
mod integer;
mod literal;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use decoder::{Block, Decoder, Resized};
pub(crate) use literal::literal_block;
