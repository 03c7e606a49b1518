//! The API as its clients see it: real sockets, a real ledger, the documented shapes.

mod access;
mod documents;
mod lists;
mod server;
