//! A daemon's inner part with its journal and database, a client in front and an origin behind.

use crate::support::{HOST, Origin, World, authority, drain, world_asking};
use arc_swap::ArcSwap;
use meter_call::{ProcessFacts, UnixMillis};
use meter_daemon::answered::Answered;
use meter_daemon::connection::{CallerFacts, CallerSlot};
use meter_daemon::ids::Ids;
use meter_daemon::observer::witness_source;
use meter_daemon::retries::Retries;
use meter_daemon::services::{Coverage, Loaded, Ready, Services, UnderWay};
use meter_manifest::ManifestFile;
use meter_policy::Ledger;
use meter_store::{AuditQuery, CallQuery, CallRow, Reader, Writer, WriterOptions};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

pub const NOW: UnixMillis = UnixMillis(1_795_000_000_000);
/// Path of a call.
pub const CHAT: &str = "/v1/chat/completions";
pub const LIMIT: Duration = Duration::from_secs(30);

const PROVIDER: &str = r#"
schema = 1
id = "acme"
name = "Acme AI"
hosts = ["api.acme.example"]

[[endpoint]]
id = "chat"
match = { method = "POST", path = "/v1/chat/completions" }
class = "costed"
kind = "chat"
dialect = "openai_chat"

[[endpoint]]
id = "messages"
match = { method = "POST", path = "/v1/messages" }
class = "costed"
kind = "chat"
dialect = "anthropic_messages"

[[endpoint]]
id = "responses"
match = { method = "POST", path = "/v1/responses" }
class = "costed"
kind = "chat"
dialect = "openai_responses"

[[endpoint]]
id = "retrieve"
match = { method = "GET", path = "/v1/responses/{response}" }
class = "observed"
kind = "retrieve"
dialect = "openai_responses"
settles = true

[[endpoint]]
id = "socket"
match = { method = "GET", path = "/v1/responses", upgrade = "websocket" }
class = "costed"
kind = "chat"
dialect = "openai_responses_ws"

[[endpoint]]
id = "other"
match = { path = "/v1/**" }
class = "observed"
"#;

const PRICES: &str = r#"
schema = 1
provider = "acme"
source = "https://acme.example/pricing"
checked = 2026-11-24

[tiers]
default = "standard"

[[model]]
id = "acme-2"
[[model.rates]]
from = 2026-01-01
input = 4
cache_read = 1
cache_write_5m = 5
output = 20
"#;

pub struct Scene {
    pub world: World,
    pub services: Arc<Services>,
    pub writer: Option<Writer>,
    pub folder: tempfile::TempDir,
    _origin: Origin,
    /// Questions for the caller that wait to be answered.
    pub asked: Arc<Mutex<Vec<CallerSlot>>>,
}

pub fn facts() -> CallerFacts {
    CallerFacts {
        process: ProcessFacts { pid: Some(42), name: Some("tool".into()), exe: Some("/opt/tool".into()) },
        script: None,
        workdir: Some("/home/ann/work".into()),
        run_id: Some("a-run".into()),
        project: "acme-app".parse().unwrap(),
        source: "git".into(),
        reason: "the repository is called so".into(),
        branch: Some("main".into()),
    }
}

/// With the demo provider as origin. `late`: callers are answered by the test, not at once.
pub async fn scene(policies: &str, late: bool) -> Scene {
    scene_with(policies, late, meter_demo::serve_connection).await
}

/// With budgets that are, or are not yet, rebuilt.
pub async fn scene_about(policies: &str, budgets: Ready) -> Scene {
    build(policies, false, budgets, meter_demo::serve_connection).await
}

pub async fn scene_with<F, P>(policies: &str, late: bool, play: P) -> Scene
where
    P: Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    build(policies, late, Ready::already(), play).await
}

async fn build<F, P>(policies: &str, late: bool, budgets: Ready, play: P) -> Scene
where
    P: Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut user = vec![
        ManifestFile::new("providers.d/acme.toml", PROVIDER),
        ManifestFile::new("manifests/prices/acme.toml", PRICES),
    ];
    if !policies.is_empty() {
        user.push(ManifestFile::new("policies.d/10-test.toml", policies));
    }
    let (model, found) = meter_manifest::load(&meter_manifest::bundled(), &user);
    let errors: Vec<String> = found.iter().filter(|one| one.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");

    let folder = tempfile::tempdir().unwrap();
    let options = WriterOptions::new(&folder.path().join("db.sqlite"), &folder.path().join("journal"));
    let writer = Writer::start(options).unwrap();
    let services = Arc::new(Services {
        loaded: ArcSwap::from_pointee(Loaded { model, digest: "b3:test".into() }),
        journal: writer.journal(),
        database: folder.path().join("db.sqlite"),
        ledger: Mutex::new(Ledger::default()),
        budgets,
        now: || NOW,
        random,
        ids: Ids::default(),
        pid: std::process::id(),
        pending: UnderWay::default(),
        idle: UnderWay::default(),
        coverage: Coverage::new("daemon:test".into()),
        retries: Retries::default(),
        answered: Answered::default(),
    });
    let origins = authority();
    let config = origins.server_config(&[HOST], &[b"h2", b"http/1.1"]).unwrap();
    let origin = Origin::tls(config, play).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let questions = asked.clone();
    let who = Arc::new(move |_, _, slot: CallerSlot| {
        if late {
            questions.lock().unwrap().push(slot);
        } else {
            slot.put(facts());
        }
    });
    let world = world_asking(origins, origin.address, witness_source(services.clone()), who).await;
    Scene { world, services, writer: Some(writer), folder, _origin: origin, asked }
}

/// Ids of one millisecond sort by when they were made.
pub fn random() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    bytes
}

impl Scene {
    pub async fn ask(&mut self, path: &str, script: &str, body: &str) -> (u16, String) {
        let mut client = self.world.open(&[b"http/1.1"]).await;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nx-demo: {script}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(request.as_bytes()).await.unwrap();
        client.flush().await.unwrap();
        let (bytes, _) = drain(&mut client).await;
        drop(client);
        self.world.outcome().await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0), text)
    }

    /// All rows, oldest first.
    pub async fn rows(&mut self) -> Vec<CallRow> {
        self.services.pending.none().await;
        let writer = self.writer.as_ref().unwrap();
        writer.flush(LIMIT).unwrap();
        let reader = Reader::open(&self.folder.path().join("db.sqlite")).unwrap();
        let mut rows = reader.calls(&CallQuery { limit: 100, observed: true, ..CallQuery::default() }).unwrap().items;
        rows.reverse();
        rows
    }

    pub fn audits(&self) -> Vec<(String, String)> {
        let reader = Reader::open(&self.folder.path().join("db.sqlite")).unwrap();
        let page = reader.audits(&AuditQuery { limit: 100, ..AuditQuery::default() }).unwrap();
        page.items.into_iter().map(|one| (one.rule.unwrap_or_default(), one.verdict.unwrap_or_default())).collect()
    }
}
