//! What a call leaves in the database.

use crate::scene::{CHAT, LIMIT, facts, random, scene, scene_with};
use crate::support::{HOST, drain};
use meter_call::{CallId, Evidence, Meter, Status, UsageState};
use meter_store::Reader;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

#[tokio::test]
async fn a_call_becomes_a_row_with_its_bill() {
    let mut scene = scene("", false).await;
    let script = "input=1000, cache_read=500, output=100";
    let (status, _) = scene.ask(CHAT, script, r#"{"model":"acme-2","messages":[]}"#).await;
    assert_eq!(status, 200);
    let rows = scene.rows().await;
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!(
        (row.status, row.evidence, row.usage_state),
        (Status::Success, Evidence::ProviderUsage, UsageState::Final)
    );
    assert_eq!((row.input_tokens, row.cache_read_tokens, row.output_tokens), (Some(1000), Some(500), Some(100)));
    assert_eq!(row.charged.map(|cost| cost.pico()), Some(6_500_000_000));
    assert_eq!((row.provider.as_str(), row.endpoint.as_str(), row.path.as_str()), ("acme", "chat", CHAT));
    assert_eq!((row.project.as_str(), row.source.as_str(), row.branch.as_deref()), ("acme-app", "git", Some("main")));
    assert_eq!(
        (row.run_id.as_deref(), row.process.as_deref(), row.http_status),
        (Some("a-run"), Some("tool"), Some(200))
    );
    assert_eq!((row.model.as_deref(), row.manifest_digest.as_str()), (Some("acme-2"), "b3:test"));
    assert!(row.ttfb_ms.is_some() && row.latency_ms.is_some() && row.added_us.is_some());
    let reader = Reader::open(&scene.folder.path().join("db.sqlite")).unwrap();
    let detail = reader.call(row.id).unwrap().unwrap();
    let meters: Vec<Meter> = detail.lines.iter().map(|line| line.meter).collect();
    assert_eq!((meters, detail.prices.len()), (vec![Meter::Input, Meter::CacheRead, Meter::Output], 1));
}

#[tokio::test]
async fn a_stream_is_metered_over_h2() {
    let mut scene = scene("", false).await;
    let client = scene.world.open(&[b"h2"]).await;
    let (mut send, connection) = h2::client::handshake(client).await.unwrap();
    let driving = tokio::spawn(connection);
    for _ in 0..2 {
        let request = http::Request::post(format!("https://{HOST}/v1/messages"))
            .header("x-demo", "input=10, cache_write=20, output=30")
            .body(())
            .unwrap();
        let (response, mut body) = send.send_request(request, false).unwrap();
        let question = &br#"{"model":"acme-2","stream":true,"messages":[]}"#[..];
        body.send_data(question.into(), true).unwrap();
        let mut response = response.await.unwrap().into_body();
        while let Some(chunk) = response.data().await {
            let chunk = chunk.unwrap();
            response.flow_control().release_capacity(chunk.len()).unwrap();
        }
    }
    drop(send);
    driving.await.unwrap().unwrap();
    let rows = scene.rows().await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((row.status, row.mode.as_str(), row.endpoint.as_str()), (Status::Success, "streaming", "messages"));
        assert_eq!((row.input_tokens, row.cache_write_tokens_5m, row.output_tokens), (Some(10), Some(20), Some(30)));
        assert_eq!(row.charged.map(|cost| cost.pico()), Some(740_000_000));
    }
}

#[tokio::test]
async fn errors_cuts_and_other_paths_have_their_rows() {
    let mut scene = scene("", false).await;
    let body = r#"{"model":"acme-2","stream":true,"messages":[]}"#;
    assert_eq!(scene.ask(CHAT, "status=429", body).await.0, 429);
    assert_eq!(scene.ask("/v1/messages", "cut_after=2", body).await.0, 200);
    assert_eq!(scene.ask("/v1/models?key=secret", "", "").await.0, 404);
    assert_eq!(scene.ask("/elsewhere", "", "").await.0, 404);
    let rows = scene.rows().await;
    let told: Vec<_> = rows.iter().map(|row| (row.endpoint.as_str(), row.status, row.evidence)).collect();
    assert_eq!(
        told,
        [
            ("chat", Status::Error, Evidence::None),
            ("messages", Status::Interrupted, Evidence::PartialStream),
            ("other", Status::Error, Evidence::None),
            ("unmatched", Status::Error, Evidence::None),
        ]
    );
    assert_eq!(rows[2].path, "/v1/models");
    assert!(rows.iter().all(|row| row.retry_of.is_none()), "each asks something else");
}

#[tokio::test]
async fn a_second_attempt_names_the_first() {
    let mut scene = scene("", false).await;
    let body = r#"{"model":"acme-2","messages":[]}"#;
    assert_eq!(scene.ask(CHAT, "status=503", body).await.0, 503);
    assert_eq!(scene.ask(CHAT, "status=429", body).await.0, 429);
    assert_eq!(scene.ask(CHAT, "input=5, output=1", body).await.0, 200);
    assert_eq!(scene.ask(CHAT, "input=5, output=1", body).await.0, 200);
    let rows = scene.rows().await;
    let first = Some(rows[0].id);
    let attempts: Vec<_> = rows.iter().map(|row| row.retry_of).collect();
    assert_eq!(attempts, [None, first, first, None]);
}

#[tokio::test]
async fn a_row_waits_for_its_caller_and_the_call_does_not() {
    let mut scene = scene("", true).await;
    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2"}"#).await.0, 200);
    let slot = scene.asked.lock().unwrap().pop().unwrap();
    slot.put(facts());
    assert_eq!(scene.rows().await[0].project, "acme-app");

    assert_eq!(scene.ask(CHAT, "", r#"{"model":"acme-2"}"#).await.0, 200);
    drop(scene.asked.lock().unwrap().pop());
    let rows = scene.rows().await;
    let row = rows.iter().find(|row| row.project == "misc").unwrap();
    assert_eq!((row.source.as_str(), &row.usage_flags), ("default", &vec!["caller_unknown".to_owned()]));
}

#[tokio::test]
async fn a_request_that_is_whole_is_on_disk_before_it_goes_on() {
    let go_on = Arc::new(Notify::new());
    let signal = go_on.clone();
    let mut scene = scene_with("", false, move |mut stream| {
        let signal = signal.clone();
        async move {
            stream.read_exact(&mut [0; 100]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").await.unwrap();
            stream.flush().await.unwrap();
            signal.notified().await;
            stream.write_all(b"{}").await.unwrap();
            stream.shutdown().await.unwrap();
            drain(&mut stream).await;
        }
    })
    .await;
    let mut client = scene.world.open(&[b"http/1.1"]).await;
    let body = r#"{"model":"acme-2","messages":[]}"#;
    let head = format!("POST {CHAT} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    client.write_all(head.as_bytes()).await.unwrap();
    client.read_exact(&mut [0; 12]).await.unwrap();
    // The answer has begun: what a daemon that died here would leave behind.
    scene.writer.as_ref().unwrap().flush(LIMIT).unwrap();
    let reader = Reader::open(&scene.folder.path().join("db.sqlite")).unwrap();
    let open = reader.open_calls().unwrap();
    let [open] = open.as_slice() else { panic!("{open:#?}") };
    assert_eq!((open.endpoint.as_str(), open.project.as_ref().map(|slug| slug.as_str())), ("chat", Some("acme-app")));
    go_on.notify_one();
    drain(&mut client).await;
    drop(client);
    scene.world.outcome().await;
    let rows = scene.rows().await;
    // Nothing was said of usage: the amount is a range, in no sum.
    assert_eq!((rows.len(), rows[0].evidence, rows[0].charged), (1, Evidence::Estimated, None));
    assert!(rows[0].estimated.is_some());
    assert!(reader.open_calls().unwrap().is_empty());
}

#[test]
fn ids_of_one_millisecond_differ() {
    assert_ne!(CallId::new(1, random()), CallId::new(1, random()));
}
