//! Whether the daemon lives and sees traffic.

use serde::{Deserialize, Serialize};

/// The one word of `/health`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthWord {
    /// The interception listener takes connections. Answered with 200.
    Ok,
    /// It does not. Answered with 503: a daemon that cannot meter must not look healthy.
    Stalled,
}

/// `GET /health`: `status` and `version` are documented, the rest is ours.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Health {
    /// `ok` or `stalled`.
    pub status: HealthWord,
    /// The program's version.
    pub version: String,
    /// Digest of the snapshot in force, `b3:…`; `null` before the first.
    pub digest: Option<String>,
    /// Milliseconds since the daemon began.
    pub uptime_ms: u64,
    /// The id of the home this daemon belongs to.
    pub instance: String,
}

/// `GET /v1/daemon/status`: the first two are documented, the rest is ours.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DaemonStatus {
    /// When the newest call began.
    pub last_seen_at: Option<String>,
    /// Calls in the last 60 minutes.
    pub request_count_last_hour: u64,
    /// How the ledger is doing; `null` where only a database is read.
    pub ledger: Option<Ledger>,
}

/// How the ledger is doing. `lost` and `rejected` are 0 in a healthy life.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ledger {
    /// `opening`, `ready` or `failing`.
    pub database: String,
    /// Records on their way into the database.
    pub pending: u64,
    /// Records dropped at a limit.
    pub lost: u64,
    /// Records that cannot be rows, kept in `rejected.jsonl`.
    pub rejected: u64,
    /// Failed attempts so far.
    pub failures: u64,
    /// The latest failure.
    pub last_error: Option<String>,
}
