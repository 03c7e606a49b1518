//! The checked model of both layers' files.

use crate::clients::ClientVariable;
use crate::dialects::Dialects;
use crate::file::ManifestFile;
use crate::layers::{Kind, Layer, Layers, Listed};
use crate::policies::{Known, PolicySource};
use crate::providers::{Provider, ProviderSource};
use crate::services::Services;
use crate::table::Document;
use crate::{clients, layers, policies, prices, providers, services, tagging};
use jiff::tz::TimeZone;
use meter_attribution::Tagging;
use meter_diag::codes::dialects::UNPRICED_METER;
use meter_diag::{Diagnostic, Place};
use meter_policy::Policies;
use meter_price::PriceBook;
use std::collections::{BTreeMap, BTreeSet};

/// Everything the manifests say. Without errors among the findings it may come into force.
#[derive(Clone, Debug)]
pub struct Model {
    /// Who is called.
    pub providers: Vec<Provider>,
    /// How much it costs.
    pub prices: PriceBook,
    /// Whose it is.
    pub tagging: Tagging,
    /// What is allowed.
    pub policies: Policies,
    /// What runs.
    pub services: Services,
    /// With what tools are sent here.
    pub clients: Vec<ClientVariable>,
    /// Every metered name, and where it was written: what the certificate authority has to vouch for.
    pub hosts: Vec<(String, Place)>,
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
    let mut dialects = Dialects::default();
    let mut parents: BTreeMap<String, String> = BTreeMap::new();
    let mut policy_source = PolicySource::default();
    let mut services = Services::default();
    let mut clients = Vec::new();
    let mut tagging = Tagging::default();
    for file in &loaded {
        match file.kind {
            Kind::Policies => policies::read(&file.doc, &mut policy_source),
            Kind::Services => services = services::read(&file.doc),
            Kind::Clients => clients = clients::read(&file.doc),
            Kind::Tagging => tagging = tagging::read(&file.doc),
            Kind::Provider | Kind::Dialect | Kind::Prices | Kind::Config => {}
        }
    }
    // The user's come last, so that a clash is told in the file that can be changed.
    let (bundled_files, user_files): (Vec<_>, Vec<_>) = loaded.iter().partition(|file| file.layer == Layer::Bundled);
    for file in bundled_files.into_iter().chain(user_files) {
        match file.kind {
            Kind::Provider => sources.extend(providers::read(&file.doc, file.layer)),
            Kind::Dialect => {
                dialects.add(&file.doc);
                parents.extend(parent(&file.doc));
            }
            Kind::Policies | Kind::Services | Kind::Clients | Kind::Tagging | Kind::Prices | Kind::Config => {}
        }
    }

    let mut composed = providers::compose(&sources, &mut found);
    providers::attach(&mut composed, &sources, &mut dialects, &parents, &mut found);
    let priced: BTreeSet<String> = book.providers().map(str::to_owned).collect();
    providers::check(&composed, &priced, &mut found);
    // What bundled dialects count without a price is our gap, which the rows tell; nobody can mend it in a file of theirs.
    let own = |place: &Place| loaded.iter().any(|file| file.layer == Layer::User && file.doc.path() == place.file);
    let of_dialects = dialects.finish(Some(&book.priced_meters()));
    found.extend(of_dialects.into_iter().filter(|one| one.code != UNPRICED_METER || own(&one.place)));
    let places = composed.iter().filter(|composed| !composed.template).flat_map(|composed| {
        composed.provider.hosts.iter().map(|host| host.name.clone()).zip(composed.host_places.iter().cloned())
    });
    let hosts: Vec<(String, Place)> = places.collect();
    let providers: Vec<Provider> =
        composed.into_iter().filter(|composed| !composed.template).map(|composed| composed.provider).collect();
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
    (Model { providers, prices: book, tagging, policies, services, clients, hosts, files: listed }, found)
}

/// Id of a dialect and of the one it extends, for those who need to know the line without compiling it.
fn parent(doc: &Document<'_>) -> Option<(String, String)> {
    let entries = doc.root().entries();
    let text =
        |key: &str| entries.iter().find(|(name, _)| name.value == key)?.1.as_text().map(|at| at.value.to_owned());
    Some((text("id")?, text("extends")?))
}
