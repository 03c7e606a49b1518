//! Reads and attempts that speak of an earlier call.

use crate::scene::scene_with;
use crate::support::{HOST, drain, read_head};
use meter_call::{Evidence, UsageState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

pub fn response(id: &str, status: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"response","status":"{status}","background":true,"error":null,"model":"acme-2","output":[],"service_tier":"default","usage":{usage}}}"#
    )
}

pub const USED: &str = r#"{"input_tokens":880,"input_tokens_details":{"cached_tokens":0},"output_tokens":1200,"output_tokens_details":{"reasoning_tokens":1000},"total_tokens":2080}"#;

/// Answers with a JSON document of which `missing` bytes never come, and leaves.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, body: &str, missing: usize) {
    let length = body.len() + missing;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    drain(stream).await;
}

#[tokio::test]
async fn a_later_read_completes_the_call_once() {
    let mut scene = scene_with("", false, |mut stream| async move {
        let head = read_head(&mut stream).await;
        let body = match head.starts_with("GET") {
            true if head.starts_with("GET /v1/responses/resp_2") => response("resp_2", "completed", USED),
            true => response("resp_1", "completed", USED),
            false => response("resp_1", "queued", "null"),
        };
        answer(&mut stream, &body, 0).await;
    })
    .await;
    scene.ask("/v1/responses", "", r#"{"model":"acme-2","background":true,"input":"?"}"#).await;
    let rows = scene.rows().await;
    assert_eq!((rows.len(), rows[0].usage_state, rows[0].charged), (1, UsageState::None, None));

    for path in ["/v1/responses/resp_1", "/v1/responses/resp_1", "/v1/responses/resp_2"] {
        let mut client = scene.world.open(&[b"http/1.1"]).await;
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        drain(&mut client).await;
        drop(client);
        scene.world.outcome().await;
        scene.rows().await;
    }
    let rows = scene.rows().await;
    let told: Vec<_> = rows.iter().map(|row| (row.endpoint.as_str(), row.class.as_str(), row.output_tokens)).collect();
    assert_eq!(
        told,
        [
            ("responses", "costed", Some(1200)),
            ("retrieve", "observed", None),
            ("retrieve", "observed", None),
            ("retrieve", "observed", None),
            // Nobody saw that call being made.
            ("retrieve", "costed", Some(1200)),
        ]
    );
    let cost = Some(880 * 4_000_000 + 1200 * 20_000_000);
    assert_eq!((rows[0].charged.map(|cost| cost.pico()), rows[0].evidence), (cost, Evidence::ProviderUsage));
    assert!(rows[0].settled_at.is_some() && rows[0].estimated.is_none());
}

#[tokio::test]
async fn an_answer_that_a_key_gets_again_is_paid_for_once() {
    let attempts = Arc::new(AtomicU64::new(0));
    let mut scene = scene_with("", false, move |mut stream| {
        let attempt = attempts.fetch_add(1, Ordering::SeqCst);
        async move {
            read_head(&mut stream).await;
            // The first answer breaks off before it says what was used.
            let (body, missing) = match attempt {
                0 => (response("resp_1", "in_progress", "null"), 1),
                _ => (response("resp_1", "completed", USED), 0),
            };
            answer(&mut stream, &body, missing).await;
        }
    })
    .await;
    for minute in 0..3 {
        let body = format!(r#"{{"model":"acme-2","input":"it is 10:0{minute}"}}"#);
        scene.ask("/v1/responses", "x\r\nIdempotency-Key: k-1", &body).await;
        scene.rows().await;
    }
    let rows = scene.rows().await;
    let told: Vec<_> = rows.iter().map(|row| (row.class.as_str(), row.output_tokens, row.retry_of)).collect();
    let first = Some(rows[0].id);
    assert_eq!(told, [("costed", Some(1200), None), ("observed", None, first), ("observed", None, first)]);
    assert_eq!(rows[1].usage_flags, ["replayed"]);
    assert_eq!(rows[0].charged.map(|cost| cost.pico()), Some(880 * 4_000_000 + 1200 * 20_000_000));
}
