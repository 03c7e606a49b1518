//! Sums for charts.

use crate::{Amount, MadeOf};
use serde::{Deserialize, Serialize};

/// `GET /v1/stats` and `GET /v1/projects/{slug}/stats`. Days are those of the configured time zone.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Stats {
    /// Everything together.
    pub summary: Summary,
    /// By day, rising; days without calls are left out.
    pub by_day: Vec<Day>,
    /// By day and provider.
    pub by_day_by_provider: Vec<DayOfProvider>,
    /// By provider, dearest first.
    pub by_provider: Vec<ProviderUse>,
    /// By model, dearest first.
    pub by_model: Vec<ModelUse>,
}

/// Everything together. The fields from `cost_usd` on are ours.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Summary {
    /// Calls.
    pub total_requests: u64,
    /// Uncached prompt tokens.
    pub total_input_tokens: u64,
    /// Answer tokens, reasoning included.
    pub total_output_tokens: u64,
    /// The reasoning part of those.
    pub total_thinking_tokens: u64,
    /// Prompt tokens read from a cache.
    pub total_cache_read_tokens: u64,
    /// Prompt tokens written to a cache.
    pub total_cache_write_tokens: u64,
    /// Charged, in millicents of the exact sum.
    pub total_cost_usd_minor_units: i64,
    /// Reads ÷ (input + reads + writes), from 0 to 1; 0 without prompt tokens.
    pub cache_hit_rate: f64,
    /// Projects with calls.
    pub active_projects: u64,
    /// Models with calls.
    pub models_in_use: u64,
    /// When the newest call began.
    pub last_request_at: Option<String>,
    /// Charged, exactly.
    pub cost_usd: Amount,
    /// Calls with a status other than `success`.
    pub failed_requests: u64,
    /// What the amount is made of.
    pub made_of: MadeOf,
}

/// One day.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Day {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Calls.
    pub requests: u64,
    /// Charged, in millicents.
    pub cost_usd_minor_units: i64,
}

/// One day of one provider.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DayOfProvider {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Provider name.
    pub provider: String,
    /// Calls.
    pub requests: u64,
    /// Charged, in millicents.
    pub cost_usd_minor_units: i64,
}

/// One provider.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProviderUse {
    /// Provider name.
    pub provider: String,
    /// Calls.
    pub requests: u64,
    /// Charged, in millicents.
    pub cost_usd_minor_units: i64,
}

/// One model.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ModelUse {
    /// Provider name.
    pub provider: String,
    /// Model id; `unknown` when the wire named none.
    pub model: String,
    /// Calls.
    pub requests: u64,
    /// Uncached prompt tokens.
    pub input_tokens: u64,
    /// Answer tokens.
    pub output_tokens: u64,
    /// Charged, in millicents.
    pub cost_usd_minor_units: i64,
    /// Calls without a price.
    pub unpriced_requests: u64,
}
