//! What went past the meter, as the edge remembers it and the daemon fetches it.

use serde::{Deserialize, Serialize};

/// Why a connection was not metered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TunnelReason {
    /// The host is on no list.
    NotMetered,
    /// No daemon of this instance is known, nothing listens on its port, or its last health answer was bad.
    DaemonAway,
    /// The daemon was reached and did not answer in time.
    DaemonSilent,
    /// The daemon answered something else than the chain's own words, or broke off.
    DaemonBroken,
    /// What answered did not prove to be our daemon.
    Foreign,
    /// The daemon declined the chain, for example for a client of another user.
    Refused,
    /// A plain `http://` request, which is relayed and never metered.
    PlainHttp,
}

impl TunnelReason {
    /// The word in documents and log events.
    pub fn as_str(self) -> &'static str {
        match self {
            TunnelReason::NotMetered => "not_metered",
            TunnelReason::DaemonAway => "daemon_away",
            TunnelReason::DaemonSilent => "daemon_silent",
            TunnelReason::DaemonBroken => "daemon_broken",
            TunnelReason::Foreign => "foreign",
            TunnelReason::Refused => "refused",
            TunnelReason::PlainHttp => "plain_http",
        }
    }
}

/// One connection that went past the meter, recorded when it ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TunnelRecord {
    /// Position in the edge's ring; grows by one from 1 within one boot.
    pub seq: u64,
    /// When the tunnel was opened, RFC 3339, UTC, milliseconds.
    pub opened_at: String,
    /// The origin's name or address, lower case.
    pub host: String,
    /// The origin's port.
    pub port: u16,
    /// Why it was not metered.
    pub reason: TunnelReason,
    /// Bytes from the client.
    pub bytes_up: u64,
    /// Bytes from the origin.
    pub bytes_down: u64,
    /// From the opening to the end.
    pub duration_ms: u64,
    /// Name of the client's executable, where it was found out.
    pub process: Option<String>,
    /// What failed: the origin could not be reached, or the connection was reset.
    pub error: Option<String>,
}

/// Answer of `GET /coverage?after=N` on the edge's port: records with a higher `seq` than N, oldest first.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CoveragePage {
    /// Version of this document.
    pub schema_version: u32,
    /// Id of the instance.
    pub instance: String,
    /// Changes with every start of the edge, because `seq` begins anew then.
    pub boot: String,
    /// Records that fell out of the ring before they could be in this answer.
    pub lost: u64,
    /// Highest `seq` given out so far; the next question's `after` once all records up to it were seen.
    pub last: u64,
    /// At most one page; ask again while the last one's `seq` is below `last`.
    pub records: Vec<TunnelRecord>,
}
