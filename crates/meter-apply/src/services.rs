//! The service files of a home, for whoever supervises services here.

use crate::compile::Compiled;
use crate::error::{Act, ApplyError};
use crate::rendered::Site;
use crate::texts;
use meter_hop::paths::Home;
use meter_hop::{Document, EffectivePorts};
use meter_setup::{Domain, Installation, Ports, launchd, systemd};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::DirBuilderExt;

/// Who starts services at login and again when they end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Supervisor {
    /// macOS.
    Launchd,
    /// A systemd user manager.
    Systemd,
}

impl Supervisor {
    /// That of the system this runs on.
    pub fn of_this_system() -> Supervisor {
        if std::env::consts::OS == "macos" { Supervisor::Launchd } else { Supervisor::Systemd }
    }

    /// The folder of its files within a home.
    pub const fn folder(self) -> &'static str {
        match self {
            Supervisor::Launchd => "launchd",
            Supervisor::Systemd => "systemd",
        }
    }

    /// Whether a file in that folder is one of ours.
    fn owns(self, name: &str) -> bool {
        match self {
            Supervisor::Launchd => name.ends_with(".plist"),
            Supervisor::Systemd => name.ends_with(".service") || name.ends_with(".socket"),
        }
    }
}

/// A file of a home: its name within it (`launchd/com.haltonlabs.meter.plist`) and its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rendered {
    /// Relative to the home.
    pub name: String,
    /// Content.
    pub text: String,
}

/// The service files, by role.
///
/// # Errors
/// [`ApplyError::Service`] for what cannot be written down.
pub(crate) fn files(home: &Home, compiled: &Compiled, site: &Site) -> Result<Vec<Rendered>, ApplyError> {
    let root = std::path::absolute(home.root()).act("find", home.root())?;
    let home = Home::at(root);
    let ports = &compiled.snapshot.config.daemon;
    // The port that was settled for the edge, because clients carry it.
    let settled = EffectivePorts::read(&home.effective_ports()).ok().and_then(|ports| ports.edge);
    let installation = Installation {
        home: home.root().to_owned(),
        programs: site.programs.clone(),
        logs: home.logs(),
        label_suffix: home.label_suffix(&site.user_home),
        ports: Ports {
            edge: settled.map_or(ports.edge_port, |section| section.port),
            internal: ports.internal_port,
            api: ports.api_port,
        },
        domain: Domain::Gui,
    };
    let services = &compiled.model.services;
    let named =
        |(name, text): (String, String)| Rendered { name: format!("{}/{name}", site.supervisor.folder()), text };
    Ok(match site.supervisor {
        Supervisor::Launchd => {
            let lists = launchd::plists(services, &installation)?;
            lists.into_iter().map(|list| named((list.file_name(), list.text()))).collect()
        }
        Supervisor::Systemd => {
            let units = systemd::units(services, &installation)?;
            units.into_iter().map(|unit| named((unit.file_name.clone(), unit.text()))).collect()
        }
    })
}

/// Names of service files in the home that no service has any more.
pub(crate) fn left_over(home: &Home, supervisor: Supervisor, kept: &[Rendered]) -> Result<Vec<String>, ApplyError> {
    let folder = home.root().join(supervisor.folder());
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).act("read", &folder),
    };
    let kept: BTreeSet<&str> = kept.iter().map(|file| file.name.as_str()).collect();
    let mut left = Vec::new();
    for entry in entries {
        let name = entry.act("read", &folder)?.file_name();
        let Some(name) = name.to_str().filter(|name| supervisor.owns(name)) else { continue };
        let name = format!("{}/{name}", supervisor.folder());
        if !kept.contains(name.as_str()) {
            left.push(name);
        }
    }
    left.sort();
    Ok(left)
}

/// Writes the service files into the home, each in one step, and removes those of services that are no more. What stood
/// there before is kept.
pub(crate) fn write(home: &Home, compiled: &Compiled, site: &Site) -> Result<(), ApplyError> {
    let folder = home.root().join(site.supervisor.folder());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).act("create", &folder)?;
    let wanted = files(home, compiled, site)?;
    for file in &wanted {
        let path = home.root().join(&file.name);
        if fs::read(&path).ok().as_deref() != Some(file.text.as_bytes()) {
            texts::keep(home, &file.name)?;
            meter_hop::replace(&path, file.text.as_bytes())?;
        }
    }
    for name in left_over(home, site.supervisor, &wanted)? {
        texts::keep(home, &name)?;
        let path = home.root().join(&name);
        fs::remove_file(&path).act("remove", &path)?;
    }
    Ok(())
}
