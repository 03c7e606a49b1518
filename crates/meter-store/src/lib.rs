//! Keeps every call in SQLite without ever making the client's traffic wait for it.
//!
//! Records are appended to the [`Journal`], files of JSON lines; one [`Writer`] thread moves them into the database; a
//! [`Reader`] has its own read-only connection. What a column means stands in `migrations/0001_ledger.sql`.

mod documents;
mod error;
mod journal;
mod money;
mod reader;
mod rfc3339;
mod rollup;
#[cfg(test)]
mod samples;
mod schema;
mod store;
mod writer;

pub use documents::stats as stats_document;
pub use error::{JournalError, StoreError};
pub use journal::{
    AuditEvent, BACKLOG_BYTES_MAX, CoverageRecord, JOURNAL_BYTES_MAX, Journal, Kept, PolicyRecord, Record,
};
pub use reader::{
    Activity, AuditPage, AuditQuery, BadCursor, By, CallDetail, CallPage, CallQuery, CallRow, CoverageRow, Cursor,
    DayUse, Found, ID_PREFIX_MIN, MeteredDay, Months, Part, Project, ProjectUse, Range, Reader, Report, ReportQuery,
    ReportRow, RunTotals, Spend, Totals, UnpricedModel, Use,
};
pub use rfc3339::{parse as parse_rfc3339, text as rfc3339};
pub use schema::SCHEMA_VERSION;
pub use store::{Reconciled, Repriced, Store};
pub use writer::{DatabaseState, Writer, WriterOptions, WriterStatus};
