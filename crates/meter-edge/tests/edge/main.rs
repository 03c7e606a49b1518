//! The real edge on real sockets of 127.0.0.1, with a daemon and an origin that this file plays.

mod chain;
mod files;
mod plain;
mod process;
mod stage;
mod tunnel;
