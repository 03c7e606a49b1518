//! Prices a call's usage from a dated price book.
//!
//! `price(&book, &query)`: no clock, no files. The book is built by whoever reads manifests.

mod query;

pub use query::*;
