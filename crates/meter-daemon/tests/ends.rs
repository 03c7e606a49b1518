//! However one side ends, the other side sees the same kind of end.

mod support;

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use support::{HOST, Origin, World, authority, drain, world};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::{client, server};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum How {
    Clean,
    Truncated,
    Reset,
}

/// What the reader of a stream that ended `how` sees.
fn seen_as(how: How) -> Option<ErrorKind> {
    match how {
        How::Clean => None,
        How::Truncated => Some(ErrorKind::UnexpectedEof),
        How::Reset => Some(ErrorKind::ConnectionReset),
    }
}

async fn end_server(mut stream: server::TlsStream<TcpStream>, how: How) {
    match how {
        How::Clean => stream.shutdown().await.unwrap(),
        How::Truncated => stream.get_mut().0.shutdown().await.unwrap(),
        How::Reset => stream.get_ref().0.set_zero_linger().unwrap(),
    }
    if how != How::Reset {
        drain(&mut stream).await;
    }
}

async fn end_client(mut stream: client::TlsStream<TcpStream>, how: How) {
    match how {
        How::Clean => stream.shutdown().await.unwrap(),
        How::Truncated => stream.get_mut().0.shutdown().await.unwrap(),
        How::Reset => stream.get_ref().0.set_zero_linger().unwrap(),
    }
    if how != How::Reset {
        drain(&mut stream).await;
    }
}

async fn origin_ends(how: How) {
    let origins = authority();
    let origin = Origin::tls(origins.server_config(&[HOST], &[]).unwrap(), move |mut stream| async move {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        stream.write_all(b"part of an answer").await.unwrap();
        stream.flush().await.unwrap();
        // The client says when it has read that much: a reset may overtake bytes.
        stream.read_exact(&mut byte).await.unwrap();
        end_server(stream, how).await;
    })
    .await;
    let mut world = world(origins, origin.address).await;
    let mut client = world.open(&[]).await;
    client.write_all(b"?").await.unwrap();
    let mut part = [0; 17];
    client.read_exact(&mut part).await.unwrap();
    assert_eq!(&part, b"part of an answer");
    client.write_all(b"!").await.unwrap();
    assert_eq!(drain(&mut client).await, (vec![], seen_as(how)), "{how:?}");
    drop(client);
    assert_eq!(world.outcome().await, "opened H1");
}

#[tokio::test]
async fn the_client_sees_how_the_origin_ended() {
    for how in [How::Clean, How::Truncated, How::Reset] {
        origin_ends(how).await;
    }
}

#[tokio::test]
async fn the_origin_sees_how_the_client_ended() {
    for how in [How::Clean, How::Truncated, How::Reset] {
        let origins = authority();
        let (seen_in, seen) = oneshot::channel();
        let seen_in = Arc::new(Mutex::new(Some(seen_in)));
        let origin = Origin::tls(origins.server_config(&[HOST], &[]).unwrap(), move |mut stream| {
            let seen_in = seen_in.lock().unwrap().take().unwrap();
            async move {
                let mut part = [0; 4];
                stream.read_exact(&mut part).await.unwrap();
                stream.write_all(b"k").await.unwrap();
                let end = drain(&mut stream).await;
                seen_in.send(end).unwrap();
            }
        })
        .await;
        let world = world(origins, origin.address).await;
        let mut client = world.open(&[]).await;
        client.write_all(b"half").await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
        let ending = tokio::spawn(end_client(client, how));
        assert_eq!(seen.await.unwrap(), (vec![], seen_as(how)), "{how:?}");
        ending.await.unwrap();
    }
}

/// A client may stop sending and still read: the answer must not be cut.
#[tokio::test]
async fn half_a_connection_goes_on() {
    let origins = authority();
    let origin = Origin::tls(origins.server_config(&[HOST], &[]).unwrap(), |mut stream| async move {
        let (question, error) = drain(&mut stream).await;
        assert_eq!(error, None);
        stream.write_all(&question).await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    let world = world(origins, origin.address).await;
    let mut client = world.open(&[]).await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(drain(&mut client).await, (b"question".to_vec(), None));
}

/// The early answer of an origin that stops reading must reach a client that is still sending.
#[tokio::test]
async fn an_early_answer_survives_the_upload() {
    let origins = authority();
    let origin = Origin::tls(origins.server_config(&[HOST], &[]).unwrap(), |mut stream| async move {
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        stream.write_all(b"413 too large").await.unwrap();
        stream.shutdown().await.unwrap();
        drain(&mut stream).await;
    })
    .await;
    let world = world(origins, origin.address).await;
    let (mut read, mut write) = tokio::io::split(world.open(&[]).await);
    let upload = tokio::spawn(async move {
        let sent = write.write_all(&vec![1; 5_000_000]).await;
        (sent.is_ok(), write)
    });
    let mut answer = Vec::new();
    read.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"413 too large");
    let (_sent, mut write) = upload.await.unwrap();
    let _ = write.shutdown().await;
}

/// Raw tunnels mirror ends as well.
#[tokio::test]
async fn a_tunnel_mirrors_a_reset() {
    let origin = Origin::raw(|mut socket, _| async move {
        socket.read_exact(&mut [0; 1]).await.unwrap();
        socket.set_zero_linger().unwrap();
    })
    .await;
    let mut world: World = world(authority(), origin.address).await;
    let mut client = world.connect(HOST).await;
    client.write_all(b"\0").await.unwrap();
    assert_eq!(drain(&mut client).await, (vec![], Some(ErrorKind::ConnectionReset)));
    assert_eq!(world.outcome().await, "tunnelled not_tls");
}
