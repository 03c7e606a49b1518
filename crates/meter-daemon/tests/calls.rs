//! From bytes on the wire to rows in the database, with the bundled dialects and a small provider of the user's.

mod support;

use arc_swap::ArcSwap;
use meter_call::{CallId, EndpointClass, Evidence, Meter, ProcessFacts, Status, UnixMillis, UsageState};
use meter_daemon::connection::{CallerFacts, CallerSlot};
use meter_daemon::observer::witness_source;
use meter_daemon::retries::Retries;
use meter_daemon::services::{Coverage, Loaded, Ready, Services, UnderWay};
use meter_manifest::ManifestFile;
use meter_policy::{Fact, Ledger};
use meter_store::{AuditQuery, CallQuery, CallRow, Reader, Writer, WriterOptions};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{HOST, Origin, World, authority, drain, world_asking};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;

const NOW: UnixMillis = UnixMillis(1_795_000_000_000);
const LIMIT: Duration = Duration::from_secs(30);

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

struct Scene {
    world: World,
    services: Arc<Services>,
    writer: Option<Writer>,
    folder: tempfile::TempDir,
    _origin: Origin,
    /// Questions for the caller that wait to be answered.
    asked: Arc<Mutex<Vec<CallerSlot>>>,
}

fn facts() -> CallerFacts {
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
async fn scene(policies: &str, late: bool) -> Scene {
    scene_with(policies, late, meter_demo::serve_connection).await
}

/// With budgets that are, or are not yet, rebuilt.
async fn scene_about(policies: &str, budgets: Ready) -> Scene {
    build(policies, false, budgets, meter_demo::serve_connection).await
}

async fn scene_with<F, P>(policies: &str, late: bool, play: P) -> Scene
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
        pid: std::process::id(),
        pending: UnderWay::default(),
        coverage: Coverage::new("daemon:test".into()),
        retries: Retries::default(),
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
fn random() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    bytes
}

impl Scene {
    async fn ask(&mut self, path: &str, script: &str, body: &str) -> (u16, String) {
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
    async fn rows(&mut self) -> Vec<CallRow> {
        self.services.pending.none().await;
        let writer = self.writer.as_ref().unwrap();
        writer.flush(LIMIT).unwrap();
        let reader = Reader::open(&self.folder.path().join("db.sqlite")).unwrap();
        let mut rows = reader.calls(&CallQuery { limit: 100, observed: true, ..CallQuery::default() }).unwrap().items;
        rows.reverse();
        rows
    }

    fn audits(&self) -> Vec<(String, String)> {
        let reader = Reader::open(&self.folder.path().join("db.sqlite")).unwrap();
        let page = reader.audits(&AuditQuery { limit: 100, ..AuditQuery::default() }).unwrap();
        page.items.into_iter().map(|one| (one.rule.unwrap_or_default(), one.verdict.unwrap_or_default())).collect()
    }
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_call_becomes_a_row_with_its_bill() {
    let mut scene = scene("", false).await;
    let script = "input=1000, cache_read=500, output=100";
    let (status, _) = scene.ask(CHAT, script, r#"{"model":"acme-2","messages":[]}"#).await;
    assert_eq!(status, 200);
    let rows = scene.rows().await;
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!(
        (row.status, row.evidence, row.usage_state),
        (Status::Success, Evidence::ProviderUsage, UsageState::Final)
    );
    assert_eq!((row.input_tokens, row.cache_read_tokens, row.output_tokens), (Some(1000), Some(500), Some(100)));
    assert_eq!(row.charged.map(|cost| cost.pico()), Some(6_500_000_000));
    assert_eq!((row.provider.as_str(), row.endpoint.as_str(), row.path.as_str()), ("acme", "chat", CHAT));
    assert_eq!((row.project.as_str(), row.source.as_str(), row.branch.as_deref()), ("acme-app", "git", Some("main")));
    assert_eq!(
        (row.run_id.as_deref(), row.process.as_deref(), row.http_status),
        (Some("a-run"), Some("tool"), Some(200))
    );
    assert_eq!((row.model.as_deref(), row.manifest_digest.as_str()), (Some("acme-2"), "b3:test"));
    assert!(row.ttfb_ms.is_some() && row.latency_ms.is_some() && row.added_us.is_some());
    let reader = Reader::open(&scene.folder.path().join("db.sqlite")).unwrap();
    let detail = reader.call(row.id).unwrap().unwrap();
    let meters: Vec<Meter> = detail.lines.iter().map(|line| line.meter).collect();
    assert_eq!((meters, detail.prices.len()), (vec![Meter::Input, Meter::CacheRead, Meter::Output], 1));
}

#[tokio::test]
async fn a_stream_is_metered_over_h2() {
    let mut scene = scene("", false).await;
    let client = scene.world.open(&[b"h2"]).await;
    let (mut send, connection) = h2::client::handshake(client).await.unwrap();
    let driving = tokio::spawn(connection);
    for _ in 0..2 {
        let request = http::Request::post(format!("https://{HOST}/v1/messages"))
            .header("x-demo", "input=10, cache_write=20, output=30")
            .body(())
            .unwrap();
        let (response, mut body) = send.send_request(request, false).unwrap();
        let question = &br#"{"model":"acme-2","stream":true,"messages":[]}"#[..];
        body.send_data(question.into(), true).unwrap();
        let mut response = response.await.unwrap().into_body();
        while let Some(chunk) = response.data().await {
            let chunk = chunk.unwrap();
            response.flow_control().release_capacity(chunk.len()).unwrap();
        }
    }
    drop(send);
    driving.await.unwrap().unwrap();
    let rows = scene.rows().await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((row.status, row.mode.as_str(), row.endpoint.as_str()), (Status::Success, "streaming", "messages"));
        assert_eq!((row.input_tokens, row.cache_write_tokens_5m, row.output_tokens), (Some(10), Some(20), Some(30)));
        assert_eq!(row.charged.map(|cost| cost.pico()), Some(740_000_000));
    }
}

#[tokio::test]
async fn errors_cuts_and_other_paths_have_their_rows() {
    let mut scene = scene("", false).await;
    let body = r#"{"model":"acme-2","stream":true,"messages":[]}"#;
    assert_eq!(scene.ask(CHAT, "status=429", body).await.0, 429);
    assert_eq!(scene.ask("/v1/messages", "cut_after=2", body).await.0, 200);
    assert_eq!(scene.ask("/v1/models?key=secret", "", "").await.0, 404);
    assert_eq!(scene.ask("/elsewhere", "", "").await.0, 404);
    let rows = scene.rows().await;
    let told: Vec<_> = rows.iter().map(|row| (row.endpoint.as_str(), row.status, row.evidence)).collect();
    assert_eq!(
        told,
        [
            ("chat", Status::Error, Evidence::None),
            ("messages", Status::Interrupted, Evidence::PartialStream),
            ("other", Status::Error, Evidence::None),
            ("unmatched", Status::Error, Evidence::None),
        ]
    );
    assert_eq!(rows[2].path, "/v1/models");
    assert!(rows.iter().all(|row| row.retry_of.is_none()), "each asks something else");
}

#[tokio::test]
async fn a_second_attempt_names_the_first() {
    let mut scene = scene("", false).await;
    let body = r#"{"model":"acme-2","messages":[]}"#;
    assert_eq!(scene.ask(CHAT, "status=503", body).await.0, 503);
    assert_eq!(scene.ask(CHAT, "status=429", body).await.0, 429);
    assert_eq!(scene.ask(CHAT, "input=5, output=1", body).await.0, 200);
    assert_eq!(scene.ask(CHAT, "input=5, output=1", body).await.0, 200);
    let rows = scene.rows().await;
    let first = Some(rows[0].id);
    let attempts: Vec<_> = rows.iter().map(|row| row.retry_of).collect();
    assert_eq!(attempts, [None, first, first, None]);
}

#[tokio::test]
async fn a_row_waits_for_its_caller_and_the_call_does_not() {
    let mut scene = scene("", true).await;
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2"}"#).await.0, 200);
    let slot = scene.asked.lock().unwrap().pop().unwrap();
    slot.put(facts());
    assert_eq!(scene.rows().await[0].project, "acme-app");

    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2"}"#).await.0, 200);
    drop(scene.asked.lock().unwrap().pop());
    let rows = scene.rows().await;
    let row = rows.iter().find(|row| row.project == "misc").unwrap();
    assert_eq!((row.source.as_str(), &row.usage_flags), ("default", &vec!["caller_unknown".to_owned()]));
}

#[tokio::test]
async fn a_request_that_is_whole_is_on_disk_before_it_goes_on() {
    let go_on = Arc::new(Notify::new());
    let signal = go_on.clone();
    let mut scene = scene_with("", false, move |mut stream| {
        let signal = signal.clone();
        async move {
            stream.read_exact(&mut [0; 100]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").await.unwrap();
            stream.flush().await.unwrap();
            signal.notified().await;
            stream.write_all(b"{}").await.unwrap();
            stream.shutdown().await.unwrap();
            drain(&mut stream).await;
        }
    })
    .await;
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let body = r#"{"model":"acme-2","messages":[]}"#;
    let head = format!("POST {CHAT} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    client.write_all(head.as_bytes()).await.unwrap();
    client.read_exact(&mut [0; 12]).await.unwrap();
    // The answer has begun: what a daemon that died here would leave behind.
    scene.writer.as_ref().unwrap().flush(LIMIT).unwrap();
    let reader = Reader::open(&scene.folder.path().join("db.sqlite")).unwrap();
    let open = reader.open_calls().unwrap();
    let [open] = open.as_slice() else { panic!("{open:#?}") };
    assert_eq!((open.endpoint.as_str(), open.project.as_ref().map(|slug| slug.as_str())), ("chat", Some("acme-app")));
    go_on.notify_one();
    drain(&mut client).await;
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    // Nothing was said of usage: the amount is a range, in no sum.
    assert_eq!((rows.len(), rows[0].evidence, rows[0].charged), (1, Evidence::Estimated, None));
    assert!(rows[0].estimated.is_some());
    assert!(reader.open_calls().unwrap().is_empty());
}

const NO_OPUS: &str = r#"
schema = 1
[[rule]]
id = "no_big"
stage = "enforce"
match = { model = "big-*", provider = "acme" }
deny = "Use a smaller model."
"#;

#[tokio::test]
async fn a_refusal_speaks_the_providers_language_and_leaves_a_row() {
    let mut scene = scene(NO_OPUS, false).await;
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0, 200);
    let (status, text) = scene.ask(CHAT, "", r#"{"messages":[],"model":"big-1"}"#).await;
    assert_eq!(status, 403, "{text}");
    let body: serde_json::Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["error"]["type"], "policy_refused");
    assert!(body["error"]["message"].as_str().unwrap().contains("Use a smaller model."), "{body}");
    let rows = scene.rows().await;
    assert_eq!(rows.iter().map(|row| row.status).collect::<Vec<_>>(), [Status::Success, Status::Refused]);
    assert_eq!((rows[1].policy_rule.as_deref(), rows[1].charged.map(|cost| cost.pico())), (Some("no_big"), Some(0)));
    assert_eq!(rows[1].model_requested.as_deref(), Some("big-1"));
    assert_eq!(scene.audits(), [("no_big".to_owned(), "refused".to_owned())]);
}

const BUDGET: &str = r#"
schema = 1
[[rule]]
id = "two_calls"
stage = "enforce"
match = { project = "acme-app" }
budget = { calls = 2, per = "day" }
"#;

#[tokio::test]
async fn a_budget_of_a_project_waits_for_the_caller_and_holds() {
    let mut scene = scene(BUDGET, true).await;
    let asked = scene.asked.clone();
    let answering = tokio::spawn(async move {
        let mut left = 3;
        while left > 0 {
            let slot = asked.lock().unwrap().pop();
            match slot {
                Some(slot) => {
                    slot.put(facts());
                    left -= 1;
                }
                None => tokio::task::yield_now().await,
            }
        }
    });
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0);
    }
    answering.await.unwrap();
    assert_eq!(statuses, [200, 200, 403]);
    assert_eq!(scene.rows().await.len(), 3);
}

#[tokio::test]
async fn a_verdict_waits_for_budgets_that_are_being_rebuilt() {
    let mut scene = scene_about(BUDGET, Ready::not_yet()).await;
    let services = scene.services.clone();
    let rebuilding = tokio::spawn(async move {
        // Two calls of an earlier life come to light while the first one of this life waits.
        tokio::task::yield_now().await;
        let loaded = services.loaded.load_full();
        let project = facts().project;
        for turn in 0..2u8 {
            let call = meter_policy::Call {
                at: NOW,
                provider: "acme",
                kind: Fact::Known("chat"),
                class: EndpointClass::Costed,
                billing: meter_call::Billing::Api,
                project: Fact::Known(&project),
                process: Fact::Never,
                model: Fact::Never,
                request_bytes: Fact::Never,
                max_output: Fact::Never,
                model_max_output: None,
                prices: None,
            };
            let id = CallId::new(0, [turn; 10]);
            services.ledger().seed(&loaded.model.policies, id, &call, Default::default());
        }
        services.budgets.set();
    });
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0, 403);
    rebuilding.await.unwrap();
}

#[tokio::test]
async fn an_unknown_caller_does_not_hold_a_call_up_for_long() {
    let mut scene = scene(BUDGET, true).await;
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2","messages":[]}"#).await.0, 200);
    drop(scene.asked.lock().unwrap().pop());
    let rows = scene.rows().await;
    assert_eq!(rows[0].project, "misc");
    assert!(scene.audits().contains(&("two_calls".to_owned(), "unknown".to_owned())));
}

fn response(id: &str, status: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"response","status":"{status}","background":true,"error":null,"model":"acme-2","output":[],"service_tier":"default","usage":{usage}}}"#
    )
}

const USED: &str = r#"{"input_tokens":880,"input_tokens_details":{"cached_tokens":0},"output_tokens":1200,"output_tokens_details":{"reasoning_tokens":1000},"total_tokens":2080}"#;

#[tokio::test]
async fn a_later_read_completes_the_call_once() {
    let mut scene = scene_with("", false, |mut stream| async move {
        let mut head = Vec::new();
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            stream.read_buf(&mut head).await.unwrap();
        }
        let body = match head.starts_with(b"GET") {
            true if head.starts_with(b"GET /v1/responses/resp_2") => response("resp_2", "completed", USED),
            true => response("resp_1", "completed", USED),
            false => response("resp_1", "queued", "null"),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        drain(&mut stream).await;
    })
    .await;
    scene.ask("/v1/responses", "", r#"{"model":"acme-2","background":true,"input":"?"}"#).await;
    let rows = scene.rows().await;
    assert_eq!((rows.len(), rows[0].usage_state, rows[0].charged), (1, UsageState::None, None));

    for path in ["/v1/responses/resp_1", "/v1/responses/resp_1", "/v1/responses/resp_2"] {
        let mut client = scene.world.open(&[b"http/1.1"]).await;
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        drain(&mut client).await;
        drop(client);
        scene.world.outcome().await;
        scene.rows().await;
    }
    let rows = scene.rows().await;
    let told: Vec<_> = rows.iter().map(|row| (row.endpoint.as_str(), row.class.as_str(), row.output_tokens)).collect();
    assert_eq!(
        told,
        [
            ("responses", "costed", Some(1200)),
            ("retrieve", "observed", None),
            ("retrieve", "observed", None),
            ("retrieve", "observed", None),
            // Nobody saw that call being made.
            ("retrieve", "costed", Some(1200)),
        ]
    );
    let cost = Some(880 * 4_000_000 + 1200 * 20_000_000);
    assert_eq!((rows[0].charged.map(|cost| cost.pico()), rows[0].evidence), (cost, Evidence::ProviderUsage));
    assert!(rows[0].settled_at.is_some() && rows[0].estimated.is_none());
}

#[tokio::test]
async fn an_answer_that_a_key_gets_again_is_paid_for_once() {
    let attempts = Arc::new(AtomicU64::new(0));
    let mut scene = scene_with("", false, move |mut stream| {
        let attempt = attempts.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                stream.read_buf(&mut head).await.unwrap();
            }
            // The first answer breaks off before it says what was used.
            let (body, missing) = match attempt {
                0 => (response("resp_1", "in_progress", "null"), 1),
                _ => (response("resp_1", "completed", USED), 0),
            };
            let length = body.len() + missing;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            drain(&mut stream).await;
        }
    })
    .await;
    for minute in 0..3 {
        let body = format!(r#"{{"model":"acme-2","input":"it is 10:0{minute}"}}"#);
        scene.ask("/v1/responses", "x\r\nIdempotency-Key: k-1", &body).await;
        scene.rows().await;
    }
    let rows = scene.rows().await;
    let told: Vec<_> = rows.iter().map(|row| (row.class.as_str(), row.output_tokens, row.retry_of)).collect();
    let first = Some(rows[0].id);
    assert_eq!(told, [("costed", Some(1200), None), ("observed", None, first), ("observed", None, first)]);
    assert_eq!(rows[1].usage_flags, ["replayed"]);
    assert_eq!(rows[0].charged.map(|cost| cost.pico()), Some(880 * 4_000_000 + 1200 * 20_000_000));
}

const QUESTION: &str = r#"{"type":"response.create","model":"acme-2","input":[]}"#;

/// A WebSocket frame with one text; clients mask theirs, with zeros here.
fn text_frame(masked: bool, text: &str) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut bytes = vec![0x81, mask | 126];
    bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    if masked {
        bytes.extend([0; 4]);
    }
    bytes.extend(text.bytes());
    bytes
}

fn event(kind: &str, body: &str) -> Vec<u8> {
    text_frame(false, &format!(r#"{{"type":"{kind}","response":{body}}}"#))
}

#[tokio::test]
async fn each_turn_of_a_socket_is_a_row_as_soon_as_it_ends() {
    let mut scene = scene_with("", false, |mut stream| async move {
        let mut head = Vec::new();
        // Byte by byte: what follows is the first question.
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(upgraded.as_bytes()).await.unwrap();
        for turn in ["resp_a", "resp_b"] {
            let mut question = text_frame(true, QUESTION);
            stream.read_exact(&mut question).await.unwrap();
            stream.write_all(&event("response.created", &response(turn, "in_progress", "null"))).await.unwrap();
            stream.write_all(&event("response.completed", &response(turn, "completed", USED))).await.unwrap();
            stream.flush().await.unwrap();
        }
        drain(&mut stream).await;
    })
    .await;
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let head = format!(
        "GET /v1/responses HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut agreed = Vec::new();
    while !agreed.ends_with(b"\r\n\r\n") {
        agreed.push(client.read_u8().await.unwrap());
    }
    for turn in ["resp_a", "resp_b"] {
        client.write_all(&text_frame(true, QUESTION)).await.unwrap();
        client.flush().await.unwrap();
        let mut seen = Vec::new();
        let end = format!(r#""id":"{turn}","object":"response","status":"completed""#);
        while !String::from_utf8_lossy(&seen).contains(&end) {
            client.read_buf(&mut seen).await.unwrap();
        }
    }
    // The socket is still open.
    let deadline = std::time::Instant::now() + LIMIT;
    while scene.rows().await.len() < 2 {
        assert!(std::time::Instant::now() < deadline, "two rows");
        tokio::task::yield_now().await;
    }
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    let ids: Vec<_> = rows.iter().map(|row| (row.response_id.as_deref(), row.status, row.thinking_tokens)).collect();
    assert_eq!(ids, [(Some("resp_a"), Status::Success, Some(1000)), (Some("resp_b"), Status::Success, Some(1000))]);
    let reader = Reader::open(&scene.folder.path().join("db.sqlite")).unwrap();
    assert!(reader.open_calls().unwrap().is_empty());
}

#[tokio::test]
async fn a_socket_that_was_refused_is_no_call() {
    let mut scene = scene_with("", false, |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        drain(&mut stream).await;
    })
    .await;
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let head = format!(
        "GET /v1/responses HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answered = Vec::new();
    while !answered.ends_with(b"\r\n\r\n") {
        answered.push(client.read_u8().await.unwrap());
    }
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    let seen: Vec<_> = rows.iter().map(|row| (row.class, row.http_status, row.evidence)).collect();
    assert_eq!(seen, [(EndpointClass::Observed, Some(426), Evidence::None)]);
}

#[test]
fn ids_of_one_millisecond_differ() {
    assert_ne!(CallId::new(1, random()), CallId::new(1, random()));
}
