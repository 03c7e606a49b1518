//! What is wrong with providers only when they are seen together.

use super::Endpoint;
use super::compose::{Composed, Origin};
use meter_call::EndpointClass;
use meter_diag::{Diagnostic, codes::files, codes::providers as codes};
use std::collections::{BTreeMap, BTreeSet};

/// The word of `prices` for a provider whose prices nobody keeps: its rows are unpriced on purpose.
pub(crate) const NO_LIST: &str = "none";

/// Checks ids, hosts, reachability, captures and prices. `priced` are the provider ids that price files cover.
pub(crate) fn check(all: &[Composed], priced: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    ids(all, found);
    hosts(all, found);
    for composed in all {
        shadows(composed, found);
        captures(composed, found);
        // Whoever extends a template says whose prices hold.
        if !composed.template {
            prices(composed, priced, found);
        }
    }
}

fn ids(all: &[Composed], found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<&str, &Composed> = BTreeMap::new();
    for composed in all {
        let id = composed.provider.id.as_str();
        match first.get(id) {
            Some(earlier) => found.push(
                Diagnostic::new(files::DUPLICATE_ID, composed.at.clone(), format!("a second provider `{id}`"))
                    .other(earlier.at.clone(), "the first")
                    .help("to replace a bundled file use its file name; otherwise choose another id"),
            ),
            None => drop(first.insert(id, composed)),
        }
    }
}

fn hosts(all: &[Composed], found: &mut Vec<Diagnostic>) {
    let claims = all.iter().flat_map(|composed| {
        composed.provider.hosts.iter().zip(&composed.host_places).map(move |(host, at)| (composed, host, at))
    });
    let mut exact: BTreeMap<(&str, u16), &meter_diag::Place> = BTreeMap::new();
    for (composed, host, at) in claims {
        for port in &composed.provider.ports {
            if let Some(earlier) = exact.get(&(host.name.as_str(), *port)) {
                let message = format!("`{}` port {port} is claimed twice", host.name);
                found.push(
                    Diagnostic::new(codes::HOST_TWICE, at.clone(), message)
                        .other((*earlier).clone(), "the first claim"),
                );
                break;
            }
            exact.insert((&host.name, *port), at);
        }
    }
}

fn shadows(composed: &Composed, found: &mut Vec<Diagnostic>) {
    let endpoints: Vec<(&Endpoint, &Origin)> = composed.provider.endpoints.iter().zip(&composed.origins).collect();
    for (at, (endpoint, origin)) in endpoints.iter().enumerate() {
        for (path, place) in endpoint.paths.iter().zip(&origin.paths) {
            let takes = |earlier: &&(&Endpoint, &Origin)| {
                let (earlier, _) = earlier;
                let methods = earlier.methods.is_empty()
                    || (!endpoint.methods.is_empty()
                        && endpoint.methods.iter().all(|method| earlier.methods.contains(method)));
                methods
                    && earlier.upgrade == endpoint.upgrade
                    && earlier.captures.is_empty()
                    && earlier.paths.iter().any(|wider| wider.covers(path))
            };
            if let Some((earlier, first)) = endpoints[..at].iter().find(takes) {
                let message = format!("`{path}` is never reached: endpoint `{}` takes it first", earlier.id);
                found.push(
                    Diagnostic::new(codes::SHADOWED, place.clone(), message).other(first.id.clone(), "this endpoint"),
                );
            }
        }
    }
}

fn captures(composed: &Composed, found: &mut Vec<Diagnostic>) {
    for (endpoint, origin) in composed.provider.endpoints.iter().zip(&composed.origins) {
        for ((name, _), place) in endpoint.captures.iter().zip(&origin.captures) {
            if !endpoint.paths.iter().all(|path| path.captures().any(|capture| capture == name)) {
                let message = format!("not every path of endpoint `{}` captures `{name}`", endpoint.id);
                found.push(Diagnostic::new(codes::UNKNOWN_CAPTURE, place.clone(), message));
            }
        }
    }
}

fn prices(composed: &Composed, priced: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for (endpoint, origin) in composed.provider.endpoints.iter().zip(&composed.origins) {
        let covered =
            endpoint.class != EndpointClass::Costed || endpoint.prices == NO_LIST || priced.contains(&endpoint.prices);
        if !covered && told.insert(&endpoint.prices) {
            let place = origin.prices.as_ref().unwrap_or(&composed.at).clone();
            let message =
                format!("no price file covers `{}`, so endpoint `{}` has no cost", endpoint.prices, endpoint.id);
            found.push(
                Diagnostic::new(codes::NO_PRICES, place, message).help(format!(
                    "add `manifests/prices/{0}.toml`, or name another file with `prices`",
                    endpoint.prices
                )),
            );
        }
    }
}
