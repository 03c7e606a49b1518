//! Turns of a WebSocket.

use crate::later::{USED, response};
use crate::scene::{LIMIT, scene_with};
use crate::support::{HOST, drain};
use meter_call::{EndpointClass, Evidence, Status};
use meter_store::Reader;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const QUESTION: &str = r#"{"type":"response.create","model":"acme-2","input":[]}"#;

/// A WebSocket frame with one text; clients mask theirs, with zeros here.
fn text_frame(masked: bool, text: &str) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut bytes = vec![0x81, mask | 126];
    bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    if masked {
        bytes.extend([0; 4]);
    }
    bytes.extend(text.bytes());
    bytes
}

fn event(kind: &str, body: &str) -> Vec<u8> {
    text_frame(false, &format!(r#"{{"type":"{kind}","response":{body}}}"#))
}

#[tokio::test]
async fn each_turn_of_a_socket_is_a_row_as_soon_as_it_ends() {
    let mut scene = scene_with("", false, |mut stream| async move {
        let mut head = Vec::new();
        // Byte by byte: what follows is the first question.
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(upgraded.as_bytes()).await.unwrap();
        for turn in ["resp_a", "resp_b"] {
            let mut question = text_frame(true, QUESTION);
            stream.read_exact(&mut question).await.unwrap();
            stream.write_all(&event("response.created", &response(turn, "in_progress", "null"))).await.unwrap();
            stream.write_all(&event("response.completed", &response(turn, "completed", USED))).await.unwrap();
            stream.flush().await.unwrap();
        }
        drain(&mut stream).await;
    })
    .await;
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let head = format!(
        "GET /v1/responses HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut agreed = Vec::new();
    while !agreed.ends_with(b"\r\n\r\n") {
        agreed.push(client.read_u8().await.unwrap());
    }
    for turn in ["resp_a", "resp_b"] {
        client.write_all(&text_frame(true, QUESTION)).await.unwrap();
        client.flush().await.unwrap();
        let mut seen = Vec::new();
        let end = format!(r#""id":"{turn}","object":"response","status":"completed""#);
        while !String::from_utf8_lossy(&seen).contains(&end) {
            client.read_buf(&mut seen).await.unwrap();
        }
    }
    // The socket is still open.
    let deadline = std::time::Instant::now() + LIMIT;
    while scene.rows().await.len() < 2 {
        assert!(std::time::Instant::now() < deadline, "two rows");
        tokio::task::yield_now().await;
    }
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    let ids: Vec<_> = rows.iter().map(|row| (row.response_id.as_deref(), row.status, row.thinking_tokens)).collect();
    assert_eq!(ids, [(Some("resp_a"), Status::Success, Some(1000)), (Some("resp_b"), Status::Success, Some(1000))]);
    let reader = Reader::open(&scene.folder.path().join("db.sqlite")).unwrap();
    assert!(reader.open_calls().unwrap().is_empty());
}

#[tokio::test]
async fn a_socket_that_was_refused_is_no_call() {
    let mut scene = scene_with("", false, |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        drain(&mut stream).await;
    })
    .await;
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let head = format!(
        "GET /v1/responses HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answered = Vec::new();
    while !answered.ends_with(b"\r\n\r\n") {
        answered.push(client.read_u8().await.unwrap());
    }
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    let seen: Vec<_> = rows.iter().map(|row| (row.class, row.http_status, row.evidence)).collect();
    assert_eq!(seen, [(EndpointClass::Observed, Some(426), Evidence::None)]);
}
