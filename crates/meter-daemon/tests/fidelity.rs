//! What one side sends is what the other side gets: every byte, both ways, in both protocols.

mod support;

use std::sync::{Arc, Mutex};
use support::{HOST, Origin, authority, drain, trusting, world};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

/// Sends `request`, answers `answer` once the whole request is there, and compares what arrived on both sides.
async fn check(alpn: &[&[u8]], offered: &[&[u8]], request: Vec<u8>, answer: Vec<u8>) {
    let origins = authority();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (kept, reply, length) = (seen.clone(), answer.clone(), request.len());
    let origin = Origin::tls(origins.server_config(&[HOST], alpn).unwrap(), move |mut stream| {
        let (kept, reply) = (kept.clone(), reply.clone());
        async move {
            let mut got = vec![0; length];
            stream.read_exact(&mut got).await.unwrap();
            *kept.lock().unwrap() = got;
            stream.write_all(&reply).await.unwrap();
            stream.shutdown().await.unwrap();
            drain(&mut stream).await;
        }
    })
    .await;
    let mut world = world(origins, origin.address).await;
    let mut client = world.open(offered).await;
    client.write_all(&request).await.unwrap();
    client.flush().await.unwrap();
    let (got, error) = drain(&mut client).await;
    assert_eq!(error, None);
    assert!(got == answer, "the answer differs");
    assert!(*seen.lock().unwrap() == request, "the request differs");
    drop(client);
    assert!(world.outcome().await.starts_with("opened"));
}

#[tokio::test]
async fn odd_http1_passes_untouched() {
    let request = b"GET /v1/x?q=%7B HTTP/1.1\r\nhOST:  api.acme.example\r\nX-A: 1\r\nx-empty:\r\nX-A: 2\r\nX-Obs: \xff\xfe\r\n\r\n\
        POST /v1/y HTTP/1.1\r\nHost: api.acme.example\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";
    let answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 \r\nconnection:close\r\n\
        Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n";
    check(&[b"http/1.1"], &[b"http/1.1"], request.to_vec(), answer.to_vec()).await;
}

#[tokio::test]
async fn http2_frames_pass_untouched() {
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    request.extend(frame(4, 0, 0, &[0, 4, 0, 1, 0, 0]));
    request.extend(frame(0xf0, 0x7, 1, b"an unknown frame"));
    request.extend(frame(6, 0, 0, b"pingpong"));
    let mut answer = frame(4, 0, 0, &[]);
    answer.extend(frame(4, 1, 0, &[]));
    answer.extend(frame(6, 1, 0, b"pingpong"));
    answer.extend(frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0]));
    check(&[b"h2"], &[b"h2", b"http/1.1"], request, answer).await;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn fifty_megabytes_each_way_arrive_whole() {
    let big: Vec<u8> = (0..50_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut mirrored = big.clone();
    mirrored.reverse();
    check(&[b"http/1.1"], &[b"http/1.1"], big, mirrored).await;
}

#[tokio::test]
async fn both_directions_flow_at_the_same_time() {
    let origins = authority();
    let origin = Origin::tls(origins.server_config(&[HOST], &[]).unwrap(), |stream| async move {
        let (mut read, mut write) = tokio::io::split(stream);
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    })
    .await;
    let world = world(origins, origin.address).await;
    let (mut read, mut write) = tokio::io::split(world.open(&[]).await);
    let sent: Vec<u8> = (0..8_000_000u32).map(|n| n as u8).collect();
    let copy = sent.clone();
    let writer = tokio::spawn(async move {
        write.write_all(&copy).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let (got, error) = drain(&mut read).await;
    writer.await.unwrap();
    assert_eq!(error, None);
    assert!(got == sent);
}

#[tokio::test]
async fn the_client_gets_the_protocol_the_origin_chose() {
    for (taken, wanted) in
        [(&[b"http/1.1" as &[u8]][..], Some(b"http/1.1" as &[u8])), (&[b"h2"], Some(b"h2")), (&[], None)]
    {
        let origins = authority();
        let (seen_in, seen) = oneshot::channel();
        let seen_in = Arc::new(Mutex::new(Some(seen_in)));
        let origin = Origin::tls(origins.server_config(&[HOST], taken).unwrap(), move |stream| {
            let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            seen_in.lock().unwrap().take().unwrap().send(alpn).unwrap();
            async {}
        })
        .await;
        let world = world(origins, origin.address).await;
        let client = world.open(&[b"h2", b"http/1.1"]).await;
        assert_eq!(client.get_ref().1.alpn_protocol(), wanted);
        assert_eq!(seen.await.unwrap().as_deref(), wanted);
    }
}

#[tokio::test]
async fn a_stalled_reader_stalls_its_writer() {
    let origins = authority();
    let (progress_in, mut progress) = tokio::sync::watch::channel(0usize);
    let origin = Origin::tls(origins.server_config(&[HOST], &[]).unwrap(), move |mut stream| {
        let progress = progress_in.clone();
        async move {
            let chunk = vec![7; 1 << 20];
            for _ in 0..64 {
                if stream.write_all(&chunk).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                progress.send_modify(|sent| *sent += 1);
            }
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let world = world(origins, origin.address).await;
    let mut client = world.open(&[]).await;
    // Nobody reads: kernel buffers and one record of ours fill up, far below 64 MB. Wait until nothing moves any more.
    while let Ok(Ok(())) = tokio::time::timeout(std::time::Duration::from_millis(500), progress.changed()).await {}
    assert!(*progress.borrow() < 60, "{} MB were taken without a reader", *progress.borrow());
    let (got, error) = drain(&mut client).await;
    assert_eq!((got.len(), error), (64 << 20, None));
}

#[tokio::test]
async fn sessions_are_resumed_on_both_legs() {
    let origins = authority();
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let kept = kinds.clone();
    let origin = Origin::tls(origins.server_config(&[HOST], &[b"http/1.1"]).unwrap(), move |mut stream| {
        kept.lock().unwrap().push(stream.get_ref().1.handshake_kind().unwrap());
        async move {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            stream.write_all(&byte).await.unwrap();
            stream.shutdown().await.unwrap();
            drain(&mut stream).await;
        }
    })
    .await;
    let world = world(origins, origin.address).await;
    let config = trusting(&[&world.ours], &[b"http/1.1"]);
    let mut downstream = Vec::new();
    for _ in 0..3 {
        let mut client = world.tls(config.clone()).await.unwrap();
        client.write_all(b"x").await.unwrap();
        assert_eq!(drain(&mut client).await, (b"x".to_vec(), None));
        downstream.push(client.get_ref().1.handshake_kind().unwrap());
    }
    let resumed = |kinds: &[rustls::HandshakeKind]| {
        kinds.iter().map(|kind| *kind == rustls::HandshakeKind::Resumed).collect::<Vec<_>>()
    };
    assert_eq!(resumed(&kinds.lock().unwrap()), [false, true, true]);
    assert_eq!(resumed(&downstream), [false, true, true]);
}
