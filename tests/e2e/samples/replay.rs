//! Both ends of a captured exchange: an origin that answers as the sample says, and the client that asks.

use super::sample::{Exchange, Sample};
use bytes::Bytes;
use halton_meter_tests::{Rig, raw};
use std::sync::{Arc, Mutex};
use test_origin::ScriptedOrigin;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// The field by which the origin knows which exchange is asked for; no dialect reads it.
const NUMBER: &str = "x-sample";
/// Small enough that most answers come in several records.
const PIECE: usize = 211;

/// An origin for every host of the samples. The number of an exchange counts through all of them.
pub async fn origin(acceptor: TlsAcceptor, samples: &[Sample]) -> ScriptedOrigin {
    let exchanges: Vec<Exchange> = samples.iter().flat_map(|sample| sample.exchanges.clone()).collect();
    let exchanges = Arc::new(exchanges);
    ScriptedOrigin::start(move |socket, _| {
        let (acceptor, exchanges) = (acceptor.clone(), exchanges.clone());
        async move {
            // A connection that is kept ready and never used ends without a handshake or a request.
            let Ok(mut tls) = acceptor.accept(socket).await else { return };
            if tls.get_ref().1.alpn_protocol() == Some(b"h2") {
                answer_grpc(tls, exchanges).await;
                return;
            }
            let Some(head) = read_head(&mut tls).await else { return };
            let exchange = &exchanges[numbered(&head)];
            if exchange.transport == "websocket" {
                tls.write_all(&response_head(exchange, &[])).await.expect("the proxy reads");
                talk(&mut tls, exchange, false).await;
            } else {
                read_body(&mut tls, &head).await;
                for piece in response_bytes(exchange).chunks(PIECE) {
                    tls.write_all(piece).await.expect("the proxy reads");
                    tls.flush().await.expect("the proxy reads");
                }
            }
            if exchange.clean {
                // The client may be gone already.
                let _gone = tls.shutdown().await;
            }
        }
    })
    .await
}

/// Asks for exchange `number` through edge and daemon, and checks that what came is what the origin sent.
pub async fn ask(rig: &Rig, exchange: &Exchange, number: usize) {
    if exchange.transport == "grpc" {
        return ask_grpc(rig, exchange, number).await;
    }
    let (mut stream, _recorder) = raw::metered(rig, &exchange.host, &[b"http/1.1"]).await;
    if exchange.transport == "websocket" {
        upgrade(&mut stream, exchange, number).await;
        talk(&mut stream, exchange, true).await;
        return;
    }
    let head = request_head(exchange, number) + &format!("content-length: {}\r\n\r\n", exchange.request.len());
    stream.write_all(&[head.as_bytes(), &exchange.request].concat()).await.expect("the proxy reads");
    stream.flush().await.expect("the proxy reads");
    let mut got = Vec::new();
    // How TLS ends is not this test's matter: a sample may be cut.
    let _end = stream.read_to_end(&mut got).await;
    assert!(got == response_bytes(exchange), "{}", String::from_utf8_lossy(&got));
}

/// Asks for a WebSocket and hears that there is one.
pub async fn upgrade(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), exchange: &Exchange, number: usize) {
    let more = "connection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAA\r\n\r\n";
    stream.write_all((request_head(exchange, number) + more).as_bytes()).await.expect("the proxy reads");
    stream.flush().await.expect("the proxy reads");
    let head = read_head(stream).await.expect("an answer");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
}

/// An origin of one socket: says its part of the sample, hears one message more, tells so, and stays silent.
pub async fn origin_of_one(acceptor: TlsAcceptor, exchange: Exchange, asked: oneshot::Sender<()>) -> ScriptedOrigin {
    let one = Arc::new(Mutex::new(Some(asked)));
    ScriptedOrigin::start(move |socket, _| {
        let (acceptor, exchange, one) = (acceptor.clone(), exchange.clone(), one.clone());
        async move {
            // A connection that is kept ready ends without a request.
            let Ok(mut tls) = acceptor.accept(socket).await else { return };
            let Some(_head) = read_head(&mut tls).await else { return };
            tls.write_all(&response_head(&exchange, &[])).await.expect("the proxy reads");
            talk(&mut tls, &exchange, false).await;
            read_message(&mut tls).await;
            let asked = one.lock().expect("nobody panicked").take().expect("one socket");
            asked.send(()).expect("the test waits");
            // Until the proxy is gone.
            let _end = tls.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

fn request_head(exchange: &Exchange, number: usize) -> String {
    let Exchange { method, target, host, .. } = exchange;
    let fields = exchange.request_fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{NUMBER}: {number}\r\n{}", fields.collect::<String>())
}

fn numbered(head: &str) -> usize {
    let value = field(head, NUMBER).expect("every request has its number");
    value.parse().expect("a number")
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).expect("text"))
}

async fn read_body(stream: &mut (impl AsyncRead + Unpin), head: &str) {
    let length: usize = field(head, "content-length").map_or(0, |length| length.parse().expect("a number"));
    stream.read_exact(&mut vec![0; length]).await.expect("a body");
}

fn response_head(exchange: &Exchange, more: &[(&str, &str)]) -> Vec<u8> {
    let own = exchange.response_fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let fields: String = own.chain(more.iter().copied()).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {} Said\r\nconnection: {}\r\n{fields}\r\n", exchange.status, {
        if exchange.transport == "websocket" { "Upgrade" } else { "close" }
    })
    .into_bytes()
}

/// The whole answer on the wire: chunked, and without its last chunk where the sample was cut.
fn response_bytes(exchange: &Exchange) -> Vec<u8> {
    let mut bytes = response_head(exchange, &[("transfer-encoding", "chunked")]);
    for chunk in exchange.response.chunks(3 * PIECE) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    if exchange.clean {
        bytes.extend(b"0\r\n\r\n");
    }
    bytes
}

/// Says one side's messages in the order of the sample and waits for the other's.
pub async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), exchange: &Exchange, client: bool) {
    for (from_client, message) in &exchange.messages {
        if *from_client == client {
            say(stream, message, client).await;
        } else {
            assert!(read_message(stream).await == *message, "a message changed on its way");
        }
    }
    if exchange.clean {
        let close = if client { &[0x88, 0x80, 0, 0, 0, 0][..] } else { &[0x88, 0x00][..] };
        // Whoever closed first may be gone.
        let _gone = stream.write_all(close).await;
        let _gone = stream.flush().await;
        let _close = stream.read_exact(&mut [0; 2]).await;
    }
}

/// Sends a message.
pub async fn say(stream: &mut (impl AsyncWrite + Unpin), message: &[u8], client: bool) {
    stream.write_all(&frames(message, client)).await.expect("the proxy reads");
    stream.flush().await.expect("the proxy reads");
}

/// A text message in two fragments, masked where the client sends it.
fn frames(message: &[u8], masked: bool) -> Vec<u8> {
    let (first, second) = message.split_at(message.len() / 2);
    [(0x01, first), (0x80, second)].into_iter().flat_map(|(head, part)| frame(head, part, masked)).collect()
}

fn frame(head: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    const MASK: [u8; 4] = [7, 0, 255, 90];
    let bit = if masked { 0x80 } else { 0 };
    let mut frame = vec![head];
    match payload.len() {
        length @ 0..126 => frame.push(bit | length as u8),
        length => {
            frame.push(bit | 126);
            frame.extend(u16::try_from(length).expect("samples are short").to_be_bytes());
        }
    }
    if masked {
        frame.extend(MASK);
    }
    frame.extend(payload.iter().enumerate().map(|(at, byte)| if masked { byte ^ MASK[at % 4] } else { *byte }));
    frame
}

async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut message = Vec::new();
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.expect("a frame");
        let length = match head[1] & 0x7f {
            126 => usize::from(stream.read_u16().await.expect("a length")),
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        if head[1] & 0x80 != 0 {
            stream.read_exact(&mut mask).await.expect("a mask");
        }
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.expect("a payload");
        message.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        if head[0] & 0x80 != 0 {
            return message;
        }
    }
}

fn header_map(fields: &[(String, String)]) -> http::HeaderMap {
    let name = |name: &str| http::HeaderName::try_from(name).expect("a field name");
    fields.iter().map(|(key, value)| (name(key), value.parse().expect("a value"))).collect()
}

async fn answer_grpc(stream: impl AsyncRead + AsyncWrite + Unpin, exchanges: Arc<Vec<Exchange>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, reply))) = connection.accept().await {
        let number = request.headers()[NUMBER].to_str().expect("text").parse::<usize>().expect("a number");
        tokio::spawn(answer_stream(request.into_body(), reply, exchanges[number].clone()));
    }
}

async fn answer_stream(mut asked: h2::RecvStream, mut reply: h2::server::SendResponse<Bytes>, exchange: Exchange) {
    while let Some(piece) = asked.data().await {
        let piece = piece.expect("data");
        asked.flow_control().release_capacity(piece.len()).expect("credit");
    }
    let status = u16::try_from(exchange.status).expect("a status");
    let mut response = http::Response::builder().status(status).body(()).expect("a head");
    *response.headers_mut() = header_map(&exchange.response_fields);
    let mut body = reply.send_response(response, false).expect("a stream");
    for piece in exchange.response.chunks(PIECE) {
        body.send_data(Bytes::copy_from_slice(piece), false).expect("a stream");
    }
    body.send_trailers(header_map(&exchange.trailers)).expect("a stream");
}

async fn ask_grpc(rig: &Rig, exchange: &Exchange, number: usize) {
    let (stream, _recorder) = raw::metered(rig, &exchange.host, &[b"h2"]).await;
    let (mut client, connection) = h2::client::handshake(stream).await.expect("h2 through the proxy");
    let driver = tokio::spawn(connection);
    let url = format!("https://{}{}", exchange.host, exchange.target);
    let mut request = http::Request::post(url).body(()).expect("a request");
    *request.headers_mut() = header_map(&exchange.request_fields);
    request.headers_mut().insert(NUMBER, number.into());
    let (response, mut body) = client.send_request(request, false).expect("a stream");
    body.send_data(Bytes::copy_from_slice(&exchange.request), true).expect("a body");
    let mut answer = response.await.expect("an answer").into_body();
    let mut got = Vec::new();
    while let Some(piece) = answer.data().await {
        let piece = piece.expect("data");
        answer.flow_control().release_capacity(piece.len()).expect("credit");
        got.extend(piece);
    }
    assert_eq!(answer.trailers().await.expect("trailers"), Some(header_map(&exchange.trailers)));
    assert!(got == exchange.response, "the answer changed on its way");
    drop((client, body, answer));
    driver.await.expect("the connection's task").expect("the connection ends well");
}
