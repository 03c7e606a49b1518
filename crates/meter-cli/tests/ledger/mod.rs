//! A home with three calls in its database, priced by the bundled price files.

use meter_call::{
    Billing, Buckets, CallId, CallRecord, Conditions, EndpointClass, ErrorClass, Evidence, Meter, Mode, ProcessFacts,
    Status, UnixMillis, UsageState,
};
use meter_manifest::{bundled, load};
use meter_price::{Attributes, Query, price};
use meter_store::{Writer, WriterOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// 2026-11-24T10:00:00Z.
pub const T0: i64 = 1_795_514_400_000;

/// A temporary home.
pub struct Scene {
    pub folder: tempfile::TempDir,
}

impl Scene {
    /// An empty home.
    pub fn empty() -> Scene {
        Scene { folder: tempfile::tempdir().unwrap() }
    }

    /// A home with an exact call, one of an unknown model, and an error.
    pub fn with_calls() -> Scene {
        let scene = Scene::empty();
        let usage: Buckets =
            [(Meter::Input, 1_200), (Meter::CacheRead, 18_400), (Meter::CacheWrite5m, 2_600), (Meter::Output, 512)]
                .into_iter()
                .collect();
        scene.store(&[
            record(1, "acme", "claude-sonnet-4-6", &usage),
            record(2, "acme", "claude-nobody-knows", &[(Meter::Input, 10)].into_iter().collect()),
            failed(3, "sandbox", "claude-sonnet-4-6"),
        ]);
        scene
    }

    /// Puts calls in the database, as the daemon does.
    pub fn store(&self, calls: &[CallRecord]) {
        let writer = Writer::start(WriterOptions::new(&self.database(), &self.home().join("journal"))).unwrap();
        let journal = writer.journal();
        for call in calls {
            journal.close(call);
        }
        writer.stop(Duration::from_secs(20)).unwrap();
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn database(&self) -> PathBuf {
        std::fs::create_dir_all(self.home()).unwrap();
        self.home().join("db.sqlite")
    }

    /// Runs the program in this home, with nothing of the test's own environment.
    pub fn meter(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halton-meter"));
        command.env_clear().env("TZ", "UTC").env("HOME", self.folder.path()).env("HALTON_METER_HOME", self.home());
        command.args(args);
        command
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Standard output of a run that ended with `code`.
pub fn out(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A database that something else has written to.
pub fn tamper(database: &Path, sql: &str) {
    let changed = rusqlite::Connection::open(database).unwrap().execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
}

pub fn id(number: u8) -> CallId {
    CallId::new(u64::try_from(at(number).0).unwrap(), [number; 10])
}

fn at(number: u8) -> UnixMillis {
    UnixMillis(T0 + 420_000 * i64::from(number))
}

/// A call that was turned away and told no usage.
pub fn failed(number: u8, project: &str, model: &str) -> CallRecord {
    CallRecord {
        http_status: Some(429),
        status: Status::Error,
        error_class: Some(ErrorClass::RateLimit),
        evidence: Evidence::None,
        usage_state: UsageState::None,
        ..record(number, project, model, &Buckets::default())
    }
}

/// A call at the bundled prices, 900 ms long, seven minutes after the one with the number before.
pub fn record(number: u8, project: &str, model: &str, usage: &Buckets) -> CallRecord {
    let (loaded, _) = load(&bundled(), &[]);
    let attributes = Attributes::default();
    let ended_at = UnixMillis(at(number).0 + 900);
    let bill =
        price(&loaded.prices, &Query { provider: "anthropic", model, at: ended_at, usage, attributes: &attributes });
    CallRecord {
        id: id(number),
        requested_at: at(number),
        ended_at,
        provider: "anthropic".into(),
        endpoint: "messages".into(),
        class: EndpointClass::Costed,
        request_kind: "chat".into(),
        host: "api.anthropic.com".into(),
        method: "POST".into(),
        path: "/v1/messages".into(),
        http_status: Some(200),
        status: Status::Success,
        mode: Mode::Streaming,
        billing: Billing::Api,
        provider_request_id: None,
        response_id: None,
        model_requested: Some(model.into()),
        model: Some(model.into()),
        service_tier: None,
        speed: None,
        geo: None,
        upstream: None,
        conditions: Some(Conditions::default()),
        finish: None,
        usage_state: UsageState::Final,
        usage: usage.clone(),
        reasoning_known: false,
        tokens_complete: true,
        evidence: bill.evidence,
        usage_flags: Vec::new(),
        lines: bill.lines,
        prices: bill.prices,
        list: bill.list,
        contract: bill.contract,
        charged: bill.contract,
        provider_cost: None,
        estimated: None,
        estimated_bound: None,
        rates_source: Some("bundled-2026-11-24".into()),
        manifest_digest: "b3:0123456789".into(),
        error_class: None,
        provider_error_code: None,
        retry_after_ms: None,
        retry_of: None,
        run_id: None,
        process: ProcessFacts { pid: Some(42), name: Some("claude".into()), exe: Some("/usr/bin/claude".into()) },
        project: project.parse().unwrap(),
        source: "env".into(),
        reason: format!("HALTON_PROJECT=\"{project}\" in the environment of claude"),
        branch: None,
        workdir: Some("/home/ann/acme".into()),
        latency_ms: Some(900),
        ttfb_ms: Some(120),
        added_us: Some(300),
        frames: None,
        policy_rule: None,
    }
}
