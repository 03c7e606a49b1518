//! Turns the bytes of one connection into exchange events, and holds the gate.
//!
//! Sans-IO and pure: bytes in, events and (only when gated) bytes out. A fault in here costs a row, never a request.

mod api;

pub use api::*;
