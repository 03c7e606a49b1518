//! How an origin is reached: straight, at a pinned address, or through the company's proxy.

use crate::hosts::{normal_host, split_authority};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The `[upstream]` settings that concern connections.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Upstream {
    /// `http://[user:pass@]host[:port]`; `None` and `""` mean no proxy. User and password may be percent-encoded.
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy: `name` (with its subdomains), `.name` (its subdomains only),
    /// `name:port`, an address, or `*`. Loopback never goes through the proxy.
    pub no_proxy: Vec<String>,
    /// `host` or `host:port` → `address` or `address:port`. A pinned host is dialled there, without name service and
    /// without the proxy.
    pub resolve: BTreeMap<String, String>,
}

/// A setting of [`Upstream`] that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadUpstream {
    /// The proxy is not an `http://` address. The text is left out: it may hold a password.
    #[error("upstream.proxy must look like http://user:pass@host:port")]
    Proxy,
    /// A pinned address is not one.
    #[error("upstream.resolve: `{host}` = `{address}` is not host = address or address:port")]
    Resolve {
        /// The key.
        host: String,
        /// The value.
        address: String,
    },
}

/// Where to open the TCP connection for one origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Dial {
    /// Ask the name service for the host.
    Name {
        /// The origin's name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A pinned address.
    Pinned(SocketAddr),
    /// `CONNECT` through a proxy.
    Proxy(ProxyAddress),
}

/// An HTTP proxy.
#[derive(Clone, Eq, PartialEq)]
pub struct ProxyAddress {
    /// Its name or address.
    pub host: String,
    /// Its port; 80 when the setting names none.
    pub port: u16,
    /// `user:password`, decoded, for basic authentication.
    pub credentials: Option<String>,
}

impl Upstream {
    /// Whether every setting can be used.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), BadUpstream> {
        self.proxy_address()?;
        for (host, address) in &self.resolve {
            if split_authority(host, 443).is_err() || pinned(address, 443).is_none() {
                return Err(BadUpstream::Resolve { host: host.clone(), address: address.clone() });
            }
        }
        Ok(())
    }

    /// The same without a proxy that is one of our own listeners (`ports`, on loopback): it would send each connection back
    /// to where it came from, until no descriptor is left. Also whether there was one.
    pub fn past_ourselves(self, ports: &[u16]) -> (Upstream, bool) {
        let loops = match self.proxy_address() {
            Ok(Some(proxy)) => ports.contains(&proxy.port) && is_loopback(&proxy.host),
            Ok(None) | Err(_) => false,
        };
        let proxy = self.proxy.filter(|_| !loops);
        (Upstream { proxy, no_proxy: self.no_proxy, resolve: self.resolve }, loops)
    }

    /// Where to go for `host:port`. A setting that [`check`](Upstream::check) would refuse counts as absent.
    pub fn route(&self, host: &str, port: u16) -> Dial {
        let host = normal_host(host);
        if let Some(address) = self.pin(&host, port) {
            return Dial::Pinned(address);
        }
        match self.proxy_address() {
            Ok(Some(proxy)) if !self.bypasses_proxy(&host, port) => Dial::Proxy(proxy),
            _ => Dial::Name { host, port },
        }
    }

    fn pin(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let named =
            |key: &str| key.contains(':') && split_authority(key, 0).is_ok_and(|k| k == (host.to_owned(), port));
        let exact = self.resolve.iter().find(|(key, _)| named(key));
        let any_port = || self.resolve.iter().find(|(key, _)| normal_host(key) == host);
        exact.or_else(any_port).and_then(|(_, address)| pinned(address, port))
    }

    fn bypasses_proxy(&self, host: &str, port: u16) -> bool {
        if is_loopback(host) {
            return true;
        }
        self.no_proxy.iter().any(|entry| {
            let entry = normal_host(entry.trim());
            if entry == "*" || entry == host {
                return true;
            }
            let (name, wanted) = match entry.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') => match digits.parse::<u16>() {
                    Ok(wanted) => (name, Some(wanted)),
                    Err(_) => return false,
                },
                _ => (entry.as_str(), None),
            };
            if name.is_empty() || wanted.is_some_and(|wanted| wanted != port) {
                return false;
            }
            match name.strip_prefix('.') {
                Some(suffix) => below(host, suffix),
                None => host == name || below(host, name),
            }
        })
    }

    fn proxy_address(&self) -> Result<Option<ProxyAddress>, BadUpstream> {
        let text = match self.proxy.as_deref() {
            None | Some("") => return Ok(None),
            Some(text) => text,
        };
        let rest = text.strip_prefix("http://").ok_or(BadUpstream::Proxy)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((credentials, authority)) => {
                (Some(percent_decoded(credentials).ok_or(BadUpstream::Proxy)?), authority)
            }
            None => (None, rest),
        };
        let (host, port) = split_authority(authority, 80).map_err(|_| BadUpstream::Proxy)?;
        Ok(Some(ProxyAddress { host, port, credentials }))
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
}

fn pinned(address: &str, port: u16) -> Option<SocketAddr> {
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    address.parse().ok().or_else(|| Some(SocketAddr::new(bare.parse().ok()?, port)))
}

/// `None` when an escape is cut short or the result is no UTF-8. A control character could smuggle a header line, so it
/// is refused as well.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.proxy_address();
        f.debug_struct("Upstream")
            .field("proxy", &proxy)
            .field("no_proxy", &self.no_proxy)
            .field("resolve", &self.resolve)
            .finish()
    }
}

impl fmt::Debug for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = self.credentials.as_ref().map(|_| "Secret(…)");
        write!(f, "ProxyAddress({}:{}, {credentials:?})", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_proxy(no_proxy: &[&str]) -> Upstream {
        Upstream {
            proxy: Some("http://ann:s%40crt@proxy.example:3128".into()),
            no_proxy: no_proxy.iter().map(|s| (*s).to_owned()).collect(),
            resolve: BTreeMap::new(),
        }
    }

    fn goes_direct(no_proxy: &[&str], host: &str, port: u16) -> bool {
        !matches!(with_proxy(no_proxy).route(host, port), Dial::Proxy(_))
    }

    #[test]
    fn without_settings_the_name_is_dialled() {
        let dial = Upstream::default().route("Api.Acme.Example.", 443);
        assert_eq!(dial, Dial::Name { host: "api.acme.example".into(), port: 443 });
    }

    #[test]
    fn the_proxy_comes_with_decoded_credentials() {
        let Dial::Proxy(proxy) = with_proxy(&[]).route("a.example", 443) else { panic!("no proxy") };
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example", 3128));
        assert_eq!(proxy.credentials.as_deref(), Some("ann:s@crt"));
        assert!(!format!("{proxy:?}").contains("s@crt"));
        assert!(!format!("{:?}", with_proxy(&[])).contains("s%40crt"));
    }

    #[test]
    fn no_proxy_matches_whole_labels() {
        assert!(goes_direct(&["acme.example"], "acme.example", 443));
        assert!(goes_direct(&["acme.example"], "api.acme.example", 443));
        assert!(!goes_direct(&["acme.example"], "notacme.example", 443));
        assert!(goes_direct(&[".acme.example"], "api.acme.example", 443));
        assert!(!goes_direct(&[".acme.example"], "acme.example", 443));
        assert!(goes_direct(&["acme.example:8443"], "acme.example", 8443));
        assert!(!goes_direct(&["acme.example:8443"], "acme.example", 443));
        assert!(goes_direct(&["*"], "anything", 1));
        assert!(!goes_direct(&["", "."], "anything", 1));
        assert!(goes_direct(&[], "127.0.0.1", 443) && goes_direct(&[], "localhost", 1) && goes_direct(&[], "::1", 1));
    }

    #[test]
    fn a_pinned_host_needs_neither_proxy_nor_name_service() {
        let mut upstream = with_proxy(&[]);
        upstream.resolve.insert("a.example".into(), "127.0.0.1:8443".into());
        upstream.resolve.insert("b.example".into(), "127.0.0.2".into());
        upstream.resolve.insert("a.example:81".into(), "[::1]:9".into());
        upstream.check().unwrap();
        let at = |host, port| upstream.route(host, port);
        assert_eq!(at("A.example", 443), Dial::Pinned("127.0.0.1:8443".parse().unwrap()));
        assert_eq!(at("b.example", 7), Dial::Pinned("127.0.0.2:7".parse().unwrap()));
        assert_eq!(at("a.example", 81), Dial::Pinned("[::1]:9".parse().unwrap()));
        assert!(matches!(at("c.example", 443), Dial::Proxy(_)));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for proxy in ["proxy:1", "https://p:1", "http://", "http://p:x", "http://u%0d:p@p:1", "http://u%4@p:1"] {
            let upstream = Upstream { proxy: Some(proxy.into()), ..Upstream::default() };
            assert_eq!(upstream.check(), Err(BadUpstream::Proxy), "{proxy}");
        }
        let mut upstream = Upstream::default();
        upstream.resolve.insert("a.example".into(), "b.example".into());
        assert!(upstream.check().is_err());
    }

    #[test]
    fn a_proxy_that_is_ourselves_is_none() {
        let through = |proxy: &str| Upstream { proxy: Some(proxy.into()), ..Upstream::default() };
        for proxy in
            ["http://127.0.0.1:8081", "http://localhost:8081/", "http://[::1]:8090", "http://a:b@127.0.0.1:8081"]
        {
            let (upstream, loops) = through(proxy).past_ourselves(&[8081, 8090]);
            assert!(loops, "{proxy}");
            assert!(matches!(upstream.route("a.example", 443), Dial::Name { .. }), "{proxy}");
        }
        for proxy in ["http://127.0.0.1:3128", "http://proxy.example:8081", ""] {
            let (upstream, loops) = through(proxy).past_ourselves(&[8081, 8090]);
            assert_eq!((upstream, loops), (through(proxy), false), "{proxy}");
        }
    }
}
