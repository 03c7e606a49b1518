//! Names of hosts as manifests write them.

use std::collections::BTreeMap;

/// Domains below which anybody may have a host. A certificate authority that may vouch for one of them may vouch for other
/// people's services, so a file has to say `broad = true` to name one.
const SHARED: &[&str] = &[
    "amazonaws.com",
    "api.aws",
    "azure.com",
    "azure-api.net",
    "azurewebsites.net",
    "cloudapp.net",
    "cloudflare.com",
    "cloudfront.net",
    "cognitiveservices.azure.com",
    "fly.dev",
    "github.io",
    "google.com",
    "googleapis.com",
    "herokuapp.com",
    "inference.ai.azure.com",
    "microsoft.com",
    "netlify.app",
    "ngrok.io",
    "openai.azure.com",
    "pages.dev",
    "run.app",
    "services.ai.azure.com",
    "vercel.app",
    "windows.net",
    "workers.dev",
];

/// A host a provider claims: one exact name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    /// Lower case, no trailing dot.
    pub name: String,
    /// With its placeholders, as it was written.
    pub written: String,
    /// What its placeholders stood for: `region` of `{region}.api.example`.
    pub captures: BTreeMap<String, String>,
}

impl Host {
    /// Whether a connection's host (any case, a trailing dot allowed) is this one.
    pub fn claims(&self, host: &str) -> bool {
        host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case(&self.name)
    }
}

/// Whether a certificate for the name could stand for other people's services.
pub fn is_shared(name: &str) -> bool {
    // Regional apexes too: `us-east-1.amazonaws.com`.
    let regional = name.split_once('.').is_some_and(|(region, rest)| {
        matches!(rest, "amazonaws.com" | "api.aws") && region.ends_with(|c: char| c.is_ascii_digit())
    });
    regional || SHARED.contains(&name)
}

/// What is wrong with a name as a host of a certificate; `None` when nothing is.
///
/// Exact DNS names only: lower case letters, digits, hyphens, at least two labels, no address. An authority with name
/// constraints cannot vouch for anything else. `localhost` and single labels are out for the same reason.
pub fn fault(name: &str) -> Option<&'static str> {
    if name.parse::<std::net::IpAddr>().is_ok() || name.starts_with('[') {
        return Some("an address has no certificate of ours: name the host");
    }
    if name.contains('*') {
        return Some("certificates and constraints need real names: list the hosts");
    }
    if name.contains("://") || name.contains('/') {
        return Some("a host has no scheme and no path");
    }
    if name.contains(':') {
        return Some("the port stands in `ports`");
    }
    if name.ends_with('.') || name.starts_with('.') {
        return Some("a host has no dot at its ends");
    }
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some("a host is written in lower case");
    }
    if name.len() > 253 {
        return Some("a host has at most 253 characters");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.split('.').all(label) {
        return Some("a host consists of letters, digits, `-` and `.`; other alphabets in their `xn--` form");
    }
    if !name.contains('.') {
        return Some("a host needs a domain: a bare name belongs to no certificate");
    }
    // No top-level domain is a number; a resolver may read such a name as an address.
    if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return Some("a host does not end in a number");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_lower_case_names_are_hosts() {
        for good in ["api.acme.example", "a-1.b.c", "xn--bcher-kva.example"] {
            assert_eq!(fault(good), None, "{good}");
        }
        let bad = [
            "API.acme.example",
            "acme.example.",
            ".acme.example",
            "127.0.0.1",
            "[::1]",
            "::1",
            "localhost",
            "https://a.example",
            "a.example:443",
            "a.example/x",
            "*.acme.example",
            "a..b",
            "-a.b",
            "1.2.3",
            "bücher.example",
            "",
        ];
        for bad in bad {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_connection_may_spell_a_host_in_any_case() {
        let host =
            Host { name: "api.acme.example".into(), written: "api.acme.example".into(), captures: BTreeMap::new() };
        assert!(host.claims("API.acme.example."));
        assert!(!host.claims("x.api.acme.example"));
    }

    #[test]
    fn an_apex_of_a_cloud_is_shared_and_its_hosts_are_not() {
        assert!(is_shared("googleapis.com") && is_shared("eu-west-1.amazonaws.com"));
        assert!(
            !is_shared("generativelanguage.googleapis.com") && !is_shared("bedrock-runtime.eu-west-1.amazonaws.com")
        );
    }
}
