//! What the edge reads, and where everything lies.

use crate::compile::Compiled;
use crate::error::{Act, ApplyError};
use crate::services::Supervisor;
use crate::texts;
use meter_hop::paths::Home;
use meter_hop::{Document, EdgeConfig, MeteredHosts, Upstream};
use std::path::PathBuf;

/// Name of the edge's file within a home.
pub(crate) const EDGE: &str = "edge.json";

/// Where the programs lie and whose home this is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Site {
    /// Folder of both binaries, absolute.
    pub programs: PathBuf,
    /// The user's own home folder: the default instance lies below it.
    pub user_home: PathBuf,
    /// Who runs services here.
    pub supervisor: Supervisor,
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
            supervisor: Supervisor::of_this_system(),
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
        _ => {
            texts::keep(home, EDGE)?;
            Ok(config.write(&home.edge_json())?)
        }
    }
}
