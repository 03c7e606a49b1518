//! Metered hosts: through the daemon when it is well, past it without the client noticing when it is not.

use crate::stage::{Edge, METERED, Manner, PLAIN, Stage, StandIn, body, closed_port, origin, read_all, unstuck};
use tokio::io::AsyncWriteExt;

async fn play(manner: Manner) -> (Stage, StandIn, Edge) {
    let stage = Stage::new();
    let origin = origin().await;
    stage.configure("b3:1", origin);
    let daemon = StandIn::on(&stage, manner, origin).await;
    let edge = stage.edge().await;
    (stage, daemon, edge)
}

/// The client is served all the same; gives the recorded reason.
async fn bypassed(manner: Manner) -> (&'static str, StandIn, Edge) {
    let (_stage, daemon, mut edge) = play(manner).await;
    edge.exchange(METERED).await;
    let reason = edge.last_reason().await;
    let counters = edge.health().await.counters;
    assert_eq!((counters.bypassed, counters.chained), (1, 0));
    (reason, daemon, edge)
}

#[tokio::test]
async fn a_healthy_daemon_gets_the_call_and_the_clients_addresses() {
    let (_stage, daemon, mut edge) = play(Manner::Good).await;
    edge.exchange(METERED).await;
    edge.logged("chain.closed").await;
    let hops = daemon.chains();
    assert_eq!(hops.len(), 1);
    assert_eq!(hops[0].edge.port(), edge.port);
    assert_ne!(hops[0].client.port(), edge.port);
    let health = edge.health().await;
    assert_eq!((health.counters.chained, health.counters.open), (1, 0));
    // On a slow machine the good answer may have grown old meanwhile.
    assert_ne!(health.daemon, "down");
    assert!(edge.coverage().await.records.is_empty());
}

#[tokio::test]
async fn bytes_sent_together_with_the_connect_are_not_lost() {
    let (_stage, daemon, edge) = play(Manner::Good).await;
    for host in [METERED, PLAIN] {
        let mut stream = edge.dial().await;
        stream.write_all(format!("CONNECT {host}:443 HTTP/1.1\r\n\r\nearly ").as_bytes()).await.unwrap();
        stream.write_all(b"bird").await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(read_all(&mut stream).await.ends_with("\r\n\r\nearly bird, and good bye"));
    }
    assert_eq!(daemon.chains().len(), 1);
}

#[tokio::test]
async fn a_host_that_is_not_metered_never_reaches_the_daemon() {
    let (_stage, daemon, mut edge) = play(Manner::Good).await;
    edge.exchange(PLAIN).await;
    assert_eq!(edge.last_reason().await, "not_metered");
    assert_eq!((daemon.probes(), daemon.chains().len()), (0, 0));
}

#[tokio::test]
async fn hosts_match_whatever_their_case_and_trailing_dot() {
    let (_stage, daemon, edge) = play(Manner::Good).await;
    edge.exchange("API.Acme.Example.").await;
    assert_eq!(daemon.chains().len(), 1);
}

#[tokio::test]
async fn a_daemon_that_is_away_is_passed() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    stage.publish_daemon(closed_port().await);
    let mut edge = stage.edge().await;
    edge.exchange(METERED).await;
    assert_eq!(edge.last_reason().await, "daemon_away");
}

#[tokio::test]
async fn a_home_without_a_daemon_tunnels() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let mut edge = stage.edge().await;
    edge.exchange(METERED).await;
    assert_eq!(edge.last_reason().await, "daemon_away");
}

#[tokio::test]
async fn a_silent_daemon_is_passed_after_the_probe() {
    let (reason, daemon, _edge) = bypassed(Manner::Silent).await;
    assert_eq!((reason, daemon.chains().len()), ("daemon_silent", 0));
}

#[tokio::test]
async fn a_daemon_that_is_well_but_never_greets_is_passed() {
    let (reason, daemon, _edge) = bypassed(Manner::SilentOnChains).await;
    assert_eq!((reason, daemon.chains().len()), ("daemon_silent", 1));
    assert!(daemon.probes() >= 2, "a sign of life was asked for");
}

#[tokio::test]
async fn garbage_is_passed() {
    assert_eq!(bypassed(Manner::Garbage).await.0, "daemon_broken");
}

#[tokio::test]
async fn a_reset_is_passed() {
    assert_eq!(bypassed(Manner::Resets).await.0, "daemon_broken");
}

#[tokio::test]
async fn a_daemon_that_dies_with_the_call_in_its_hands_is_passed() {
    assert_eq!(bypassed(Manner::DiesGreeting).await.0, "daemon_broken");
}

#[tokio::test]
async fn a_stranger_on_the_daemons_port_never_sees_a_call() {
    let (reason, daemon, _edge) = bypassed(Manner::Foreign).await;
    assert_eq!((reason, daemon.chains().len()), ("foreign", 0));
}

#[tokio::test]
async fn a_wrong_proof_on_the_chain_is_passed() {
    assert_eq!(bypassed(Manner::WrongProof).await.0, "foreign");
}

#[tokio::test]
async fn a_declined_client_is_tunnelled_and_the_daemon_stays_up() {
    let (reason, daemon, edge) = bypassed(Manner::Refuses).await;
    assert_eq!((reason, daemon.chains().len()), ("refused", 1));
    assert_eq!(edge.health().await.counters.probes, 1);
}

#[tokio::test]
async fn a_busy_daemon_is_waited_for() {
    let (_stage, daemon, mut edge) = play(Manner::Busy).await;
    edge.exchange(METERED).await;
    edge.logged("chain.closed").await;
    assert_eq!((daemon.chains().len(), daemon.probes()), (1, 2));
    assert_eq!(edge.health().await.counters.bypassed, 0);
}

#[tokio::test]
async fn the_daemons_own_502_reaches_the_client_unchanged() {
    let (_stage, _daemon, edge) = play(Manner::NoOrigin).await;
    let (head, mut stream) = edge.connect(METERED).await;
    assert_eq!(head, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n");
    assert_eq!(read_all(&mut stream).await, "no such host\n");
    let counters = edge.health().await.counters;
    assert_eq!((counters.bypassed, counters.failed), (0, 1));
}

#[tokio::test]
async fn clients_that_come_together_share_one_probe() {
    const CLIENTS: u64 = 8;
    let (_stage, daemon, edge) = play(Manner::Held).await;
    let clients = (0..CLIENTS).map(|_| edge.exchange(METERED));
    let served = all_of(clients);
    let watch = async {
        unstuck("all clients", async { while edge.health().await.counters.open < CLIENTS {} }).await;
        daemon.release();
    };
    tokio::join!(served, watch);
    assert_eq!(daemon.probes(), 1);
    assert_eq!(daemon.chains().len() as u64, CLIENTS);
}

#[tokio::test]
async fn a_crowd_is_served_whole() {
    const CLIENTS: u64 = 200;
    let (_stage, daemon, edge) = play(Manner::Good).await;
    all_of((0..CLIENTS).map(|_| edge.exchange(METERED))).await;
    let counters = edge.health().await.counters;
    assert_eq!(counters.chained + counters.bypassed, CLIENTS);
    // How many are late on a loaded machine is not for a test to say; that the daemon took part is.
    assert!(!daemon.chains().is_empty());
}

async fn all_of(acts: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut acts: Vec<_> = acts.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        acts.retain_mut(|act| act.as_mut().poll(cx).is_pending());
        if acts.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn a_revived_daemon_gets_the_next_call() {
    let stage = Stage::new();
    let origin = origin().await;
    stage.configure("b3:1", origin);
    let mut edge = stage.edge().await;
    edge.exchange(METERED).await;
    assert_eq!(edge.last_reason().await, "daemon_away");
    let daemon = StandIn::on(&stage, Manner::Good, origin).await;
    edge.logged("daemon.port").await;
    edge.exchange(METERED).await;
    edge.logged("chain.closed").await;
    assert_eq!(daemon.chains().len(), 1);
    let answer = edge.ask("GET /coverage?after=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(body(&answer).contains(r#""records":[]"#), "{answer}");
}
