//! The checked model of both layers' files.

use crate::clients::ClientVariable;
use crate::file::ManifestFile;
use crate::layers::{Kind, Layers, Listed};
use crate::policies::{Known, PolicySource};
use crate::providers::{Provider, ProviderSource};
use crate::services::Services;
use crate::{clients, layers, policies, prices, providers, services};
use jiff::tz::TimeZone;
use meter_diag::Diagnostic;
use meter_policy::Policies;
use meter_price::PriceBook;
use std::collections::BTreeSet;

/// Everything the manifests say. Without errors among the findings it may come into force.
#[derive(Clone, Debug)]
pub struct Model {
    /// Who is called.
    pub providers: Vec<Provider>,
    /// How much it costs.
    pub prices: PriceBook,
    /// What is allowed.
    pub policies: Policies,
    /// What runs.
    pub services: Services,
    /// With what tools are sent here.
    pub clients: Vec<ClientVariable>,
    /// Every file and what became of it.
    pub files: Vec<Listed>,
}

/// Loads both layers; rules that name no time zone are read in UTC. The findings are sorted by place.
pub fn load(bundled: &[ManifestFile], user: &[ManifestFile]) -> (Model, Vec<Diagnostic>) {
    load_in(bundled, user, TimeZone::UTC)
}

/// As [`load`]; `zone` is where hours, days and months of rules that name none are counted: the user's.
pub fn load_in(bundled: &[ManifestFile], user: &[ManifestFile], zone: TimeZone) -> (Model, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let Layers { loaded, listed, bundled_prices, user_prices } = layers::effective(bundled, user, &mut found);

    let (book, price_findings) = prices::book(bundled_prices, user_prices);
    found.extend(price_findings);

    let mut sources: Vec<ProviderSource<'_, '_>> = Vec::new();
    let mut policy_source = PolicySource::default();
    let mut services = Services::default();
    let mut clients = Vec::new();
    for file in &loaded {
        match file.kind {
            Kind::Provider => sources.extend(providers::read(&file.doc, file.layer)),
            Kind::Policies => policies::read(&file.doc, &mut policy_source),
            Kind::Services => services = services::read(&file.doc),
            Kind::Clients => clients = clients::read(&file.doc),
            Kind::Tagging | Kind::Dialect | Kind::Prices | Kind::Config => {}
        }
    }

    let composed = providers::compose(&sources, &mut found);
    let priced: BTreeSet<String> = book.providers().map(str::to_owned).collect();
    providers::check(&composed, &priced, &mut found);
    let providers: Vec<Provider> = composed.into_iter().map(|composed| composed.provider).collect();
    drop(sources);

    let mut known = Known::default();
    for endpoint in providers.iter().flat_map(|provider| &provider.endpoints) {
        known.providers.insert(endpoint.provider.clone());
        known.kinds.insert(endpoint.kind.clone());
    }
    let policies = policy_source.finish(zone, &known, &mut found);

    for file in loaded {
        found.extend(file.doc.findings());
    }
    found.sort();
    found.dedup();
    (Model { providers, prices: book, policies, services, clients, files: listed }, found)
}
