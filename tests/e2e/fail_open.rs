//! The meter goes away; the tool does not notice.

use halton_meter_tests::{Client, Rig, raw};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;
use test_origin::ScriptedOrigin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const URL: &str = "https://api.anthropic.com/v1/messages";
const BODY: &str = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"messages":[]}"#;

fn call(client: &Client) -> bool {
    client.curl(&["-H", "x-demo: input=5, output=1", "-d", BODY, URL]).code == 0
}

#[test]
fn a_killed_daemon_costs_rows_but_no_call_and_metering_comes_back() {
    let mut rig = Rig::start();
    assert!(call(&rig.client()), "metered while the daemon runs");
    rig.rows(1);

    // A call that is open when the daemon dies.
    let held = rig.runtime.block_on(async {
        let (mut stream, _recorder) = raw::metered(&rig, "api.anthropic.com", &[b"http/1.1"]).await;
        let streamed = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"stream":true,"messages":[]}"#;
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nx-demo: events=200, gap_ms=100\r\n\
             Content-Length: {}\r\n\r\n{streamed}",
            streamed.len()
        );
        stream.write_all(head.as_bytes()).await.expect("the proxy reads");
        let mut first = [0; 64];
        stream.read_exact(&mut first).await.expect("the stream has begun");
        stream
    });
    rig.kill_daemon();
    drop(held);

    // The client trusts the origin's own root only: our certificate would fail it.
    let direct = rig.client().trusting(rig.origin_root());
    for number in 0..100 {
        assert!(call(&direct), "call {number} after the crash\n{}", rig.logs());
    }
    assert_eq!(rig.rows_now().len(), 1, "nothing is metered while the daemon is away");

    rig.start_daemon();
    rig.wait_for("metering after the restart", |rig| call(&rig.client()));
    let with_status = |rig: &Rig, status| {
        rig.rows_now().into_iter().filter(|row| row.text("status") == Some(status)).collect::<Vec<_>>()
    };
    rig.wait_for("the row after the restart", |rig| with_status(rig, "success").len() >= 2);
    rig.wait_for("the interrupted row", |rig| !with_status(rig, "interrupted").is_empty());
    let interrupted = with_status(&rig, "interrupted");
    assert_eq!(interrupted.len(), 1, "{interrupted:#?}");
    assert_eq!(interrupted[0].text("provider"), Some("anthropic"));
}

#[test]
fn a_daemon_that_is_told_to_end_finishes_what_is_under_way_and_waits_for_nothing_else() {
    let rig = Rig::builder().alpn(&[b"http/1.1"]).start();
    let request = |script: &str, body: &str| {
        format!(
            "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nx-demo: {script}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answer = rig.runtime.block_on(async {
        let (mut idle, _recorder) = raw::metered(&rig, "api.anthropic.com", &[b"http/1.1"]).await;
        idle.write_all(request("input=5, output=1", BODY).as_bytes()).await.expect("the proxy reads");
        let mut first = [0; 64];
        idle.read_exact(&mut first).await.expect("an answer");
        rig.rows(1);
        let (mut busy, _recorder) = raw::metered(&rig, "api.anthropic.com", &[b"http/1.1"]).await;
        let streamed = BODY.replace("\"messages\"", "\"stream\":true,\"messages\"");
        let script = "events=30, gap_ms=100";
        busy.write_all(request(script, &streamed).as_bytes()).await.expect("the proxy reads");
        busy.read_exact(&mut first).await.expect("the stream has begun");
        let told = Command::new("kill").arg(rig.daemon_pid().to_string()).status().expect("kill is there");
        assert!(told.success());
        let mut rest = Vec::new();
        // The client keeps its connection; the daemon ends it when it leaves.
        let _end = busy.read_to_end(&mut rest).await;
        // The idle one is still there: nobody closed it.
        drop(idle);
        String::from_utf8_lossy(&rest).into_owned()
    });
    assert!(answer.ends_with("0\r\n\r\n") && answer.contains("message_stop"), "{answer}");
    rig.wait_for("the daemon's end", |rig| rig.logs().contains("connections.idle"));
    assert!(!rig.logs().contains("connections.cut"), "{}", rig.logs());
    let rows = rig.rows(2);
    assert!(rows.iter().all(|row| row.text("status") == Some("success")), "{rows:#?}");
}

#[test]
fn a_host_that_is_not_metered_never_meets_the_daemon() {
    let root_of_its_own = meter_demo::DemoAuthority::new().expect("a root");
    let rig = Rig::builder().resolve("unmetered.example", ([127, 0, 0, 1], 9).into()).start();
    let origin = rig.runtime.block_on(test_origin::RecordingOrigin::start(
        &root_of_its_own,
        &["127.0.0.1", "localhost"],
        &[b"http/1.1"],
    ));
    let root = rig.folder().join("other-root.pem");
    std::fs::write(&root, root_of_its_own.root_pem()).expect("a PEM file");
    let url = format!("https://localhost:{}/v1/messages", origin.address.port());
    let ran = rig.client().trusting(&root).curl(&["--noproxy", "none.example", "-d", BODY, &url]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(origin.recorder.connections().len(), 1);
    let (_, status) = rig.api("/health");
    assert!(status.contains("ok"), "{status}");
    let seen = rig.health("/edge").expect("the edge answers");
    assert_eq!(seen["counters"]["chained"].as_u64(), Some(0), "{seen}");
    assert!(rig.rows_now().is_empty());
}

#[test]
fn an_origin_that_cannot_be_reached_is_named_in_the_answer_to_connect() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let rig = Rig::builder().resolve("api.anthropic.com", address).start();
    let head = rig.runtime.block_on(raw::tunnel(rig.edge_port(), "api.anthropic.com:443")).expect_err("no tunnel");
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
}

#[test]
fn a_slow_or_endless_connect_hurts_nobody_else() {
    let rig = Rig::start();
    let mut slow = TcpStream::connect((Ipv4Addr::LOCALHOST, rig.edge_port())).expect("the edge listens");
    slow.write_all(b"CONNECT api.anth").expect("a part of a head");
    let mut endless = TcpStream::connect((Ipv4Addr::LOCALHOST, rig.edge_port())).expect("the edge listens");
    let mut answer = Vec::new();
    // The edge may stop reading at its bound while we still write; both are fine.
    let _refused = endless.write_all(&vec![b'x'; 64 * 1024]);
    endless.set_read_timeout(Some(Duration::from_secs(20))).expect("a bound for the test");
    let _closed = endless.read_to_end(&mut answer);
    assert!(call(&rig.client()), "{}", rig.logs());
}

#[test]
fn what_is_no_tls_or_speaks_first_passes_as_it_is() {
    let speaks_first = |mut socket: tokio::net::TcpStream, _: usize| async move {
        socket.write_all(b"SSH-2.0-first\r\n").await.expect("a greeting");
        let mut line = [0; 7];
        socket.read_exact(&mut line).await.expect("an answer");
        socket.write_all(&line).await.expect("an echo");
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let origin = runtime.block_on(ScriptedOrigin::start(speaks_first));
    let rig = Rig::builder().resolve("api.anthropic.com", origin.address).start();
    let echoed = rig.runtime.block_on(async {
        let mut socket = raw::tunnel(rig.edge_port(), "api.anthropic.com:443").await.expect("a tunnel");
        let mut greeting = [0; 15];
        socket.read_exact(&mut greeting).await.expect("the greeting passes");
        assert_eq!(&greeting, b"SSH-2.0-first\r\n");
        socket.write_all(b"hello\r\n").await.expect("bytes pass");
        let mut echo = [0; 7];
        socket.read_exact(&mut echo).await.expect("bytes pass back");
        echo
    });
    assert_eq!(&echoed, b"hello\r\n");
}
