//! `status --json` and `doctor --json`.

use serde::{Deserialize, Serialize};

/// The state of an installation. The first two keys are documented.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// `env-only`, `apps`, `full`, or `none`.
    pub install_mode: String,
    /// The id of this home.
    pub instance: Option<String>,
    /// The home's folder.
    pub home: String,
    /// Digest of the snapshot in force.
    pub digest: Option<String>,
    /// Whether everything that should run runs.
    pub healthy: bool,
    /// Edge, daemon, watchdog, userenv, in that order.
    pub components: Vec<Component>,
    /// Everything else that was looked at.
    pub checks: Vec<Check>,
    /// What a person should know: unknown models, traffic that was not metered.
    pub warnings: Vec<String>,
}

/// One process.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Component {
    /// `edge`, `daemon`, `watchdog`, `userenv`.
    pub name: String,
    /// `healthy`, `bound`, `off`, `stale`, …
    pub state: String,
    /// Its process id.
    pub pid: Option<u32>,
    /// Its label with the supervisor.
    pub label: Option<String>,
    /// What it listens on.
    pub addresses: Vec<String>,
    /// More, in a sentence.
    pub detail: Option<String>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Works, but someone should look.
    Warning,
    /// Does not work.
    Failed,
    /// Not applicable here.
    Skipped,
}

/// Something that was looked at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Check {
    /// A lasting id, `layer.thing`.
    pub id: String,
    /// How it came out.
    pub state: CheckState,
    /// What was found, in a sentence.
    pub message: String,
    /// A command to paste that mends it.
    pub fix: Option<String>,
}
