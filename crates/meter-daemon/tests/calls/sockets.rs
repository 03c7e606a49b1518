//! Turns of a WebSocket.

use crate::later::{USED, response};
use crate::scene::{LIMIT, Scene, scene_with};
use crate::support::{HOST, drain, read_head};
use meter_call::{EndpointClass, Evidence, Status};
use meter_store::Reader;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client;

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

fn event(kind: &str, lane: &str, body: &str) -> Vec<u8> {
    text_frame(false, &format!(r#"{{"type":"{kind}","stream_id":"{lane}","response":{body}}}"#))
}

fn begun(lane: &str, turn: &str) -> Vec<u8> {
    event("response.created", lane, &response(turn, "in_progress", "null"))
}

fn completed(lane: &str, turn: &str) -> Vec<u8> {
    event("response.completed", lane, &response(turn, "completed", USED))
}

/// The origin's side of the upgrade.
async fn agree<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    read_head(stream).await;
    let upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    stream.write_all(upgraded.as_bytes()).await.unwrap();
}

/// A client that asks for a socket, and has its answer.
async fn upgrade(scene: &Scene) -> client::TlsStream<TcpStream> {
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let head = format!(
        "GET /v1/responses HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    read_head(&mut client).await;
    client
}

async fn ask<S: AsyncWrite + Unpin>(client: &mut S, question: &str) {
    client.write_all(&text_frame(true, question)).await.unwrap();
    client.flush().await.unwrap();
}

/// Reads until `turn` is completed.
async fn hear<S: AsyncRead + Unpin>(client: &mut S, turn: &str) {
    let mut seen = Vec::new();
    let end = format!(r#""id":"{turn}","object":"response","status":"completed""#);
    while !String::from_utf8_lossy(&seen).contains(&end) {
        assert_ne!(client.read_buf(&mut seen).await.unwrap(), 0, "the end of {turn}");
    }
}

/// Waits for `count` rows while the socket is still open.
async fn rows_come(scene: &mut Scene, count: usize) {
    let deadline = Instant::now() + LIMIT;
    while scene.rows().await.len() < count {
        assert!(Instant::now() < deadline, "{count} rows");
        tokio::task::yield_now().await;
    }
}

fn open_calls(scene: &Scene) -> usize {
    Reader::open(&scene.folder.path().join("db.sqlite")).unwrap().open_calls().unwrap().len()
}

#[tokio::test]
async fn each_turn_of_a_socket_is_a_row_as_soon_as_it_ends() {
    let mut scene = scene_with("", false, |mut stream| async move {
        agree(&mut stream).await;
        for turn in ["resp_a", "resp_b"] {
            stream.read_exact(&mut text_frame(true, QUESTION)).await.unwrap();
            stream.write_all(&begun("", turn)).await.unwrap();
            stream.write_all(&completed("", turn)).await.unwrap();
            stream.flush().await.unwrap();
        }
        drain(&mut stream).await;
    })
    .await;
    let mut client = upgrade(&scene).await;
    for turn in ["resp_a", "resp_b"] {
        ask(&mut client, QUESTION).await;
        hear(&mut client, turn).await;
    }
    rows_come(&mut scene, 2).await;
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    let ids: Vec<_> = rows.iter().map(|row| (row.response_id.as_deref(), row.status, row.thinking_tokens)).collect();
    assert_eq!(ids, [(Some("resp_a"), Status::Success, Some(1000)), (Some("resp_b"), Status::Success, Some(1000))]);
    assert_eq!(open_calls(&scene), 0);
}

#[tokio::test]
async fn a_turn_stays_open_while_another_lane_ends() {
    let question = |lane: &str| QUESTION.replace("\"input\"", &format!(r#""stream_id":"{lane}","input""#));
    let mut scene = scene_with("", false, move |mut stream| async move {
        agree(&mut stream).await;
        for lane in ["one", "two"] {
            stream.read_exact(&mut text_frame(true, &question(lane))).await.unwrap();
        }
        for frame in [begun("one", "resp_1"), begun("two", "resp_2"), completed("two", "resp_2")] {
            stream.write_all(&frame).await.unwrap();
        }
        stream.flush().await.unwrap();
        // The other lane goes on when the client says so.
        stream.read_exact(&mut text_frame(true, "{}")).await.unwrap();
        stream.write_all(&completed("one", "resp_1")).await.unwrap();
        stream.flush().await.unwrap();
        drain(&mut stream).await;
    })
    .await;
    let mut client = upgrade(&scene).await;
    for lane in ["one", "two"] {
        ask(&mut client, &question(lane)).await;
    }
    hear(&mut client, "resp_2").await;
    rows_come(&mut scene, 1).await;
    // Should the daemon die now, the lane that is under way is known.
    assert_eq!(open_calls(&scene), 1);
    ask(&mut client, "{}").await;
    hear(&mut client, "resp_1").await;
    rows_come(&mut scene, 2).await;
    assert_eq!(open_calls(&scene), 0);
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    let mut ids: Vec<_> = rows.iter().map(|row| (row.response_id.as_deref(), row.output_tokens)).collect();
    ids.sort();
    assert_eq!(ids, [(Some("resp_1"), Some(1200)), (Some("resp_2"), Some(1200))]);
}

#[tokio::test]
async fn a_socket_that_was_refused_is_no_call() {
    let mut scene = scene_with("", false, |mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        drain(&mut stream).await;
    })
    .await;
    drop(upgrade(&scene).await);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    let seen: Vec<_> = rows.iter().map(|row| (row.class, row.http_status, row.evidence)).collect();
    assert_eq!(seen, [(EndpointClass::Observed, Some(426), Evidence::None)]);
}
