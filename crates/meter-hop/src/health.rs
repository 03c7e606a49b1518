//! What the roles answer on `GET /health`.

use serde::{Deserialize, Serialize};

/// The daemon's answer on its interception port.
///
/// The probe goes to that port on purpose: a daemon whose listener is stalled is not healthy, whatever its API says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DaemonHealth {
    /// `ok`, else a word for what is wrong.
    pub status: String,
    /// Version of the program.
    pub version: String,
    /// Id of the instance.
    pub instance: String,
    /// Digest of the loaded snapshot, `b3:…`.
    pub digest: String,
    /// Milliseconds since the process started.
    pub uptime_ms: u64,
}

/// The edge's answer on its own port.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EdgeHealth {
    /// Always `ok`: an edge that answers works.
    pub status: String,
    /// Always `edge`.
    pub role: String,
    /// Version of the program.
    pub version: String,
    /// Id of the instance.
    pub instance: String,
    /// Digest in the edge.json in force; `None` without one.
    pub digest: Option<String>,
    /// Process id.
    pub pid: u32,
    /// Milliseconds since the process started.
    pub uptime_ms: u64,
    /// How many hosts are metered.
    pub metered_hosts: usize,
    /// What is believed of the daemon: `up`, `down`, or `not_asked` when no answer is fresh.
    pub daemon: String,
    /// State of edge.json.
    pub edge_json: FileState,
    /// State of effective-ports.json.
    pub effective_ports: FileState,
    /// Counts since the start.
    pub counters: EdgeCounters,
}

/// How the last reading of a file went.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileState {
    /// What is wrong with the file as it stands; the last good one is in force then.
    pub trouble: Option<String>,
    /// Readings turned down since the start.
    pub rejected: u64,
}

/// Counts since the edge started.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct EdgeCounters {
    /// Connections accepted.
    pub connections: u64,
    /// Chains and tunnels open now.
    pub open: u64,
    /// CONNECTs that went through the daemon.
    pub chained: u64,
    /// CONNECTs that went past it although the host is metered.
    pub bypassed: u64,
    /// CONNECTs to hosts that are not metered.
    pub tunnelled: u64,
    /// Plain `http://` requests relayed.
    pub relayed: u64,
    /// CONNECTs answered with 502 or 504.
    pub failed: u64,
    /// Heads that were too long, too slow or not HTTP.
    pub bad_heads: u64,
    /// Health probes sent.
    pub probes: u64,
}
