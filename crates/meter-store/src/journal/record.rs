//! What one line of the journal says.

use meter_call::{CallId, CallRecord, OpenRecord, ProjectSlug, UnixMillis};
use serde::{Deserialize, Serialize};

/// A decision of a policy, a gap in metering, a change of configuration: something a person may ask about later.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// A UUIDv7 of its own; a repeated id is the same event.
    pub id: CallId,
    /// When it happened.
    pub at: UnixMillis,
    /// What kind, as `noun.verb`: `policy.refused`, `budget.warned`, `metering.gap`, …
    pub kind: String,
    /// The call it is about.
    pub call: Option<CallId>,
    /// The project it is about.
    pub project: Option<ProjectSlug>,
    /// The rule that spoke.
    pub rule: Option<String>,
    /// That rule's stage: `observe`, `warn`, `enforce`.
    pub stage: Option<String>,
    /// What was decided: `allow`, `warn`, `refuse`.
    pub verdict: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// Figures and further facts, an object.
    pub detail: serde_json::Map<String, serde_json::Value>,
}

/// Connections of one host and process that were not metered.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CoverageRecord {
    /// Names one life of the edge (or of the daemon, for what it tunnels itself).
    pub edge: String,
    /// Rises within that life; (edge, seq) is unique, so fetching twice counts once.
    pub seq: u64,
    /// When the connection ended.
    pub at: UnixMillis,
    /// Host of the CONNECT.
    pub host: String,
    /// Executable's file name, when known.
    pub process: Option<String>,
    /// `tunnelled`, `pinned`, `bypassed`, `opaque`, …
    pub outcome: String,
    /// How many connections this record stands for.
    pub connections: u64,
    /// Bytes from the client.
    pub bytes_up: u64,
    /// Bytes to the client.
    pub bytes_down: u64,
    /// How long they were open, in milliseconds, summed.
    pub duration_ms: u64,
}

/// A rule as it stood in an applied snapshot.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// The snapshot's digest.
    pub digest: String,
    /// The rule's id.
    pub id: String,
    /// Its place in the order, from 0.
    pub position: u32,
    /// `observe`, `warn`, `enforce`.
    pub stage: String,
    /// The rule as JSON text.
    pub rule: String,
    /// When the snapshot was applied.
    pub applied_at: UnixMillis,
}

/// One line. Externally tagged on purpose: serde's other tagged forms buffer numbers, which fails once any crate in the
/// program asks serde_json for arbitrary precision.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A call is about to go upstream.
    Open(Box<OpenRecord>),
    /// A call has ended: its row.
    Close(Box<CallRecord>),
    /// A later exchange told more about a call: its whole row again.
    Amend(Box<CallRecord>),
    /// An opened call never started: no row.
    Release(CallId),
    /// Something to be asked about later.
    Audit(Box<AuditEvent>),
    /// Traffic that was not metered.
    Coverage(Box<CoverageRecord>),
    /// A rule in force.
    Policy(Box<PolicyRecord>),
}

/// [`Record`] by reference, so that appending copies nothing.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Open(&'a OpenRecord),
    Close(&'a CallRecord),
    Amend(&'a CallRecord),
    Release(CallId),
    Audit(&'a AuditEvent),
    Coverage(&'a CoverageRecord),
    Policy(&'a PolicyRecord),
}
