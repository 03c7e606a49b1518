//! The words of one metered call: ids, slugs, disjoint buckets, cost lines, outcome.
//!
//! Values only: no clock, no randomness, no I/O. What is time or chance comes in as a number.

mod conditions;
mod id;
mod instant;
mod line;
mod meter;
mod outcome;
mod record;
mod slug;
mod usage;

pub use conditions::Conditions;
pub use id::CallId;
pub use instant::UnixMillis;
pub use line::{CostLine, Multiplier, PriceUse};
pub use meter::{Meter, Side, UnknownMeter};
pub use outcome::{Billing, EndpointClass, ErrorClass, Evidence, Mode, Status, UsageState};
pub use record::{CallRecord, OpenRecord, ProcessFacts, Reservation};
pub use slug::{BadSlug, ProjectSlug};
pub use usage::Buckets;
