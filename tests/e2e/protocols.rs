//! What else passes through a metered host: gRPC, WebSocket, large bodies, streams that must not be held up, and origins
//! that misbehave. Each is as it would be directly.

use halton_meter_tests::{Rig, python_clients, raw};
use meter_demo::DemoAuthority;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use test_origin::ScriptedOrigin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

fn script(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name);
    path.to_str().expect("a plain path").to_owned()
}

/// A server of `tests/clients` that prints its port; ends when dropped.
struct PythonServer {
    child: Child,
    address: SocketAddr,
}

impl PythonServer {
    fn start(python: &Path, name: &str, authority: &DemoAuthority, host: &str, folder: &Path) -> PythonServer {
        let (chain, key) = authority.certificate_pem(&[host]).expect("a certificate");
        let (chain_path, key_path) = (folder.join("chain.pem"), folder.join("key.pem"));
        std::fs::write(&chain_path, chain).expect("a PEM file");
        std::fs::write(&key_path, key).expect("a PEM file");
        let mut child = Command::new(python)
            .arg(script(name))
            .args([&chain_path, &key_path])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the server says its port");
        let port: u16 = line.trim().parse().expect("a port number");
        PythonServer { child, address: ([127, 0, 0, 1], port).into() }
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        // Our own child; it may have left already.
        let _already_gone = self.child.kill();
        self.child.wait().expect("our own child can be waited for");
    }
}

/// A rig whose `host` leads to `origin`, signed by `authority` instead of the rig's own.
fn rig_to(host: &str, origin: SocketAddr, authority: &DemoAuthority, folder: &Path) -> Rig {
    let root = folder.join("root.pem");
    std::fs::write(&root, authority.root_pem()).expect("a PEM file");
    Rig::builder().resolve(host, origin).trust(&root).start()
}

#[test]
fn grpc_unary_bidi_and_trailers() {
    let Some(python) = python_clients() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let authority = DemoAuthority::new().expect("a root");
    let server = PythonServer::start(&python, "grpc_server.py", &authority, "api.x.ai", folder.path());
    let rig = rig_to("api.x.ai", server.address, &authority, folder.path());
    let ran = rig.client().run(&python, &[&script("grpc_client.py")], folder.path()).expect_ok();
    let told: Vec<Value> = ran.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(told[0], serde_json::json!({"name": "unary", "ok": true, "trailer": "unary"}));
    assert_eq!(told[1], serde_json::json!({"name": "bidi", "count": 200, "last": "199:m199", "trailer": "bidi"}));
    assert_eq!(
        told[2],
        serde_json::json!({"name": "fails", "code": "RESOURCE_EXHAUSTED", "text": "asked to fail", "trailer": "fails"})
    );
    assert_eq!(rig.health("/edge").expect("health")["counters"]["chained"].as_u64(), Some(1), "it was intercepted");
}

#[test]
fn websocket_with_compression_passes_and_is_counted() {
    let Some(python) = python_clients() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let authority = DemoAuthority::new().expect("a root");
    let server = PythonServer::start(&python, "websocket_server.py", &authority, "api.openai.com", folder.path());
    let rig = rig_to("api.openai.com", server.address, &authority, folder.path());
    let ran = rig.client().run(&python, &[&script("websocket_client.py")], folder.path()).expect_ok();
    let told: Value = serde_json::from_str(ran.text().trim()).expect("JSON");
    assert_eq!(told, serde_json::json!({"texts": 100, "blob": true, "deflate": true, "close": 4000}));
    let row = rig.rows(1).pop().expect("a row");
    assert_eq!(row.number("http_status"), Some(101));
    // 100 texts, one blob, a ping and a close each way; libraries may fragment the blob.
    assert!(row.number("frames_up") >= Some(103), "{row:#?}");
    assert!(row.number("frames_down") >= Some(103), "{row:#?}");
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("our own child");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a VmRSS line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

#[test]
fn fifty_megabytes_both_ways_with_flat_memory() {
    let rig = Rig::start();
    let body = rig.folder().join("large.json");
    let text = format!(r#"{{"model":"claude-sonnet-4-6","max_tokens":8,"padding":"{}"}}"#, "x".repeat(50_000_000));
    std::fs::write(&body, text).expect("a large body");
    let data = format!("@{}", body.display());
    let send = |version: &str| {
        let ran = rig.client().curl(&[
            version,
            "-H",
            "expect:",
            "-H",
            "x-demo: pad=50000000, input=9, output=1",
            "--data-binary",
            &data,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{size_upload} %{size_download}",
            "https://api.anthropic.com/v1/messages",
        ]);
        let text = ran.expect_ok().text();
        let numbers: Vec<u64> = text.split(' ').map(|word| word.parse().expect("a number")).collect();
        assert!(numbers[0] == 200 && numbers[1] > 50_000_000 && numbers[2] > 50_000_000, "{text}");
    };
    send("--http1.1");
    let before = resident(rig.daemon_pid());
    send("--http1.1");
    send("--http2");
    let after = resident(rig.daemon_pid());
    assert!(after < before + 40_000, "the daemon grew from {before} to {after} KiB");
    for row in rig.rows(3) {
        assert_eq!(row.number("input_tokens"), Some(9), "{row:#?}");
    }
}

#[test]
fn an_event_arrives_before_the_next_is_sent() {
    const EVENTS: usize = 50;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = DemoAuthority::new().expect("a root");
    let acceptor =
        TlsAcceptor::from(authority.server_config(&["api.anthropic.com"], &[b"http/1.1"]).expect("a certificate"));
    let seen = Arc::new(Notify::new());
    let heard = seen.clone();
    let runtime = Runtime::new().expect("a runtime");
    let origin = runtime.block_on(ScriptedOrigin::start(move |socket, _| {
        let (acceptor, heard) = (acceptor.clone(), heard.clone());
        async move {
            let mut tls = acceptor.accept(socket).await.expect("a handshake");
            let mut head = [0; 4096];
            let _request = tls.read(&mut head).await.expect("a request");
            let start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            tls.write_all(start).await.expect("a head");
            for number in 0..EVENTS {
                tls.write_all(format!("data: {{\"n\":{number}}}\n\n").as_bytes()).await.expect("an event");
                tls.flush().await.expect("an event");
                // The next one only when the client has told that it has this one.
                heard.notified().await;
            }
            tls.shutdown().await.expect("an orderly end");
        }
    }));
    let rig = rig_to("api.anthropic.com", origin.address, &authority, folder.path());
    runtime.block_on(async {
        let (mut stream, _recorder) = raw::metered(&rig, "api.anthropic.com", &[b"http/1.1"]).await;
        stream.write_all(b"GET /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n").await.expect("a request");
        let mut text = String::new();
        let mut next = 0;
        while next < EVENTS {
            let mut chunk = [0; 4096];
            let bytes = stream.read(&mut chunk).await.expect("an event");
            assert_ne!(bytes, 0, "the stream ended after {next} events");
            text.push_str(std::str::from_utf8(&chunk[..bytes]).expect("ASCII"));
            while text.contains(&format!("data: {{\"n\":{next}}}\n\n")) {
                next += 1;
                seen.notify_one();
            }
        }
        assert_eq!(text.matches("data: ").count(), EVENTS);
    });
}

#[test]
fn an_origin_whose_certificate_is_bad_shows_it_to_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let stranger = DemoAuthority::new().expect("a root nobody told the daemon of");
    let root = folder.path().join("stranger.pem");
    std::fs::write(&root, stranger.root_pem()).expect("a PEM file");
    let runtime = Runtime::new().expect("a runtime");
    let origin =
        runtime.block_on(test_origin::RecordingOrigin::start(&stranger, &["api.anthropic.com"], &[b"http/1.1"]));
    let rig = Rig::builder().resolve("api.anthropic.com", origin.address).start();
    let url = "https://api.anthropic.com/v1/messages";
    // A client that knows the stranger goes on as it would directly; one that does not gets its own error.
    rig.client().trusting(&root).curl(&["-H", "x-demo: input=1, output=1", "-d", "{}", url]).expect_ok();
    assert_eq!(rig.client().curl(&["-d", "{}", url]).code, 60);
    assert!(rig.rows_now().is_empty(), "nothing was opened");
}

#[test]
fn an_origin_that_wants_a_client_certificate_gets_it_from_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = DemoAuthority::new().expect("a root");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.root().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .expect("a verifier");
    let (chain, key) = authority.certificate(&["api.anthropic.com"]).expect("a certificate");
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .expect("a usable certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = Runtime::new().expect("a runtime");
    let origin = runtime.block_on(ScriptedOrigin::start(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            // The probe of the meter ends here as an error; the client's own handshake does not.
            let Ok(mut tls) = acceptor.accept(socket).await else { return };
            assert!(tls.get_ref().1.peer_certificates().is_some());
            let mut head = [0; 4096];
            if tls.read(&mut head).await.is_ok_and(|bytes| bytes > 0) {
                tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.expect("an answer");
            }
        }
    }));
    let rig = rig_to("api.anthropic.com", origin.address, &authority, folder.path());
    let (chain, key) = authority.certificate_pem(&["client.example"]).expect("a client certificate");
    let pair = folder.path().join("client.pem");
    std::fs::write(&pair, format!("{chain}{key}")).expect("a PEM file");
    let root = folder.path().join("root.pem");
    let args = ["--cert", pair.to_str().expect("a plain path"), "https://api.anthropic.com/"];
    let ran = rig.client().trusting(root).curl(&args).expect_ok();
    assert_eq!(ran.text(), "ok");
}

#[test]
fn a_reset_and_a_cut_look_as_they_would_directly() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = DemoAuthority::new().expect("a root");
    let acceptor =
        TlsAcceptor::from(authority.server_config(&["api.anthropic.com"], &[b"http/1.1"]).expect("a certificate"));
    let runtime = Runtime::new().expect("a runtime");
    let origin = runtime.block_on(ScriptedOrigin::start(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut tls = acceptor.accept(socket).await.expect("a handshake");
            let mut head = [0; 4096];
            let bytes = tls.read(&mut head).await.expect("a request");
            tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this").await.expect("a part");
            tls.flush().await.expect("a part");
            if head[..bytes].starts_with(b"GET /cut") {
                // FIN without close_notify.
                tls.get_mut().0.shutdown().await.expect("a half-close");
            } else {
                tls.get_ref().0.set_zero_linger().expect("linger");
            }
        }
    }));
    let rig = rig_to("api.anthropic.com", origin.address, &authority, folder.path());
    let end = |path: &'static str| {
        let rig = &rig;
        runtime.block_on(async move {
            let (mut stream, _recorder) = raw::metered(rig, "api.anthropic.com", &[b"http/1.1"]).await;
            let head = format!("GET {path} HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("a request");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect_err("no orderly end").kind()
        })
    };
    assert_eq!(end("/cut"), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(end("/reset"), std::io::ErrorKind::ConnectionReset);
}
