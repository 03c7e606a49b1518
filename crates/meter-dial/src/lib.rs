//! Connects to an origin directly, at a pinned address, or through an upstream proxy.
//!
//! Both processes dial through this crate, so that a tunnel past the daemon takes the same road as a metered call.

mod direct;
mod error;
mod proxy;

pub use error::DialError;

use meter_hop::{Dial, Upstream};
use meter_sys::socket;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long looking up a name, opening a connection, or a proxy's answer may each take. Browsers and curl give up much
/// later; a client that waits for our 504 is better served by an early one.
const PATIENCE: Duration = Duration::from_secs(10);

/// When a silent origin is asked whether it is still there, how often again, and after how many questions without an
/// answer it is gone. Clients set this on their own sockets (Go: 15 s, SDKs of providers: 60 s), where behind a proxy it
/// reaches the proxy only: a router would forget a connection on which a model thinks for minutes, and nobody would
/// notice an origin that is gone.
const ASK_AFTER: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_secs(15);
const ASK_TIMES: u8 = 8;

/// Opens connections to origins. Immutable: a changed setting means a new dialer.
#[derive(Clone, Debug)]
pub struct Dialer {
    upstream: Upstream,
    patience: Duration,
}

impl Dialer {
    /// A dialer that follows `upstream`, with 10 s for each step.
    pub fn new(upstream: Upstream) -> Dialer {
        Dialer { upstream, patience: PATIENCE }
    }

    /// The same dialer with another limit for each step.
    pub fn with_patience(self, patience: Duration) -> Dialer {
        Dialer { patience, ..self }
    }

    /// A connection whose next byte goes to `host:port`: TCP open, a proxy's CONNECT done, TCP_NODELAY and
    /// keep-alive set.
    ///
    /// `host` is a name or an address without brackets. Of several addresses, the next is tried when one fails or has
    /// not answered after 250 ms, and the first to answer wins.
    ///
    /// # Errors
    /// [`DialError`], which knows the status and text a proxy answers its client with.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let stream = match self.upstream.route(host, port) {
            Dial::Name { host, port } => direct::to_name(&host, port, self.patience).await?,
            Dial::Pinned(address) => direct::to_addresses(host, port, vec![address], self.patience).await?,
            Dial::Proxy(proxy) => proxy::through(&proxy, host, port, self.patience).await?,
        };
        // Without this a small write waits for the other side's acknowledgement: 40 ms on a streamed token.
        let failed = |source| DialError::Connect { host: host.to_owned(), port, source };
        stream.set_nodelay(true).map_err(failed)?;
        socket::keep_alive(&stream, ASK_AFTER, ASK_EVERY, ASK_TIMES).map_err(failed)?;
        Ok(stream)
    }
}

impl Default for Dialer {
    fn default() -> Dialer {
        Dialer::new(Upstream::default())
    }
}
