//! Which endpoint a request belongs to.

use crate::model::Model;
use crate::providers::{Endpoint, Host, Provider, Unmatched, decoded};
use meter_call::{Billing, EndpointClass};
use meter_wire::{Dialect, HeadCondition, RouteFacts};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a request leads.
#[derive(Clone, Debug)]
pub enum Routed {
    /// To an endpoint.
    Endpoint(Box<Route>),
    /// To a metered host, by a path that no endpoint claims.
    Unmatched {
        /// Id of the provider's file.
        provider_id: String,
        /// The name in rows.
        provider: String,
        /// Whether a row is written.
        unmatched: Unmatched,
    },
    /// To a host that is not metered.
    NotMetered,
}

/// An endpoint and what the request's address says.
#[derive(Clone, Debug)]
pub struct Route {
    /// Id of the provider's file.
    pub provider_id: String,
    /// The name in rows.
    pub provider: String,
    /// Provider id of the price file.
    pub prices: String,
    /// Id of the endpoint within the provider.
    pub endpoint: String,
    /// What it means for the bill.
    pub class: EndpointClass,
    /// Kind of call, unless the dialect names another.
    pub kind: String,
    /// How to read it; `None` where nothing is read.
    pub dialect: Option<Arc<Dialect>>,
    /// What the address says to the dialect.
    pub facts: RouteFacts,
    /// Who pays how.
    pub billing: Billing,
    /// A read of an earlier call.
    pub settles: bool,
    /// It was asked to become a WebSocket; one that was turned away is no call.
    pub upgrade: bool,
    /// The condition on the answer's head under which it costs nothing.
    pub free_when: Option<Arc<HeadCondition>>,
    /// The mounted provider behind a gateway.
    pub upstream: Option<String>,
}

impl Model {
    /// Routes a request. `target` is as on the wire, query included; `upgrade` is the `upgrade` field or the h2
    /// `:protocol`, lower case.
    pub fn route(&self, host: &str, port: u16, method: &str, target: &str, upgrade: Option<&str>) -> Routed {
        let Some((provider, host)) = self.provider_at(host, port) else { return Routed::NotMetered };
        for endpoint in &provider.endpoints {
            if let Some(facts) = endpoint.address(&host.captures, method, target, upgrade) {
                return Routed::Endpoint(Box::new(Route::new(provider, endpoint, facts)));
            }
        }
        Routed::Unmatched {
            provider_id: provider.id.clone(),
            provider: provider.provider.clone(),
            unmatched: provider.unmatched,
        }
    }

    /// Whether connections to a host and port are opened at all.
    pub fn is_metered(&self, host: &str, port: u16) -> bool {
        self.provider_at(host, port).is_some()
    }

    /// The hosts to open, sorted: `api.acme.example`, or `api.acme.example:8443` for a port other than 443.
    pub fn metered_hosts(&self) -> Vec<String> {
        let name = |host: &Host, port: u16| match port {
            443 => host.name.clone(),
            _ => format!("{}:{port}", host.name),
        };
        let mut hosts: Vec<String> = self
            .providers
            .iter()
            .flat_map(|one| one.hosts.iter().flat_map(|host| one.ports.iter().map(move |port| name(host, *port))))
            .collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    fn provider_at(&self, host: &str, port: u16) -> Option<(&Provider, &Host)> {
        self.providers
            .iter()
            .filter(|provider| provider.ports.contains(&port))
            .find_map(|provider| provider.hosts.iter().find(|one| one.claims(host)).map(|host| (provider, host)))
    }
}

impl Route {
    /// The way to an endpoint of a provider, with what the request's address says.
    pub fn new(provider: &Provider, endpoint: &Endpoint, facts: RouteFacts) -> Route {
        Route {
            provider_id: provider.id.clone(),
            provider: endpoint.provider.clone(),
            prices: endpoint.prices.clone(),
            endpoint: endpoint.id.clone(),
            class: endpoint.class,
            kind: endpoint.kind.clone(),
            dialect: endpoint.dialect.clone(),
            facts,
            billing: endpoint.billing,
            settles: endpoint.settles,
            upgrade: endpoint.upgrade.is_some(),
            free_when: endpoint.free_when.as_ref().map(|(_, condition)| condition.clone()),
            upstream: endpoint.upstream.clone(),
        }
    }
}

impl Endpoint {
    /// What a request's address says to the dialect: the host's captures and its own, and the decoded query. `None` where it
    /// is no request to this endpoint. `target` is as on the wire, query included.
    pub fn address(
        &self,
        host: &BTreeMap<String, String>,
        method: &str,
        target: &str,
        upgrade: Option<&str>,
    ) -> Option<RouteFacts> {
        let (path, query) = split(target);
        let own = self.matches(method, path, upgrade)?;
        let captures = host.clone().into_iter().chain(own).collect();
        Some(RouteFacts { captures, query: parameters(query), stream: self.stream, class: self.class })
    }
}

/// Path and query of a request target. An absolute form loses its scheme and authority (RFC 9112, 3.2.2).
fn split(target: &str) -> (&str, &str) {
    let rest = ["http://", "https://"].iter().find_map(|scheme| target.strip_prefix(scheme));
    let target = rest.map_or(target, |rest| rest.find('/').map_or("/", |slash| &rest[slash..]));
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    target.split_once('?').unwrap_or((target, ""))
}

/// Decoded parameters of a query; a `+` is a space, a parameter without `=` is empty.
fn parameters(query: &str) -> Vec<(String, String)> {
    /// More are not kept: no dialect reads a parameter by number.
    const PARAMETERS_MAX: usize = 64;
    let decode = |text: &str| decoded(&text.replace('+', " "));
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .take(PARAMETERS_MAX)
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_cut_into_path_and_query() {
        assert_eq!(split("/v1/x?a=1"), ("/v1/x", "a=1"));
        assert_eq!(split("/v1/x"), ("/v1/x", ""));
        assert_eq!(split("https://api.acme.example/v1/x?a=1"), ("/v1/x", "a=1"));
        assert_eq!(split("https://api.acme.example"), ("/", ""));
        assert_eq!(split("/a#b?c"), ("/a", ""));
    }

    #[test]
    fn parameters_are_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            parameters("model=gpt%2Dx&a+b=c&d&&e=1=2"),
            [pair("model", "gpt-x"), pair("a b", "c"), pair("d", ""), pair("e", "1=2")]
        );
        assert_eq!(parameters(""), []);
    }
}
