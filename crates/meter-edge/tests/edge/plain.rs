//! Plain HTTP on the edge's port.

use crate::stage::{Stage, body, closed_port, listen, read_all, read_head};
use meter_hop::{NONCE_HEADER, PROOF_HEADER, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn health_names_the_instance_and_proves_it() {
    let stage = Stage::new();
    let edge = stage.edge().await;
    let request = format!("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{NONCE_HEADER}: 00ff\r\n\r\n", edge.port);
    let answer = edge.ask(&request).await;
    let proof = answer.lines().find_map(|line| line.strip_prefix(PROOF_HEADER)?.strip_prefix(": ")).unwrap();
    assert!(stage.identity.verify(Role::Edge, "00ff", proof));
    assert!(!stage.identity.verify(Role::Daemon, "00ff", proof));
    let health: meter_hop::EdgeHealth = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((health.role.as_str(), health.instance.as_str(), health.pid), ("edge", stage.identity.id(), edge.pid));
}

#[tokio::test]
async fn a_page_that_points_its_name_at_us_learns_nothing() {
    let stage = Stage::new();
    let edge = stage.edge().await;
    for path in ["/health", "/coverage"] {
        let answer = edge.ask(&format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}

#[tokio::test]
async fn other_requests_are_told_what_this_is() {
    let stage = Stage::new();
    let edge = stage.edge().await;
    for (request, status) in [
        ("GET / HTTP/1.1", 501),
        ("OPTIONS * HTTP/1.1", 501),
        ("GET https://a.example/ HTTP/1.1", 501),
        ("POST /health HTTP/1.1", 405),
        ("GET /coverage?after=x HTTP/1.1", 400),
        ("GET http:///x HTTP/1.1", 400),
        ("hello", 400),
    ] {
        let answer = edge.ask(&format!("{request}\r\nHost: localhost\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
}

#[tokio::test]
async fn a_plain_http_request_is_relayed_to_its_origin() {
    let stage = Stage::new();
    let (listener, port) = listen().await;
    let edge = stage.edge().await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
        head
    });
    let request = format!(
        "GET HTTP://127.0.0.1:{port}/a?b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nProxy-Connection: keep-alive\r\n\r\n"
    );
    assert_eq!(edge.ask(&request).await, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let expected = format!("GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(served.await.unwrap(), expected);
    assert_eq!(edge.health().await.counters.relayed, 1);
}

/// A server that keeps the connection, against what it was asked, must not get what is meant for another.
#[tokio::test]
async fn the_next_request_on_the_same_connection_goes_nowhere() {
    let stage = Stage::new();
    let (listener, port) = listen().await;
    let edge = stage.edge().await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await;
        let mut sent = [0; 5];
        stream.read_exact(&mut sent).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        (head, sent, read_all(&mut stream).await)
    });
    let mut client = edge.dial().await;
    let post = format!("POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    client.write_all(post.as_bytes()).await.unwrap();
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
    client.write_all(b"GET http://b.example/ HTTP/1.1\r\nCookie: b's own\r\n\r\n").await.unwrap();
    let (head, sent, more) = served.await.unwrap();
    assert!(head.starts_with("POST / HTTP/1.1"), "{head}");
    assert_eq!((&sent, more.as_str()), (b"hello", ""));
    assert_eq!(read_all(&mut client).await, "");
    let unclear = "POST http://127.0.0.1:1/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    assert!(edge.ask(unclear).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_plain_http_origin_that_is_away_is_a_502() {
    let stage = Stage::new();
    let port = closed_port().await;
    let edge = stage.edge().await;
    let answer = edge.ask(&format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains(&format!("cannot connect to 127.0.0.1:{port}")), "{answer}");
}
