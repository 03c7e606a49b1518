//! `effective-ports.json`: which role listens where, each in a section of its own.

use crate::document::{Document, ReadError, read_bounded};
use crate::file::{self, WriteError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// The edge's port unless something else was chosen.
pub const DEFAULT_EDGE_PORT: u16 = 8081;

/// The port on which the daemon takes chained connections unless something else was chosen.
pub const DEFAULT_INTERCEPT_PORT: u16 = 8090;

/// The port of the daemon's HTTP API unless something else was chosen.
pub const DEFAULT_API_PORT: u16 = 8765;

/// Never used by any role: too many development servers expect it to be theirs.
pub const FORBIDDEN_PORT: u16 = 8080;

/// The ports the running roles hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct EffectivePorts {
    /// Id of the instance the sections belong to.
    pub instance: String,
    /// The edge's section, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeSection>,
    /// The daemon's section, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonSection>,
}

/// What the edge says of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EdgeSection {
    /// Port of the proxy on 127.0.0.1.
    pub port: u16,
    /// Process that holds it.
    pub pid: u32,
    /// RFC 3339, UTC, milliseconds.
    pub started_at: String,
}

/// What the daemon says of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DaemonSection {
    /// Port on 127.0.0.1 that the edge chains to.
    pub intercept_port: u16,
    /// Port of the HTTP API on 127.0.0.1.
    pub api_port: u16,
    /// Process that holds both.
    pub pid: u32,
    /// RFC 3339, UTC, milliseconds.
    pub started_at: String,
}

/// One role's section, for writing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Section {
    /// The edge's.
    Edge(EdgeSection),
    /// The daemon's.
    Daemon(DaemonSection),
}

impl EffectivePorts {
    /// The edge's section, unless it is stale: written by another instance, or its process is gone.
    ///
    /// A section that passes may still be stale, because pids are used again: whoever acts on it asks the port for the
    /// instance's proof first.
    pub fn live_edge(&self, instance: &str, pid_lives: impl Fn(u32) -> bool) -> Option<&EdgeSection> {
        self.edge.as_ref().filter(|s| self.instance == instance && pid_lives(s.pid))
    }

    /// The daemon's section under the same terms as [`live_edge`](EffectivePorts::live_edge).
    pub fn live_daemon(&self, instance: &str, pid_lives: impl Fn(u32) -> bool) -> Option<&DaemonSection> {
        self.daemon.as_ref().filter(|s| self.instance == instance && pid_lives(s.pid))
    }

    /// Puts `section` into the file of `instance`, under its lock. Sections of other roles stay as they are, unknown
    /// ones too; a file that is broken or belongs to another instance is begun anew.
    ///
    /// # Errors
    /// [`WriteError`]; the file is unchanged then.
    pub fn publish(path: &Path, instance: &str, section: &Section) -> Result<(), WriteError> {
        let (role, value) = match section {
            Section::Edge(section) => ("edge", serde_json::to_value(section)),
            Section::Daemon(section) => ("daemon", serde_json::to_value(section)),
        };
        let value = value.expect("numbers and text always serialise");
        edit(path, instance, |sections| {
            sections.insert(role.to_owned(), value);
        })
    }

    /// Takes the edge's section out again, if it is still that of `pid`: a successor's stays.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn retract_edge(path: &Path, instance: &str, pid: u32) -> Result<(), WriteError> {
        edit(path, instance, |sections| retract(sections, "edge", pid))
    }

    /// Takes the daemon's section out again, if it is still that of `pid`.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn retract_daemon(path: &Path, instance: &str, pid: u32) -> Result<(), WriteError> {
        edit(path, instance, |sections| retract(sections, "daemon", pid))
    }
}

fn retract(sections: &mut Map<String, Value>, role: &str, pid: u32) {
    if sections.get(role).and_then(|s| s.get("pid")).and_then(Value::as_u64) == Some(u64::from(pid)) {
        sections.remove(role);
    }
}

fn edit(path: &Path, instance: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Result<(), WriteError> {
    file::locked(path, || {
        let mut sections = match read_bounded(path) {
            Ok(text) => serde_json::from_slice::<Map<String, Value>>(&text).unwrap_or_default(),
            Err(ReadError::Io(source)) => return Err(WriteError::Io { path: path.to_owned(), source }),
            Err(_) => Map::new(),
        };
        let version = sections.get("schema_version").and_then(Value::as_u64).unwrap_or(0);
        if version > u64::from(EffectivePorts::SCHEMA_VERSION) {
            return Err(WriteError::Newer {
                path: path.to_owned(),
                found: u32::try_from(version).unwrap_or(u32::MAX),
                known: EffectivePorts::SCHEMA_VERSION,
            });
        }
        if sections.get("instance").and_then(Value::as_str) != Some(instance) {
            sections = Map::new();
        }
        let before = sections.clone();
        sections.insert("schema_version".into(), EffectivePorts::SCHEMA_VERSION.into());
        sections.insert("instance".into(), instance.into());
        change(&mut sections);
        if sections == before {
            return Ok(());
        }
        let mut text = serde_json::to_vec_pretty(&sections).expect("a JSON map always serialises");
        text.push(b'\n');
        file::replace(path, &text)
    })
}

impl Document for EffectivePorts {
    const SCHEMA_VERSION: u32 = 1;

    fn from_json(text: &[u8]) -> Result<EffectivePorts, String> {
        serde_json::from_slice(text).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn edge(pid: u32) -> Section {
        Section::Edge(EdgeSection { port: 8081, pid, started_at: "2026-11-24T10:00:00.000Z".into() })
    }

    fn daemon(pid: u32) -> Section {
        let started_at = "2026-11-24T10:00:01.000Z".into();
        Section::Daemon(DaemonSection { intercept_port: 8090, api_port: 8765, pid, started_at })
    }

    fn fixture() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("effective-ports.json");
        (folder, path)
    }

    #[test]
    fn each_role_writes_only_its_own_section() {
        let (_folder, path) = fixture();
        EffectivePorts::publish(&path, "i1", &edge(1)).unwrap();
        EffectivePorts::publish(&path, "i1", &daemon(2)).unwrap();
        EffectivePorts::publish(&path, "i1", &edge(3)).unwrap();
        let ports = EffectivePorts::read(&path).unwrap();
        assert_eq!(ports.edge.as_ref().map(|s| s.pid), Some(3));
        assert_eq!(ports.daemon.as_ref().map(|s| s.intercept_port), Some(8090));
        EffectivePorts::retract_edge(&path, "i1", 1).unwrap();
        assert!(EffectivePorts::read(&path).unwrap().edge.is_some(), "a successor's section stays");
        EffectivePorts::retract_edge(&path, "i1", 3).unwrap();
        let ports = EffectivePorts::read(&path).unwrap();
        assert!(ports.edge.is_none() && ports.daemon.is_some());
    }

    #[test]
    fn unknown_sections_survive_and_foreign_instances_do_not() {
        let (_folder, path) = fixture();
        std::fs::write(&path, r#"{"schema_version":1,"instance":"i1","watchdog":{"pid":9}}"#).unwrap();
        EffectivePorts::publish(&path, "i1", &edge(1)).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("watchdog"));
        EffectivePorts::publish(&path, "i2", &edge(1)).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("watchdog"));
    }

    #[test]
    fn a_broken_file_is_begun_anew_and_a_newer_one_is_left_alone() {
        let (_folder, path) = fixture();
        std::fs::write(&path, "{").unwrap();
        EffectivePorts::publish(&path, "i1", &edge(1)).unwrap();
        EffectivePorts::read(&path).unwrap();
        std::fs::write(&path, r#"{"schema_version":2}"#).unwrap();
        let refused = EffectivePorts::publish(&path, "i1", &edge(1));
        assert!(matches!(refused, Err(WriteError::Newer { found: 2, known: 1, .. })));
    }

    #[test]
    fn many_writers_lose_nothing() {
        let (_folder, path) = fixture();
        std::thread::scope(|scope| {
            for pid in 1..=8 {
                let path = &path;
                scope.spawn(move || {
                    let section = if pid % 2 == 0 { edge(pid) } else { daemon(pid) };
                    EffectivePorts::publish(path, "i1", &section).unwrap();
                });
            }
        });
        let ports = EffectivePorts::read(&path).unwrap();
        assert!(ports.edge.is_some() && ports.daemon.is_some());
    }

    #[test]
    fn a_section_is_stale_when_its_process_or_its_instance_is_another() {
        let (_folder, path) = fixture();
        EffectivePorts::publish(&path, "i1", &daemon(7)).unwrap();
        let ports = EffectivePorts::read(&path).unwrap();
        assert!(ports.live_daemon("i1", |pid| pid == 7).is_some());
        assert!(ports.live_daemon("i1", |_| false).is_none());
        assert!(ports.live_daemon("i2", |_| true).is_none());
        assert!(ports.live_edge("i1", |_| true).is_none());
    }
}
