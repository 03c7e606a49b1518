//! `report --json`.

use crate::{Amount, MadeOf};
use serde::{Deserialize, Serialize};

/// What was spent in a span of time.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// First instant; `null` = from the first call on.
    pub since: Option<String>,
    /// First instant that is not in it; `null` = until now.
    pub until: Option<String>,
    /// Time zone of days and months.
    pub zone: String,
    /// `project`, `model`, `provider`: what a row of `rows` is.
    pub by: String,
    /// Projects with calls.
    pub projects: u64,
    /// Models with calls.
    pub models: u64,
    /// Everything together.
    pub total: ReportRow,
    /// Dearest first.
    pub rows: Vec<ReportRow>,
    /// The same for the span of equal length before, when asked for.
    pub previous: Option<ReportRow>,
}

/// One row of a report. What it is not grouped by is `null`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReportRow {
    /// Project slug.
    pub project: Option<String>,
    /// Provider name.
    pub provider: Option<String>,
    /// Model id.
    pub model: Option<String>,
    /// Calls.
    pub requests: u64,
    /// Calls with a status other than `success`.
    pub failed_requests: u64,
    /// Everything read: uncached, read from a cache, written to one.
    pub prompt_tokens: u64,
    /// Uncached prompt tokens.
    pub input_tokens: u64,
    /// Answer tokens, reasoning included.
    pub output_tokens: u64,
    /// The reasoning part of those.
    pub thinking_tokens: u64,
    /// Read from a cache.
    pub cache_read_tokens: u64,
    /// Written to a cache.
    pub cache_write_tokens: u64,
    /// Charged, exactly.
    pub cost_usd: Amount,
    /// Charged, in millicents of the exact sum.
    pub cost_usd_minor_units: i64,
    /// At list prices.
    pub list_usd: Amount,
    /// What the amount is made of.
    pub made_of: MadeOf,
    /// Mean latency, rounded down.
    pub latency_mean_ms: Option<u64>,
    /// 95th percentile of the latency, by nearest rank.
    pub latency_p95_ms: Option<u64>,
}
