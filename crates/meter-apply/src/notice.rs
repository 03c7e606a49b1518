//! What happened at a start without anybody having asked for it.

use crate::error::{Act, ApplyError};
use meter_hop::paths::Home;
use serde::{Deserialize, Serialize};
use std::{fmt, fs, io, path::PathBuf};

/// Kept in `applied/notice.json` until the next apply, for `status`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// Nothing was applied yet and the user's files have errors: the bundled ones run alone.
    BundledOnly {
        /// The first findings, in their line form.
        findings: Vec<String>,
    },
    /// This binary brought other bundled files; they are in force under the user's applied ones.
    Upgraded {
        /// The snapshot before.
        from: String,
        /// The one in force.
        to: String,
    },
    /// This binary brought other bundled files, but the user's applied ones have errors with them: the old snapshot runs.
    KeptOld {
        /// The first findings, in their line form.
        findings: Vec<String>,
    },
    /// The snapshot in force could not be read; another one runs.
    Replaced {
        /// What was wrong with it.
        why: String,
        /// The one in force.
        to: String,
    },
}

/// How many findings a notice keeps; `validate` has them all.
pub(crate) const FINDINGS_MAX: usize = 5;

impl fmt::Display for Notice {
    /// One sentence, without its findings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::BundledOnly { .. } => {
                f.write_str("your files had errors at the first start, so the bundled manifests run alone")
            }
            Notice::Upgraded { .. } => {
                f.write_str("this version brought other bundled manifests; they were applied under your own files")
            }
            Notice::KeptOld { .. } => f.write_str(
                "this version brought other bundled manifests, but your applied files have errors with them: \
                 the ones before still run",
            ),
            Notice::Replaced { why, .. } => write!(f, "what was applied could not be read, another set runs: {why}"),
        }
    }
}

fn path(home: &Home) -> PathBuf {
    home.applied().join("notice.json")
}

/// The notice there is; one that cannot be read counts as none.
pub(crate) fn read(home: &Home) -> Option<Notice> {
    let text = fs::read(path(home)).ok()?;
    serde_json::from_slice(&text).ok()
}

pub(crate) fn write(home: &Home, notice: &Notice) -> Result<(), ApplyError> {
    let text = serde_json::to_vec_pretty(notice).expect("texts and lists always serialise");
    Ok(meter_hop::replace(&path(home), &text)?)
}

pub(crate) fn clear(home: &Home) -> Result<(), ApplyError> {
    match fs::remove_file(path(home)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).act("remove", &path(home)),
        _ => Ok(()),
    }
}
