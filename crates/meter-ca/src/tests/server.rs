//! A TLS server on loopback that answers every request with `metered`.

use rustls::{ServerConfig, ServerConnection, Stream, server::ResolvesServerCertUsingSni, sign::CertifiedKey};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves each name with its leaf.
    pub(super) fn start(leaves: Vec<(&str, CertifiedKey)>) -> Server {
        let mut resolver = ResolvesServerCertUsingSni::new();
        for (name, key) in leaves {
            resolver.add(name, key).expect("a leaf for its own name");
        }
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("default versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A client that turns away is what half of the tests want.
                let Ok(stream) = stream else { continue };
                let outcome = serve(&config, stream);
                drop(outcome);
            }
        });
        Server { address, stop, thread: Some(thread) }
    }
}

fn serve(config: &Arc<ServerConfig>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut connection = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
    let mut tls = Stream::new(&mut connection, &mut stream);
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        match tls.read(&mut chunk)? {
            0 => return Ok(()),
            n => head.extend_from_slice(&chunk[..n]),
        }
    }
    tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nmetered")?;
    tls.conn.send_close_notify();
    tls.flush()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if TcpStream::connect(self.address).is_ok() {
            self.thread.take().map(JoinHandle::join);
        }
    }
}
