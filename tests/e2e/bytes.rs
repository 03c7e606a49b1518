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

/// The script of a raw client and what it gets, over TLS from `stream`, until the origin closes.
async fn converse<S>(mut stream: S, script: &[u8]) -> Vec<u8>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    stream.write_all(script).await.expect("the other side reads");
    stream.flush().await.expect("the other side reads");
    let mut answer = Vec::new();
    // How TLS ends is not this test's matter.
    let _end = stream.read_to_end(&mut answer).await;
    answer
}

#[test]
fn a_raw_client_gets_through_the_proxy_what_it_gets_directly() {
    let answers: &[&[u8]] = &[
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-Empty:\r\nx-Empty: \r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"no HTTP at all",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let authority = meter_demo::DemoAuthority::new().expect("a root");
    let acceptor = tokio_rustls::TlsAcceptor::from(
        authority.server_config(&["api.anthropic.com"], &[b"http/1.1"]).expect("a certificate"),
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let origin = runtime.block_on(test_origin::ScriptedOrigin::start(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut tls = acceptor.accept(socket).await.expect("a handshake");
            let mut request = [0; 4096];
            let bytes = tls.read(&mut request).await.expect("a request");
            let number = request[..bytes].iter().rfind(|byte| byte.is_ascii_digit()).expect("a number");
            tls.write_all(answers[usize::from(*number - b'0')]).await.expect("an answer");
            tls.shutdown().await.expect("an orderly end");
        }
    }));
    let root = folder.path().join("root.pem");
    std::fs::write(&root, authority.root_pem()).expect("a PEM file");
    let rig = Rig::builder().resolve("api.anthropic.com", origin.address).trust(&root).start();
    for (number, answer) in answers.iter().enumerate() {
        // The number last, so that the origin finds it.
        let script = format!("POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nX-Number: {number}\r\n\r\n");
        let (direct, proxied) = runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(origin.address).await.expect("the origin");
            let config = raw::trusting(&root, &[b"http/1.1"]);
            let tls = raw::handshake(socket, "api.anthropic.com", config).await.expect("the origin's certificate");
            let direct = converse(tls, script.as_bytes()).await;
            let (stream, _recorder) = raw::metered(&rig, "api.anthropic.com", &[b"http/1.1"]).await;
            (direct, converse(stream, script.as_bytes()).await)
        });
        assert_eq!(String::from_utf8_lossy(&direct), String::from_utf8_lossy(&proxied), "answer {number}");
        assert_eq!(&direct, answer, "answer {number}");
    }
}

#[test]
fn a_goaway_passes_as_it_came() {
    let goaway: &[u8] = &[0, 0, 13, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 11, b'c', b'a', b'l', b'm', b'!'];
    let folder = tempfile::tempdir().expect("a folder");
    let authority = meter_demo::DemoAuthority::new().expect("a root");
    let acceptor = tokio_rustls::TlsAcceptor::from(
        authority.server_config(&["api.anthropic.com"], &[b"h2"]).expect("a certificate"),
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let origin = runtime.block_on(test_origin::ScriptedOrigin::start(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut tls = acceptor.accept(socket).await.expect("a handshake");
            // Our SETTINGS, then GOAWAY, whatever the client says.
            tls.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.expect("a frame");
            tls.write_all(goaway).await.expect("a frame");
            tls.flush().await.expect("frames");
            let mut rest = Vec::new();
            // The client leaves when it has read them.
            let _end = tls.read_to_end(&mut rest).await;
        }
    }));
    let root = folder.path().join("root.pem");
    std::fs::write(&root, authority.root_pem()).expect("a PEM file");
    let rig = Rig::builder().resolve("api.anthropic.com", origin.address).trust(&root).start();
    let seen = runtime.block_on(async {
        let (mut stream, _recorder) = raw::metered(&rig, "api.anthropic.com", &[b"h2"]).await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("a preface");
        let mut seen = vec![0; 9 + goaway.len()];
        stream.read_exact(&mut seen).await.expect("both frames");
        seen
    });
    assert_eq!(&seen[9..], goaway);
}

/// The decrypted bytes in a `curl --trace` file, sent and received, without those of the CONNECT.
fn traced(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut sent, mut received, mut into) = (Vec::new(), Vec::new(), None);
    for line in text.lines() {
        if line.starts_with("=> Send header") || line.starts_with("=> Send data") {
            into = Some(true);
        } else if line.starts_with("<= Recv header") || line.starts_with("<= Recv data") {
            into = Some(false);
        } else if let (Some(up), Some((_, hex))) = (into, line.split_once(": ").filter(|(at, _)| at.len() == 4)) {
            // Sixteen bytes a line: two digits and a space each, then the same as text.
            let bytes = hex
                .as_bytes()
                .chunks(3)
                .take(16)
                .map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair.get(..2)?).ok()?, 16).ok());
            if up { sent.extend(bytes) } else { received.extend(bytes) }
        } else {
            into = None;
        }
    }
    let after_connect = |bytes: Vec<u8>| {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the CONNECT's head");
        bytes[end + 4..].to_vec()
    };
    (after_connect(sent), after_connect(received))
}

#[test]
fn curls_own_bytes_are_the_origins() {
    let rig = Rig::builder().alpn(&[b"http/1.1"]).start();
    let trace = rig.folder().join("trace");
    let trace_file = trace.to_str().expect("a plain path");
    let url = "https://api.anthropic.com/v1/messages";
    rig.client()
        .curl(&["--http1.1", "--raw", "--trace", trace_file, "-H", "x-demo: input=7", "-d", BODY, url])
        .expect_ok();
    rig.rows(1);
    let origin = rig.origin.recorder.connections().remove(0);
    let (sent, received) = traced(&std::fs::read_to_string(&trace).expect("curl's trace"));
    assert_eq!(String::from_utf8_lossy(&sent), String::from_utf8_lossy(&origin.received));
    assert_eq!(String::from_utf8_lossy(&received), String::from_utf8_lossy(&origin.sent));
}
