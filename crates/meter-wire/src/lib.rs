//! Reads usage from bodies and streams by a dialect, without holding the answer up.
//!
//! The way of the bytes: a content coding is taken off (`coding`), a framing cuts messages (`framing`), of each message
//! only what the dialect's pointers can reach is kept (`json`, `proto`), each message fills the cells of its row
//! (`rows`, `eval`), and when a row closes its expressions run once (`report`).
//!
//! Content codings and framings are code; dialects are data ([`Dialect`]). Pure: bytes in, a [`CallReading`] out.

mod coding;
mod condition;
mod decimal;
mod dialect;
mod eval;
mod exchange;
mod framing;
mod json;
mod proto;
mod reading;
mod report;
mod rows;
mod value;

pub use condition::{BadCondition, HeadCondition};
pub use dialect::{
    Dialect, DialectError, DialectSource, Mistake, PathUse, Position, RefusalFacts, RefusalText, Written, WrittenEntry,
    WrittenTable, WrittenValue,
};
pub use exchange::{ExchangeReader, Fields, RequestReading, RouteFacts};
pub use reading::*;
