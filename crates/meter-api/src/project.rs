//! A project and its use.

use serde::{Deserialize, Serialize};

/// `GET /v1/projects/{slug}`; `/v1/projects` is an array of these.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Project {
    /// UUIDv7.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What calls are attributed to.
    pub slug: String,
    /// Its first call.
    pub created_at: String,
    /// When it was put away.
    pub archived_at: Option<String>,
    /// Its use.
    pub stats: ProjectStats,
}

/// How much a project was used. Months are those of the configured time zone; money is in millicents of an exact sum.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProjectStats {
    /// Calls this month.
    pub requests_this_month: u64,
    /// Charged this month.
    pub cost_usd_this_month_minor_units: i64,
    /// Charged the month before.
    pub previous_month_cost_usd_minor_units: i64,
    /// Charged ever.
    pub all_time_cost_usd_minor_units: i64,
    /// Calls ever.
    pub all_time_requests: u64,
    /// When its newest call began.
    pub last_active_at: Option<String>,
    /// The model with the most calls.
    pub primary_model: Option<String>,
    /// Its provider.
    pub primary_provider: Option<String>,
    /// The model with the highest cost.
    pub top_model: Option<String>,
    /// Its provider.
    pub top_provider: Option<String>,
    /// Calls without a price, ever: the costs above leave them out.
    pub unpriced_requests: u64,
}
