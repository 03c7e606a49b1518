//! What other programs read: `edge.json` and the service files.

use crate::compile::Compiled;
use crate::error::{Act, ApplyError};
use meter_hop::paths::Home;
use meter_hop::{Document, EdgeConfig, MeteredHosts, Upstream};
use meter_setup::{Domain, Installation, Ports, launchd};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// Where the programs lie and whose home this is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Site {
    /// Folder of both binaries, absolute.
    pub programs: PathBuf,
    /// The user's own home folder: the default instance lies below it.
    pub user_home: PathBuf,
}

impl Site {
    /// That of this process.
    ///
    /// # Errors
    /// [`ApplyError::File`] when the system does not say where this program lies.
    pub fn of_process() -> Result<Site, ApplyError> {
        let own = std::env::current_exe().act("find", &PathBuf::from("this program"))?;
        Ok(Site {
            programs: own.parent().map(PathBuf::from).unwrap_or_default(),
            user_home: std::env::home_dir().unwrap_or_default(),
        })
    }
}

/// What the edge is told.
///
/// # Errors
/// [`ApplyError::Edge`] when the edge would refuse it.
pub fn edge_config(compiled: &Compiled) -> Result<EdgeConfig, ApplyError> {
    let upstream = &compiled.snapshot.config.upstream;
    let config = EdgeConfig {
        digest: compiled.snapshot.digest.clone(),
        hosts: compiled.model.metered_hosts(),
        upstream: Upstream {
            proxy: Some(upstream.proxy.0.clone()).filter(|proxy| !proxy.is_empty()),
            no_proxy: upstream.no_proxy.clone(),
            resolve: upstream.resolve.clone(),
        },
    };
    MeteredHosts::new(&config.hosts).map_err(|error| ApplyError::Edge(error.to_string()))?;
    config.upstream.check().map_err(|error| ApplyError::Edge(error.to_string()))?;
    Ok(config)
}

/// Writes `edge.json` unless it says the same already.
pub(crate) fn write_edge(home: &Home, config: &EdgeConfig) -> Result<(), ApplyError> {
    match EdgeConfig::read(&home.edge_json()) {
        Ok(there) if there == *config => Ok(()),
        _ => Ok(config.write(&home.edge_json())?),
    }
}

/// Writes the property lists into the home, each in one step, and removes those of services that are no more.
pub(crate) fn write_services(home: &Home, compiled: &Compiled, site: &Site) -> Result<(), ApplyError> {
    let folder = home.launchd();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).act("create", &folder)?;
    let mut written = BTreeSet::new();
    for plist in service_files(home, compiled, site)? {
        let path = folder.join(plist.file_name());
        let text = plist.text();
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            meter_hop::replace(&path, text.as_bytes())?;
        }
        written.insert(path);
    }
    for entry in fs::read_dir(&folder).act("read", &folder)? {
        let path = entry.act("read", &folder)?.path();
        if path.extension().is_some_and(|extension| extension == "plist") && !written.contains(&path) {
            fs::remove_file(&path).act("remove", &path)?;
        }
    }
    Ok(())
}

fn service_files(home: &Home, compiled: &Compiled, site: &Site) -> Result<Vec<launchd::Plist>, ApplyError> {
    let root = std::path::absolute(home.root()).act("find", home.root())?;
    let home = Home::at(root);
    let ports = &compiled.snapshot.config.daemon;
    let installation = Installation {
        home: home.root().to_owned(),
        programs: site.programs.clone(),
        logs: home.logs(),
        label_suffix: home.label_suffix(&site.user_home),
        ports: Ports { edge: ports.edge_port, internal: ports.internal_port, api: ports.api_port },
        domain: Domain::Gui,
    };
    Ok(launchd::plists(&compiled.model.services, &installation)?)
}
