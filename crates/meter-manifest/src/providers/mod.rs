//! Who is called: hosts, endpoints and what each endpoint means for the bill.
//!
//! Reading order: [`source`] is what a file says, [`compose`] resolves `extends` and mounts, [`formats`] gives each
//! endpoint its dialect, [`checks`] finds what only makes sense across files, and the result is a list of [`Provider`]s, each of which
//! [`print`] writes down as one file.

mod checks;
mod compose;
mod formats;
mod host;
mod pattern;
mod print;
mod source;

pub use host::Host;
pub use pattern::{BadPattern, PathPattern};

pub(crate) use checks::check;
pub(crate) use compose::compose;
pub(crate) use formats::attach;
pub(crate) use pattern::decoded;
pub(crate) use source::{ProviderSource, is_id, read};

use globset::GlobMatcher;
use meter_call::{Billing, EndpointClass};
use meter_wire::{Dialect, HeadCondition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a path that no endpoint claims becomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unmatched {
    /// A row that is seen and counted.
    Observed,
    /// Nothing: the site is shared with people's own browsing.
    Ignore,
}

/// A provider with everything inherited worked out.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Id of its file.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// The name in rows, unless an endpoint says otherwise.
    pub provider: String,
    /// Hosts it claims.
    pub hosts: Vec<Host>,
    /// Ports on these hosts.
    pub ports: Vec<u16>,
    /// What is left over.
    pub unmatched: Unmatched,
    /// Endpoints; the first match wins.
    pub endpoints: Vec<Endpoint>,
}

/// One shape of request and what it means.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Id within the provider.
    pub id: String,
    /// Methods, upper case; empty = any.
    pub methods: Vec<String>,
    /// Paths, any of which matches.
    pub paths: Vec<PathPattern>,
    /// `websocket`: only an upgrade to it matches. `None`: no upgrade matches.
    pub upgrade: Option<String>,
    /// Globs that captures must match.
    pub captures: Vec<(String, GlobMatcher)>,
    /// What it means for the bill.
    pub class: EndpointClass,
    /// Kind in rows and policies: `chat`, `embeddings`, …
    pub kind: String,
    /// Id of its dialect.
    pub dialect_id: Option<String>,
    /// Its dialect, with the provider's overrides; `None` where nothing is read.
    pub dialect: Option<Arc<Dialect>>,
    /// Whether it streams, where neither request nor framing tells.
    pub stream: Option<bool>,
    /// A read of an earlier call.
    pub settles: bool,
    /// Who pays how.
    pub billing: Billing,
    /// The condition on the answer's head under which a call costs nothing, and its text.
    pub free_when: Option<(String, Arc<HeadCondition>)>,
    /// The name in rows.
    pub provider: String,
    /// Provider id of the price file.
    pub prices: String,
    /// The mounted provider behind a gateway.
    pub upstream: Option<String>,
}

impl Endpoint {
    /// Matches a request; gives the path's captures, decoded.
    pub fn matches(&self, method: &str, path: &str, upgrade: Option<&str>) -> Option<BTreeMap<String, String>> {
        if self.upgrade.as_deref() != upgrade {
            return None;
        }
        // Over h2 an upgrade is an extended CONNECT, whatever method h1 would have used.
        let any = self.methods.is_empty() || (upgrade.is_some() && method == "CONNECT");
        if !any && !self.methods.iter().any(|mine| mine == method) {
            return None;
        }
        let found = self.paths.iter().find_map(|pattern| pattern.matches(path))?;
        let filtered = |(name, glob): &(String, GlobMatcher)| found.get(name).is_some_and(|value| glob.is_match(value));
        self.captures.iter().all(filtered).then_some(found)
    }
}

#[cfg(test)]
mod tests;
