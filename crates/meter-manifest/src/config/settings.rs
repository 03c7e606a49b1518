//! The settings as values.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Every setting, with its effective value. One that a stored snapshot lacks is younger than it and has its default.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Ports.
    pub daemon: DaemonSettings,
    /// How origins are reached.
    pub upstream: UpstreamSettings,
    /// Who may read the HTTP API from a browser.
    pub cors: CorsSettings,
    /// Who may read the HTTP API at all.
    pub api: ApiSettings,
    /// Whether bodies are kept.
    pub capture: CaptureSettings,
    /// How long rows and bodies are kept.
    pub retention: RetentionSettings,
    /// How reports are made.
    pub report: ReportSettings,
    /// Where prices may come from. Settings that were frozen before it existed have none.
    #[serde(default)]
    pub pricing: PricingSettings,
}

/// `[pricing]`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PricingSettings {
    /// Minisign public key of price bundles; empty = none are taken.
    pub key: String,
}

/// `[daemon]`: ports on 127.0.0.1.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonSettings {
    /// The port clients use.
    pub edge_port: u16,
    /// Where the edge chains to.
    pub internal_port: u16,
    /// HTTP API and dashboard.
    pub api_port: u16,
}

impl Default for DaemonSettings {
    fn default() -> Self {
        DaemonSettings { edge_port: 8081, internal_port: 8090, api_port: 8765 }
    }
}

/// `[upstream]`: how origins are reached.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamSettings {
    /// PEM file added to the system's roots; empty = none.
    pub ca_file: String,
    /// `http://[user:pass@]host:port`; empty = none.
    pub proxy: Secret,
    /// Hosts reached without it.
    pub no_proxy: Vec<String>,
    /// `host` or `host:port` → `address` or `address:port`.
    pub resolve: BTreeMap<String, String>,
    /// One connection is kept ready to every host that was used in the last minute.
    pub spares: bool,
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        UpstreamSettings {
            ca_file: String::new(),
            proxy: Secret::default(),
            no_proxy: Vec::new(),
            resolve: BTreeMap::new(),
            spares: true,
        }
    }
}

/// A text that may hold a password: it prints without what stands before an `@`.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://***@{host}"),
            (None, Some((_, host))) => write!(f, "***@{host}"),
            (_, None) => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

/// `[cors]`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsSettings {
    /// Origins whose pages may read the API.
    pub allow_origins: Vec<String>,
}

impl Default for CorsSettings {
    fn default() -> Self {
        CorsSettings { allow_origins: vec!["http://localhost:3000".into()] }
    }
}

/// `[api]`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings {
    /// File with a bearer token that every route but `/health` wants; empty = none wanted.
    pub token_file: String,
}

/// `[capture]`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureSettings {
    /// Keep request and answer bodies. Projects may say otherwise in their `.haltonrc`.
    pub bodies: bool,
}

/// `[retention]`: days; 0 = keep.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSettings {
    /// Rows of calls.
    pub rows_days: u32,
    /// Bodies.
    pub bodies_days: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        RetentionSettings { rows_days: 0, bodies_days: 14 }
    }
}

/// `[report]`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportSettings {
    /// IANA time zone; empty = the machine's.
    pub zone: String,
    /// Currency of amounts.
    pub currency: String,
}

impl Default for ReportSettings {
    fn default() -> Self {
        ReportSettings { zone: String::new(), currency: "USD".into() }
    }
}
