//! Reads a ClientHello without answering it.
//!
//! The bytes stay ours: they are replayed into our own handshake, or into a raw tunnel when the connection turns out to be
//! something we do not open. Meanwhile the origin is watched, because in some protocols the server speaks first and the
//! client would wait for ever.

use meter_hop::normal_host;
use rustls::server::Acceptor;
use rustls::{CipherSuite, SignatureScheme};
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

/// First byte of a TLS handshake record (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 22;
/// Post-quantum key shares make a hello of 2 KB; nobody needs 64.
const HELLO_BYTES_MAX: usize = 64 * 1024;
/// A client that has begun its hello ends it within a round trip.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);

/// What a client says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hello {
    /// The name it asks for, normal form.
    pub sni: Option<String>,
    /// The application protocols it offers, in its order; empty when it offers none.
    pub alpn: Vec<Vec<u8>>,
    /// It can speak with a P-256 leaf and one of our cipher suites.
    pub compatible: bool,
}

/// What came first on a fresh tunnel.
#[derive(Debug)]
pub enum First {
    /// A whole ClientHello; the bytes hold it and whatever came with it.
    Hello(Hello, Vec<u8>),
    /// The client spoke something else, or too slowly, or too much.
    NotTls(Vec<u8>),
    /// The origin spoke or left before the client's hello was whole.
    OriginActed(Vec<u8>),
    /// The client left without a byte.
    Nothing,
}

/// Waits for the first side to say what this connection is. `origin` is ready once the origin has spoken or left.
///
/// # Errors
/// The client's socket failed.
pub async fn first<C: AsyncRead + Unpin, T>(client: &mut C, origin: impl Future<Output = T>) -> io::Result<First> {
    let mut origin = pin!(origin);
    let mut acceptor = Acceptor::default();
    let mut bytes = Vec::new();
    let mut deadline = None;
    let mut chunk = [0; 4096];
    loop {
        let read = tokio::select! {
            biased;
            read = within(deadline, client.read(&mut chunk)) => read,
            // An end counts as speech: what the origin did is for the client to see.
            _ = &mut origin => return Ok(First::OriginActed(bytes)),
        };
        let read = match read {
            Some(read) => read?,
            None => return Ok(First::NotTls(bytes)),
        };
        if read == 0 {
            return Ok(if bytes.is_empty() { First::Nothing } else { First::NotTls(bytes) });
        }
        bytes.extend_from_slice(&chunk[..read]);
        deadline.get_or_insert_with(|| Instant::now() + HELLO_PATIENCE);
        if bytes[0] != HANDSHAKE_RECORD || bytes.len() > HELLO_BYTES_MAX {
            return Ok(First::NotTls(bytes));
        }
        match feed(&mut acceptor, &chunk[..read]) {
            Ok(Some(hello)) => return Ok(First::Hello(hello, bytes)),
            Ok(None) => {}
            Err(reason) => {
                tracing::debug!(%reason, "intercept.hello_unreadable");
                return Ok(First::NotTls(bytes));
            }
        }
    }
}

async fn within<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => timeout_at(deadline, future).await.ok(),
    }
}

fn feed(acceptor: &mut Acceptor, mut bytes: &[u8]) -> Result<Option<Hello>, String> {
    while !bytes.is_empty() {
        acceptor.read_tls(&mut bytes).map_err(|error| error.to_string())?;
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                return Ok(Some(Hello {
                    sni: hello.server_name().map(normal_host),
                    alpn: hello.alpn().map(|offer| offer.map(<[u8]>::to_vec).collect()).unwrap_or_default(),
                    compatible: speaks_ours(hello.cipher_suites(), hello.signature_schemes()),
                }));
            }
            Err((error, _alert)) => return Err(error.to_string()),
        }
    }
    Ok(None)
}

/// Our leaves are P-256, so a client without ECDSA on that curve, or without a modern suite, would fail on us where it may
/// be fine with the origin.
fn speaks_ours(suites: &[CipherSuite], schemes: &[SignatureScheme]) -> bool {
    let ours = &rustls::crypto::ring::default_provider().cipher_suites;
    schemes.contains(&SignatureScheme::ECDSA_NISTP256_SHA256)
        && ours.iter().any(|suite| suites.contains(&suite.suite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rustls' own client says first.
    fn hello_of(name: &'static str, alpn: &[&[u8]]) -> Vec<u8> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|one| one.to_vec()).collect();
        let mut client = rustls::ClientConnection::new(config.into(), name.try_into().unwrap()).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_hello_is_read_however_it_is_cut() {
        let bytes = hello_of("API.Acme.Example", &[b"h2", b"http/1.1"]);
        let wanted = Hello {
            sni: Some("api.acme.example".into()),
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            compatible: true,
        };
        for cut in 1..bytes.len() {
            let mut acceptor = Acceptor::default();
            assert_eq!(feed(&mut acceptor, &bytes[..cut]), Ok(None), "cut at {cut}");
            assert_eq!(feed(&mut acceptor, &bytes[cut..]), Ok(Some(wanted.clone())), "cut at {cut}");
        }
    }

    #[test]
    fn an_address_is_no_name() {
        let hello = feed(&mut Acceptor::default(), &hello_of("127.0.0.1", &[])).unwrap().unwrap();
        assert_eq!((hello.sni, hello.alpn.len()), (None, 0));
    }

    #[test]
    fn a_record_with_garbage_is_unreadable() {
        assert!(feed(&mut Acceptor::default(), &[22, 3, 1, 0, 4, 0xff, 0, 0, 0]).is_err());
    }

    #[test]
    fn old_clients_are_not_ours() {
        let modern = CipherSuite::TLS13_AES_128_GCM_SHA256;
        assert!(!speaks_ours(&[CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA], &[SignatureScheme::ECDSA_NISTP256_SHA256]));
        assert!(!speaks_ours(&[modern], &[SignatureScheme::RSA_PKCS1_SHA256]));
        assert!(speaks_ours(&[modern], &[SignatureScheme::ECDSA_NISTP256_SHA256]));
    }
}
