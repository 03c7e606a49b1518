//! TLS to the origin, with the client's own protocol offer.

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, RootCertStore, SignatureScheme};
use std::cell::Cell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Offers are few (one per HTTP library); more than this is somebody playing.
const OFFERS_MAX: usize = 64;
/// Sessions kept for resumption, per offer.
const SESSIONS: usize = 256;
/// How long an origin may take for its handshake; clients give up sooner.
const PATIENCE: Duration = Duration::from_secs(30);

thread_local! {
    /// Set by [`Flag`] while a handshake is polled on this thread.
    static CERTIFICATE_WANTED: Cell<bool> = const { Cell::new(false) };
}

/// Why the origin cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Its certificate is none that the roots vouch for.
    #[error("the origin's certificate is not accepted")]
    Certificate(#[source] rustls::Error),
    /// It asks for a certificate that only the client has.
    #[error("the origin asks for a client certificate")]
    CertificateWanted,
    /// It takes none of the offered protocols.
    #[error("the origin takes none of the offered protocols")]
    Protocol,
    /// It took one that is not HTTP.
    #[error("the origin chose a protocol that is not HTTP")]
    NotHttp,
    /// It did not finish in time.
    #[error("the origin's TLS handshake took too long")]
    Slow,
    /// Anything else that stopped the handshake.
    #[error("the TLS handshake with the origin failed")]
    Handshake(#[source] io::Error),
}

/// Client side of the origin's leg. One per set of roots.
pub struct UpstreamTls {
    base: ClientConfig,
    by_offer: Mutex<HashMap<Vec<Vec<u8>>, Arc<ClientConfig>>>,
}

impl UpstreamTls {
    /// Trusts `roots` and nothing else. Reads no environment.
    pub fn new(roots: RootCertStore) -> UpstreamTls {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let base = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring's suites cover the default versions")
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(Flag));
        UpstreamTls { base, by_offer: Mutex::default() }
    }

    /// Opens `tcp` as `host` with exactly this offer.
    ///
    /// # Errors
    /// [`OriginError`]; the connection is of no use then, and the client has to speak to the origin itself.
    pub async fn open(
        &self,
        host: &str,
        offer: &[Vec<u8>],
        tcp: TcpStream,
    ) -> Result<TlsStream<TcpStream>, OriginError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| OriginError::Handshake(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let handshake = pin!(TlsConnector::from(self.config(offer)).connect(name, tcp));
        let stream = tokio::time::timeout(PATIENCE, watched(handshake)).await.map_err(|_| OriginError::Slow)??;
        match stream.get_ref().1.alpn_protocol() {
            Some(chosen) if !is_http(chosen) => Err(OriginError::NotHttp),
            _ => Ok(stream),
        }
    }

    /// The configuration of one offer. All share the base's verifier and resolver: rustls ties a stored session to those
    /// two, so a resolver per connection would silently mean a full handshake each time.
    fn config(&self, offer: &[Vec<u8>]) -> Arc<ClientConfig> {
        let mut known = self.by_offer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(offer) {
            return config.clone();
        }
        let mut config = self.base.clone();
        config.alpn_protocols = offer.to_vec();
        config.resumption = rustls::client::Resumption::in_memory_sessions(SESSIONS);
        let config = Arc::new(config);
        if known.len() < OFFERS_MAX {
            known.insert(offer.to_vec(), config.clone());
        }
        config
    }
}

/// A protocol that the meter can read.
pub(super) fn is_http(protocol: &[u8]) -> bool {
    matches!(protocol, b"h2" | b"http/1.1" | b"http/1.0")
}

/// Drives a handshake until it ends or the origin asks for a certificate. In TLS 1.3 the refusal of a client without one
/// comes after the handshake, so the question itself is the only safe sign.
async fn watched<F>(mut handshake: std::pin::Pin<&mut F>) -> Result<TlsStream<TcpStream>, OriginError>
where
    F: Future<Output = io::Result<TlsStream<TcpStream>>>,
{
    poll_fn(|cx| {
        CERTIFICATE_WANTED.set(false);
        let polled = handshake.as_mut().poll(cx);
        if CERTIFICATE_WANTED.take() {
            return Poll::Ready(Err(OriginError::CertificateWanted));
        }
        polled.map_err(sort)
    })
    .await
}

fn sort(error: io::Error) -> OriginError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(cause @ (rustls::Error::InvalidCertificate(_) | rustls::Error::InvalidCertRevocationList(_))) => {
            OriginError::Certificate(cause.clone())
        }
        Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => OriginError::Protocol,
        _ => OriginError::Handshake(error),
    }
}

/// Has no certificate, but claims so: only then does rustls tell that the origin asked.
#[derive(Debug)]
struct Flag;

impl ResolvesClientCert for Flag {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        CERTIFICATE_WANTED.set(true);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}
