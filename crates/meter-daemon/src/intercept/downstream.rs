//! TLS to the client, with our leaf and the origin's choice of protocol.

use rustls::crypto::ring::Ticketer;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ServerConfig};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Finds the leaf of a host; `None` when no authority covers it. Called on the traffic path: it may sign, it may not wait.
pub type LeafSource = Arc<dyn Fn(&str) -> Option<Arc<CertifiedKey>> + Send + Sync>;

/// One configuration per host and protocol; metered hosts are few.
const CONFIGS_MAX: usize = 4096;
/// How long a client may take for its half of the handshake.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a client did not get through our handshake.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It said that it does not trust our certificate.
    #[error("the client does not accept our certificate")]
    Distrust(AlertDescription),
    /// It left after our certificate without a word; some clients show distrust so.
    #[error("the client left during the handshake")]
    Left(#[source] io::Error),
    /// It left while the origin was being opened, before it saw our certificate.
    #[error("the client left before its handshake")]
    Gone,
    /// It did not finish in time.
    #[error("the client's TLS handshake took too long")]
    Slow,
    /// Anything else.
    #[error("the TLS handshake with the client failed")]
    Handshake(#[source] io::Error),
}

/// Server side of the client's leg.
pub struct DownstreamTls {
    leaves: LeafSource,
    base: ServerConfig,
    configs: Mutex<HashMap<ServedAs, Arc<ServerConfig>>>,
}

/// Host and protocol, empty for none.
type ServedAs = (String, Vec<u8>);

impl DownstreamTls {
    /// Serves the leaves of `leaves`.
    ///
    /// # Errors
    /// The system gave no randomness for ticket keys.
    pub fn new(leaves: LeafSource) -> Result<DownstreamTls, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut base = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Leaf { host: String::new(), leaves: leaves.clone() }));
        let ticketer: Arc<dyn ProducesTickets> = Ticketer::new()?;
        base.ticketer = ticketer;
        Ok(DownstreamTls { leaves, base, configs: Mutex::default() })
    }

    /// Whether there is a leaf for `host`.
    pub fn covers(&self, host: &str) -> bool {
        (self.leaves)(host).is_some()
    }

    /// Shakes hands as `host`, choosing `protocol` and nothing else.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn accept<S>(&self, host: &str, protocol: Option<&[u8]>, stream: S) -> Result<TlsStream<S>, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = TlsAcceptor::from(self.config(host, protocol)).accept(stream);
        tokio::time::timeout(PATIENCE, handshake).await.map_err(|_| ClientError::Slow)?.map_err(sort)
    }

    /// Kept per host and protocol, so that both kinds of resumption find their sessions again.
    fn config(&self, host: &str, protocol: Option<&[u8]>) -> Arc<ServerConfig> {
        let key = (host.to_owned(), protocol.unwrap_or_default().to_vec());
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&key) {
            return config.clone();
        }
        let mut config = self.base.clone();
        config.cert_resolver = Arc::new(Leaf { host: host.to_owned(), leaves: self.leaves.clone() });
        config.session_storage = rustls::server::ServerSessionMemoryCache::new(256);
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        let config = Arc::new(config);
        if configs.len() < CONFIGS_MAX {
            configs.insert(key, config.clone());
        }
        config
    }
}

fn sort(error: io::Error) -> ClientError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) if is_distrust(*alert) => ClientError::Distrust(*alert),
        _ => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                ClientError::Left(error)
            }
            _ => ClientError::Handshake(error),
        },
    }
}

/// All of these speak of a certificate, and ours is the only one in the handshake. `decrypt_error` is what a client says
/// that trusts an earlier root of the same name.
fn is_distrust(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::DecryptError
    )
}

/// The leaf is asked for at every handshake, so a renewed one is served without a new configuration.
struct Leaf {
    host: String,
    leaves: LeafSource,
}

impl ResolvesServerCert for Leaf {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (self.leaves)(&self.host)
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({})", self.host)
    }
}
