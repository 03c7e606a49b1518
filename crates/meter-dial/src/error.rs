//! Why there is no connection, and what a proxy tells its client then.

use std::io;

/// No connection to the origin.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name service does not know the host, or failed.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The name service did not answer in time.
    #[error("cannot resolve {host}: no answer in time")]
    ResolveTimeout {
        /// The name.
        host: String,
    },
    /// No address of the host accepted; the cause is the last one's.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// The origin, or the proxy in front of it.
        host: String,
        /// Its port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// No address of the host answered in time.
    #[error("cannot connect to {host}:{port}: no answer in time")]
    ConnectTimeout {
        /// The origin, or the proxy in front of it.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The upstream proxy broke off or did not speak HTTP.
    #[error("upstream proxy {proxy} failed")]
    ProxyBroken {
        /// `host:port` of the proxy.
        proxy: String,
        /// What was wrong.
        source: io::Error,
    },
    /// The upstream proxy did not answer in time.
    #[error("upstream proxy {proxy}: no answer in time")]
    ProxyTimeout {
        /// `host:port` of the proxy.
        proxy: String,
    },
    /// The upstream proxy said no.
    #[error("upstream proxy {proxy} refused with status {status}")]
    ProxyRefused {
        /// `host:port` of the proxy.
        proxy: String,
        /// Its status, for example 407 when it wants a password.
        status: u16,
    },
}

impl DialError {
    /// The status of a proxy's answer to its client: 504 when time ran out, else 502.
    ///
    /// A 407 of the upstream proxy becomes 502 as well: the client has no password for a proxy it does not know of.
    pub fn status(&self) -> u16 {
        match self {
            DialError::ResolveTimeout { .. }
            | DialError::ConnectTimeout { .. }
            | DialError::ProxyTimeout { .. }
            | DialError::ProxyRefused { status: 504, .. } => 504,
            DialError::Connect { source, .. } if source.kind() == io::ErrorKind::TimedOut => 504,
            DialError::Resolve { .. }
            | DialError::Connect { .. }
            | DialError::ProxyBroken { .. }
            | DialError::ProxyRefused { .. } => 502,
        }
    }

    /// One line for the client, cause included: `cannot resolve api.acme.example: Name or service not known`.
    pub fn text(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}
