//! Looks at the two files every half second and on SIGHUP.

use crate::door::Door;
use crate::settings::Settings;
use meter_hop::paths::Home;
use meter_hop::timing::RELOAD_EVERY;
use meter_hop::{EdgeConfig, EffectivePorts, LastGood, Refreshed};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// Keeps [`Door::settings`] up to date.
pub(crate) struct Reload {
    door: Arc<Door>,
    config: LastGood<EdgeConfig>,
    ports: LastGood<EffectivePorts>,
    /// Whether the edge's section was in the last good ports file.
    listed: bool,
}

impl Reload {
    /// Reads both files once.
    pub(crate) fn new(home: &Home, door: Arc<Door>) -> Reload {
        let mut reload = Reload {
            door,
            config: LastGood::new(home.edge_json()),
            ports: LastGood::new(home.effective_ports()),
            listed: false,
        };
        reload.look();
        reload
    }

    /// Runs until it is dropped. `publish` is called when the edge's section has gone from the ports file: somebody
    /// removed the file, and without the section nobody finds us.
    pub(crate) async fn run(&mut self, publish: impl Fn()) {
        // Without the signal the files are still seen within half a second.
        let mut hangup =
            signal(SignalKind::hangup()).inspect_err(|error| tracing::warn!(%error, "signal.unavailable")).ok();
        let mut tick = interval(RELOAD_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tick.tick() => {}
                _ = asked => {}
            }
            self.look();
            let listed = self.ports.value().is_some_and(|ports| ports.edge.is_some());
            if self.listed && !listed {
                publish();
            }
            self.listed = listed;
        }
    }

    /// Says what changed once it is in force.
    fn look(&mut self) {
        let (config, ports) = (self.config.refresh(), self.ports.refresh());
        if (config, ports) == (Refreshed::Unchanged, Refreshed::Unchanged) {
            return;
        }
        let settings = Settings::from_files(&self.config, &self.ports, self.door.identity.id(), self.door.port);
        let (daemon_port, daemon_port_before) = (settings.daemon_port, self.door.settings.now().daemon_port);
        self.door.settings.replace(settings);
        match config {
            Refreshed::Unchanged => {}
            Refreshed::Loaded => {
                let loaded = self.config.value();
                let (digest, hosts) = (loaded.map(|c| c.digest.as_str()), loaded.map(|c| c.hosts.len()));
                tracing::info!(digest, hosts, "config.loaded");
            }
            Refreshed::Removed => tracing::warn!("config.removed"),
            Refreshed::Kept => tracing::warn!(file = "edge.json", trouble = self.config.trouble(), "config.kept"),
        }
        if ports == Refreshed::Kept {
            tracing::warn!(file = "effective-ports.json", trouble = self.ports.trouble(), "config.kept");
        }
        if daemon_port != daemon_port_before {
            tracing::info!(port = daemon_port, "daemon.port");
        }
    }
}
