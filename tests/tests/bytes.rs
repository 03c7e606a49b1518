//! What the client sent is what the origin got, and the other way round: byte for byte.

use halton_meter_tests::{Rig, raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BODY: &str = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"stream":true,"messages":[]}"#;

#[test]
fn http1_is_the_same_on_both_sides() {
    let rig = Rig::builder().alpn(&[b"http/1.1"]).start();
    let requests = [
        // Odd spacing, duplicates, bytes above 0x7f and a lower-case method name of a header: all of it is the client's.
        format!(
            "POST /v1/messages HTTP/1.1\r\nhost: api.anthropic.com\r\nX-Dup:one\r\nx-demo:   input=7,  output=3\r\n\
             X-Dup:   two  \r\nX-Odd: caf\u{e9}\r\ncontent-length: {}\r\n\r\n{BODY}",
            BODY.len()
        ),
        format!(
            "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x};ext=1\r\n{BODY}\r\n0\r\nX-Trailer: yes\r\n\r\n",
            BODY.len()
        ),
        "GET /v1/models HTTP/1.1\r\nHost: api.anthropic.com\r\nConnection: close\r\n\r\n".to_owned(),
    ];
    let client = rig.runtime.block_on(async {
        let (mut stream, recorder) = raw::metered(&rig, "api.anthropic.com", &[b"http/1.1"]).await;
        for request in &requests {
            stream.write_all(request.as_bytes()).await.expect("the proxy reads");
            stream.flush().await.expect("the proxy reads");
        }
        let mut rest = Vec::new();
        // The origin closes after the last answer; how TLS ends is not this test's matter.
        let _end = stream.read_to_end(&mut rest).await;
        recorder.connections().remove(0)
    });
    let origin = rig.origin.recorder.connections().remove(0);
    assert_eq!(client.alpn, b"http/1.1");
    assert_eq!(origin.alpn, b"http/1.1");
    assert_eq!(String::from_utf8_lossy(&client.sent), String::from_utf8_lossy(&origin.received));
    assert_eq!(client.sent, origin.received);
    assert_eq!(String::from_utf8_lossy(&client.received), String::from_utf8_lossy(&origin.sent));
    assert_eq!(client.received, origin.sent);
    assert_eq!(requests.concat().into_bytes(), origin.received);
    assert_eq!(rig.rows(3).len(), 3);
}

#[test]
fn http2_is_the_same_frame_for_frame() {
    let rig = Rig::start();
    let client = rig.runtime.block_on(async {
        let (stream, recorder) = raw::metered(&rig, "api.anthropic.com", &[b"h2"]).await;
        let (client, connection) = h2::client::handshake(stream).await.expect("h2 through the proxy");
        let driver = tokio::spawn(connection);
        let calls = (0..20).map(|number| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let request = http::Request::post("https://api.anthropic.com/v1/messages")
                    .header("x-demo", format!("input={}, output=3, pad=20000", number + 1))
                    .body(())
                    .expect("a request");
                std::future::poll_fn(|cx| client.poll_ready(cx)).await.expect("room for a stream");
                let (response, mut body) = client.send_request(request, false).expect("a stream");
                let text = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"messages":[]}"#;
                body.send_data(text.into(), true).expect("a body");
                let response = response.await.expect("an answer");
                assert_eq!(response.status(), 200);
                let mut body = response.into_body();
                let mut bytes = 0;
                while let Some(chunk) = body.data().await {
                    let chunk = chunk.expect("data");
                    bytes += chunk.len();
                    body.flow_control().release_capacity(chunk.len()).expect("credit");
                }
                bytes
            })
        });
        for call in calls.collect::<Vec<_>>() {
            assert!(call.await.expect("a call") > 20_000);
        }
        drop(client);
        driver.await.expect("the connection's task").expect("the connection ends well");
        recorder.connections().remove(0)
    });
    let rows = rig.rows(20);
    let mut inputs: Vec<i64> = rows.iter().map(|row| row.number("input_tokens").expect("a count")).collect();
    inputs.sort_unstable();
    assert_eq!(inputs, (1..=20).collect::<Vec<_>>());
    let origin = rig.origin.recorder.connections().remove(0);
    assert!(client.sent == origin.received, "upstream bytes differ");
    assert!(client.received == origin.sent || origin.sent.starts_with(&client.received), "downstream bytes differ");
}
