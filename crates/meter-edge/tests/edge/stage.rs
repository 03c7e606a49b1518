//! A home, an edge process, a stand-in daemon and an origin.

use meter_hop::paths::Home;
use meter_hop::{
    CoveragePage, DaemonSection, EdgeConfig, EdgeHealth, EffectivePorts, HOP_HEADER, Hop, Identity, NONCE_HEADER,
    PROOF_HEADER, Role, Section, Upstream,
};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// The metered host of every stage.
pub const METERED: &str = "api.acme.example";

/// A host that is not metered and leads to the same origin.
pub const PLAIN: &str = "www.other.example";

/// When a test is stuck for good. Nothing is measured with it.
const STUCK: Duration = Duration::from_secs(60);

pub async fn unstuck<T>(what: &str, act: impl Future<Output = T>) -> T {
    timeout(STUCK, act).await.unwrap_or_else(|_| panic!("{what} never came"))
}

/// A home folder with an identity.
pub struct Stage {
    _folder: tempfile::TempDir,
    pub home: Home,
    pub identity: Arc<Identity>,
}

impl Stage {
    pub fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        std::fs::create_dir(home.root()).unwrap();
        let identity = Arc::new(Identity::load_or_create(&home.instance_json()).unwrap());
        Stage { _folder: folder, home, identity }
    }

    /// edge.json with [`METERED`] metered, and both hosts led to `origin`.
    pub fn configure(&self, digest: &str, origin: u16) {
        let mut upstream = Upstream::default();
        for host in [METERED, PLAIN] {
            upstream.resolve.insert(host.into(), format!("127.0.0.1:{origin}"));
        }
        let config = EdgeConfig { digest: digest.into(), hosts: vec![METERED.into()], upstream };
        config.write(&self.home.edge_json()).unwrap();
    }

    pub fn publish_daemon(&self, intercept_port: u16) {
        let section = DaemonSection { intercept_port, api_port: 1, pid: std::process::id(), started_at: String::new() };
        EffectivePorts::publish(&self.home.effective_ports(), self.identity.id(), &Section::Daemon(section)).unwrap();
    }

    pub async fn edge(&self) -> Edge {
        self.edge_with(&[]).await
    }

    pub async fn edge_with(&self, arguments: &[&str]) -> Edge {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halton-meter-edge"));
        command.arg("--home").arg(self.home.root()).args(["--port", "0", "--verbose"]).args(arguments);
        Edge::start(command).await
    }
}

/// A running edge.
pub struct Edge {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    pub port: u16,
    pub pid: u32,
}

impl Edge {
    pub async fn start(mut command: Command) -> Edge {
        command.env_remove("HALTON_METER_HOME").stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let pid = child.id().unwrap();
        let mut edge = Edge { child, log, port: 0, pid };
        let line = edge.logged("edge.listening").await;
        edge.port = line.split("port=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        edge
    }

    /// The next line of the log that holds `text`.
    pub async fn logged(&mut self, text: &str) -> String {
        unstuck(text, async {
            loop {
                let line = self.log.next_line().await.unwrap().unwrap_or_else(|| panic!("the log ended before {text}"));
                if line.contains(text) {
                    return line;
                }
            }
        })
        .await
    }

    pub fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill").arg(format!("-{name}")).arg(self.pid.to_string()).status();
        assert!(sent.unwrap().success());
    }

    pub async fn exit(&mut self) -> ExitStatus {
        unstuck("the exit", self.child.wait()).await.unwrap()
    }

    pub async fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends `request`, reads to the end.
    pub async fn ask(&self, request: &str) -> String {
        let mut stream = self.dial().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read_all(&mut stream).await
    }

    /// Sends a CONNECT; gives the answer's head and the open connection.
    pub async fn connect(&self, host: &str) -> (String, TcpStream) {
        let mut stream = self.dial().await;
        let request = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = unstuck("the answer to CONNECT", read_head(&mut stream)).await;
        (head, stream)
    }

    /// One exchange with [`origin`] through a CONNECT, half-closed by the client.
    pub async fn exchange(&self, host: &str) {
        let (head, mut stream) = self.connect(host).await;
        assert_eq!(head, "HTTP/1.1 200 Connection Established\r\n\r\n");
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(read_all(&mut stream).await, "hello, and good bye");
    }

    pub async fn health(&self) -> EdgeHealth {
        let answer = self.ask("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
        serde_json::from_str(body(&answer)).unwrap()
    }

    pub async fn coverage(&self) -> CoveragePage {
        let answer = self.ask("GET /coverage?after=0 HTTP/1.1\r\nHost: localhost:1\r\n\r\n").await;
        serde_json::from_str(body(&answer)).unwrap()
    }

    /// Waits for a tunnel to end and gives the last record's reason.
    pub async fn last_reason(&mut self) -> &'static str {
        self.logged("tunnel.closed").await;
        self.coverage().await.records.last().unwrap().reason.as_str()
    }
}

pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

pub async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    unstuck("the end", stream.read_to_string(&mut text)).await.unwrap();
    text
}

pub async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port on which nothing listens.
pub async fn closed_port() -> u16 {
    listen().await.1
}

/// Says back what it was sent once the sender has finished, and a good bye.
pub async fn origin() -> u16 {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut text = Vec::new();
                if stream.read_to_end(&mut text).await.is_ok() {
                    text.extend_from_slice(b", and good bye");
                    let _ = stream.write_all(&text).await;
                }
            });
        }
    });
    port
}

/// How the stand-in behaves towards a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Manner {
    /// As the daemon does.
    Good,
    /// Takes the connection and says nothing, on probes too.
    Silent,
    /// Says nothing on chains, but is well.
    SilentOnChains,
    /// Speaks, but not HTTP.
    Garbage,
    /// Proves itself with another secret, on probes too.
    Foreign,
    /// Well on probes, wrong proof on chains.
    WrongProof,
    /// Resets chains.
    Resets,
    /// Declines chains.
    Refuses,
    /// Greets only after a second probe has asked for a sign of life.
    Busy,
    /// Greets, then cannot reach the origin.
    NoOrigin,
    /// Greets, then breaks off.
    DiesGreeting,
    /// Answers probes only once it is told to.
    Held,
}

/// A daemon in name.
pub struct StandIn {
    pub port: u16,
    probes: watch::Receiver<u64>,
    chains: watch::Receiver<Vec<Hop>>,
    release: watch::Sender<bool>,
}

struct Part {
    manner: Manner,
    origin: u16,
    identity: Arc<Identity>,
    probes: watch::Sender<u64>,
    chains: watch::Sender<Vec<Hop>>,
    released: watch::Receiver<bool>,
}

impl StandIn {
    /// Listens, and is made known in the stage's effective-ports.json.
    pub async fn on(stage: &Stage, manner: Manner, origin: u16) -> StandIn {
        let (listener, port) = listen().await;
        let (probes, probes_seen) = watch::channel(0);
        let (chains, chains_seen) = watch::channel(Vec::new());
        let (release, released) = watch::channel(false);
        let part = Part { manner, origin, identity: Arc::clone(&stage.identity), probes, chains, released };
        let part = Arc::new(part);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let part = Arc::clone(&part);
                tokio::spawn(async move { part.play(stream).await });
            }
        });
        stage.publish_daemon(port);
        StandIn { port, probes: probes_seen, chains: chains_seen, release }
    }

    pub fn probes(&self) -> u64 {
        *self.probes.borrow()
    }

    pub fn chains(&self) -> Vec<Hop> {
        self.chains.borrow().clone()
    }

    pub fn release(&self) {
        self.release.send_replace(true);
    }
}

impl Part {
    async fn play(&self, mut stream: TcpStream) {
        let head = read_head(&mut stream).await;
        let header = |name: &str| {
            let found = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_default().to_owned()
        };
        if head.starts_with("GET /health ") {
            self.probes.send_modify(|probes| *probes += 1);
            return self.answer_probe(stream, &header(NONCE_HEADER)).await;
        }
        let hop: Hop = header(HOP_HEADER).parse().unwrap();
        self.chains.send_modify(|chains| chains.push(hop.clone()));
        self.answer_chain(stream, &hop).await;
    }

    async fn answer_probe(&self, mut stream: TcpStream, nonce: &str) {
        match self.manner {
            Manner::Silent => return until_closed(&mut stream).await,
            Manner::Held => {
                let _ = self.released.clone().wait_for(|released| *released).await;
            }
            _ => {}
        }
        let proof = match self.manner {
            Manner::Foreign => "0".repeat(64),
            _ => self.identity.proof(Role::Daemon, nonce),
        };
        let text = r#"{"status":"ok","version":"0","instance":"i","digest":"b3:0","uptime_ms":1}"#;
        let answer =
            format!("HTTP/1.1 200 OK\r\n{PROOF_HEADER}: {proof}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    async fn answer_chain(&self, mut stream: TcpStream, hop: &Hop) {
        match self.manner {
            Manner::Silent | Manner::SilentOnChains => return until_closed(&mut stream).await,
            Manner::Garbage => return drop(stream.write_all(b"220 mail.acme.example ESMTP\r\n\r\n").await),
            Manner::Resets => return stream.set_zero_linger().unwrap(),
            Manner::Refuses => {
                return drop(stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await);
            }
            Manner::Busy => drop(self.probes.subscribe().wait_for(|probes| *probes >= 2).await),
            _ => {}
        }
        let proof = match self.manner {
            Manner::WrongProof => "0".repeat(64),
            _ => self.identity.proof(Role::Daemon, hop.nonce.as_str()),
        };
        let greeting = format!("HTTP/1.1 102 Processing\r\n{PROOF_HEADER}: {proof}\r\n\r\n");
        if stream.write_all(greeting.as_bytes()).await.is_err() {
            return;
        }
        match self.manner {
            Manner::WrongProof => return until_closed(&mut stream).await,
            Manner::DiesGreeting => return,
            Manner::NoOrigin => {
                let text =
                    "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nno such host\n";
                return drop(stream.write_all(text.as_bytes()).await);
            }
            _ => {}
        }
        let mut origin = TcpStream::connect(("127.0.0.1", self.origin)).await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await;
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut origin).await;
    }
}

async fn until_closed(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}
