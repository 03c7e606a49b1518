//! The documents that the API and `--json` print, and the exit codes: what other programs rely on.
//!
//! The documents of `/v1/...` have the names, nullability and units of the documented API: money in millicents
//! (10⁻⁵ USD, `*_minor_units`), instants as RFC 3339 text. Fields beside the documented ones may be added, never removed
//! or renamed within one [`SCHEMA_VERSION`].

mod call;
mod csv;
mod document;
mod exit;
mod finding;
mod health;
mod money;
mod project;
mod report;
mod request;
mod stats;
mod status;

pub use call::{Bill, BillLine, Call, CallList, Origin, PriceRow};
pub use csv::Csv;
pub use document::{Document, ErrorBody, ErrorDocument, SCHEMA_VERSION};
pub use exit::Exit;
pub use finding::{Finding, Findings, OtherPlace, Severity};
pub use health::{DaemonStatus, Health, HealthWord, Ledger};
pub use money::{Amount, MadeOf};
pub use project::{Project, ProjectStats};
pub use report::{Report, ReportRow};
pub use request::{Request, RequestPage, UNKNOWN};
pub use stats::{Day, DayOfProvider, ModelUse, ProviderUse, Stats, Summary};
pub use status::{Check, CheckState, Component, Status};
