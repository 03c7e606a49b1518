//! Which hosts are metered, matched exactly.

use std::collections::HashSet;

/// Port of a metered host that names none.
const DEFAULT_PORT: u16 = 443;

/// A text that is no host or no `host:port`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a host or host:port")]
pub struct BadHost(pub String);

/// The metered hosts of one configuration. No wildcards: certificates need real names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MeteredHosts {
    entries: HashSet<(String, u16)>,
}

impl MeteredHosts {
    /// From entries like `api.acme.example` (port 443) and `api.acme.example:8443`.
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn new<S: AsRef<str>>(entries: &[S]) -> Result<MeteredHosts, BadHost> {
        let entries = entries
            .iter()
            .map(|entry| split_authority(entry.as_ref(), DEFAULT_PORT))
            .collect::<Result<HashSet<_>, _>>()?;
        Ok(MeteredHosts { entries })
    }

    /// Whether `host`, already [normal](normal_host), is metered on `port`.
    pub fn contains(&self, host: &str, port: u16) -> bool {
        // A tuple key cannot be looked up by parts; the copy is one short allocation per connection.
        self.entries.contains(&(host.to_owned(), port))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A host name as it is compared everywhere: lower case, without the root's trailing dot.
pub fn normal_host(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Host and port of an authority: `name`, `name:port`, `1.2.3.4:port`, `[v6]` or `[v6]:port`. The host comes back
/// [normal](normal_host) and without brackets.
///
/// # Errors
/// [`BadHost`] for an empty host, bytes no host name has, a bare IPv6 address, or a port outside 1-65535.
pub fn split_authority(authority: &str, default_port: u16) -> Result<(String, u16), BadHost> {
    let bad = || BadHost(authority.chars().take(300).collect());
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(bad)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
            match after {
                "" => (host, None),
                _ => (host, Some(after.strip_prefix(':').ok_or_else(bad)?)),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None => default_port,
        // `parse` alone would take a sign.
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| bad())?,
        Some(_) => return Err(bad()),
    };
    let host = normal_host(host);
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    if port == 0 || host.is_empty() || host.len() > 253 || !host.bytes().all(fits) {
        return Err(bad());
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        let ok = |text: &str, host: &str, port: u16| {
            assert_eq!(split_authority(text, 443), Ok((host.to_owned(), port)), "{text}");
        };
        ok("Api.Acme.Example", "api.acme.example", 443);
        ok("api.acme.example.:8443", "api.acme.example", 8443);
        ok("127.0.0.1:1", "127.0.0.1", 1);
        ok("[::1]:65535", "::1", 65535);
        ok("[::1]", "::1", 443);
        ok("snake_case.example:443", "snake_case.example", 443);
        for bad in
            ["", ".", ":443", "a:", "a:0", "a:65536", "a:+1", "a b", "::1", "[::1", "[::1]x", "[x]:1", "a/b", "a\u{e9}"]
        {
            assert!(split_authority(bad, 443).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_metered_by_name_and_port() {
        let hosts = MeteredHosts::new(&["api.acme.example", "Other.Example.:8443"]).unwrap();
        assert!(hosts.contains("api.acme.example", 443));
        assert!(!hosts.contains("api.acme.example", 8443));
        assert!(hosts.contains("other.example", 8443));
        assert!(!hosts.contains("x.api.acme.example", 443));
        assert!(!hosts.contains("acme.example", 443));
    }
}
