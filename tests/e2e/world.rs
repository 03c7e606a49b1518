//! A world that is not as it should be: ports taken, broken manifests, foreign users, an environment that leaks.

use halton_meter_tests::{Rig, rig, skipped};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use test_origin::ScriptedOrigin;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const URL: &str = "https://api.anthropic.com/v1/messages";
const BODY: &str = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"messages":[]}"#;

#[test]
fn a_taken_port_gives_way_to_the_next_free_one_and_status_shows_it() {
    let mut rig = Rig::start();
    let (intercept, api) = (rig.intercept_port(), rig.api_port());
    rig.kill_daemon();
    let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, intercept)).expect("the port is free again");
    rig.start_daemon();
    assert_ne!(rig.intercept_port(), intercept);
    assert!(rig.intercept_port() > intercept && rig.intercept_port() != rig.api_port());
    assert_eq!(rig.api_port(), api);
    rig.wait_for("metering by way of the new port", |rig| {
        rig.client().curl(&["-d", BODY, URL]).code == 0 && !rig.rows_now().is_empty()
    });
    let status = rig.meter(&["status"]);
    let text = rig::text_of(&status);
    assert!(text.contains(&rig.intercept_port().to_string()), "{text}");
}

#[test]
fn a_broken_manifest_changes_nothing_until_it_is_mended() {
    let mut rig = Rig::start();
    let file = rig.home().join("providers.d/acme.toml");
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(&file, "schema = 1\nid = \"acme\"\nhosts = [\"api.acme.example\"\n").expect("a broken file");
    let checked = rig.meter(&["validate"]);
    assert_eq!(checked.status.code(), Some(3));
    assert!(rig::text_of(&checked).contains("providers.d/acme.toml:3:"), "{}", rig::text_of(&checked));
    let applied = rig.meter(&["apply", "--yes"]);
    assert_eq!(applied.status.code(), Some(3), "{}", rig::text_of(&applied));
    rig.kill_daemon();
    rig.start_daemon();
    rig.client().curl(&["-d", BODY, URL]).expect_ok();
    let status = rig.meter(&["status"]);
    assert!(rig::text_of(&status).contains("providers.d/acme.toml:3:"), "{}", rig::text_of(&status));
    assert_eq!(status.status.code(), Some(3), "{}", rig::text_of(&status));
}

#[test]
fn another_users_calls_are_tunnelled_because_they_do_not_trust_our_certificates() {
    // Only root can be somebody else.
    let me = Command::new("id").arg("-u").output().expect("id runs");
    if me.stdout != b"0\n" {
        skipped("needs root to run a client as another user");
        return;
    }
    let rig = Rig::start();
    let root = rig.folder().join("readable-root.pem");
    fs::copy(rig.origin_root(), &root).expect("a copy");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o644)).expect("readable by all");
    fs::set_permissions(rig.folder(), fs::Permissions::from_mode(0o755)).expect("a folder others may enter");
    let proxy = format!("http://127.0.0.1:{}", rig.edge_port());
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "curl", "--silent", "--show-error"])
        .args([
            "--max-time",
            "30",
            "--proxy",
            &proxy,
            "--cacert",
            root.to_str().expect("a plain path"),
            "-d",
            BODY,
            URL,
        ])
        .output()
        .expect("setpriv runs");
    assert!(output.status.success(), "the origin's own certificate was expected: {}", rig::text_of(&output));
    assert!(rig.rows_now().is_empty(), "nothing of another user's is opened");
    // The same call of our own is.
    rig.client().curl(&["-d", BODY, URL]).expect_ok();
    rig.rows(1);
}

#[test]
fn the_environment_of_the_daemon_decides_neither_its_trust_nor_its_route() {
    let mut rig = Rig::start();
    rig.kill_daemon();
    rig.start_daemon_with(&[
        ("SSL_CERT_FILE", "/nonexistent/roots.pem"),
        ("SSL_CERT_DIR", "/nonexistent"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("https_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ]);
    rig.wait_for("a metered call", |rig| rig.client().curl(&["-d", BODY, URL]).code == 0 && !rig.rows_now().is_empty());
}

#[test]
fn an_upstream_proxy_is_asked_for_every_origin() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let authority = meter_demo::DemoAuthority::new().expect("a root");
    let origin = runtime.block_on(test_origin::RecordingOrigin::start(
        &authority,
        &["api.anthropic.com"],
        &[b"h2", b"http/1.1"],
    ));
    let address = origin.address;
    // A forward proxy that leads every CONNECT to the origin and wants the password.
    let proxy = runtime.block_on(ScriptedOrigin::start(move |socket, _| async move {
        let mut socket = BufReader::new(socket);
        let (mut line, mut authorised) = (String::new(), false);
        loop {
            let mut header = String::new();
            if socket.read_line(&mut header).await.expect("a head") == 0 || header == "\r\n" {
                break;
            }
            authorised |= header.eq_ignore_ascii_case("proxy-authorization: basic dXNlcjpwYXNz\r\n");
            line.push_str(&header);
        }
        assert!(line.starts_with("CONNECT api.anthropic.com:443 "), "{line}");
        if !authorised {
            socket.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.expect("an answer");
            return;
        }
        let mut onward = TcpStream::connect(address).await.expect("the origin");
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("an answer");
        // Ends when either side does; both ends are the test's own.
        let _ended = tokio::io::copy_bidirectional(&mut socket, &mut onward).await;
    }));
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root.pem");
    fs::write(&root, authority.root_pem()).expect("a PEM file");
    let setting = format!("proxy = \"http://user:pass@{}\"", proxy.address);
    let rig = Rig::builder().trust(&root).pin_nothing().config(&setting).start();
    rig.client().curl(&["-H", "x-demo: input=3, output=1", "-d", BODY, URL]).expect_ok();
    assert_eq!(rig.rows(1)[0].number("input_tokens"), Some(3));
    assert_eq!(origin.recorder.connections().len(), 1);
    assert_eq!(rig.origin.recorder.connections().len(), 0);
}

#[test]
fn a_tool_that_pins_certificates_breaks_once_is_named_and_then_works() {
    let rig = Rig::start();
    let pinned = rig.client().trusting(rig.origin_root());
    assert_eq!(pinned.curl(&["-d", BODY, URL]).code, 60, "our certificate is none it trusts");
    rig.wait_for("the tool to work again", |_| pinned.curl(&["-d", BODY, URL]).code == 0);
    assert!(rig.rows_now().is_empty());
    rig.wait_for("status to name it", |rig| {
        let text = rig::text_of(&rig.meter(&["status"]));
        text.contains("curl to api.anthropic.com does not accept our certificate")
    });
}

#[test]
fn a_connection_is_kept_ready_unless_nobody_wants_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = meter_demo::DemoAuthority::new().expect("a root");
    let root = folder.path().join("root.pem");
    fs::write(&root, authority.root_pem()).expect("a PEM file");
    let config = authority.server_config(&["api.anthropic.com"], &[b"http/1.1"]).expect("a certificate");
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let origin = || {
        let acceptor = acceptor.clone();
        runtime.block_on(ScriptedOrigin::start(move |socket, _| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(tls) = acceptor.accept(socket).await {
                    meter_demo::serve_connection(tls).await;
                }
            }
        }))
    };
    let called = |origin: &ScriptedOrigin, config: &str| {
        let builder = Rig::builder().resolve("api.anthropic.com", origin.address).trust(&root);
        let rig = builder.config(config).start();
        for _ in 0..2 {
            rig.client().curl(&["-d", BODY, URL]).expect_ok();
        }
        rig.rows(2);
        rig
    };
    let (usual, without) = (origin(), origin());
    let rig = called(&usual, "");
    rig.wait_for("a connection more than calls", |_| usual.accepted() > 2);
    let _rig = called(&without, "spares = false");
    assert_eq!(without.accepted(), 2);
}
