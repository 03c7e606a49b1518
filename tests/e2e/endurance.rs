//! Many calls, broken calls and a daemon that dies among them: nothing is left over, nothing is counted twice.
//!
//! `HALTON_ENDURANCE=10` does ten times as much of everything.
#![cfg(target_os = "linux")]

use halton_meter_tests::{Rig, raw};
use rustls::ClientConfig;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

const HOST: &str = "api.anthropic.com";
const AUTHORITY: &str = "api.anthropic.com:443";
/// Descriptors that may be open besides those at the start: a connection kept ready, the database's, a health answer's.
const SPARE_FILES: usize = 8;

fn times(count: usize) -> usize {
    let factor = std::env::var("HALTON_ENDURANCE").ok().and_then(|text| text.parse::<usize>().ok());
    count * factor.unwrap_or(1)
}

fn files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("our own child").count()
}

fn resident_kb(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

fn status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("our own child");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of that name");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What is open in both processes.
struct Before {
    edge: usize,
    daemon: usize,
}

impl Before {
    fn of(rig: &Rig) -> Before {
        Before { edge: files(rig.edge_pid()), daemon: files(rig.daemon_pid()) }
    }

    /// Everything that was opened since is closed again, and no record waits.
    fn comes_back(&self, rig: &Rig) {
        rig.wait_for("closed descriptors", |rig| {
            files(rig.edge_pid()) <= self.edge + SPARE_FILES && files(rig.daemon_pid()) <= self.daemon + SPARE_FILES
        });
        let ledger = || {
            let (_, text) = rig.api("/v1/daemon/status");
            serde_json::from_str::<serde_json::Value>(&text).expect("the API speaks JSON")["ledger"].clone()
        };
        rig.wait_for("an empty journal", |_| ledger()["pending"].as_u64() == Some(0));
        let (lost, rejected) = (ledger()["lost"].as_u64(), ledger()["rejected"].as_u64());
        assert_eq!((lost, rejected), (Some(0), Some(0)));
        println!("memory: edge {} kB, daemon {} kB", resident_kb(rig.edge_pid()), resident_kb(rig.daemon_pid()));
    }
}

fn request(script: &str, stream: bool) -> Vec<u8> {
    let body = format!(r#"{{"model":"claude-sonnet-4-6","max_tokens":8,"stream":{stream},"messages":[]}}"#);
    let length = body.len();
    format!(
        "POST /v1/messages HTTP/1.1\r\nHost: {HOST}\r\nx-demo: {script}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn open(port: u16, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, String> {
    let socket = raw::tunnel(port, AUTHORITY).await?;
    raw::handshake(socket, HOST, config.clone()).await.map_err(|error| error.to_string())
}

/// One whole call on a connection of its own; the answer.
async fn call(port: u16, config: &Arc<ClientConfig>, script: &str, stream: bool) -> Result<String, String> {
    let mut tls = open(port, config).await?;
    tls.write_all(&request(script, stream)).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await.map_err(|error| format!("{error} after {} bytes", answer.len()))?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    if text.starts_with("HTTP/1.1 200") { Ok(text) } else { Err(text) }
}

#[test]
fn new_connections_one_after_the_other_leave_nothing() {
    let rig = Rig::start();
    let config = raw::trusting(&rig.roots(), &[b"http/1.1"]);
    let count = times(200);
    let before = Before::of(&rig);
    rig.runtime.block_on(async {
        for number in 0..count {
            let answer = call(rig.edge_port(), &config, "input=5, output=1", false).await;
            assert!(answer.is_ok(), "call {number}: {answer:?}\n{}", rig.logs());
        }
    });
    assert_eq!(rig.rows(count).iter().filter(|row| row.text("status") == Some("success")).count(), count);
    before.comes_back(&rig);
}

#[test]
fn streams_at_the_same_time_come_whole_and_are_counted_once() {
    let rig = Rig::start();
    let config = raw::trusting(&rig.roots(), &[b"http/1.1"]);
    let count = times(60);
    let before = Before::of(&rig);
    rig.runtime.block_on(async {
        let mut streams = JoinSet::new();
        for _ in 0..count {
            let (port, config) = (rig.edge_port(), config.clone());
            streams.spawn(async move { call(port, &config, "events=20, gap_ms=10, output=20", true).await });
        }
        while let Some(answer) = streams.join_next().await {
            let answer = answer.expect("no panic").unwrap_or_else(|error| panic!("{error}\n{}", rig.logs()));
            assert_eq!(answer.matches("event: content_block_delta").count(), 20);
            assert_eq!(answer.matches("event: message_stop").count(), 1);
        }
    });
    let rows = rig.rows(count);
    assert!(rows.iter().all(|row| row.number("output_tokens") == Some(20)), "{rows:#?}");
    let threads = (status(rig.edge_pid(), "Threads:"), status(rig.daemon_pid(), "Threads:"));
    assert!(threads.0 < 24 && threads.1 < 24, "a burst of connections is no burst of threads: {threads:?}");
    before.comes_back(&rig);
}

#[test]
fn a_daemon_killed_among_streams_loses_no_row_and_fails_no_new_call() {
    let mut rig = Rig::start();
    let config = raw::trusting(&rig.roots(), &[b"http/1.1"]);
    let count = times(50);
    let files_of_the_edge = files(rig.edge_pid());
    let streams = rig.runtime.block_on(async {
        let mut begun = Vec::new();
        for _ in 0..count {
            let mut tls = open(rig.edge_port(), &config).await.expect("a connection");
            tls.write_all(&request("events=500, gap_ms=100", true)).await.expect("a request");
            tls.read_exact(&mut [0; 64]).await.expect("the answer has begun");
            begun.push(tls);
        }
        begun
    });
    rig.kill_daemon();
    // From the origin itself now: our own certificate would fail this client.
    let direct = raw::trusting(&rig.origin_root(), &[b"http/1.1"]);
    rig.runtime.block_on(async {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            let (port, direct) = (rig.edge_port(), direct.clone());
            calls.spawn(async move { call(port, &direct, "input=5, output=1", false).await });
        }
        while let Some(answer) = calls.join_next().await {
            answer.expect("no panic").unwrap_or_else(|error| panic!("{error}\n{}", rig.logs()));
        }
        for mut stream in streams {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.expect_err("the stream broke with the daemon");
        }
    });
    rig.start_daemon();
    let rows = rig.rows(count);
    assert!(rows.iter().all(|row| row.text("status") == Some("interrupted")), "{rows:#?}");
    rig.wait_for("closed descriptors", |rig| files(rig.edge_pid()) <= files_of_the_edge + SPARE_FILES);
}

/// Where a client leaves, in the order of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Leaves {
    AtOnce,
    InTheConnect,
    AfterThe200,
    InTheHello,
    AfterTheHandshake,
    InTheRequest,
    AfterTheRequest,
    InTheAnswer,
}

const PLACES: [Leaves; 8] = [
    Leaves::AtOnce,
    Leaves::InTheConnect,
    Leaves::AfterThe200,
    Leaves::InTheHello,
    Leaves::AfterTheHandshake,
    Leaves::InTheRequest,
    Leaves::AfterTheRequest,
    Leaves::InTheAnswer,
];

/// Goes as far as `place` and leaves, by a reset if `hard`.
async fn leave(port: u16, config: &Arc<ClientConfig>, place: Leaves, hard: bool) {
    let end = |socket: &TcpStream| {
        if hard {
            socket.set_zero_linger().expect("a live socket");
        }
    };
    if matches!(place, Leaves::AtOnce | Leaves::InTheConnect) {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.expect("the edge listens");
        if place == Leaves::InTheConnect {
            socket.write_all(b"CONNECT api.anthro").await.expect("a part");
        }
        return end(&socket);
    }
    if matches!(place, Leaves::AfterThe200 | Leaves::InTheHello) {
        let mut socket = raw::tunnel(port, AUTHORITY).await.expect("a tunnel");
        if place == Leaves::InTheHello {
            socket.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).await.expect("a part");
        }
        return end(&socket);
    }
    let mut tls = open(port, config).await.expect("a connection");
    let request = request("events=500, gap_ms=100", true);
    match place {
        Leaves::AfterTheHandshake => {}
        Leaves::InTheRequest => tls.write_all(&request[..request.len() - 10]).await.expect("a part"),
        _ => tls.write_all(&request).await.expect("a request"),
    }
    if place == Leaves::InTheAnswer {
        tls.read_exact(&mut [0; 64]).await.expect("the answer has begun");
    }
    tls.flush().await.expect("what was written");
    end(tls.get_ref().0);
}

#[test]
fn clients_that_leave_anywhere_leave_nothing_behind() {
    let rig = Rig::start();
    let config = raw::trusting(&rig.roots(), &[b"http/1.1"]);
    let rounds = times(6);
    let before = Before::of(&rig);
    let mut begun = 0;
    rig.runtime.block_on(async {
        for round in 0..rounds {
            for place in PLACES {
                // A reset may overtake a request, so whether that one has a row would be chance.
                let hard = round % 2 == 1 && !matches!(place, Leaves::InTheRequest | Leaves::AfterTheRequest);
                leave(rig.edge_port(), &config, place, hard).await;
                begun += usize::from(PLACES.iter().position(|one| *one == place) >= Some(5));
            }
        }
        let answer = call(rig.edge_port(), &config, "input=5, output=1", false).await;
        assert!(answer.is_ok(), "{answer:?}\n{}", rig.logs());
    });
    let rows = rig.rows(begun + 1);
    // An origin may answer a request that broke off, with 400; nothing of what was left is a success.
    let how: Vec<_> = rows.iter().map(|row| (row.text("status"), row.number("http_status"))).collect();
    let whole = how.iter().filter(|(status, _)| *status == Some("success")).count();
    assert_eq!(whole, 1, "{how:?}");
    before.comes_back(&rig);
}

#[test]
fn a_slow_reader_holds_up_its_own_answer_only() {
    const BYTES: usize = 24 * 1024 * 1024;
    let rig = Rig::start();
    let config = raw::trusting(&rig.roots(), &[b"http/1.1"]);
    let (edge, daemon) = (resident_kb(rig.edge_pid()), resident_kb(rig.daemon_pid()));
    rig.runtime.block_on(async {
        let mut slow = open(rig.edge_port(), &config).await.expect("a connection");
        slow.write_all(&request(&format!("pad={BYTES}"), false)).await.expect("a request");
        slow.read_exact(&mut [0; 64]).await.expect("the answer has begun");
        for number in 0..20 {
            let answer = call(rig.edge_port(), &config, "input=5, output=1", false).await;
            assert!(answer.is_ok(), "call {number}: {answer:?}");
        }
        let grown = |pid, before: u64| resident_kb(pid).saturating_sub(before) / 1024;
        assert!(grown(rig.edge_pid(), edge) < 16, "the edge keeps what is not read");
        assert!(grown(rig.daemon_pid(), daemon) < 24, "the daemon keeps what is not read");
        let mut rest = Vec::new();
        match slow.read_to_end(&mut rest).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{} bytes", rest.len()),
        }
        assert!(rest.len() > BYTES, "{} bytes came", rest.len());
    });
    rig.rows(21);
}
