//! A tap on the relay: what it hears, and what it may hold, refuse and decide late.

mod support;

use meter_daemon::connection::Connection;
use meter_daemon::tapped::{LateVerdicts, Reading, Tapped};
use meter_daemon::witness::Witness;
use meter_tap::{Event, ExchangeId, Fault, HeadVerdict, Observer, Protocol, Refusal, RequestHead, Verdict};
use std::sync::{Arc, Mutex};
use support::{HOST, Origin, World, authority, drain, world_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_rustls::server::TlsStream;

/// What the scripted observer answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Says {
    Pass,
    RefuseHead,
    RefuseBody,
    AllowLate,
    RefuseLate,
    Panic,
}

#[derive(Clone)]
struct Notes {
    says: Says,
    lines: Arc<Mutex<Vec<String>>>,
    late: LateVerdicts,
    heard: Arc<Notify>,
}

impl Notes {
    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

fn refusal() -> Refusal {
    Refusal {
        status: 403,
        fields: vec![("content-type".into(), "application/json".into())],
        body: b"{\"no\":1}".to_vec(),
    }
}

impl Observer for Notes {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::RequestHead(id, head) => {
                self.note(format!("{} head {} {}", id.0, head.method, head.target));
                self.heard.notify_one();
            }
            Event::RequestEnd(id) => self.note(format!("{} asked", id.0)),
            Event::ResponseHead(id, head) => {
                assert!(self.says != Says::Panic, "as scripted");
                self.note(format!("{} status {}", id.0, head.status));
            }
            Event::Finished(id, finish) => self.note(format!("{} {finish:?}", id.0)),
            Event::Opaque(_) => self.note("opaque".into()),
            _ => {}
        }
    }

    fn head(&mut self, _exchange: ExchangeId, _head: &RequestHead) -> HeadVerdict {
        match self.says {
            Says::Pass | Says::Panic => HeadVerdict::Pass,
            Says::RefuseHead => HeadVerdict::Refuse(refusal()),
            Says::RefuseBody | Says::AllowLate | Says::RefuseLate => HeadVerdict::Hold,
        }
    }

    fn complete(&mut self, exchange: ExchangeId) -> Verdict {
        let late = self.late.clone();
        let later = |verdict| {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                late.send((exchange, verdict)).unwrap();
            });
            Verdict::Later
        };
        match self.says {
            Says::AllowLate => later(Verdict::Allow),
            Says::RefuseLate => later(Verdict::Refuse(refusal())),
            Says::RefuseBody => Verdict::Refuse(refusal()),
            Says::Pass | Says::RefuseHead | Says::Panic => Verdict::Allow,
        }
    }
}

struct Scene {
    world: World,
    _origin: Origin,
    lines: Arc<Mutex<Vec<String>>>,
    /// A request's head was heard.
    heard: Arc<Notify>,
    /// Bytes that each origin connection got, and whether it ended by itself.
    got: mpsc::UnboundedReceiver<(Vec<u8>, bool)>,
}

/// An origin that answers every request that is whole, and tells what it got.
async fn serve(mut stream: TlsStream<TcpStream>, got: mpsc::UnboundedSender<(Vec<u8>, bool)>) {
    let mut all = Vec::new();
    let mut chunk = [0; 16384];
    let clean = loop {
        match stream.read(&mut chunk).await {
            Ok(0) => break true,
            Ok(read) => all.extend_from_slice(&chunk[..read]),
            Err(_) => break false,
        }
        if all.ends_with(b"LAST") || all.ends_with(b"\r\n\r\n") && all.starts_with(b"GET") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    };
    got.send((all, clean)).unwrap();
}

async fn scene(reading: Reading, says: Says) -> Scene {
    let origins = authority();
    let (got_in, got) = mpsc::unbounded_channel();
    let config = origins.server_config(&[HOST], &[b"http/1.1"]).unwrap();
    let origin = Origin::tls(config, move |stream| serve(stream, got_in.clone())).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::new(Notify::new());
    let (kept, hears) = (lines.clone(), heard.clone());
    let witness = Arc::new(move |_: &Arc<Connection>, protocol: Protocol| -> Box<dyn Witness> {
        let (late, verdicts) = mpsc::unbounded_channel();
        let notes = Notes { says, lines: kept.clone(), late, heard: hears.clone() };
        Box::new(Tapped::new(protocol, reading, notes, verdicts))
    });
    Scene { world: world_with(origins, origin.address, witness).await, _origin: origin, lines, heard, got }
}

fn post(body: usize) -> Vec<u8> {
    let mut bytes = format!("POST /v1/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n", body + 4).into_bytes();
    bytes.resize(bytes.len() + body, b'x');
    bytes.extend(b"LAST");
    bytes
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Scene {
    /// Sends one request and reads until the connection is closed by us or by the origin.
    async fn ask(&mut self, request: Vec<u8>) -> Vec<u8> {
        let (mut read, mut write) = tokio::io::split(self.world.open(&[b"http/1.1"]).await);
        let sending = tokio::spawn(async move {
            // A refused upload may be cut short.
            let _ = write.write_all(&request).await;
            let _ = write.flush().await;
            write
        });
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok") && !answer.ends_with(b"}") {
            assert_ne!(read.read_buf(&mut answer).await.unwrap(), 0, "an answer, not {answer:?}");
        }
        let mut write = sending.await.unwrap();
        let _ = write.shutdown().await;
        drain(&mut read).await;
        self.world.outcome().await;
        answer
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_passive_tap_hears_everything_and_touches_nothing() {
    let mut scene = scene(Reading::Passive, Says::Pass).await;
    let request = post(100_000);
    assert_eq!(scene.ask(request.clone()).await, ANSWER);
    assert_eq!(scene.got.recv().await.unwrap(), (request, true));
    assert_eq!(scene.lines(), ["0 head POST /v1/x", "0 asked", "0 status 200", "0 Whole"]);
}

#[tokio::test]
async fn a_panic_in_a_passive_reader_costs_the_client_nothing() {
    let mut scene = scene(Reading::Passive, Says::Panic).await;
    let request = post(10);
    assert_eq!(scene.ask(request.clone()).await, ANSWER);
    assert_eq!(scene.got.recv().await.unwrap(), (request, true));
    assert_eq!(scene.lines(), ["0 head POST /v1/x", "0 asked", "opaque", "0 Opaque"]);
}

#[tokio::test]
async fn a_gate_that_allows_is_invisible() {
    for says in [Says::Pass, Says::AllowLate] {
        let mut scene = scene(Reading::Gated(Fault::Pass), says).await;
        let request = post(100_000);
        assert_eq!(scene.ask(request.clone()).await, ANSWER, "{says:?}");
        assert_eq!(scene.got.recv().await.unwrap(), (request, true), "{says:?}");
        assert_eq!(scene.lines().last().unwrap(), "0 Whole");
    }
}

#[tokio::test]
async fn a_refusal_is_a_whole_answer_and_the_origin_never_sees_a_whole_request() {
    for (says, bytes) in [
        (Says::RefuseHead, 10),
        (Says::RefuseBody, 10),
        (Says::RefuseBody, 1_000_000),
        (Says::RefuseLate, 10),
        (Says::RefuseLate, 1_000_000),
    ] {
        let mut scene = scene(Reading::Gated(Fault::Pass), says).await;
        let request = post(bytes);
        let answer = String::from_utf8(scene.ask(request.clone()).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("{\"no\":1}"), "{says:?}: {answer}");
        let (got, clean) = scene.got.recv().await.unwrap();
        assert!(got.len() < request.len() && request.starts_with(&got), "{says:?}");
        assert!(!clean, "{says:?}: an incomplete request ends in a reset");
        if says == Says::RefuseHead {
            assert!(got.is_empty());
        }
        assert_eq!(scene.lines().last().unwrap(), "0 Refused", "{says:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_heard_as_one() {
    let mut scene = scene(Reading::Passive, Says::Pass).await;
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let mut request = post(1000);
    request.truncate(500);
    client.write_all(&request).await.unwrap();
    client.flush().await.unwrap();
    scene.heard.notified().await;
    client.get_ref().0.set_zero_linger().unwrap();
    drop(client);
    scene.world.outcome().await;
    assert_eq!(scene.lines().last().unwrap(), "0 ClientLeft");
    assert!(!scene.got.recv().await.unwrap().1);
}
