//! From bytes on the wire to rows in the database, with the bundled dialects and a small provider of the user's.

#[path = "../support/mod.rs"]
mod support;

mod later;
mod rows;
mod rules;
mod scene;
mod sockets;
