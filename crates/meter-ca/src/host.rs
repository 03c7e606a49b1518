//! Host names as certificates carry them.

use crate::CaError;
use std::net::IpAddr;

/// The name in lower case, when it is one that SAN and name constraints can hold: letters, digits, `-` and `_` in
/// labels of 1 to 63 bytes, at least two labels, at most 253 bytes, no leading or trailing dot, no wildcard, no address.
///
/// # Errors
/// [`CaError::BadHost`].
pub(crate) fn dns_name(host: &str) -> Result<String, CaError> {
    let name = host.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    // One label alone would be a whole top-level domain as a constraint.
    let fits = name.len() <= 253 && name.contains('.') && name.split('.').all(label) && name.parse::<IpAddr>().is_err();
    if fits { Ok(name) } else { Err(CaError::BadHost(host.to_owned())) }
}

/// A DNS constraint without a leading dot covers the name itself and everything under it (RFC 5280 section 4.2.1.10).
pub(crate) fn within(constraint: &str, host: &str) -> bool {
    host.strip_suffix(constraint).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        assert_eq!(dns_name("API.Acme.Example").expect("a name"), "api.acme.example");
        for bad in [
            "",
            "localhost",
            ".acme.example",
            "acme.example.",
            "*.acme.example",
            "127.0.0.1",
            "::1",
            "a..b",
            "-a.b",
            "a b.c",
        ] {
            assert!(dns_name(bad).is_err(), "{bad}");
        }
        assert!(dns_name(&format!("{}.example", "a".repeat(64))).is_err());
    }

    #[test]
    fn a_constraint_ends_at_a_dot() {
        assert!(within("acme.example", "acme.example"));
        assert!(within("acme.example", "eu.acme.example"));
        assert!(!within("acme.example", "notacme.example"));
        assert!(!within("eu.acme.example", "acme.example"));
    }
}
