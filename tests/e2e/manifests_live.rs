//! The files people edit, changed under a running instance: what is in flight ends as it began, what comes next is new.

use halton_meter_tests::{Rig, Row, rig};
use meter_demo::DemoAuthority;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use test_origin::ScriptedOrigin;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

const HOST: &str = "api.acme.example";
const STREAMS: usize = 20;

/// A provider over TLS that answers each request with the events of its path, and holds every stream in its middle until
/// it is let go.
struct Origin {
    _runtime: Runtime,
    scripted: ScriptedOrigin,
    root: PathBuf,
    go: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

/// What a path answers: status, content type, and the parts of the body.
type Answer = (u16, &'static str, &'static [&'static str]);

impl Origin {
    fn start(answer: fn(&str, &str) -> Answer) -> Origin {
        let runtime = Runtime::new().expect("a runtime");
        let authority = DemoAuthority::new().expect("a root");
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root.pem");
        fs::write(&root, authority.root_pem()).expect("a PEM file");
        let acceptor = TlsAcceptor::from(authority.server_config(&[HOST], &[b"http/1.1"]).expect("a certificate"));
        let (go, held) = watch::channel(true);
        let scripted = runtime.block_on(ScriptedOrigin::start(move |socket, _| {
            let (acceptor, mut held) = (acceptor.clone(), held.clone());
            async move {
                // A warm spare may be closed before it says anything.
                let Ok(tls) = acceptor.accept(socket).await else { return };
                let mut tls = BufReader::new(tls);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    match tls.read_line(&mut head).await {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    }
                }
                let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                tls.read_exact(&mut body).await.expect("a whole request");
                let path = head.split(' ').nth(1).expect("a request line");
                let (status, kind, parts) = answer(path, &String::from_utf8_lossy(&body));
                let head = format!(
                    "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
                );
                tls.write_all(head.as_bytes()).await.expect("a client");
                for (at, part) in parts.iter().enumerate() {
                    if at == 1 {
                        held.wait_for(|go| *go).await.expect("the test is there");
                    }
                    let chunk = format!("{:x}\r\n{part}\r\n", part.len());
                    tls.write_all(chunk.as_bytes()).await.expect("a client");
                    tls.flush().await.expect("a client");
                }
                tls.write_all(b"0\r\n\r\n").await.expect("a client");
                // The client may have gone already: it has everything.
                let _gone = tls.shutdown().await;
            }
        }));
        Origin { _runtime: runtime, scripted, root, go, _folder: folder }
    }

    /// An instance whose only origin is this one.
    fn rig(&self, files: &[(&str, &str)]) -> Rig {
        let builder = Rig::builder().resolve(HOST, self.scripted.address).trust(&self.root);
        files.iter().fold(builder, |builder, (path, text)| builder.file(path, text)).start()
    }

    fn hold(&self) {
        self.go.send_replace(false);
    }

    fn let_go(&self) {
        self.go.send_replace(true);
    }
}

/// Digests that edge and daemon report.
fn digests(rig: &Rig) -> Vec<Value> {
    ["/edge", "/daemon"].iter().map(|role| rig.health(role).expect("it answers")["digest"].clone()).collect()
}

fn applied(rig: &Rig) -> String {
    let output = rig.meter(&["apply", "--yes", "--json"]);
    assert!(output.status.success(), "{}{}", rig::text_of(&output), rig.logs());
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(document["applied"], true, "{document}");
    document["to"].as_str().expect("a digest").to_owned()
}

fn write(rig: &Rig, path: &str, text: &str) {
    let path = rig.home().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file of the home");
}

fn column<'r>(rows: &'r [Row], name: &str) -> Vec<&'r str> {
    rows.iter().map(|row| row.text(name).unwrap_or_default()).collect()
}

const MESSAGES: &[&str] = &[
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\
     \"model\":\"claude-sonnet-4-6\",\"content\":[],\"usage\":{\"input_tokens\":1000,\"output_tokens\":1}}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
     \"usage\":{\"output_tokens\":50}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

const ACME: &str = "schema = 1\nid = \"acme\"\nname = \"Acme\"\nhosts = [\"api.acme.example\"]\nextends = \"anthropic\"\nprices = \"anthropic\"\n";

#[test]
fn an_edit_under_twenty_streams_cuts_none_and_holds_for_the_next_call() {
    let origin = Origin::start(|_, _| (200, "text/event-stream", MESSAGES));
    let rig = origin.rig(&[("providers.d/acme.toml", ACME)]);
    let url = format!("https://{HOST}/v1/messages");
    let body = r#"{"model":"claude-sonnet-4-6","max_tokens":100,"stream":true,"messages":[]}"#;
    let before = digests(&rig);
    origin.hold();
    let answers: Vec<PathBuf> = (0..STREAMS).map(|one| rig.folder().join(format!("answer-{one}"))).collect();
    let clients: Vec<_> = answers
        .iter()
        .map(|answer| {
            let (client, url, answer) = (rig.client(), url.clone(), answer.display().to_string());
            thread::spawn(move || client.curl(&["--no-buffer", "-o", &answer, "-d", body, &url]))
        })
        .collect();
    // Every client has the first part of its answer and waits for the rest.
    rig.wait_for("twenty streams", |_| {
        answers.iter().all(|answer| fs::read_to_string(answer).is_ok_and(|text| text.contains("message_start")))
    });

    write(&rig, "providers.d/acme.toml", &format!("{ACME}provider = \"zenith\"\n"));
    let plan = rig.meter(&["plan"]);
    assert_eq!(plan.status.code(), Some(3));
    assert!(rig::text_of(&plan).contains("+provider = \"zenith\""), "{}", rig::text_of(&plan));
    let status = rig.meter(&["status"]);
    assert!(rig::text_of(&status).contains("the files differ"), "{}", rig::text_of(&status));
    let new = applied(&rig);
    assert_eq!(digests(&rig), [new.as_str(), new.as_str()]);
    assert!(before.iter().all(|digest| *digest != new));
    assert!(clients.iter().all(|client| !client.is_finished()), "a stream ended while it was held");

    // The next call is the new provider's, while the old ones still run.
    let next = {
        let (client, url) = (rig.client(), url.clone());
        thread::spawn(move || client.curl(&["-d", body, &url]))
    };
    rig.wait_for("the next call", |_| origin.scripted.accepted() > STREAMS);
    origin.let_go();
    let whole = MESSAGES.concat();
    for (client, answer) in clients.into_iter().zip(&answers) {
        client.join().expect("a client").expect_ok();
        assert_eq!(fs::read_to_string(answer).expect("an answer"), whole);
    }
    assert_eq!(next.join().expect("a client").expect_ok().text(), whole);
    let rows = rig.rows(STREAMS + 1);
    let of = |provider: &str| -> Vec<Row> {
        rows.iter().filter(|row| row.text("provider") == Some(provider)).cloned().collect()
    };
    let (old, next) = (of("acme"), of("zenith"));
    assert_eq!((old.len(), next.len()), (STREAMS, 1), "{rows:#?}");
    // A call ends under the manifests it began with, and its row says which.
    assert!(column(&old, "manifest_digest").iter().all(|digest| before[0] == *digest));
    assert_eq!(column(&next, "manifest_digest"), [new.as_str()]);
    assert!(rows.iter().all(|row| row.text("status") == Some("success") && row.number("output_tokens") == Some(50)));

    // A broken edit is refused with its place, and nothing changes.
    write(&rig, "providers.d/acme.toml", &ACME.replace("hosts", "host"));
    let refused = rig.meter(&["apply", "--yes"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(rig::text_of(&refused).contains("providers.d/acme.toml:4:1: error[HM0107]"), "{}", rig::text_of(&refused));
    assert_eq!(digests(&rig), [new.as_str(), new.as_str()]);
    let status = rig.meter(&["status"]);
    assert_eq!(status.status.code(), Some(3));
    assert!(rig::text_of(&status).contains("providers.d/acme.toml:4:1"), "{}", rig::text_of(&status));
    rig.client().curl(&["-d", body, &url]).expect_ok();
    let rows = rig.rows(STREAMS + 2);
    assert_eq!(rows.iter().filter(|row| row.text("provider") == Some("zenith")).count(), 2);
}

/// A shape that no provider has: nothing is called what others call it, counts stand in a list, errors in words.
fn oddly(_path: &str, body: &str) -> Answer {
    if body.contains("too much") {
        return (429, "application/json", &[r#"{"oops":{"kind":"too_much","words":"one at a time"}}"#]);
    }
    const PARTS: &[&str] = &[
        "event: begin\ndata: {\"job\":{\"engine\":{\"name\":\"claude-sonnet-4-6\"},\"ref\":\"r-1\"}}\n\n",
        "event: piece\ndata: {\"t\":\"Hel\"}\n\nevent: piece\ndata: {\"t\":\"lo\"}\n\n",
        "event: tally\ndata: {\"job\":{\"meter\":{\"consumed\":{\"fresh\":1200,\"remembered\":300},\
         \"produced\":[{\"what\":\"say\",\"n\":90},{\"what\":\"think\",\"n\":10}]}}}\n\n",
        "event: bye\ndata: {\"state\":\"complete\"}\n\n",
    ];
    (200, "text/event-stream", PARTS)
}

const ODDLY_PROVIDER: &str = r#"schema = 1
id = "oddly"
name = "Oddly"
hosts = ["api.acme.example"]
prices = "anthropic"

[[endpoint]]
id = "wish"
match = { method = "POST", path = "/wishes/{room}" }
class = "costed"
kind = "chat"
dialect = "oddly"
"#;

const ODDLY_DIALECT: &str = r#"schema = 1
id = "oddly"

[request]
model = "/wish/engine"
stream = "/wish/live"

[response]
model = "/job/engine/name"
id = "/job/ref"
finish = "/state"

[usage]
on = ["tally"]
at = "/job/meter"
input = "/consumed/fresh"
cache_read = "/consumed/remembered"
output = "/produced/[what=say]/n"
reasoning = "/produced/[what=think]/n"

[end]
on = ["bye"]

[error]
code = "/oops/kind"
message = "/oops/words"
class = { too_much = "rate_limit" }

[refusal]
status = 403
body = { oops = { kind = "refused", words = "{message}" } }
"#;

#[test]
fn a_provider_with_a_shape_of_its_own_is_two_files() {
    let origin = Origin::start(oddly);
    let rig = origin.rig(&[]);
    write(&rig, "providers.d/oddly.toml", ODDLY_PROVIDER);
    write(&rig, "manifests/dialects/oddly.toml", ODDLY_DIALECT);
    let checked = rig.meter(&["validate"]);
    assert_eq!(checked.status.code(), Some(0), "{}", rig::text_of(&checked));
    applied(&rig);
    let url = format!("https://{HOST}/wishes/blue");
    let call = |body: &str| rig.client().curl(&["-d", body, &url]).expect_ok();
    call(r#"{"wish":{"engine":"claude-sonnet-4-6","live":true,"say":"hello"}}"#);
    call(r#"{"wish":{"engine":"claude-sonnet-4-6","say":"too much"}}"#);
    let rows = rig.rows(2);
    let [said, refused] = rows.as_slice() else { panic!("two rows") };
    assert_eq!((said.text("provider"), said.text("model")), (Some("oddly"), Some("claude-sonnet-4-6")));
    assert_eq!((said.text("status"), said.text("evidence")), (Some("success"), Some("provider_usage")));
    assert_eq!(said.text("response_id"), Some("r-1"));
    let numbers = ["input_tokens", "cache_read_tokens", "output_tokens", "thinking_tokens"];
    assert_eq!(numbers.map(|column| said.number(column)), [Some(1200), Some(300), Some(100), Some(10)]);
    assert!(rig.lines(said).iter().all(|line| line.pico.is_some_and(|pico| pico > 0)), "{:?}", rig.lines(said));
    assert_eq!((refused.text("status"), refused.text("error_class")), (Some("error"), Some("rate_limit")));
    assert_eq!((refused.number("http_status"), refused.text("provider_error_code")), (Some(429), Some("too_much")));
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").arg(name).arg(pid.to_string()).status().expect("kill is there");
    assert!(status.success(), "kill {name} {pid}");
}

#[test]
fn what_a_role_does_not_follow_is_put_back() {
    let origin = Origin::start(|_, _| (200, "text/event-stream", MESSAGES));
    let rig = origin.rig(&[("providers.d/acme.toml", ACME)]);
    let before = digests(&rig);
    write(&rig, "providers.d/acme.toml", &ACME.replace("Acme", "Acme AI"));
    let snapshots = || fs::read_dir(rig.home().join("applied")).expect("the folder of snapshots").count();
    let stored = snapshots();
    let output = thread::scope(|scope| {
        let applying = scope.spawn(|| rig.meter(&["apply", "--yes"]));
        // The new snapshot is stored, and nobody has been told of it: now the daemon hears nothing.
        while snapshots() == stored && !applying.is_finished() {
            thread::yield_now();
        }
        signal("-STOP", rig.daemon_pid());
        applying.join().expect("apply ran")
    });
    signal("-CONT", rig.daemon_pid());
    let told = rig::text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("what was in force before is in force again"), "{told}");
    rig.wait_for("both on the digest of before", |rig| digests(rig) == before);
    let plan = rig.meter(&["plan"]);
    assert_eq!(plan.status.code(), Some(3), "the edit is still there to be applied: {}", rig::text_of(&plan));
    let url = format!("https://{HOST}/v1/messages");
    let body = r#"{"model":"claude-sonnet-4-6","stream":true}"#;
    rig.client().curl(&["-d", body, &url]).expect_ok();
    assert_eq!(column(&rig.rows(1), "provider"), ["acme"]);
    assert_ne!(vec![Value::from(applied(&rig)); 2], before, "the second attempt holds");
}
