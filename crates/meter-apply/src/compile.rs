//! What the files of both layers and the settings mean together.

use crate::layer::UserLayer;
use jiff::tz::TimeZone;
use meter_diag::Diagnostic;
use meter_manifest::{Config, ManifestFile, Model, Snapshot, config, load_in};

/// Variables that are settings begin with this.
pub const VARIABLES: &str = config::VARIABLE_PREFIX;

/// A state that could come into force, and everything that is to be said about it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What would be stored.
    pub snapshot: Snapshot,
    /// What it means.
    pub model: Model,
    /// By place. With an error among them nothing of it may come into force.
    pub findings: Vec<Diagnostic>,
}

impl Compiled {
    /// Lays the user's files over `bundled` and the settings of `env` over the user's.
    pub fn of(bundled: &[ManifestFile], user: &UserLayer, env: &[(String, String)]) -> Compiled {
        let (config, mut findings) = config::load(user.settings.as_ref(), env, &[]);
        findings.extend(user.findings.iter().cloned());
        let (model, more) = load_in(bundled, &user.manifests, zone(&config));
        findings.extend(more);
        findings.sort();
        findings.dedup();
        Compiled { snapshot: Snapshot::of(bundled, &user.manifests, config), model, findings }
    }

    /// What a stored state means to this binary.
    pub fn of_snapshot(snapshot: Snapshot) -> Compiled {
        let (model, findings) = load_in(&snapshot.bundled, &snapshot.user, zone(&snapshot.config));
        Compiled { snapshot, model, findings }
    }

    /// Whether nothing forbids putting it in force.
    pub fn is_valid(&self) -> bool {
        !self.findings.iter().any(Diagnostic::is_error)
    }
}

/// The time zone of days and months: the configured one, else the machine's.
pub fn zone(config: &Config) -> TimeZone {
    let named = Some(&config.report.zone).filter(|zone| !zone.is_empty());
    // A name that is none was reported when the settings were read.
    named.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or_else(TimeZone::system)
}

/// The settings in this process's environment, sorted.
pub fn settings_of_environment() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(VARIABLES))
        .collect();
    found.sort();
    found
}
