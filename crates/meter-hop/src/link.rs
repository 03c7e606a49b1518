//! The header with which the edge introduces a chained connection.
//!
//! ```text
//! edge   → CONNECT api.acme.example:443 HTTP/1.1
//!          Host: api.acme.example:443
//!          Halton-Hop: nonce=3f…; client=127.0.0.1:50312; edge=127.0.0.1:8081
//! daemon → HTTP/1.1 102 Processing        (at once)
//!          Halton-Proof: 9c…
//! daemon → HTTP/1.1 200 Connection Established, or 502 or 504 with a short text
//! ```

use crate::identity::Nonce;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Request header of a chained CONNECT; it goes no further than the daemon. The value is a [`Hop`].
pub const HOP_HEADER: &str = "Halton-Hop";

/// Answer header that proves the instance: HMAC-SHA256 in 64 hex digits.
pub const PROOF_HEADER: &str = "Halton-Proof";

/// Request header of a health probe: the nonce to be proved.
pub const NONCE_HEADER: &str = "Halton-Nonce";

/// Who stands behind a chained connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hop {
    /// What the daemon has to prove.
    pub nonce: Nonce,
    /// The client's end of its connection to the edge.
    pub client: SocketAddr,
    /// The edge's end of the same connection; with `client` it finds the owning process.
    pub edge: SocketAddr,
}

/// A header value that is no [`Hop`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the {HOP_HEADER} header has no valid `{0}`")]
pub struct BadHop(pub &'static str);

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nonce={}; client={}; edge={}", self.nonce.as_str(), self.client, self.edge)
    }
}

impl FromStr for Hop {
    type Err = BadHop;

    /// Unknown parts are passed over, so that a newer edge can say more to an older daemon.
    fn from_str(text: &str) -> Result<Hop, BadHop> {
        let part = |name: &'static str| {
            let found = text.split(';').filter_map(|part| part.trim().split_once('=')).find(|(key, _)| *key == name);
            found.map(|(_, value)| value).ok_or(BadHop(name))
        };
        Ok(Hop {
            nonce: Nonce::from_wire(part("nonce")?).ok_or(BadHop("nonce"))?,
            client: part("client")?.parse().map_err(|_| BadHop("client"))?,
            edge: part("edge")?.parse().map_err(|_| BadHop("edge"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn print_then_parse_is_identity(nonce in "[0-9a-f]{1,128}", v6: bool, ip: u128, a: u16, b: u16) {
            let ip = if v6 { std::net::IpAddr::from(ip.to_be_bytes()) } else { std::net::IpAddr::from((ip as u32).to_be_bytes()) };
            let hop = Hop {
                nonce: Nonce::from_wire(&nonce).unwrap(),
                client: SocketAddr::new(ip, a),
                edge: SocketAddr::new(ip, b),
            };
            prop_assert_eq!(hop.to_string().parse(), Ok(hop));
        }

        #[test]
        fn any_text_is_answered(text in ".{0,200}") {
            let _ = text.parse::<Hop>();
        }
    }

    #[test]
    fn parts_may_come_in_any_order_with_unknown_ones_between() {
        let hop: Hop = "edge=127.0.0.1:2;future=x; client=[::1]:1 ;nonce=0a".parse().unwrap();
        assert_eq!((hop.client.port(), hop.edge.port()), (1, 2));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!("nonce=0a; client=127.0.0.1:1".parse::<Hop>(), Err(BadHop("edge")));
        assert_eq!("nonce=; client=127.0.0.1:1; edge=127.0.0.1:1".parse::<Hop>(), Err(BadHop("nonce")));
        assert_eq!("nonce=0a; client=localhost:1; edge=127.0.0.1:1".parse::<Hop>(), Err(BadHop("client")));
    }
}
