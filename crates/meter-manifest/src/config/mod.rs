//! Settings: `config.toml` and what may override it.
//!
//! Layers, the later wins: defaults, the file, `HALTON_METER_*` variables (`__` for nesting), flags. Figment merges them
//! and knows which layer each value came from; the file is read by our own spanned table, so that findings have places.

mod keys;
mod layer;
mod settings;

pub use keys::{KEYS, Key, Shape};
pub use settings::{
    ApiSettings, CaptureSettings, Config, CorsSettings, DaemonSettings, ReportSettings, RetentionSettings, Secret,
    UpstreamSettings,
};

use crate::file::ManifestFile;
use crate::table::Document;
use figment::Figment;
use layer::{Assigned, LayerOf};
use meter_diag::{Diagnostic, Place, codes::config as codes, codes::files};
use std::collections::BTreeMap;
use std::fmt;

/// Prefix of the variables that are settings.
pub const VARIABLE_PREFIX: &str = "HALTON_METER_";

/// Variables with the prefix that are not settings.
const NO_SETTINGS: &[&str] = &["HOME", "RUN"];

/// Which layer a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The file, at a place.
    File(Place),
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(place) => write!(f, "{}:{}", place.file, place.line),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag => f.write_str("flag"),
        }
    }
}

/// The effective settings and where each came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The settings.
    pub config: Config,
    /// Origin of each key of [`KEYS`].
    pub origins: BTreeMap<&'static str, Origin>,
}

/// Loads the settings. `env` is the whole environment or the part with our prefix; `flags` are dotted keys and values.
/// A value that cannot be used is reported and left to the layer below.
pub fn load(
    file: Option<&ManifestFile>,
    env: &[(String, String)],
    flags: &[(String, String)],
) -> (Config, Vec<Diagnostic>) {
    let (effective, found) = load_with_origins(file, env, flags);
    (effective.config, found)
}

/// As [`load`], with the origins for `config show --origin`.
pub fn load_with_origins(
    file: Option<&ManifestFile>,
    env: &[(String, String)],
    flags: &[(String, String)],
) -> (Effective, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let layers = [from_file(file, &mut found), from_env(env, &mut found), from_flags(flags, &mut found)];

    let mut figment = Figment::from(LayerOf::defaults());
    for layer in &layers {
        figment = figment.merge(LayerOf::of(layer));
    }
    let config = figment.extract::<Config>().unwrap_or_else(|error| {
        // Every value was checked against its key, so this is a mistake of ours; say it and run on the defaults.
        found.push(Diagnostic::new(codes::UNUSABLE, Place::whole("config.toml"), error.to_string()));
        Config::default()
    });
    let mut origins = BTreeMap::new();
    for key in KEYS {
        let winner = layers.iter().rev().find_map(|layer| layer.iter().find(|one| one.key.name == key.name));
        origins.insert(key.name, winner.map_or(Origin::Default, |one| one.origin.clone()));
    }
    together(&config, &origins, &mut found);
    (Effective { config, origins }, found)
}

fn from_file(file: Option<&ManifestFile>, found: &mut Vec<Diagnostic>) -> Vec<Assigned> {
    let mut assigned = Vec::new();
    let Some(file) = file else { return assigned };
    let doc = match Document::parse(file) {
        Ok(doc) => doc,
        Err(more) => {
            // An empty settings file hides nothing: it is what a new home may have.
            found.extend(more.into_iter().filter(|finding| finding.code != files::EMPTY_FILE));
            return assigned;
        }
    };
    let root = doc.root();
    if !root.has("schema") || root.schema() {
        let mut sections: Vec<&str> = KEYS.iter().map(Key::section).collect();
        sections.dedup();
        for section in sections {
            let Some(table) = root.table(section) else { continue };
            for key in KEYS.iter().filter(|key| key.section() == section) {
                let Some(value) = table.value(key.leaf()) else { continue };
                if let Some(written) = key.written(&value) {
                    match key.checked(written) {
                        Ok(value_) => {
                            assigned.push(Assigned { key, value: value_, origin: Origin::File(doc.place(value.span)) })
                        }
                        Err(fault) => doc.report(key.code(), value.span, fault),
                    }
                }
            }
            table.finish();
        }
        root.finish();
    }
    found.extend(doc.findings());
    assigned
}

fn from_env(env: &[(String, String)], found: &mut Vec<Diagnostic>) -> Vec<Assigned> {
    let mut assigned = Vec::new();
    for (variable, text) in env {
        let Some(rest) = variable.strip_prefix(VARIABLE_PREFIX).filter(|rest| !NO_SETTINGS.contains(rest)) else {
            continue;
        };
        let name = rest.to_ascii_lowercase().replace("__", ".");
        let place = || Place::whole(format!("${variable}"));
        match Key::named(&name) {
            None => {
                let finding =
                    Diagnostic::new(codes::UNKNOWN_VARIABLE, place(), format!("no setting is called `{name}`"));
                found.push(match meter_diag::nearest(&name, KEYS.iter().map(|key| key.name)) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding,
                });
            }
            Some(key) => match key.parsed(text).and_then(|value| key.checked(value)) {
                Ok(value) => assigned.push(Assigned { key, value, origin: Origin::Variable(variable.clone()) }),
                Err(fault) => found.push(Diagnostic::new(key.code(), place(), fault)),
            },
        }
    }
    assigned
}

fn from_flags(flags: &[(String, String)], found: &mut Vec<Diagnostic>) -> Vec<Assigned> {
    let mut assigned = Vec::new();
    for (name, text) in flags {
        let place = || Place::whole(format!("--{name}"));
        match Key::named(name) {
            None => found.push(Diagnostic::new(codes::UNKNOWN_FLAG, place(), format!("no setting is called `{name}`"))),
            Some(key) => match key.parsed(text).and_then(|value| key.checked(value)) {
                Ok(value) => assigned.push(Assigned { key, value, origin: Origin::Flag }),
                Err(fault) => found.push(Diagnostic::new(key.code(), place(), fault)),
            },
        }
    }
    assigned
}

/// What is wrong only when the settings are seen together: two roles on one port.
fn together(config: &Config, origins: &BTreeMap<&'static str, Origin>, found: &mut Vec<Diagnostic>) {
    let place = |key: &str| match origins.get(key) {
        Some(Origin::File(place)) => place.clone(),
        Some(Origin::Variable(name)) => Place::whole(format!("${name}")),
        _ => Place::whole("config.toml"),
    };
    let ports = [
        ("daemon.edge_port", config.daemon.edge_port),
        ("daemon.internal_port", config.daemon.internal_port),
        ("daemon.api_port", config.daemon.api_port),
    ];
    for (at, (key, port)) in ports.iter().enumerate() {
        if let Some((first, _)) = ports[..at].iter().find(|(_, other)| other == port) {
            let message = format!("`{key}` and `{first}` are both {port}");
            found.push(Diagnostic::new(codes::SAME_PORT, place(key), message).other(place(first), "the same port"));
        }
    }
}

#[cfg(test)]
mod tests;
