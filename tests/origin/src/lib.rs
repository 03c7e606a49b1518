//! A TLS origin that records the exact decrypted bytes it got.
//!
//! The demo provider answers; this crate puts a recorder between TLS and HTTP, and offers scripted origins for what no
//! well-behaved server does (resets, GOAWAY, client certificates, servers that speak first).

mod record;
mod scripted;
mod tls;

pub use record::{Recorded, RecordedStream, Recorder};
pub use scripted::ScriptedOrigin;
pub use tls::RecordingOrigin;
