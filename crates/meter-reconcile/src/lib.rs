//! Compares a provider's own usage report with stored rows.
//!
//! Reading order: [`read`] takes the text of an export apart by one of the formats in `formats.toml` (a provider's way of
//! writing is data), [`compare`] lays it beside what was metered, and [`Line::cause`] says what most likely lies behind a
//! difference. Text and values in, values out.

mod cause;
mod compare;
mod flat;
mod format;
mod read;

pub use cause::Cause;
pub use compare::{Compared, Line, Metered, compare};
pub use format::Format;
pub use read::{Export, Reported, UnreadableExport, read};
