//! What applying would change.

use crate::compile::Compiled;
use crate::error::ApplyError;
use crate::rendered::edge_config;
use crate::shelf::Shelf;
use meter_hop::paths::Home;
use meter_hop::{Document, EdgeConfig};
use meter_manifest::config::Secret;
use meter_manifest::snapshot::Change;
use meter_manifest::{Config, Snapshot};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where a changed file comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WhichLayer {
    /// The binary.
    Bundled,
    /// The user's home.
    User,
}

/// One manifest that differs from what is in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileChange {
    /// Where it comes from.
    pub layer: WhichLayer,
    /// Path within the layer.
    pub path: String,
    /// What would happen to it.
    pub change: Change,
}

/// One setting that differs from what is in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettingChange {
    /// `daemon.edge_port`.
    pub key: String,
    /// In force; `null` when nothing is.
    pub from: Value,
    /// After applying. Passwords are left out of both.
    pub to: Value,
}

/// What applying would change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Digest in force; `None` when nothing was applied yet.
    pub from: Option<String>,
    /// Digest after applying.
    pub to: String,
    /// Manifests, by path.
    pub files: Vec<FileChange>,
    /// Settings, by key.
    pub settings: Vec<SettingChange>,
    /// Hosts that would be metered and are not.
    pub hosts_added: Vec<String>,
    /// Hosts that are metered and would not be.
    pub hosts_removed: Vec<String>,
}

impl Plan {
    /// Whether there is anything to do.
    pub fn changes_something(&self) -> bool {
        self.from.as_ref() != Some(&self.to)
    }
}

/// Compares a compiled state with what is in force.
///
/// # Errors
/// [`ApplyError::Edge`] when the state could not be applied. A snapshot in force that cannot be read counts as none.
pub fn plan(home: &Home, wanted: &Compiled) -> Result<Plan, ApplyError> {
    let shelf = Shelf::of(home);
    let stored = shelf.current().ok().flatten().and_then(|digest| shelf.read(&digest).ok());
    let from = stored.as_ref().map(|snapshot| snapshot.digest.clone());
    // Before the first apply the bundled files are no change: they are what there is.
    let old = stored.unwrap_or_else(|| Snapshot::of(&wanted.snapshot.bundled, &[], Config::default()));
    let files = old.changes(&wanted.snapshot).into_iter().filter_map(|(name, change)| file_change(&name, change));
    let hosts = |hosts: Vec<String>| hosts.into_iter().collect::<BTreeSet<String>>();
    let before = EdgeConfig::read(&home.edge_json()).map(|edge| hosts(edge.hosts)).unwrap_or_default();
    let after = hosts(edge_config(wanted)?.hosts);
    Ok(Plan {
        files: files.collect(),
        settings: settings(&old.config, &wanted.snapshot.config),
        hosts_added: after.difference(&before).cloned().collect(),
        hosts_removed: before.difference(&after).cloned().collect(),
        from,
        to: wanted.snapshot.digest.clone(),
    })
}

/// `None` for the settings, which are compared key by key.
fn file_change(name: &str, change: Change) -> Option<FileChange> {
    let (layer, path) = match name.split_once('/') {
        Some(("bundled", path)) => (WhichLayer::Bundled, path),
        Some(("user", path)) => (WhichLayer::User, path),
        _ => return None,
    };
    Some(FileChange { layer, path: path.to_owned(), change })
}

fn settings(old: &Config, new: &Config) -> Vec<SettingChange> {
    let (old, mut new) = (by_key(old), by_key(new));
    let mut changes = Vec::new();
    for (key, from) in old {
        let to = new.remove(&key).unwrap_or(Value::Null);
        if from != to {
            changes.push(SettingChange { from: shown(&key, from), to: shown(&key, to), key });
        }
    }
    changes
}

/// `section.key` → value.
fn by_key(config: &Config) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    let document = serde_json::to_value(config).expect("texts, numbers and lists always serialise");
    for (section, table) in document.as_object().into_iter().flatten() {
        for (key, value) in table.as_object().into_iter().flatten() {
            keys.insert(format!("{section}.{key}"), value.clone());
        }
    }
    keys
}

fn shown(key: &str, value: Value) -> Value {
    match value {
        Value::String(text) if key == "upstream.proxy" => Secret(text).to_string().into(),
        value => value,
    }
}
