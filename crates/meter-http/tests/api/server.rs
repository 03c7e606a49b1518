//! An API on a port of its own over a seeded ledger.

use jiff::tz::TimeZone;
use meter_api::{Health, HealthWord, Ledger};
use meter_call::{CallRecord, UnixMillis};
use meter_http::{ApiState, serve};
use meter_store::{Writer, WriterOptions};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::oneshot;

/// 2026-11-24T10:00:00Z.
const T0: i64 = 1_795_514_400_000;
const MINUTE: i64 = 60_000;

pub struct Api {
    pub port: u16,
    pub stalled: Arc<AtomicBool>,
    pub dir: tempfile::TempDir,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Api {
    pub fn start(calls: &[CallRecord]) -> Api {
        Api::start_with(calls, |_| {})
    }

    pub fn start_with(calls: &[CallRecord], change: impl FnOnce(&mut ApiState)) -> Api {
        let dir = tempfile::tempdir().unwrap();
        if !calls.is_empty() {
            seed(dir.path(), calls);
        }
        let stalled = Arc::new(AtomicBool::new(false));
        let asked = stalled.clone();
        let mut state = ApiState {
            database: dir.path().join("db.sqlite"),
            zone: TimeZone::get("America/New_York").unwrap(),
            allow_origins: vec!["http://localhost:3000".to_owned()],
            token: None,
            health: Arc::new(move || Health {
                status: if asked.load(Ordering::SeqCst) { HealthWord::Stalled } else { HealthWord::Ok },
                version: "0.1.0".into(),
                digest: Some("b3:00".into()),
                uptime_ms: 5,
                instance: "9f3c".into(),
            }),
            ledger: Arc::new(|| Some(Ledger { database: "ready".into(), ..Ledger::default() })),
            clock: Arc::new(|| UnixMillis(T0 + 60 * MINUTE)),
        };
        change(&mut state);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let shutdown = async { ended.await.unwrap() };
            runtime.block_on(serve(listener, state, shutdown)).unwrap();
        });
        Api { port, stalled, dir, end: Some(end), thread: Some(thread) }
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        let mut answer = agent().get(self.url(path)).call().unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap())
    }

    pub fn ok(&self, path: &str) -> Value {
        let (status, document) = self.get(path);
        assert_eq!(status, 200, "{path}: {document}");
        document
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A request byte for byte, for what a decent client does not send. Gives the whole answer.
    pub fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(request.replace('\n', "\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.end.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}

fn seed(dir: &Path, calls: &[CallRecord]) {
    let writer = Writer::start(WriterOptions::new(&dir.join("db.sqlite"), &dir.join("journal"))).unwrap();
    for call in calls {
        writer.journal().close(call);
    }
    writer.stop(Duration::from_secs(30)).unwrap();
}

/// The `number`-th call, `number` minutes after 2026-11-24T10:00Z: 1000 prompt tokens, 500 more from a cache, 200 answer
/// tokens; 0.00615 $ = 615 millicents.
pub fn call(number: i64, project: &str) -> CallRecord {
    let at = T0 + number * MINUTE;
    let line = |meter: &str, quantity: i64, amount: i64| {
        json!({"meter": meter, "model": "acme-2", "quantity": quantity, "rate": "3 / 1M tokens", "multipliers": [],
            "price_id": "acme/acme-2@2026-03-01#00c0ffee", "amount": amount})
    };
    serde_json::from_value(json!({
        "id": format!("019aa000-0000-7000-8000-{number:012}"),
        "requested_at": at, "ended_at": at + 900, "provider": "acme", "endpoint": "messages", "class": "costed",
        "request_kind": "chat", "host": "api.acme.example", "method": "POST", "path": "/v1/messages",
        "http_status": 200, "status": "success", "mode": "streaming", "billing": "api", "model": "acme-2",
        "model_requested": "acme-latest", "usage_state": "final",
        "usage": {"input": 1000, "cache_read": 500, "output": 200}, "reasoning_known": false, "tokens_complete": true,
        "evidence": "provider_usage", "usage_flags": [],
        "lines": [line("input", 1000, 3_000_000_000), line("cache_read", 500, 150_000_000),
            line("output", 200, 3_000_000_000)],
        "prices": [{"price_id": "acme/acme-2@2026-03-01#00c0ffee", "provider": "acme", "model": "acme-2",
            "effective_from": 1_772_323_200_000_i64, "source": "https://acme.example/pricing",
            "row": "{\"input\":\"3\"}"}],
        "list": 6_150_000_000_i64, "contract": 6_150_000_000_i64, "charged": 6_150_000_000_i64,
        "manifest_digest": "b3:00", "process": {"pid": 42, "name": "claude", "exe": "/usr/bin/claude"},
        "project": project, "source": "env", "reason": "HALTON_PROJECT of the process", "latency_ms": 900,
        "ttfb_ms": 300, "added_us": 90,
    }))
    .unwrap()
}
