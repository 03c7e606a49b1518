//! The words of the interception port: health, chain, refusals.

mod support;

use meter_hop::Role;
use support::{HOST, Origin, UID, authority, drain, read_head, tls_over, trusting, world};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn say(address: std::net::SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn chain(host: &str) -> String {
    format!(
        "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nHalton-Hop: nonce=00ff; client=127.0.0.1:5; edge=127.0.0.1:6\r\n\r\n"
    )
}

#[tokio::test]
async fn health_proves_who_answers() {
    let origin = Origin::raw(|_, _| async {}).await;
    let world = world(authority(), origin.address).await;
    let mut stream = say(world.address, "GET /health HTTP/1.1\r\nHost: x\r\nHalton-Nonce: 0a0b\r\n\r\n").await;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(world.gate.identity.verify(Role::Daemon, "0a0b", field(&head, "Halton-Proof").unwrap()));
    let (body, error) = drain(&mut stream).await;
    assert_eq!(error, None);
    assert_eq!(field(&head, "Content-Length").unwrap(), body.len().to_string());
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["status"], "ok");
}

#[tokio::test]
async fn a_chain_is_proved_before_the_origin_is_there() {
    let origins = authority();
    let origin = Origin::tls(origins.server_config(&[HOST], &[]).unwrap(), |mut stream| async move {
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    let mut world = world(origins, origin.address).await;
    let mut stream = say(world.address, &chain(HOST)).await;
    let interim = read_head(&mut stream).await;
    assert!(interim.starts_with("HTTP/1.1 102 Processing\r\n"), "{interim}");
    assert!(world.gate.identity.verify(Role::Daemon, "00ff", field(&interim, "Halton-Proof").unwrap()));
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    let mut client = tls_over(stream, HOST, trusting(&[&world.ours], &[])).await.unwrap();
    let mut got = [0; 5];
    client.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"hello");
    drop(client);
    assert_eq!(world.outcome().await, "opened H1");
}

#[tokio::test]
async fn a_hello_that_came_with_the_connect_is_not_lost() {
    let origins = authority();
    let origin = Origin::raw(|mut socket, _| async move {
        let mut got = [0; 5];
        socket.read_exact(&mut got).await.unwrap();
        socket.write_all(&got).await.unwrap();
    })
    .await;
    let world = world(origins, origin.address).await;
    let mut stream = say(world.address, &format!("CONNECT {HOST}:443 HTTP/1.1\r\n\r\nEARLY")).await;
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    let mut got = [0; 5];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"EARLY");
}

#[tokio::test]
async fn another_users_chain_is_declined_without_a_proof() {
    let origin = Origin::raw(|_, _| async {}).await;
    let world = world(authority(), origin.address).await;
    *world.owner.lock().unwrap() = UID + 1;
    let mut stream = say(world.address, &chain(HOST)).await;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert_eq!(field(&head, "Halton-Proof"), None);
    assert_eq!(origin.accepted(), 0);
}

#[tokio::test]
async fn an_unreachable_origin_is_a_502_that_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let world = world(authority(), closed).await;
    let mut stream = say(world.address, &chain(HOST)).await;
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 102 "));
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
    let (body, _) = drain(&mut stream).await;
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains(HOST) && body.contains("refused"), "{body}");
}

#[tokio::test]
async fn other_requests_are_answered_and_harm_nobody() {
    let origin = Origin::raw(|_, _| async {}).await;
    let world = world(authority(), origin.address).await;
    let mut slow = say(world.address, "CONNECT").await;
    let mut other = say(world.address, "GET / HTTP/1.1\r\n\r\n").await;
    assert!(read_head(&mut other).await.starts_with("HTTP/1.1 405 "));
    slow.write_all(format!(" {HOST}:443 HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    assert!(read_head(&mut slow).await.starts_with("HTTP/1.1 200 "));
}
