//! The two files: seen when they change, ignored when they are broken.

use crate::stage::{METERED, Manner, Stage, StandIn, closed_port, origin};
use meter_hop::{EdgeConfig, Upstream};

#[tokio::test]
async fn without_edge_json_everything_tunnels_until_there_is_one() {
    let stage = Stage::new();
    let origin = origin().await;
    let daemon = StandIn::on(&stage, Manner::Good, origin).await;
    let mut edge = stage.edge().await;
    let health = edge.health().await;
    assert_eq!((health.digest, health.metered_hosts), (None, 0));
    stage.configure("b3:1", origin);
    edge.logged("config.loaded").await;
    let health = edge.health().await;
    assert_eq!((health.digest.as_deref(), health.metered_hosts), (Some("b3:1"), 1));
    edge.exchange(METERED).await;
    assert_eq!(daemon.chains().len(), 1);
    std::fs::remove_file(stage.home.edge_json()).unwrap();
    edge.logged("config.removed").await;
    assert_eq!(edge.health().await.metered_hosts, 0);
}

#[tokio::test]
async fn a_broken_or_newer_edge_json_keeps_the_last_good_one() {
    let stage = Stage::new();
    let origin = origin().await;
    stage.configure("b3:1", origin);
    let daemon = StandIn::on(&stage, Manner::Good, origin).await;
    let mut edge = stage.edge().await;
    for (broken, rejected) in [("{", 1), (r#"{"schema_version":99}"#, 2), ("", 3)] {
        meter_hop::replace(&stage.home.edge_json(), broken.as_bytes()).unwrap();
        edge.signal("HUP");
        edge.logged("config.kept").await;
        let health = edge.health().await;
        assert_eq!((health.digest.as_deref(), health.edge_json.rejected), (Some("b3:1"), rejected));
        assert!(health.edge_json.trouble.is_some());
    }
    edge.exchange(METERED).await;
    assert_eq!(daemon.chains().len(), 1);
    stage.configure("b3:2", origin);
    edge.logged("config.loaded").await;
    let health = edge.health().await;
    assert_eq!((health.digest.as_deref(), health.edge_json.trouble), (Some("b3:2"), None));
}

#[tokio::test]
async fn a_changed_file_counts_for_the_next_connection_and_cuts_none() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let mut edge = stage.edge().await;
    let (_, mut old) = edge.connect(METERED).await;
    stage.configure("b3:2", closed_port().await);
    edge.logged("config.loaded digest=\"b3:2\"").await;
    let (head, _) = edge.connect(METERED).await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    tokio::io::AsyncWriteExt::write_all(&mut old, b"still here").await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut old).await.unwrap();
    assert_eq!(crate::stage::read_all(&mut old).await, "still here, and good bye");
}

#[tokio::test]
async fn a_broken_ports_file_keeps_the_daemon_known() {
    let stage = Stage::new();
    let origin = origin().await;
    stage.configure("b3:1", origin);
    let daemon = StandIn::on(&stage, Manner::Good, origin).await;
    let mut edge = stage.edge().await;
    meter_hop::replace(&stage.home.effective_ports(), b"oops").unwrap();
    edge.logged("config.kept").await;
    edge.exchange(METERED).await;
    assert_eq!(daemon.chains().len(), 1);
    assert_eq!(edge.health().await.effective_ports.rejected, 1);
}

#[tokio::test]
async fn a_daemon_of_another_instance_is_not_ours() {
    let (stage, other) = (Stage::new(), Stage::new());
    let origin = origin().await;
    stage.configure("b3:1", origin);
    let daemon = StandIn::on(&other, Manner::Good, origin).await;
    std::fs::copy(other.home.effective_ports(), stage.home.effective_ports()).unwrap();
    let mut edge = stage.edge().await;
    edge.exchange(METERED).await;
    assert_eq!(edge.last_reason().await, "daemon_away");
    // Not even when the file says that it is: the proof decides.
    stage.publish_daemon(daemon.port);
    edge.logged("daemon.port").await;
    edge.exchange(METERED).await;
    edge.logged("tunnel.closed").await;
    assert_eq!((edge.health().await.counters.bypassed, daemon.chains().len()), (2, 0));
}

/// Whoever copies `HTTPS_PROXY` into the settings copies us.
#[tokio::test]
async fn an_upstream_proxy_that_is_ourselves_is_passed_by() {
    let stage = Stage::new();
    let mut edge = stage.edge().await;
    let upstream = Upstream { proxy: Some(format!("http://127.0.0.1:{}", edge.port)), ..Upstream::default() };
    let config = EdgeConfig { digest: "b3:1".into(), hosts: vec![METERED.into()], upstream };
    config.write(&stage.home.edge_json()).unwrap();
    edge.logged("config.loaded").await;
    // A label is at most 63 bytes long (RFC 1035, 2.3.4), so no name server is asked.
    let (head, _stream) = edge.connect(&"a".repeat(64)).await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert_eq!(edge.health().await.counters.tunnelled, 1, "it came by once");
}
