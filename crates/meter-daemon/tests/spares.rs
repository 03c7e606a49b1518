//! A client that comes soon after another finds its connection to the origin open already, and nothing else differs.

mod support;

use meter_call::UnixMillis;
use meter_daemon::intercept::Spares;
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{HOST, Origin, World, authority, drain, tls_over, trusting, world_keeping};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::{client, server};

type Stream = server::TlsStream<TcpStream>;

/// A gate that keeps spares, an origin that tells of each handshake, and the spares' clock.
struct Scene {
    world: World,
    spares: Arc<Spares>,
    clock: Arc<AtomicI64>,
    handshakes: mpsc::UnboundedReceiver<usize>,
    origin: Origin,
}

impl Scene {
    /// `play` gets each connection with its number, from 1.
    async fn new<F, P>(alpn: &[&[u8]], play: P) -> Scene
    where
        P: Fn(Stream, u8) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let origins = authority();
        let (told, handshakes) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let origin = Origin::tls(origins.server_config(&[HOST], alpn).unwrap(), move |stream| {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            // A test that is over does not listen.
            let _ = told.send(number);
            play(stream, u8::try_from(number).unwrap())
        })
        .await;
        let clock = Arc::new(AtomicI64::new(1_800_000_000_000));
        let reads = clock.clone();
        let spares = Spares::new(Arc::new(move || UnixMillis(reads.load(Ordering::SeqCst))));
        let world = world_keeping(origins, origin.address, spares.clone()).await;
        Scene { world, spares, clock, handshakes, origin }
    }

    /// Waits until the origin has shaken hands `number` times and `ready` spares are kept.
    async fn settled(&mut self, number: usize, ready: usize) {
        let waiting = async {
            while self.handshakes.recv().await.unwrap() < number {}
            while self.spares.count() != ready {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
    }

    /// A client that offers `alpn`, and the number of the connection that serves it.
    async fn call(&self, alpn: &[&[u8]]) -> (client::TlsStream<TcpStream>, u8) {
        let mut client = self.world.open(alpn).await;
        client.write_all(b"?").await.unwrap();
        let number = client.read_u8().await.unwrap();
        (client, number)
    }
}

/// Answers each byte with the connection's number.
async fn tell(mut stream: Stream, number: u8) {
    while stream.read_u8().await.is_ok() {
        if stream.write_all(&[number]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn the_next_client_takes_what_is_ready_and_another_is_made() {
    let mut scene = Scene::new(&[], tell).await;
    for number in 1..=5 {
        let (_client, served_by) = scene.call(&[]).await;
        assert_eq!(served_by, number, "in the order they were made, each used once");
        scene.settled(usize::from(number) + 1, 1).await;
    }
}

#[tokio::test]
async fn another_offer_is_another_connection() {
    let mut scene = Scene::new(&[b"http/1.1", b"http/1.0"], tell).await;
    let (_first, served_by) = scene.call(&[b"http/1.1"]).await;
    assert_eq!(served_by, 1);
    scene.settled(2, 1).await;
    let (_second, served_by) = scene.call(&[b"http/1.1", b"http/1.0"]).await;
    assert_eq!(served_by, 3);
    scene.settled(4, 2).await;
    let (_third, served_by) = scene.call(&[b"http/1.1"]).await;
    assert_eq!(served_by, 2);
}

#[tokio::test]
async fn nothing_older_than_twenty_seconds_is_used() {
    for (age, served_by) in [(20_000, 2), (20_001, 3), (-1, 3)] {
        let mut scene = Scene::new(&[], tell).await;
        scene.call(&[]).await;
        scene.settled(2, 1).await;
        scene.clock.fetch_add(age, Ordering::SeqCst);
        assert_eq!(scene.call(&[]).await.1, served_by, "{age} ms");
    }
}

/// SETTINGS with one parameter, in two writes, and a window.
const GREETING: [&[u8]; 3] = [b"\0\0\x06\x04\0\0\0\0\0", b"\0\x03\0\0\0\x64", b"\0\0\x04\x08\0\0\0\0\0\0\x01\0\0"];

#[tokio::test]
async fn a_greeting_comes_as_it_was_said() {
    let mut scene = Scene::new(&[b"h2"], |mut stream: Stream, number| async move {
        for part in GREETING {
            stream.write_all(part).await.unwrap();
            stream.flush().await.unwrap();
        }
        tell(stream, number).await;
    })
    .await;
    for number in 1..=3 {
        let mut client = scene.world.open(&[b"h2"]).await;
        let mut greeting = vec![0; GREETING.concat().len()];
        client.read_exact(&mut greeting).await.unwrap();
        assert_eq!(greeting, GREETING.concat(), "connection {number}");
        client.write_all(b"?").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), number, "what follows comes after it");
        scene.settled(usize::from(number) + 1, 1).await;
    }
}

#[derive(Clone, Copy, Debug)]
enum Dies {
    Orderly,
    Cut,
    Reset,
    /// As servers do that give up on a silent client.
    Speaking,
}

#[tokio::test]
async fn a_dead_one_is_not_noticed() {
    for how in [Dies::Orderly, Dies::Cut, Dies::Reset, Dies::Speaking] {
        let (die, dies) = oneshot::channel::<()>();
        let (dead_in, dead) = oneshot::channel::<()>();
        let script = Arc::new(Mutex::new(Some((dies, dead_in))));
        let mut scene = Scene::new(&[], move |mut stream: Stream, number| {
            let script = (number == 2).then(|| script.lock().unwrap().take().unwrap());
            async move {
                let Some((dies, dead)) = script else { return tell(stream, number).await };
                dies.await.unwrap();
                match how {
                    Dies::Orderly => stream.shutdown().await.unwrap(),
                    Dies::Cut => stream.get_mut().0.shutdown().await.unwrap(),
                    Dies::Reset => stream.get_ref().0.set_zero_linger().unwrap(),
                    Dies::Speaking => {
                        stream.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
                        stream.flush().await.unwrap();
                    }
                }
                if matches!(how, Dies::Reset) {
                    drop(stream);
                    dead.send(()).unwrap();
                } else {
                    dead.send(()).unwrap();
                    drain(&mut stream).await;
                }
            }
        })
        .await;
        scene.call(&[]).await;
        scene.settled(2, 1).await;
        die.send(()).unwrap();
        dead.await.unwrap();
        assert_eq!(scene.call(&[]).await.1, 3, "{how:?}");
    }
}

#[tokio::test]
async fn a_new_configuration_begins_without() {
    let mut scene = Scene::new(&[], tell).await;
    scene.call(&[]).await;
    scene.settled(2, 1).await;
    scene.spares.retire();
    assert_eq!(scene.spares.count(), 0);
    assert_eq!(scene.call(&[]).await.1, 3);
    assert_eq!(scene.spares.count(), 0);
}

/// The spare belongs to those that are opened; who distrusts us shakes hands alone.
#[tokio::test]
async fn a_client_that_is_tunnelled_gets_a_connection_of_its_own() {
    let mut scene = Scene::new(&[], tell).await;
    scene.call(&[]).await;
    scene.settled(2, 1).await;
    let stranger = trusting(&[&scene.world.origins], &[]);
    scene.world.tls(stranger.clone()).await.unwrap_err();
    // It took the spare and did not want our certificate; from the next connection on it is tunnelled.
    scene.settled(3, 1).await;
    let mut client = scene.world.tls(stranger).await.unwrap();
    client.write_all(b"?").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 4);
    assert_eq!(scene.spares.count(), 1);
}

/// Its connection would otherwise stay for as long as it likes, with no origin to end it.
#[tokio::test]
async fn a_client_that_keeps_silent_gets_an_origin_that_may_end_it() {
    let mut scene = Scene::new(&[], tell).await;
    scene.call(&[]).await;
    scene.settled(2, 1).await;
    let silent = scene.world.connect(HOST).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(21)).await;
    tokio::time::resume();
    // The spare was too old and another was made; the client's own connection says nothing yet.
    scene.settled(3, 1).await;
    while scene.origin.accepted() < 4 {
        tokio::task::yield_now().await;
    }
    let mut client = tls_over(silent, HOST, trusting(&[&scene.world.ours], &[])).await.unwrap();
    client.write_all(b"?").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 4);
}
