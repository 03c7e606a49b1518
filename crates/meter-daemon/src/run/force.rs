//! What is in force, and how a reload replaces it.

use super::{StartError, budgets, chain_text};
use crate::intercept::{DownstreamTls, Interceptor, LeafSource, Spares, UpstreamTls};
use crate::observer::witness_source;
use crate::pinned::Pins;
use crate::services::{Loaded, Services};
use meter_ca::{Authority, bundle, system_roots, upstream_roots};
use meter_call::UnixMillis;
use meter_dial::Dialer;
use meter_hop::paths::Home;
use meter_hop::{Document, EffectivePorts, MeteredHosts, Upstream, split_authority};
use meter_manifest::{Config, Model};
use meter_store::{Journal, PolicyRecord};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes everything that depends on the snapshot.
pub(super) struct Force {
    home: Home,
    pins: Arc<Pins>,
    /// Settings in force; a reload compares ports with them.
    config: Mutex<Config>,
}

impl Force {
    /// The first snapshot of this life.
    pub(super) fn begin(
        home: &Home,
        found: meter_apply::Loaded,
        journal: Journal,
        services_of: impl FnOnce(&Home, Loaded, Journal) -> Arc<Services>,
    ) -> Result<(Force, Arc<Services>, Arc<Interceptor>), StartError> {
        let meter_apply::Loaded { digest, model, config, .. } = found;
        let force = Force { home: home.clone(), pins: Arc::default(), config: Mutex::new(config.clone()) };
        let authority = force.authority(&model)?;
        let parts = force.parts(&model, &config, authority)?;
        let services = services_of(home, Loaded { model, digest }, journal);
        keep_policies(&services);
        let interceptor = Arc::new(parts.interceptor(&services, force.pins.clone()));
        Ok((force, services, interceptor))
    }

    /// Looks at what was applied since and puts it in force. Files are read: not for a thread that carries traffic.
    ///
    /// # Errors
    /// What is wrong with it; everything stays as it is then.
    pub(super) fn reload(&self, services: &Arc<Services>) -> Result<Option<Arc<Interceptor>>, StartError> {
        let meter_apply::Loaded { digest, model, config, notice } = meter_apply::load_current(&self.home)?;
        if let Some(notice) = notice {
            tracing::warn!(%notice, "snapshot.notice");
        }
        if digest == services.loaded.load().digest {
            return Ok(None);
        }
        let authority = self.authority(&model)?;
        let parts = self.parts(&model, &config, authority)?;
        let interceptor = Arc::new(parts.interceptor(services, self.pins.clone()));
        services.loaded.store(Arc::new(Loaded { model, digest: digest.clone() }));
        keep_policies(services);
        budgets::seed(services, &self.home);
        let ports = self.config.lock().unwrap_or_else(PoisonError::into_inner).daemon.clone();
        if ports != config.daemon {
            tracing::warn!("the ports of the new settings apply at the next start");
        }
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        tracing::info!(digest, "snapshot.in_force");
        Ok(Some(interceptor))
    }

    /// Settings in force.
    pub(super) fn config(&self) -> Config {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the instance lives.
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Forgets which clients do not accept our certificate.
    pub(super) fn retry_trust(&self) {
        self.pins.retry();
        tracing::info!("trust.retried");
    }

    /// Where edge and daemon are said to listen, and where they do.
    fn own_ports(&self, config: &Config) -> Vec<u16> {
        let found = EffectivePorts::read(&self.home.effective_ports()).ok();
        let edge = found.as_ref().and_then(|ports| ports.edge.as_ref()).map(|section| section.port);
        let daemon = found.as_ref().and_then(|ports| ports.daemon.as_ref()).map(|section| section.intercept_port);
        [config.daemon.edge_port, config.daemon.internal_port].into_iter().chain(edge).chain(daemon).collect()
    }

    fn authority(&self, model: &Model) -> Result<Authority, StartError> {
        let names = model
            .metered_hosts()
            .iter()
            .map(|host| Ok(split_authority(host, 443)?.0))
            .collect::<Result<Vec<_>, meter_hop::BadHost>>()?;
        let authority = Authority::open_or_create(&self.home.ca(), &names, super::now())?;
        let system = match system_roots() {
            Ok(system) => system.certificates,
            Err(error) => {
                // Clients would lose their way to every other host with a bundle of ours alone.
                tracing::warn!(error = chain_text(&error), "bundle.no_system_roots");
                Vec::new()
            }
        };
        let ours: Vec<_> = authority.roots().cloned().collect();
        bundle::write(&self.home.ca(), &system, &[], &ours)?;
        Ok(authority)
    }

    fn parts(&self, model: &Model, config: &Config, authority: Authority) -> Result<Parts, StartError> {
        let ca_file = Some(&config.upstream.ca_file).filter(|path| !path.is_empty()).map(PathBuf::from);
        let roots = upstream_roots(ca_file.as_deref(), &authority.public_keys())?;
        let authority = Arc::new(authority);
        let leaves: LeafSource = Arc::new(move |host| match authority.leaf(host, super::now()) {
            Ok(leaf) => Some(leaf),
            Err(error) => {
                tracing::debug!(host, %error, "leaf.none");
                None
            }
        });
        let upstream = Upstream {
            proxy: Some(config.upstream.proxy.0.clone()).filter(|proxy| !proxy.is_empty()),
            no_proxy: config.upstream.no_proxy.clone(),
            resolve: config.upstream.resolve.clone(),
        };
        let (upstream, loops) = upstream.past_ourselves(&self.own_ports(config));
        if loops {
            tracing::warn!("upstream.proxy is one of our own ports and is not used");
        }
        Ok(Parts {
            dialer: Dialer::new(upstream),
            metered: MeteredHosts::new(&model.metered_hosts())?,
            upstream: UpstreamTls::new(roots),
            downstream: DownstreamTls::new(leaves)?,
            spares: config.upstream.spares,
        })
    }
}

/// All of an interceptor that can fail.
struct Parts {
    dialer: Dialer,
    metered: MeteredHosts,
    upstream: UpstreamTls,
    downstream: DownstreamTls,
    spares: bool,
}

impl Parts {
    fn interceptor(self, services: &Arc<Services>, pins: Arc<Pins>) -> Interceptor {
        let Parts { dialer, metered, upstream, downstream, spares } = self;
        let now: fn() -> UnixMillis = super::now;
        let spares = if spares { Spares::new(Arc::new(now)) } else { Spares::none() };
        let witness = witness_source(services.clone());
        Interceptor { dialer, metered, upstream, downstream, spares, pins, witness, now }
    }
}

/// The rules in force, as rows for whoever reads an audit later.
fn keep_policies(services: &Services) {
    let loaded = services.loaded.load();
    for (position, rule) in loaded.model.policies.rules().iter().enumerate() {
        services.journal.policy(&PolicyRecord {
            digest: loaded.digest.clone(),
            id: rule.id.clone(),
            position: u32::try_from(position).unwrap_or(u32::MAX),
            stage: rule.stage.as_str().to_owned(),
            rule:
                serde_json::json!({ "id": rule.id, "stage": rule.stage.as_str(), "rule": format!("{:?}", rule.kind) })
                    .to_string(),
            applied_at: (services.now)(),
        });
    }
}
