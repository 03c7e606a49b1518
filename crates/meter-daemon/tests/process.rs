//! The daemon as a process of its own: started, asked, reloaded, stopped.

mod support;

use meter_daemon::run::{DaemonOptions, run};
use meter_hop::paths::Home;
use meter_hop::{DaemonHealth, Document, EffectivePorts};
use meter_store::{CallQuery, Reader};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use support::{HOST, Origin, authority, drain, read_head, tls_over, trusting};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Names the home in a child of this test.
const CHILD: &str = "HALTON_TEST_DAEMON_HOME";
const LIMIT: Duration = Duration::from_secs(60);

const PROVIDER: &str = r#"
schema = 1
id = "acme"
name = "Acme AI"
hosts = ["api.acme.example"]
prices = "openai"

[[endpoint]]
id = "chat"
match = { method = "POST", path = "/v1/chat/completions" }
class = "costed"
kind = "chat"
dialect = "openai_chat"
"#;

/// Does nothing unless it is the child of the other tests: then it is the daemon.
#[test]
fn the_child_is_a_daemon() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let idle_exit = std::env::var("HALTON_TEST_IDLE_MS").ok().map(|ms| Duration::from_millis(ms.parse().unwrap()));
    run(&DaemonOptions { home: Home::at(home), user_home: None, idle_exit, verbose: true }).unwrap();
}

struct Daemon {
    child: Child,
    home: Home,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn start(home: &Path, idle_ms: Option<u64>) -> Daemon {
    let log = fs::File::create(home.with_extension("log")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_child_is_a_daemon", "--nocapture"]).env(CHILD, home);
    if let Some(ms) = idle_ms {
        command.env("HALTON_TEST_IDLE_MS", ms.to_string());
    }
    // What the user's shell says for clients must not reach our own upstream.
    command.env("SSL_CERT_FILE", "/nonexistent").env("HTTPS_PROXY", "http://127.0.0.1:9");
    let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    Daemon { child, home: Home::at(home) }
}

impl Daemon {
    fn log(&self) -> String {
        fs::read_to_string(self.home.root().with_extension("log")).unwrap()
    }

    /// Tries until something is there, or the daemon is gone.
    async fn until<T>(&mut self, what: &str, mut look: impl AsyncFnMut(&Home) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(found) = look(&self.home).await {
                return found;
            }
            let gone = self.child.try_wait().unwrap();
            assert!(gone.is_none() && Instant::now() < deadline, "no {what}; {gone:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ports(&mut self) -> (u16, u16) {
        let pid = self.child.id();
        self.until("ports", async |home| {
            let section = EffectivePorts::read(&home.effective_ports()).ok()?.daemon?;
            (section.pid == pid).then_some((section.intercept_port, section.api_port))
        })
        .await
    }

    async fn digest(&mut self) -> String {
        let (port, _) = self.ports().await;
        self.until("health", async |_| {
            let (head, body) = get(port, "/health").await.ok()?;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            Some(serde_json::from_str::<DaemonHealth>(&body).unwrap().digest)
        })
        .await
    }

    fn signal(&self, signal: i32) {
        meter_sys::process::send(self.child.id(), signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn get(port: u16, path: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (bytes, _) = drain(&mut stream).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Ok((head.to_owned(), body.to_owned()))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn prepare(folder: &Path, origin: std::net::SocketAddr, ca: &str) -> std::path::PathBuf {
    let home = folder.join("home");
    fs::create_dir_all(home.join("providers.d")).unwrap();
    fs::write(home.join("providers.d/acme.toml"), PROVIDER).unwrap();
    let ca_file = folder.join("origin.pem");
    fs::write(&ca_file, ca).unwrap();
    let config = format!(
        "[daemon]\nedge_port = {}\ninternal_port = {}\napi_port = {}\n[upstream]\nca_file = {:?}\n\
         resolve = {{ {HOST:?} = \"{origin}\" }}\n",
        free_port(),
        free_port(),
        free_port(),
        ca_file.display().to_string(),
    );
    fs::write(home.join("config.toml"), config).unwrap();
    home
}

#[tokio::test]
async fn a_daemon_from_start_to_stop() {
    let origins = authority();
    let config = origins.server_config(&[HOST], &[b"http/1.1"]).unwrap();
    let origin = Origin::tls(config, meter_demo::serve_connection).await;
    let folder = tempfile::tempdir().unwrap();
    let home = prepare(folder.path(), origin.address, origins.root_pem());
    let mut daemon = start(&home, None);
    let (intercept, api) = daemon.ports().await;
    assert!(daemon.digest().await.starts_with("b3:"));

    // A second one of the same home is refused.
    let mut second = start(&home, None);
    assert_ne!(second.ended().await.code(), Some(0));

    // One call, seen with the trust file we hand to clients.
    let roots = fs::read(home.join("ca/halton-roots.pem")).unwrap();
    let mut tunnel = TcpStream::connect(("127.0.0.1", intercept)).await.unwrap();
    tunnel.write_all(format!("CONNECT {HOST}:443 HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    assert!(read_head(&mut tunnel).await.starts_with("HTTP/1.1 200 "));
    let mut config = trusting(&[], &[b"http/1.1"]);
    let mut store = rustls::RootCertStore::empty();
    for root in pem_certificates(&roots) {
        store.add(root).unwrap();
    }
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        store.into(),
        rustls::crypto::ring::default_provider().into(),
    );
    config.dangerous().set_certificate_verifier(verifier.build().unwrap());
    let mut client = tls_over(tunnel, HOST, config).await.unwrap();
    let body = r#"{"model":"gpt-6-luna","messages":[]}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let (answer, _) = drain(&mut client).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    drop(client);
    let row = daemon
        .until("row", async |home| {
            let page =
                Reader::open(&home.database()).ok()?.calls(&CallQuery { limit: 9, ..CallQuery::default() }).ok()?;
            page.items.into_iter().next()
        })
        .await;
    assert_eq!((row.provider.as_str(), row.endpoint.as_str(), row.http_status), ("acme", "chat", Some(200)));
    assert_eq!(row.process_id, Some(std::process::id()), "this test called");
    let (head, body) = get(api, "/health").await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("\"ok\""), "{head}\n{body}");

    // An edit counts once it is applied and a SIGHUP came.
    let before = daemon.digest().await;
    fs::write(home.join("providers.d/acme.toml"), PROVIDER.replace("Acme AI", "Acme")).unwrap();
    daemon.signal(libc::SIGHUP);
    apply(&daemon.home);
    daemon.signal(libc::SIGHUP);
    let changed = daemon
        .until("new digest", async |_| {
            let (_, body) = get(intercept, "/health").await.ok()?;
            let digest = serde_json::from_str::<DaemonHealth>(&body).unwrap().digest;
            (digest != before).then_some(digest)
        })
        .await;
    assert!(changed.starts_with("b3:"));

    daemon.signal(libc::SIGTERM);
    let status = daemon.ended().await;
    assert_eq!((status.code(), status.signal()), (Some(0), None), "{}", daemon.log());
    assert!(EffectivePorts::read(&daemon.home.effective_ports()).unwrap().daemon.is_none());
    let left: Vec<_> = fs::read_dir(home.join("journal")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".jsonl")), "all rows are in SQLite: {left:?}");
}

#[tokio::test]
async fn a_daemon_that_nobody_uses_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let home = prepare(folder.path(), "127.0.0.1:9".parse().unwrap(), authority().root_pem());
    let mut daemon = start(&home, Some(300));
    assert_eq!(daemon.ended().await.code(), Some(0), "{}", daemon.log());
    assert!(daemon.log().contains("daemon.idle"));
}

#[tokio::test]
async fn ports_that_are_taken_move() {
    let folder = tempfile::tempdir().unwrap();
    let home = prepare(folder.path(), "127.0.0.1:9".parse().unwrap(), authority().root_pem());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = fs::read_to_string(home.join("config.toml")).unwrap();
    let line = config.lines().find(|line| line.starts_with("internal_port")).unwrap();
    fs::write(home.join("config.toml"), config.replace(line, &format!("internal_port = {port}"))).unwrap();
    let mut daemon = start(&home, None);
    let (intercept, api) = daemon.ports().await;
    assert!(intercept > port && api != intercept);
    daemon.signal(libc::SIGINT);
    assert_eq!(daemon.ended().await.code(), Some(0), "{}", daemon.log());
}

fn apply(home: &Home) {
    let user = meter_apply::UserLayer::read(home);
    let compiled = meter_apply::Compiled::of(&meter_manifest::bundled(), &user, &[]);
    assert!(compiled.is_valid());
    meter_apply::put_in_force(home, &compiled, &meter_apply::Site::of_process().unwrap()).unwrap();
}

fn pem_certificates(pem: &[u8]) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap()
}
