//! A client of which every decrypted byte is known.

use crate::rig::Rig;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use test_origin::{RecordedStream, Recorder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A decrypted connection through the proxy, under record.
pub type RawStream = RecordedStream<TlsStream<TcpStream>>;

/// Sends CONNECT to the proxy at `port` and answers the socket behind the 200.
///
/// # Errors
/// The head of any other answer.
pub async fn tunnel(port: u16, authority: &str) -> Result<TcpStream, String> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| error.to_string())?;
    socket.set_nodelay(true).map_err(|error| error.to_string())?;
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) => return Err(format!("{error} after {:?}", String::from_utf8_lossy(&head))),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.starts_with("HTTP/1.1 200") { Ok(socket) } else { Err(head) }
}

/// A TLS client configuration that trusts the certificates of `pem` and offers `alpn`.
pub fn trusting(pem: &Path, alpn: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(pem).expect("a PEM file") {
        roots.add(certificate.expect("a certificate")).expect("a root");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// TLS inside a tunnel.
///
/// # Errors
/// The handshake's.
pub async fn handshake(
    socket: TcpStream,
    host: &str,
    config: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).expect("a host name");
    TlsConnector::from(config).connect(name, socket).await
}

/// A metered connection to `host`, and its recorder.
pub async fn metered(rig: &Rig, host: &str, alpn: &[&[u8]]) -> (RawStream, Recorder) {
    let socket = tunnel(rig.edge_port(), &format!("{host}:443")).await.expect("a tunnel");
    let tls = handshake(socket, host, trusting(&rig.roots(), alpn)).await.expect("a leaf of ours");
    let recorder = Recorder::default();
    let agreed = tls.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
    (recorder.wrap(tls, agreed), recorder)
}
