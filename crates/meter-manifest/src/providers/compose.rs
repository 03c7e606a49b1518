//! Works out what a provider inherits and mounts.

use super::source::{EndpointSource, Placed, ProviderSource};
use super::{Endpoint, PathPattern, Provider, Unmatched};
use meter_call::Billing;
use meter_diag::{Diagnostic, Place, codes::providers as codes, nearest};
use meter_wire::HeadCondition;
use std::sync::Arc;

/// How far `extends` and mounts may reach through other files.
const DEPTH_MAX: usize = 8;

/// Endpoints one provider may end up with.
const ENDPOINTS_MAX: usize = 1024;

/// Files that may be looked into for one provider; stops files that mount each other crosswise.
const VISITS_MAX: usize = 256;

/// The way from the provider that is composed to the one that is looked into.
#[derive(Default)]
struct Way {
    ids: Vec<String>,
    visits: usize,
}

/// A provider and the places its parts were written at.
#[derive(Debug)]
pub(crate) struct Composed {
    pub provider: Provider,
    /// Only there to be extended or mounted.
    pub template: bool,
    /// Where its id stands.
    pub at: Place,
    /// For each host of the provider, where it was written.
    pub host_places: Vec<Place>,
    /// For each endpoint of the provider, where its parts were written.
    pub origins: Vec<Origin>,
}

/// Where an endpoint's parts were written.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The file it comes from, which may be another provider's.
    pub id: Place,
    pub paths: Vec<Place>,
    pub captures: Vec<Place>,
    pub dialect: Option<Place>,
    pub stream: Option<Place>,
    pub prices: Option<Place>,
    /// Providers whose overrides hold for it, the most general first.
    pub lineage: Vec<String>,
}

/// An endpoint on its way into a provider: patterns already under their prefixes, defaults of the files it passed through
/// not yet applied.
#[derive(Clone)]
struct Passing {
    source: EndpointSource,
    upstream: Option<String>,
    lineage: Vec<String>,
}

/// Composes every provider; what does not resolve is reported and left out.
pub(crate) fn compose(sources: &[ProviderSource<'_, '_>], found: &mut Vec<Diagnostic>) -> Vec<Composed> {
    sources.iter().map(|source| finished(source, sources, found)).collect()
}

fn finished(source: &ProviderSource<'_, '_>, all: &[ProviderSource<'_, '_>], found: &mut Vec<Diagnostic>) -> Composed {
    let passing = gathered(source, all, &mut Way::default(), found);
    let ancestors = ancestors(source, all);
    let inherited = |pick: fn(&ProviderSource<'_, '_>) -> Option<Billing>| ancestors.iter().find_map(|one| pick(one));
    let provider = source.provider.clone().unwrap_or_else(|| source.id.0.clone());
    let billing = inherited(|one| one.billing).unwrap_or(Billing::Api);
    let free_when = ancestors.iter().find_map(|one| one.free_when.clone());
    let unmatched = ancestors.iter().find_map(|one| one.unmatched).unwrap_or(Unmatched::Observed);

    let mut endpoints = Vec::new();
    let mut origins = Vec::new();
    for Passing { source: endpoint, upstream, lineage } in passing {
        let named = endpoint.provider.clone();
        let prices = match (&endpoint.prices, &named) {
            (Some((prices, _)), _) => prices.clone(),
            (None, Some(named)) => named.clone(),
            (None, None) => match &source.prices {
                Some((prices, _)) => prices.clone(),
                None => provider.clone(),
            },
        };
        let free_when = endpoint.free_when.clone().or_else(|| free_when.clone());
        origins.push(Origin {
            id: endpoint.id.1,
            paths: endpoint.paths.iter().map(|(_, place)| place.clone()).collect(),
            captures: endpoint.captures.iter().map(|((_, place), _)| place.clone()).collect(),
            dialect: endpoint.dialect.as_ref().map(|(_, place)| place.clone()),
            stream: endpoint.stream.as_ref().map(|(_, place)| place.clone()),
            prices: endpoint.prices.as_ref().or(source.prices.as_ref()).map(|(_, place)| place.clone()),
            lineage,
        });
        endpoints.push(Endpoint {
            id: endpoint.id.0,
            methods: endpoint.methods,
            paths: endpoint.paths.into_iter().map(|(pattern, _)| pattern).collect(),
            upgrade: endpoint.upgrade,
            captures: endpoint.captures.into_iter().map(|((name, _), glob)| (name, glob)).collect(),
            class: endpoint.class,
            kind: endpoint.kind,
            dialect_id: endpoint.dialect.map(|(id, _)| id),
            dialect: None,
            stream: endpoint.stream.map(|(stream, _)| stream),
            settles: endpoint.settles,
            billing: endpoint.billing.unwrap_or(billing),
            free_when: free_when.and_then(|(text, place)| Some((text.clone(), condition(&text, place, found)?))),
            provider: named.unwrap_or_else(|| provider.clone()),
            prices,
            upstream,
        });
    }
    let (hosts, host_places) = source.hosts.iter().cloned().unzip();
    Composed {
        provider: Provider {
            id: source.id.0.clone(),
            name: source.name.clone(),
            provider,
            hosts,
            ports: source.ports.clone(),
            unmatched,
            endpoints,
        },
        at: source.id.1.clone(),
        host_places,
        origins,
        template: source.template,
    }
}

fn condition(text: &str, place: Place, found: &mut Vec<Diagnostic>) -> Option<Arc<HeadCondition>> {
    match HeadCondition::parse(text) {
        Ok(condition) => Some(Arc::new(condition)),
        Err(bad) => {
            // Behind the opening quote.
            let start = place.column + 1 + u32::try_from(bad.column).unwrap_or(0);
            let span = place.span.within(1 + bad.column, 1);
            let inside = Place { column: start, end_column: start + 1, end_line: place.line, span, ..place };
            let finding = Diagnostic::new(codes::BAD_CONDITION, inside, bad.message);
            // Inherited by many endpoints, written once.
            if !found.contains(&finding) {
                found.push(finding);
            }
            None
        }
    }
}

/// The provider itself, the one it extends, and so on; ends where nothing or a known one follows.
fn ancestors<'a, 'd, 'f>(
    source: &'a ProviderSource<'d, 'f>,
    all: &'a [ProviderSource<'d, 'f>],
) -> Vec<&'a ProviderSource<'d, 'f>> {
    let mut line = vec![source];
    while let Some((parent, _)) = &line[line.len() - 1].extends {
        match all.iter().find(|one| one.id.0 == *parent) {
            Some(parent) if line.len() < DEPTH_MAX && line.iter().all(|one| one.id.0 != parent.id.0) => {
                line.push(parent)
            }
            _ => break,
        }
    }
    line
}

/// Own endpoints first; an own one with the id of an inherited one takes its place; then what is inherited, then mounts.
fn gathered(
    source: &ProviderSource<'_, '_>,
    all: &[ProviderSource<'_, '_>],
    way: &mut Way,
    found: &mut Vec<Diagnostic>,
) -> Vec<Passing> {
    way.ids.push(source.id.0.clone());
    let own = |endpoint: &EndpointSource| Passing {
        source: endpoint.clone(),
        upstream: None,
        lineage: vec![source.id.0.clone()],
    };
    let mut inherited = match &source.extends {
        Some(parent) => taken(parent, &source.path_prefix, all, way, found),
        None => Vec::new(),
    };
    for passing in &mut inherited {
        passing.lineage.push(source.id.0.clone());
    }
    let mut endpoints = Vec::new();
    for endpoint in &source.endpoints {
        match inherited.iter_mut().find(|passing| passing.source.id.0 == endpoint.id.0) {
            Some(replaced) => *replaced = own(endpoint),
            None => endpoints.push(own(endpoint)),
        }
    }
    endpoints.append(&mut inherited);
    for mount in &source.mounts {
        let mounted = all.iter().find(|one| one.id.0 == mount.provider.0);
        for mut passing in taken(&mount.provider, &mount.path_prefix, all, way, found) {
            // Behind a gateway the row's provider is the gateway, the prices are the mounted one's.
            let prices = passing.source.prices.clone().map(|(prices, _)| prices);
            let named = passing.source.provider.take().or_else(|| mounted.and_then(|one| one.provider.clone()));
            let upstream = named.unwrap_or_else(|| mount.provider.0.clone());
            let prices = prices
                .or_else(|| mounted.and_then(|one| one.prices.clone()).map(|(prices, _)| prices))
                .unwrap_or_else(|| upstream.clone());
            passing.source.prices = Some((prices, mount.provider.1.clone()));
            passing.source.id.0 = format!("{}_{}", mount.provider.0, passing.source.id.0);
            passing.upstream = Some(upstream);
            passing.lineage.push(source.id.0.clone());
            endpoints.push(passing);
        }
    }
    way.ids.pop();
    endpoints.truncate(ENDPOINTS_MAX);
    endpoints
}

/// Another provider's endpoints under prefixes.
fn taken(
    (id, at): &Placed,
    prefixes: &[Placed],
    all: &[ProviderSource<'_, '_>],
    way: &mut Way,
    found: &mut Vec<Diagnostic>,
) -> Vec<Passing> {
    let Some(parent) = all.iter().find(|one| one.id.0 == *id) else {
        let finding = Diagnostic::new(codes::UNKNOWN_PROVIDER, at.clone(), format!("there is no provider `{id}`"));
        found.push(match nearest(id, all.iter().map(|one| one.id.0.as_str())) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
        return Vec::new();
    };
    way.visits += 1;
    let endless = way.ids.len() >= DEPTH_MAX || way.visits > VISITS_MAX;
    if way.ids.contains(id) || endless {
        // Told once, by the file that closes the circle, or by the first that goes too far.
        if way.ids.first() == Some(id) {
            let message = format!("`{id}` leads back to itself: {} → {id}", way.ids.join(" → "));
            found.push(Diagnostic::new(codes::EXTENDS_CYCLE, at.clone(), message));
        } else if endless && way.visits <= VISITS_MAX + 1 {
            let message = format!("`{id}` is reached through too many files: {}", way.ids.join(" → "));
            found.push(Diagnostic::new(codes::EXTENDS_CYCLE, at.clone(), message));
        }
        return Vec::new();
    }
    let mut endpoints = gathered(parent, all, way, found);
    if !prefixes.is_empty() {
        for passing in &mut endpoints {
            passing.source.paths = prefixed(&passing.source.paths, prefixes, found);
        }
    }
    endpoints
}

fn prefixed(
    paths: &[(PathPattern, Place)],
    prefixes: &[Placed],
    found: &mut Vec<Diagnostic>,
) -> Vec<(PathPattern, Place)> {
    let mut under = Vec::new();
    for (prefix, at) in prefixes {
        for (pattern, place) in paths {
            match pattern.under(prefix) {
                Ok(pattern) => under.push((pattern, place.clone())),
                Err(bad) => {
                    let message = format!("`{pattern}` under `{prefix}`: {bad}");
                    found.push(Diagnostic::new(codes::BAD_PATH, at.clone(), message).other(place.clone(), "this path"));
                }
            }
        }
    }
    under
}
