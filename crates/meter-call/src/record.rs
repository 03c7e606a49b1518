//! What the journal and the database keep of a call.

use crate::{
    Billing, Buckets, CallId, Conditions, CostLine, EndpointClass, ErrorClass, Evidence, Mode, PriceUse, ProjectSlug,
    Status, UnixMillis, UsageState,
};
use meter_money::PicoUsd;
use serde::{Deserialize, Serialize};

/// Who made the call, as far as the operating system said.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// Process id at the time of the connection.
    pub pid: Option<u32>,
    /// Executable's file name.
    pub name: Option<String>,
    /// Executable's path.
    pub exe: Option<String>,
}

/// Money held for a call by the budgets that match it, until it is settled.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    /// Rule ids that hold it.
    pub rules: Vec<String>,
    /// The held amount.
    pub amount: PicoUsd,
}

/// Appended to the journal before the request goes on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct OpenRecord {
    /// Row id.
    pub id: CallId,
    /// When the request's head was complete.
    pub requested_at: UnixMillis,
    /// Provider id.
    pub provider: String,
    /// Endpoint id of the provider's manifest.
    pub endpoint: String,
    /// Costed, zero-cost or observed.
    pub class: EndpointClass,
    /// Host of the connection.
    pub host: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Project, when it was known already.
    pub project: Option<ProjectSlug>,
    /// Held by budgets.
    pub reservation: Option<Reservation>,
    /// Digest of the snapshot in force.
    pub manifest_digest: String,
    /// `HALTON_METER_RUN` of the caller.
    pub run_id: Option<String>,
    /// The daemon process that wrote this, so that a later one can tell open from lost.
    pub daemon_pid: u32,
}

/// A finished call: all that its row, lines and price snapshots need.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Row id.
    pub id: CallId,
    /// When the request's head was complete.
    pub requested_at: UnixMillis,
    /// When the answer ended.
    pub ended_at: UnixMillis,
    /// Provider name in rows.
    pub provider: String,
    /// Endpoint id of the provider's manifest.
    pub endpoint: String,
    /// Costed, zero-cost or observed.
    pub class: EndpointClass,
    /// What kind of request: `chat`, `embedding`, `count`, …
    pub request_kind: String,
    /// Host of the connection.
    pub host: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// HTTP status, absent when no answer came.
    pub http_status: Option<u16>,
    /// How it ended.
    pub status: Status,
    /// How it travelled.
    pub mode: Mode,
    /// Who pays how.
    pub billing: Billing,
    /// The provider's id of the request, from headers.
    pub provider_request_id: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// Model asked for.
    pub model_requested: Option<String>,
    /// Model that answered; else the one asked for.
    pub model: Option<String>,
    /// Served tier as on the wire.
    pub service_tier: Option<String>,
    /// Speed as on the wire.
    pub speed: Option<String>,
    /// Inference geography as on the wire.
    pub geo: Option<String>,
    /// Real provider behind a gateway.
    pub upstream: Option<String>,
    /// What else its price depends on; `None` in a record of a version that did not keep it.
    pub conditions: Option<Conditions>,
    /// Why the model stopped, as on the wire.
    pub finish: Option<String>,
    /// What the wire said about usage.
    pub usage_state: UsageState,
    /// The counts; empty with [`UsageState::None`].
    pub usage: Buckets,
    /// Reasoning was reported (0 included); else it is unknown and inside output.
    pub reasoning_known: bool,
    /// Tokens are final.
    pub tokens_complete: bool,
    /// How sure the cost is.
    pub evidence: Evidence,
    /// Marks: `usage_inconsistent`, `body_limit`, `opaque`, …
    pub usage_flags: Vec<String>,
    /// The bill.
    pub lines: Vec<CostLine>,
    /// Price rows the bill used.
    pub prices: Vec<PriceUse>,
    /// At list prices; `None` when unpriced.
    pub list: Option<PicoUsd>,
    /// At the user's contract; equals list without one.
    pub contract: Option<PicoUsd>,
    /// What is charged: 0 on a plan.
    pub charged: Option<PicoUsd>,
    /// The provider's own figure.
    pub provider_cost: Option<PicoUsd>,
    /// Estimate of what a cut stream left out.
    pub estimated: Option<PicoUsd>,
    /// Half-width of that estimate.
    pub estimated_bound: Option<PicoUsd>,
    /// Date of the price file (`bundled-2026-11-24`) or `override`.
    pub rates_source: Option<String>,
    /// Snapshot the call began with.
    pub manifest_digest: String,
    /// Error class, when there was an error.
    pub error_class: Option<ErrorClass>,
    /// The provider's own code.
    pub provider_error_code: Option<String>,
    /// `retry-after` in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Row this one retries.
    pub retry_of: Option<CallId>,
    /// `HALTON_METER_RUN` of the caller.
    pub run_id: Option<String>,
    /// Who called.
    pub process: ProcessFacts,
    /// Project.
    pub project: ProjectSlug,
    /// Tagging source that named it.
    pub source: String,
    /// Why, for `halton-meter why`.
    pub reason: String,
    /// Git branch, when the git source spoke.
    pub branch: Option<String>,
    /// Working directory of the caller.
    pub workdir: Option<String>,
    /// From request head to the end of the answer, in milliseconds.
    pub latency_ms: Option<u64>,
    /// From request head to the first byte of the answer's body, in milliseconds.
    pub ttfb_ms: Option<u64>,
    /// What the daemon itself added before the request went on, in microseconds.
    pub added_us: Option<u64>,
    /// WebSocket frames or other traffic counted but not read: (downstream→upstream, upstream→downstream).
    pub frames: Option<(u64, u64)>,
    /// Policy rule that refused or warned.
    pub policy_rule: Option<String>,
}
