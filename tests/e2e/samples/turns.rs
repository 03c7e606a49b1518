//! A socket of several turns while the daemon dies.

use crate::replay::{origin_of_one, say, talk};
use crate::sample::all;
use halton_meter_tests::{Rig, raw};
use meter_demo::DemoAuthority;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

#[test]
fn a_turn_that_is_under_way_when_the_daemon_dies_leaves_a_row() {
    let sample = all().into_iter().find(|one| one.name == "responses-ws-prewarm-two-turns").expect("the sample");
    let mut exchange = sample.exchanges.into_iter().next().expect("an exchange");
    let again = exchange.messages.iter().skip(1).position(|(client, _)| *client).expect("a second turn") + 1;
    let second = exchange.messages[again].1.clone();
    exchange.messages.truncate(again);
    exchange.clean = false;
    let authority = DemoAuthority::new().expect("a root");
    let config = authority.server_config(&[exchange.host.as_str()], &[b"http/1.1"]).expect("a certificate");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (asked, was_asked) = oneshot::channel();
    let origin = runtime.block_on(origin_of_one(TlsAcceptor::from(config), exchange.clone(), asked));
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root.pem");
    std::fs::write(&root, authority.root_pem()).expect("a PEM file");
    let mut rig = Rig::builder().trust(&root).resolve(&exchange.host, origin.address).start();
    let socket = runtime.block_on(async {
        let (mut stream, _recorder) = raw::metered(&rig, &exchange.host, &[b"http/1.1"]).await;
        crate::replay::upgrade(&mut stream, &exchange, 0).await;
        talk(&mut stream, &exchange, true).await;
        say(&mut stream, &second, true).await;
        was_asked.await.expect("the origin heard it");
        stream
    });
    rig.rows(1);
    rig.kill_daemon();
    drop(socket);
    rig.start_daemon();
    let rows = rig.rows(2);
    let told: Vec<_> = rows.iter().map(|row| (row.text("status"), row.text("path"))).collect();
    assert_eq!(told, [(Some("success"), Some("/v1/responses")), (Some("interrupted"), Some("/v1/responses"))]);
}
