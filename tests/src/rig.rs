//! One instance under test: edge and daemon as real processes, an origin they may reach, nothing else.

use crate::client::Client;
use crate::rows::{self, Line, Row};
use meter_demo::DemoAuthority;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use test_origin::RecordingOrigin;
use tokio::runtime::Runtime;

/// How long anything of ours may take before a test says it never happened.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hosts the demo provider answers for.
pub const HOSTS: &[&str] = &[
    "api.anthropic.com",
    "api.openai.com",
    "generativelanguage.googleapis.com",
    "api.x.ai",
    "api.groq.com",
    "api.deepseek.com",
    "api.mistral.ai",
    "openrouter.ai",
    "api.cohere.com",
];

/// What a test may choose before the instance starts.
pub struct RigBuilder {
    files: Vec<(String, String)>,
    resolve: Vec<(String, SocketAddr)>,
    alpn: Vec<&'static [u8]>,
    config: String,
    trust: Option<PathBuf>,
    pins: bool,
}

impl RigBuilder {
    /// Roots of other origins than the recording one, as PEM.
    pub fn trust(mut self, roots: &Path) -> RigBuilder {
        self.trust = Some(roots.to_owned());
        self
    }

    /// A file of the user's, below the home.
    pub fn file(mut self, path: &str, text: &str) -> RigBuilder {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// A price of a model that exists nowhere else, so that it never changes: the lines of a row of rates.
    pub fn price(self, provider: &str, model: &str, rates: &str) -> RigBuilder {
        let text = format!(
            "schema = 1\nprovider = \"{provider}\"\nsource = \"https://prices.example/\"\nchecked = 2026-01-01\n\
             [[model]]\nid = \"{model}\"\n[[model.rates]]\nfrom = 2026-01-01\n{rates}\n"
        );
        self.file(&format!("manifests/prices/{provider}-{model}.toml"), &text)
    }

    /// A host that leads to another origin than the recording one.
    pub fn resolve(mut self, host: &str, to: SocketAddr) -> RigBuilder {
        self.resolve.push((host.to_owned(), to));
        self
    }

    /// The ALPN offer of the recording origin.
    pub fn alpn(mut self, alpn: &[&'static [u8]]) -> RigBuilder {
        self.alpn = alpn.to_vec();
        self
    }

    /// More lines of `config.toml`, in `[upstream]` and after it.
    pub fn config(mut self, text: &str) -> RigBuilder {
        self.config = text.to_owned();
        self
    }

    /// No host leads to the recording origin by itself.
    pub fn pin_nothing(mut self) -> RigBuilder {
        self.pins = false;
        self
    }

    /// Starts everything and waits until it answers.
    pub fn start(self) -> Rig {
        let runtime = Runtime::new().expect("a runtime");
        let authority = DemoAuthority::new().expect("a demo authority");
        let origin = runtime.block_on(RecordingOrigin::start(&authority, HOSTS, &self.alpn));
        let folder = tempfile::Builder::new().prefix("halton-home-").tempdir().expect("a temporary folder");
        let home = folder.path().join("home");
        make_private(&home);
        for (path, text) in &self.files {
            let path = home.join(path);
            fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
            fs::write(path, text).expect("a file of the home");
        }
        let ca_file = folder.path().join("origin-root.pem");
        let others = self.trust.as_ref().map(|path| fs::read_to_string(path).expect("a PEM file")).unwrap_or_default();
        fs::write(&ca_file, format!("{}{others}", authority.root_pem())).expect("the origin's root");
        let mut pins: Vec<String> = self.resolve.iter().map(|(host, to)| format!("{host:?} = \"{to}\"")).collect();
        for host in HOSTS {
            if self.pins && !self.resolve.iter().any(|(taken, _)| taken == host) {
                pins.push(format!("{host:?} = \"{}\"", origin.address));
            }
        }
        let [edge, intercept, api] = free_ports();
        let config = format!(
            "[daemon]\nedge_port = {edge}\ninternal_port = {intercept}\napi_port = {api}\n\n[upstream]\nca_file = {:?}\n\
             resolve = {{ {} }}\n\n{}\n",
            ca_file.display().to_string(),
            pins.join(", "),
            self.config
        );
        fs::write(home.join("config.toml"), config).expect("config.toml");
        let mut rig = Rig { runtime, authority, origin, folder, home, edge: None, daemon: None };
        let applied = rig.meter(&["apply", "--yes"]);
        assert!(applied.status.success(), "apply failed: {}", text_of(&applied));
        rig.start_daemon();
        rig.start_edge();
        rig
    }
}

/// A running instance; its processes end with it.
pub struct Rig {
    /// Runs the origin.
    pub runtime: Runtime,
    /// Signs the origin's certificates.
    pub authority: DemoAuthority,
    /// The origin, with everything it saw.
    pub origin: RecordingOrigin,
    folder: TempDir,
    home: PathBuf,
    edge: Option<Child>,
    daemon: Option<Child>,
}

impl Rig {
    /// Chooses before starting.
    pub fn builder() -> RigBuilder {
        RigBuilder {
            files: Vec::new(),
            resolve: Vec::new(),
            alpn: vec![b"h2", b"http/1.1"],
            config: String::new(),
            trust: None,
            pins: true,
        }
    }

    /// The usual instance.
    pub fn start() -> Rig {
        Rig::builder().start()
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A folder for a test's own files, outside the home.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The root that signs the origin's certificate.
    pub fn origin_root(&self) -> PathBuf {
        self.folder.path().join("origin-root.pem")
    }

    /// The bundle a metered client is told to trust.
    pub fn bundle(&self) -> PathBuf {
        self.home.join("ca/bundle.pem")
    }

    /// Our own roots alone.
    pub fn roots(&self) -> PathBuf {
        self.home.join("ca/halton-roots.pem")
    }

    /// Starts the daemon and waits until it answers.
    pub fn start_daemon(&mut self) {
        self.start_daemon_with(&[]);
    }

    /// The same with more in its environment.
    pub fn start_daemon_with(&mut self, variables: &[(&str, &str)]) {
        let mut command = self.program("halton-meter");
        command.arg("daemon").arg("--home").arg(&self.home).envs(variables.iter().copied());
        self.daemon = Some(spawn(command, &self.folder.path().join("daemon.log")));
        self.wait_for("the daemon", |rig| rig.health("/daemon").is_some());
    }

    /// Starts the edge and waits until it answers and sees a daemon, if there is one.
    pub fn start_edge(&mut self) {
        let mut command = self.program("halton-meter-edge");
        command.arg("--home").arg(&self.home);
        self.edge = Some(spawn(command, &self.folder.path().join("edge.log")));
        self.wait_for("the edge", |rig| rig.health("/edge").is_some());
    }

    /// Ends the daemon as a crash would.
    pub fn kill_daemon(&mut self) {
        let mut daemon = self.daemon.take().expect("the daemon runs");
        daemon.kill().expect("our own child can be killed");
        daemon.wait().expect("our own child can be waited for");
    }

    /// The daemon's process id.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().expect("the daemon runs").id()
    }

    /// The edge's process id.
    pub fn edge_pid(&self) -> u32 {
        self.edge.as_ref().expect("the edge runs").id()
    }

    /// A section of `effective-ports.json`.
    fn section(&self, role: &str) -> Option<Value> {
        let text = fs::read_to_string(self.home.join("effective-ports.json")).ok()?;
        let document: Value = serde_json::from_str(&text).ok()?;
        document.get(role).cloned()
    }

    fn port(&self, role: &str, key: &str) -> u16 {
        let section = self.section(role).unwrap_or_else(|| panic!("no {role} section"));
        u16::try_from(section[key].as_u64().expect("a port number")).expect("a port fits in 16 bits")
    }

    /// The port clients are pointed at.
    pub fn edge_port(&self) -> u16 {
        self.port("edge", "port")
    }

    /// The daemon's interception port.
    pub fn intercept_port(&self) -> u16 {
        self.port("daemon", "intercept_port")
    }

    /// The daemon's API port.
    pub fn api_port(&self) -> u16 {
        self.port("daemon", "api_port")
    }

    /// `/health` of a role (`/edge` or `/daemon`), when it answers.
    pub fn health(&self, role: &str) -> Option<Value> {
        let (name, key) = if role == "/edge" { ("edge", "port") } else { ("daemon", "intercept_port") };
        let port = u16::try_from(self.section(name)?[key].as_u64()?).ok()?;
        let (status, body) = get(port, "/health")?;
        (status == 200).then(|| serde_json::from_str(&body).ok()).flatten()
    }

    /// `GET path` of the API: status and body.
    pub fn api(&self, path: &str) -> (u16, String) {
        get(self.api_port(), path).expect("the API answers")
    }

    /// The product's own program with arguments, in this home.
    pub fn meter(&self, args: &[&str]) -> Output {
        self.program("halton-meter").args(args).output().expect("halton-meter runs")
    }

    /// A client that is pointed at the edge and trusts what a metered client is told to trust.
    pub fn client(&self) -> Client {
        Client::through(self.edge_port(), self.bundle())
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join(name));
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path());
        command.env("HALTON_METER_HOME", &self.home);
        command.env("TZ", "UTC");
        command
    }

    /// Every stored row, oldest first, once `count` are there and none is open.
    pub fn rows(&self, count: usize) -> Vec<Row> {
        let mut found = Vec::new();
        self.wait_for(&format!("{count} rows"), |rig| {
            found = rows::read(&rig.home.join("db.sqlite"));
            found.len() >= count
        });
        assert_eq!(found.len(), count, "more rows than expected: {found:#?}");
        found
    }

    /// The rows there are now.
    pub fn rows_now(&self) -> Vec<Row> {
        rows::read(&self.home.join("db.sqlite"))
    }

    /// The line items of a row.
    pub fn lines(&self, row: &Row) -> Vec<Line> {
        rows::lines(&self.home.join("db.sqlite"), &row.id)
    }

    /// Waits for something that must come; says what did not.
    pub fn wait_for(&self, what: &str, mut there: impl FnMut(&Rig) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !there(self) {
            assert!(Instant::now() < deadline, "{what} never came\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// The end of both logs, for a failing test's message.
    pub fn logs(&self) -> String {
        ["daemon.log", "edge.log"]
            .iter()
            .map(|name| {
                let text = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(30).collect();
                format!("--- {name}\n{}\n", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
            })
            .collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for child in [self.edge.as_mut(), self.daemon.as_mut()].into_iter().flatten() {
            // It may have left already; either way it is our own child and is waited for.
            let _already_gone = child.kill();
            child.wait().expect("our own child can be waited for");
        }
    }
}

/// Where cargo put the programs: beside the folder of the test itself.
pub fn programs() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows where it lies");
    let folder = own.parent().and_then(Path::parent).expect("target/PROFILE/deps").to_owned();
    assert!(
        folder.join("halton-meter").exists() && folder.join("halton-meter-edge").exists(),
        "the programs are not built; run the tests with `cargo xtask test`"
    );
    folder
}

/// Both outputs of a command, for messages.
pub fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn make_private(folder: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).expect("a home folder");
}

fn spawn(mut command: Command, log: &Path) -> Child {
    let file = fs::OpenOptions::new().create(true).append(true).open(log).expect("a log file");
    let copy = file.try_clone().expect("a second handle");
    command.stdin(Stdio::null()).stdout(file).stderr(copy).spawn().expect("a role of the product starts")
}

/// Three loopback ports that are free now, none of them 8080.
fn free_ports() -> [u16; 3] {
    let held: Vec<TcpListener> =
        (0..3).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port")).collect();
    let ports: Vec<u16> = held.iter().map(|l| l.local_addr().expect("a bound port has an address").port()).collect();
    ports.try_into().expect("three were taken")
}

/// A plain HTTP GET on loopback, version 1.0 so that the answer comes in one piece; `None` when nobody answers.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
