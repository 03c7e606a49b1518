//! What the two files say, ready to be asked.

use meter_dial::Dialer;
use meter_hop::{EdgeConfig, EffectivePorts, FileState, LastGood, MeteredHosts};
use std::sync::{Arc, PoisonError, RwLock};

/// One reading of both files. A connection takes it once and keeps it.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Empty without an edge.json: everything tunnels.
    pub(crate) hosts: MeteredHosts,
    /// Reaches origins.
    pub(crate) dialer: Dialer,
    /// Digest of the edge.json in force.
    pub(crate) digest: Option<String>,
    /// Where the daemon of this instance says it listens.
    pub(crate) daemon_port: Option<u16>,
    /// How the last reading of edge.json went.
    pub(crate) edge_json: FileState,
    /// How the last reading of effective-ports.json went.
    pub(crate) effective_ports: FileState,
}

impl Settings {
    pub(crate) fn from_files(
        config: &LastGood<EdgeConfig>,
        ports: &LastGood<EffectivePorts>,
        instance: &str,
        own_port: u16,
    ) -> Settings {
        let sections = ports.value().filter(|ports| ports.instance == instance);
        // Whether its process lives is not asked: the port itself is, with a proof, on the next probe.
        let daemon_port = sections.and_then(|ports| ports.daemon.as_ref()).map(|section| section.intercept_port);
        let upstream = config.value().map(|config| config.upstream.clone()).unwrap_or_default();
        let own: Vec<u16> = [own_port].into_iter().chain(daemon_port).collect();
        let (upstream, loops) = upstream.past_ourselves(&own);
        if loops {
            tracing::warn!("upstream.proxy is one of our own ports and is not used");
        }
        Settings {
            hosts: config.value().map(EdgeConfig::metered).unwrap_or_default(),
            dialer: Dialer::new(upstream),
            digest: config.value().map(|config| config.digest.clone()),
            daemon_port,
            edge_json: FileState { trouble: config.trouble().map(ToOwned::to_owned), rejected: config.rejected() },
            effective_ports: FileState { trouble: ports.trouble().map(ToOwned::to_owned), rejected: ports.rejected() },
        }
    }
}

/// The reading in force.
#[derive(Debug, Default)]
pub(crate) struct InForce(RwLock<Arc<Settings>>);

impl InForce {
    pub(crate) fn now(&self) -> Arc<Settings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}
