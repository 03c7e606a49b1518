//! Name to addresses, addresses to one connection.

use crate::error::DialError;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long one address has the field for itself (RFC 8305, section 5, recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

pub(crate) async fn to_name(host: &str, port: u16, patience: Duration) -> Result<TcpStream, DialError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return to_addresses(host, port, vec![SocketAddr::new(ip, port)], patience).await;
    }
    let found = match timeout(patience, tokio::net::lookup_host((host, port))).await {
        Err(_) => return Err(DialError::ResolveTimeout { host: host.to_owned() }),
        Ok(Err(source)) => return Err(DialError::Resolve { host: host.to_owned(), source }),
        Ok(Ok(found)) => alternating(found.collect()),
    };
    if found.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(DialError::Resolve { host: host.to_owned(), source });
    }
    to_addresses(host, port, found, patience).await
}

/// The first of `addresses` to accept. `host` and `port` are for the error only.
pub(crate) async fn to_addresses(
    host: &str,
    port: u16,
    addresses: Vec<SocketAddr>,
    patience: Duration,
) -> Result<TcpStream, DialError> {
    let deadline = Instant::now() + patience;
    let timed_out = || DialError::ConnectTimeout { host: host.to_owned(), port };
    let mut waiting: VecDeque<SocketAddr> = addresses.into();
    // Dropping the set ends the attempts that lost.
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address to try");
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(TcpStream::connect(address));
        }
        let ended = async {
            tokio::select! {
                ended = attempts.join_next() => Some(ended),
                () = sleep(HEAD_START), if !waiting.is_empty() => None,
            }
        };
        match timeout_at(deadline, ended).await {
            Err(_) => return Err(timed_out()),
            Ok(None) => {}
            Ok(Some(Some(Ok(Ok(stream))))) => return Ok(stream),
            Ok(Some(Some(Ok(Err(error))))) => last = error,
            Ok(Some(Some(Err(ended)))) => last = io::Error::other(ended),
            Ok(Some(None)) => return Err(DialError::Connect { host: host.to_owned(), port, source: last }),
        }
    }
}

/// Families in turn, the name service's first one first, so that a family without a route costs one head start.
fn alternating(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < ADDRESSES_MAX {
        let before = ordered.len();
        ordered.extend(first.next());
        ordered.extend(second.next());
        if ordered.len() == before {
            break;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let parse = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let found = parse(&["[::1]:1", "[::2]:1", "127.0.0.1:1", "[::3]:1"]);
        assert_eq!(alternating(found), parse(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"]));
        assert_eq!(alternating(parse(&["127.0.0.1:1", "[::1]:1"])), parse(&["127.0.0.1:1", "[::1]:1"]));
        assert!(alternating(vec![]).is_empty());
    }
}
