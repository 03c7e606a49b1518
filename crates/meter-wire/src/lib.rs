//! Reads usage from bodies and streams by a dialect, without holding the answer up.
//!
//! Content codings and framings are code; dialects are data. Pure: bytes in, a [`CallReading`] out.

mod reading;

pub use reading::*;
