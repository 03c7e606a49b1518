//! `edge.json`: all the edge is told, written by `apply`.

use crate::document::Document;
use crate::file::{self, WriteError};
use crate::hosts::MeteredHosts;
use crate::upstream::Upstream;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which hosts are chained to the daemon, and how an origin is reached when they are not.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct EdgeConfig {
    /// Digest of the applied snapshot it was made from, `b3:…`; the edge repeats it in its health answer.
    pub digest: String,
    /// `host` (port 443) or `host:port`.
    pub hosts: Vec<String>,
    /// How origins are reached.
    #[serde(default)]
    pub upstream: Upstream,
}

impl EdgeConfig {
    /// The hosts, ready to be asked.
    ///
    /// A document that came through [`Document::parse`] has only good entries; of one made by hand, a bad entry empties
    /// the set, which tunnels everything.
    pub fn metered(&self) -> MeteredHosts {
        MeteredHosts::new(&self.hosts).unwrap_or_default()
    }

    /// Writes the file, 0600 and atomically.
    ///
    /// # Errors
    /// [`WriteError`]; the old file stands then.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        let mut text = serde_json::to_vec_pretty(&Written { schema_version: Self::SCHEMA_VERSION, config: self })
            .expect("strings, lists and maps with text keys always serialise");
        text.push(b'\n');
        file::replace(path, &text)
    }
}

#[derive(Serialize)]
struct Written<'a> {
    schema_version: u32,
    #[serde(flatten)]
    config: &'a EdgeConfig,
}

impl Document for EdgeConfig {
    const SCHEMA_VERSION: u32 = 1;

    fn from_json(text: &[u8]) -> Result<EdgeConfig, String> {
        let config: EdgeConfig = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        MeteredHosts::new(&config.hosts).map_err(|e| e.to_string())?;
        config.upstream.check().map_err(|e| e.to_string())?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_then_read_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.json");
        let mut config = EdgeConfig {
            digest: "b3:9f".into(),
            hosts: vec!["api.acme.example".into(), "b.example:8443".into()],
            upstream: Upstream { proxy: Some("http://u:p@10.0.0.1:3128".into()), ..Upstream::default() },
        };
        config.upstream.resolve.insert("api.acme.example".into(), "127.0.0.1:8443".into());
        config.write(&path).unwrap();
        assert_eq!(EdgeConfig::read(&path).unwrap(), config);
        assert!(std::fs::read_to_string(&path).unwrap().contains("\"schema_version\": 1"));
    }

    #[test]
    fn the_documented_file_is_read() {
        let text = br#"{"schema_version": 1, "digest": "b3:0", "hosts": ["api.anthropic.com"],
                        "upstream": {"proxy": null, "no_proxy": [], "resolve": {}}}"#;
        let config = EdgeConfig::parse(text).unwrap();
        assert!(config.metered().contains("api.anthropic.com", 443));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_a_broken_file() {
        let text = br#"{"schema_version":1,"digest":"","hosts":[],"upstream":{"proxy":"socks5://x:1"}}"#;
        assert!(EdgeConfig::parse(text).is_err());
    }
}
