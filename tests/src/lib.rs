//! What the whole-product tests stand on: real programs in a home of their own, and a recording origin on loopback.

mod client;
pub mod minisign;
pub mod raw;
pub mod rig;
mod rows;

pub use client::{Client, Ran, python_clients, skipped};
pub use rig::{Rig, RigBuilder};
pub use rows::{Line, Row};
