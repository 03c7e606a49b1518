//! Raw tunnels: every byte, every end, and a clear word when there is no origin.

use crate::stage::{METERED, PLAIN, Stage, body, closed_port, listen, origin, read_all, unstuck};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_server_that_speaks_first_and_large_answers_pass() {
    let stage = Stage::new();
    let (listener, port) = listen().await;
    stage.configure("b3:1", port);
    let mut edge = stage.edge().await;
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&sent).await.unwrap();
    });
    let (_, mut stream) = edge.connect(PLAIN).await;
    let mut got = Vec::new();
    unstuck("the answer", stream.read_to_end(&mut got)).await.unwrap();
    assert!(got == expected, "{} bytes came", got.len());
    served.await.unwrap();
    drop(stream);
    edge.logged("tunnel.closed").await;
    let page = edge.coverage().await;
    let record = &page.records[0];
    assert_eq!((record.host.as_str(), record.port, record.bytes_down), (PLAIN, 443, 3_000_000));
    assert_eq!((record.seq, page.last, page.lost), (1, 1, 0));
    assert_eq!(record.error, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_tunnel_is_recorded_with_its_process() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let mut edge = stage.edge().await;
    let (_, mut stream) = edge.connect(PLAIN).await;
    stream.shutdown().await.unwrap();
    read_all(&mut stream).await;
    edge.logged("tunnel.closed").await;
    let own = std::env::current_exe().unwrap();
    let recorded = edge.coverage().await.records.pop().unwrap().process;
    assert_eq!(recorded.as_deref(), own.file_name().unwrap().to_str());
}

#[tokio::test]
async fn a_reset_of_the_origin_is_a_reset_for_the_client() {
    let stage = Stage::new();
    let (listener, port) = listen().await;
    stage.configure("b3:1", port);
    let edge = stage.edge().await;
    let (_, mut stream) = edge.connect(PLAIN).await;
    let (mut origin, _) = listener.accept().await.unwrap();
    origin.write_all(b"part").await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    origin.set_zero_linger().unwrap();
    drop(origin);
    let error = unstuck("the reset", stream.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_of_the_client_is_a_reset_for_the_origin() {
    let stage = Stage::new();
    let (listener, port) = listen().await;
    stage.configure("b3:1", port);
    let edge = stage.edge().await;
    let (_, mut stream) = edge.connect(PLAIN).await;
    let (mut origin, _) = listener.accept().await.unwrap();
    stream.write_all(b"part").await.unwrap();
    origin.read_exact(&mut [0; 4]).await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    let error = unstuck("the reset", origin.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_a_502_with_a_reason() {
    let stage = Stage::new();
    stage.configure("b3:1", closed_port().await);
    let edge = stage.edge().await;
    for host in [PLAIN, METERED] {
        let (head, mut stream) = edge.connect(host).await;
        assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
        let text = read_all(&mut stream).await;
        assert!(text.starts_with(&format!("halton-meter-edge: cannot connect to {host}:443: ")), "{text}");
    }
    assert_eq!(edge.health().await.counters.failed, 2);
}

#[tokio::test]
async fn a_host_nobody_can_have_is_a_502_that_names_it() {
    let stage = Stage::new();
    let edge = stage.edge().await;
    // Too long a label for any name server (RFC 1035, 2.3.4), so none is asked.
    let host = "a".repeat(64);
    let (head, mut stream) = edge.connect(&host).await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert!(read_all(&mut stream).await.contains(&format!("cannot resolve {host}: ")));
}

#[tokio::test]
async fn slow_and_broken_heads_hurt_nobody() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let edge = stage.edge().await;
    let mut stuck = Vec::new();
    for _ in 0..64 {
        let mut stream = edge.dial().await;
        stream.write_all(b"CONNECT ").await.unwrap();
        stuck.push(stream);
    }
    let mut endless = edge.dial().await;
    endless.write_all(&[b'a'; 10_000]).await.unwrap();
    assert!(read_all(&mut endless).await.starts_with("HTTP/1.1 431 "));
    let mut hello = edge.dial().await;
    hello.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
    assert!(read_all(&mut hello).await.starts_with("HTTP/1.1 400 "));
    for target in ["", "a:b", ":443", "a b"] {
        let answer = edge.ask(&format!("CONNECT {target} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
    }
    edge.exchange(PLAIN).await;
    // Their time is not over: a word more and they go on.
    let mut late = stuck.pop().unwrap();
    late.write_all(format!("{PLAIN}:443 HTTP/1.1\r\n\r\nlate").as_bytes()).await.unwrap();
    late.shutdown().await.unwrap();
    assert_eq!(body(&read_all(&mut late).await), "late, and good bye");
}
