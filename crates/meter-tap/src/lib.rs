//! Turns the bytes of one connection into exchange events, and holds the gate.
//!
//! Sans-IO and pure: bytes in, events and (only when gated) bytes out. A fault in here costs a row, never a request.
//!
//! [`Tap`] is the door: the relay shows it what each side sent and how each side ended, an [`Observer`] hears what was
//! in it. Reading order: `api` (the words), `tap` (what holds when a parser fails), `h1`, `h2` over `hpack`, `websocket`.

mod api;
mod h1;
mod h2;
mod hpack;
mod tap;
mod watch;
mod websocket;

pub use api::*;
pub use tap::Tap;

/// Why a connection cannot be read any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unreadable(pub(crate) &'static str);
