//! One call in a list.

use crate::Amount;
use serde::{Deserialize, Serialize};

/// What stands where the documented API has a text and nothing is known.
pub const UNKNOWN: &str = "unknown";

/// A call. Up to `status` the fields are documented; the rest is ours.
///
/// The documented counts are plain numbers, so what is unknown is 0 there; `tokens_known` and `thinking_known` tell.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Request {
    /// UUIDv7.
    pub id: String,
    /// Provider name.
    pub provider: String,
    /// The model that answered, else the one asked for, else [`UNKNOWN`].
    pub model: String,
    /// `standard`, `streaming`, `thinking`, `batch`.
    pub mode: String,
    /// Uncached prompt tokens.
    pub input_tokens: u64,
    /// Answer tokens, reasoning included.
    pub output_tokens: u64,
    /// The reasoning part of the answer tokens.
    pub thinking_tokens: u64,
    /// Prompt tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Prompt tokens written to a cache.
    pub cache_write_tokens: u64,
    /// Millicents, half to even; `null` when unpriced.
    pub cost_usd_minor_units: Option<i64>,
    /// From the request to the end of the answer.
    pub latency_ms: Option<u64>,
    /// The counts are final.
    pub tokens_complete: bool,
    /// When the request's head was complete.
    pub requested_at: String,
    /// `success`; all else is an error to the documented API: `error`, `cancelled`, `interrupted`, `refused`.
    pub status: String,
    /// Project slug.
    pub project: String,
    /// `costed`, `zero_cost`, or `observed`: seen, in no sum.
    pub class: String,
    /// `chat`, `embedding`, …
    pub request_kind: String,
    /// The model asked for.
    pub model_requested: Option<String>,
    /// How sure the cost is.
    pub evidence: String,
    /// What was charged, exactly; `null` when unknown.
    pub cost_usd: Option<Amount>,
    /// The same at list prices.
    pub list_usd: Option<Amount>,
    /// What the provider itself said it cost.
    pub provider_cost_usd: Option<Amount>,
    /// What a cut stream or a lost call cost beyond that, ± `tail_bound_usd`.
    pub tail_usd: Option<Amount>,
    /// Half-width of that estimate.
    pub tail_bound_usd: Option<Amount>,
    /// `api` or `plan`.
    pub billing: String,
    /// The wire (or an estimate) gave counts.
    pub tokens_known: bool,
    /// Reasoning was reported.
    pub thinking_known: bool,
    /// Written to a cache for 5 minutes.
    pub cache_write_tokens_5m: u64,
    /// Written to a cache for 1 hour.
    pub cache_write_tokens_1h: u64,
    /// Written to a cache for another lifetime.
    pub cache_write_tokens_other: u64,
    /// That lifetime.
    pub cache_write_other_lifetime: Option<String>,
    /// Host of the connection.
    pub host: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// HTTP status; `null` when no answer came.
    pub http_status: Option<u16>,
    /// One of seven classes.
    pub error_class: Option<String>,
    /// The provider's own code.
    pub provider_error_code: Option<String>,
    /// From the request to the first byte of the answer's body.
    pub ttfb_ms: Option<u64>,
    /// What the meter itself added, in microseconds.
    pub added_us: Option<u64>,
    /// The provider's id of the request.
    pub provider_request_id: Option<String>,
    /// Tier as served.
    pub service_tier: Option<String>,
    /// Executable's file name.
    pub process: Option<String>,
    /// Git branch.
    pub branch: Option<String>,
    /// Tagging source that named the project.
    pub source: String,
    /// The `run` it belongs to.
    pub run_id: Option<String>,
}

/// `GET /v1/.../requests`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RequestPage {
    /// Newest first.
    pub items: Vec<Request>,
    /// Give it back as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
    /// Calls on all pages.
    pub total: u64,
}
