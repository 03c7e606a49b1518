//! Compares a provider's own usage report with stored rows.
//!
//! Reading order: [`read`] takes the text of an export apart by one of the formats in `formats.toml` (a provider's way of
//! writing is data), [`compare`] lays it beside what was metered, and `judge` says what most likely lies behind a difference
//! of one day and model, `across` what days and models say of each other. Text and values in, values out.

mod across;
mod cause;
mod compare;
mod flat;
mod format;
mod judge;
mod metered;
mod read;
mod reported;

pub use cause::{Cause, Grounds, Why};
pub use compare::{Compared, Line, compare};
pub use format::Format;
pub use metered::{AsIf, Metered};
pub use read::{Export, UnreadableExport, decode, read};
pub use reported::Reported;
