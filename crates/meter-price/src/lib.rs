//! Prices a call's usage from a dated price book.
//!
//! Reading order: [`PriceFile`] is what a person wrote, [`PriceBookBuilder`] checks it and makes a [`PriceBook`], and
//! [`price`] makes a bill of a [`Query`]; [`settle`] weighs it against an amount that the provider named, [`derive`] makes
//! a stored line again. No clock, no files, no floating point.

mod again;
mod book;
mod build;
mod conditions;
mod cost;
mod credit;
mod currency;
mod derive;
mod diff;
mod fault;
mod instant;
mod join;
mod near;
mod query;
mod rate;
mod row;
mod settle;
mod upkeep;
mod view;
mod window;
mod written;

#[cfg(test)]
mod tests;

pub use again::{Past, price_again};
pub use book::{Plan, PriceBook, WireClass};
pub use build::PriceBookBuilder;
pub use cost::price;
pub use credit::{Balance, Credit, balances};
pub use currency::{Currencies, FxRate};
pub use derive::{DeriveError, derive, derive_among};
pub use diff::{ChangeKind, ModelChange, RateChange, RowChange, diff, per_cent};
pub use fault::{FaultKind, PriceFault};
pub use instant::{parse as parse_instant, print as print_instant};
pub use query::*;
pub use rate::{Factor, Rate, RateError, Unit};
pub use row::{Axis, FEES, Quota};
pub use settle::{Drift, Settled, settle, settle_billed};
pub use upkeep::{Age, CHECKED_DAYS_MAX, DUE_DAYS, HOLIDAY_DAYS_MIN, Notice, NoticeKind, ages, notices};
pub use view::{ModelView, RowView, TierView, WhenView};
pub use written::*;
