//! A daemon's gate in front of a scripted origin, all on loopback, with its own two authorities.
#![allow(dead_code, reason = "each test file uses its part")]

use arc_swap::ArcSwap;
use meter_call::UnixMillis;
use meter_daemon::accept::{AskWhoCalls, Gate};
use meter_daemon::connection::Connection;
use meter_daemon::intercept::{DownstreamTls, Interceptor, Outcome, Spares, UpstreamTls, WitnessSource};
use meter_daemon::pinned::Pins;
use meter_daemon::services::UnderWay;
use meter_daemon::witness::Nobody;
use meter_demo::DemoAuthority;
use meter_dial::Dialer;
use meter_hop::{DaemonHealth, Identity, MeteredHosts, Upstream};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

pub const HOST: &str = "api.acme.example";
pub const UID: u32 = 4711;

/// The origin's sockets, each given to a script.
pub struct Origin {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Origin {
    pub async fn raw<F, P>(play: P) -> Origin
    where
        P: Fn(TcpStream, usize) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                tokio::spawn(play(socket, count.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Origin { address, accepted, task }
    }

    /// TLS connections only; a failed handshake ends its connection.
    pub async fn tls<F, P>(config: Arc<rustls::ServerConfig>, play: P) -> Origin
    where
        P: Fn(server::TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let acceptor = TlsAcceptor::from(config);
        Origin::raw(move |socket, _| {
            let (acceptor, play) = (acceptor.clone(), play.clone());
            async move {
                if let Ok(stream) = acceptor.accept(socket).await {
                    play(stream).await;
                }
            }
        })
        .await
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub struct World {
    pub gate: Arc<Gate>,
    pub address: SocketAddr,
    /// Who vouches for origins; the daemon trusts it, and a client may.
    pub origins: Arc<DemoAuthority>,
    /// Ours.
    pub ours: Arc<DemoAuthority>,
    pub outcomes: mpsc::UnboundedReceiver<String>,
    pub owner: Arc<Mutex<u32>>,
    _home: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn authority() -> Arc<DemoAuthority> {
    Arc::new(DemoAuthority::new().unwrap())
}

pub fn nobody() -> WitnessSource {
    Arc::new(|_, _| Box::new(Nobody))
}

/// A gate in front of `origin` (which answers for every host), reading along with `witness`. Nobody looks callers up.
pub async fn world_with(origins: Arc<DemoAuthority>, origin: SocketAddr, witness: WitnessSource) -> World {
    world_asking(origins, origin, witness, Arc::new(|_, _, _| {})).await
}

/// The same, looking callers up with `ask_who_calls`.
pub async fn world_asking(
    origins: Arc<DemoAuthority>,
    origin: SocketAddr,
    witness: WitnessSource,
    ask_who_calls: AskWhoCalls,
) -> World {
    world_of(origins, origin, witness, ask_who_calls, Spares::none()).await
}

/// A gate that keeps `spares`, reading nothing.
pub async fn world_keeping(origins: Arc<DemoAuthority>, origin: SocketAddr, spares: Arc<Spares>) -> World {
    world_of(origins, origin, nobody(), Arc::new(|_, _, _| {}), spares).await
}

async fn world_of(
    origins: Arc<DemoAuthority>,
    origin: SocketAddr,
    witness: WitnessSource,
    ask_who_calls: AskWhoCalls,
    spares: Arc<Spares>,
) -> World {
    let ours = authority();
    let home = tempfile::tempdir().unwrap();
    let identity = Identity::load_or_create(&home.path().join("instance.json")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(origins.root().clone()).unwrap();
    let pin = |host: &str| (host.to_owned(), origin.to_string());
    let upstream = Upstream { resolve: [pin(HOST), pin("other.example")].into(), ..Upstream::default() };
    let (outcome_in, outcomes) = mpsc::unbounded_channel();
    let owner = Arc::new(Mutex::new(UID));
    let whose = owner.clone();
    let gate = Gate {
        identity,
        uid: UID,
        owner_of: Arc::new(move |_, _| Ok(*whose.lock().unwrap())),
        ask_who_calls,
        interceptor: ArcSwap::from_pointee(Interceptor {
            dialer: Dialer::new(upstream),
            metered: MeteredHosts::new(&[HOST]).unwrap(),
            upstream: UpstreamTls::new(roots),
            downstream: DownstreamTls::new(leaves(ours.clone())).unwrap(),
            spares,
            pins: Arc::new(Pins::default()),
            witness,
            now: || UnixMillis(1_800_000_000_000),
        }),
        health: Arc::new(|| DaemonHealth {
            status: "ok".into(),
            version: "0".into(),
            instance: "i".into(),
            digest: "b3:0".into(),
            uptime_ms: 1,
        }),
        on_outcome: Arc::new(move |_: &Connection, outcome: &Outcome, _: std::time::Duration| {
            let word = match outcome {
                Outcome::Opened(protocol, _) => format!("opened {protocol:?}"),
                Outcome::Tunnelled(reason, _) => format!("tunnelled {}", reason.as_str()),
                Outcome::ClientFailed(error) => format!("client {error}"),
                Outcome::Nothing => "nothing".into(),
                Outcome::Lost(reason, _) => format!("lost {}", reason.as_str()),
                Outcome::Unreachable(_) => "unreachable".into(),
                Outcome::Broken(error) => format!("broken {error}"),
            };
            let _ = outcome_in.send(word);
        }),
        open: UnderWay::default(),
    };
    let gate = Arc::new(gate);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = gate.clone();
    let task = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            let gate = serving.clone();
            tokio::spawn(async move { gate.serve(socket.into()).await });
        }
    });
    World { gate, address, origins, ours, outcomes, owner, _home: home, task }
}

pub async fn world(origins: Arc<DemoAuthority>, origin: SocketAddr) -> World {
    world_with(origins, origin, nobody()).await
}

fn leaves(ours: Arc<DemoAuthority>) -> meter_daemon::intercept::LeafSource {
    let (chain, key) = ours.certificate(&[HOST, "other.example"]).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let leaf = Arc::new(CertifiedKey::from_der(chain, key, &provider).unwrap());
    Arc::new(move |_| Some(leaf.clone()))
}

/// A client that trusts `authorities`.
pub fn trusting(authorities: &[&DemoAuthority], alpn: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.root().clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|one| one.to_vec()).collect();
    config
}

impl World {
    /// A tunnel to `host:443` through the gate.
    pub async fn connect(&self, host: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n").as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    }

    pub async fn tls(&self, config: ClientConfig) -> std::io::Result<client::TlsStream<TcpStream>> {
        tls_over(self.connect(HOST).await, HOST, config).await
    }

    /// A client that trusts us and the origin, offering `alpn`.
    pub async fn open(&self, alpn: &[&[u8]]) -> client::TlsStream<TcpStream> {
        self.tls(trusting(&[&self.ours], alpn)).await.unwrap()
    }

    pub async fn outcome(&mut self) -> String {
        tokio::time::timeout(std::time::Duration::from_secs(60), self.outcomes.recv()).await.unwrap().unwrap()
    }
}

pub async fn tls_over(
    stream: TcpStream,
    name: &str,
    config: ClientConfig,
) -> std::io::Result<client::TlsStream<TcpStream>> {
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

/// A head, byte by byte: what follows is still to be read.
pub async fn read_head<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&head)),
        }
    }
    String::from_utf8(head).unwrap()
}

/// Reads to the end, whatever the end is.
pub async fn drain<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all).await {
        Ok(_) => (all, None),
        Err(error) => (all, Some(error.kind())),
    }
}
