//! Real connections on 127.0.0.1: direct, pinned, and through a proxy that this file plays.

use meter_dial::{DialError, Dialer};
use meter_hop::Upstream;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port on which nothing listens.
async fn closed_port() -> u16 {
    listener().await.1
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn through(proxy: String) -> Dialer {
    Dialer::new(Upstream { proxy: Some(proxy), ..Upstream::default() })
}

/// Plays a proxy that says `answer` in two parts to one CONNECT; gives the head it was sent.
async fn proxy(answer: &'static [u8]) -> (u16, tokio::task::JoinHandle<String>) {
    let (listener, port) = listener().await;
    let played = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = read_head(&mut stream).await;
        let (first, second) = answer.split_at(answer.len() / 2);
        stream.write_all(first).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(second).await.unwrap();
        head
    });
    (port, played)
}

#[tokio::test]
async fn an_address_is_dialled_without_delay_for_small_writes() {
    let (listener, port) = listener().await;
    let stream = Dialer::default().connect("127.0.0.1", port).await.unwrap();
    assert!(stream.nodelay().unwrap());
    let (accepted, _) = listener.accept().await.unwrap();
    assert_eq!(accepted.peer_addr().unwrap(), stream.local_addr().unwrap());
}

#[tokio::test]
async fn a_silent_origin_is_asked_whether_it_is_there() {
    let (_listener, port) = listener().await;
    let stream = Dialer::default().connect("127.0.0.1", port).await.unwrap();
    assert!(TcpSocket::from_std_stream(stream.into_std().unwrap()).keepalive().unwrap());
}

#[tokio::test]
async fn a_pinned_host_reaches_its_address() {
    let (listener, port) = listener().await;
    let mut upstream = Upstream { proxy: Some("http://127.0.0.1:1".into()), ..Upstream::default() };
    upstream.resolve.insert("api.acme.example".into(), format!("127.0.0.1:{port}"));
    let stream = Dialer::new(upstream).connect("API.acme.example", 443).await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
}

#[tokio::test]
async fn a_closed_port_is_a_502_that_names_it() {
    let port = closed_port().await;
    let error = Dialer::default().connect("127.0.0.1", port).await.unwrap_err();
    assert_eq!(error.status(), 502);
    let start = format!("cannot connect to 127.0.0.1:{port}: ");
    assert!(error.text().starts_with(&start), "{}", error.text());
}

#[tokio::test]
async fn a_name_nobody_can_have_is_a_502_that_names_it() {
    // A label is at most 63 bytes long (RFC 1035, 2.3.4), so no name server is asked.
    let host = "a".repeat(64);
    let error = Dialer::default().connect(&host, 443).await.unwrap_err();
    assert!(matches!(error, DialError::Resolve { .. }));
    assert_eq!(error.status(), 502);
    assert!(error.text().starts_with(&format!("cannot resolve {host}: ")));
}

#[tokio::test]
async fn a_proxy_is_asked_and_the_origins_first_bytes_stay() {
    let (port, played) = proxy(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 mail ready").await;
    let mut stream = through(format!("http://ann:pw@127.0.0.1:{port}")).connect("a.example", 25).await.unwrap();
    let mut first = [0; 14];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"220 mail ready");
    let head = played.await.unwrap();
    assert!(head.starts_with("CONNECT a.example:25 HTTP/1.1\r\nHost: a.example:25\r\n"), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic YW5uOnB3\r\n"), "{head}");
}

#[tokio::test]
async fn a_proxys_no_keeps_its_reason() {
    let (port, played) = proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let error = through(format!("http://127.0.0.1:{port}")).connect("a.example", 443).await.unwrap_err();
    assert!(matches!(error, DialError::ProxyRefused { status: 407, .. }));
    assert_eq!(
        (error.status(), error.text()),
        (502, format!("upstream proxy 127.0.0.1:{port} refused with status 407"))
    );
    played.await.unwrap();
    let (port, played) = proxy(b"HTTP/1.1 504 Gateway Timeout\r\n\r\n").await;
    let error = through(format!("http://127.0.0.1:{port}")).connect("a.example", 443).await.unwrap_err();
    assert_eq!(error.status(), 504);
    played.await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_speaks_no_http_or_hangs_up_is_a_502() {
    for answer in [&b"SSH-2.0-OpenSSH\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n"] {
        let (port, played) = proxy(answer).await;
        let error = through(format!("http://127.0.0.1:{port}")).connect("a.example", 443).await.unwrap_err();
        assert!(matches!(error, DialError::ProxyBroken { .. }), "{error:?}");
        assert_eq!(error.status(), 502);
        played.await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_proxy_is_a_504() {
    let (listener, port) = listener().await;
    let dialer = through(format!("http://127.0.0.1:{port}")).with_patience(Duration::from_millis(50));
    let error = dialer.connect("a.example", 443).await.unwrap_err();
    assert!(matches!(error, DialError::ProxyTimeout { .. }));
    assert_eq!(error.status(), 504);
    drop(listener);
}

#[tokio::test]
async fn a_proxy_that_is_away_is_named_in_place_of_the_origin() {
    let port = closed_port().await;
    let error = through(format!("http://127.0.0.1:{port}")).connect("a.example", 443).await.unwrap_err();
    // Loopback never goes through a proxy, but a proxy may itself stand on loopback.
    assert!(error.text().starts_with(&format!("cannot connect to 127.0.0.1:{port}")), "{}", error.text());
}
