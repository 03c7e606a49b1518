//! The always-on door that chains to the daemon or tunnels past it.
//!
//! ```text
//! client ── CONNECT ──▶ door ─┬─ host metered, daemon up ──▶ chain ──▶ daemon
//!                             └─ anything else ────────────▶ tunnel ─▶ origin, raw bytes
//! ```
//!
//! The promise is that no client ever fails because of us: the daemon may be stopped, stuck, replaced by something else
//! or mistaken, and the same CONNECT still reaches its origin. It is kept by what this crate does not link: no database,
//! no manifest, no decoder, no certificate code.

pub mod args;
pub mod run;

mod listen;

mod door;

mod head;

mod health;

mod daemon;

mod chain;

mod tunnel;

mod splice;

mod plain;

mod one_request;

mod coverage;

mod who;

mod counters;

mod settings;

mod reload;

mod ending;
