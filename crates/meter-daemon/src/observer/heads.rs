//! What heads say to the meter, whatever the provider.

use crate::settle::Target;
use meter_call::{Billing, EndpointClass};
use meter_tap::Fields;

/// Longest path that is kept.
const PATH_BYTES_MAX: usize = 1024;

/// What a path that no endpoint claims becomes.
pub(super) fn unmatched(provider: String) -> Target {
    Target {
        prices: provider.clone(),
        provider,
        endpoint: "unmatched".to_owned(),
        class: EndpointClass::Observed,
        kind: "unknown".to_owned(),
        billing: Billing::Api,
        upstream: None,
    }
}

/// The path of a request target: no scheme, no authority, no query (it may hold a key), and not for ever.
pub(super) fn path_of(target: &str) -> String {
    let rest = ["http://", "https://"].iter().find_map(|scheme| target.strip_prefix(scheme));
    let target = rest.map_or(target, |rest| rest.find('/').map_or("/", |slash| &rest[slash..]));
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut end = path.len().min(PATH_BYTES_MAX);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    path[..end].to_owned()
}

/// `retry-after-ms`, else `retry-after` in seconds. A date is left alone: it would need the provider's clock.
pub(super) fn retry_after(fields: &Fields) -> Option<u64> {
    let number = |name: &[u8]| {
        let (_, value) = fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()?.trim().parse::<u64>().ok()
    };
    number(b"retry-after-ms").or_else(|| number(b"retry-after")?.checked_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_without_its_query() {
        assert_eq!(path_of("/v1/messages?key=secret"), "/v1/messages");
        assert_eq!(path_of("https://api.acme.example/v1/x#y"), "/v1/x");
        assert_eq!(path_of("https://api.acme.example"), "/");
        assert_eq!(path_of("*"), "*");
        assert_eq!(path_of(&"é".repeat(600)).len(), PATH_BYTES_MAX);
    }

    #[test]
    fn retry_after_is_read_in_milliseconds() {
        let field = |name: &str, value: &str| (Box::from(name.as_bytes()), Box::from(value.as_bytes()));
        assert_eq!(retry_after(&vec![field("Retry-After", "7")]), Some(7000));
        assert_eq!(retry_after(&vec![field("retry-after", "7"), field("Retry-After-Ms", "250")]), Some(250));
        assert_eq!(retry_after(&vec![field("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]), None);
        assert_eq!(retry_after(&Vec::new()), None);
    }
}
