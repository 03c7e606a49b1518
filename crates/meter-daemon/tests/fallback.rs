//! What cannot be opened on honest terms is tunnelled, and the client sees the origin's own behaviour.

mod support;

use meter_demo::DemoAuthority;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::io::ErrorKind;
use std::sync::Arc;
use support::{HOST, Origin, World, authority, drain, tls_over, trusting, world};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

async fn echo_once(mut stream: TlsStream<TcpStream>) {
    let mut byte = [0];
    if stream.read_exact(&mut byte).await.is_ok() {
        stream.write_all(&byte).await.unwrap();
        stream.shutdown().await.unwrap();
        drain(&mut stream).await;
    }
}

async fn echoing(origins: &DemoAuthority, alpn: &[&[u8]]) -> Origin {
    Origin::tls(origins.server_config(&[HOST, "other.example"], alpn).unwrap(), echo_once).await
}

/// Speaks through a tunnel with a client that trusts `origins` only, so an opened connection would fail.
async fn speaks_raw(world: &World, name: &str, config: ClientConfig) {
    let mut client = tls_over(world.connect(HOST).await, name, config).await.unwrap();
    client.write_all(b"x").await.unwrap();
    assert_eq!(drain(&mut client).await, (b"x".to_vec(), None));
}

#[tokio::test]
async fn another_name_than_the_connects_is_not_opened() {
    let origins = authority();
    let origin = echoing(&origins, &[]).await;
    let mut world = world(origins.clone(), origin.address).await;
    speaks_raw(&world, "other.example", trusting(&[&origins], &[])).await;
    assert_eq!(world.outcome().await, "tunnelled other_sni");
    assert_eq!(origin.accepted(), 1, "the first connection is used");
}

#[tokio::test]
async fn no_name_is_not_opened() {
    let origins = authority();
    let origin = echoing(&origins, &[]).await;
    let mut world = world(origins.clone(), origin.address).await;
    let mut config = trusting(&[&origins], &[]);
    config.enable_sni = false;
    speaks_raw(&world, HOST, config).await;
    assert_eq!(world.outcome().await, "tunnelled no_sni");
}

#[tokio::test]
async fn only_foreign_protocols_are_not_opened() {
    let origins = authority();
    let origin = echoing(&origins, &[b"acme/1"]).await;
    let mut world = world(origins.clone(), origin.address).await;
    speaks_raw(&world, HOST, trusting(&[&origins], &[b"acme/1"])).await;
    assert_eq!(world.outcome().await, "tunnelled no_http");
}

#[tokio::test]
async fn an_origin_that_chooses_a_foreign_protocol_is_left_alone() {
    let origins = authority();
    let origin = echoing(&origins, &[b"acme/1"]).await;
    let mut world = world(origins.clone(), origin.address).await;
    speaks_raw(&world, HOST, trusting(&[&origins], &[b"h2", b"acme/1"])).await;
    assert_eq!(world.outcome().await, "tunnelled origin_chose_other_alpn");
}

#[tokio::test]
async fn a_refused_offer_is_the_origins_own_alert() {
    let origins = authority();
    let origin = echoing(&origins, &[b"h2"]).await;
    let mut world = world(origins.clone(), origin.address).await;
    let error = world.tls(trusting(&[&origins], &[b"http/1.1"])).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    assert_eq!(world.outcome().await, "tunnelled origin_refused_alpn");
    assert_eq!(origin.accepted(), 2, "a fresh connection with the client's own hello");
}

#[tokio::test]
async fn an_origin_we_do_not_trust_may_still_be_the_clients() {
    let strangers = authority();
    let origin = echoing(&strangers, &[b"http/1.1"]).await;
    let mut world = world(authority(), origin.address).await;
    speaks_raw(&world, HOST, trusting(&[&strangers], &[b"http/1.1"])).await;
    assert_eq!(world.outcome().await, "tunnelled origin_certificate");

    let error = world.tls(trusting(&[&world.ours], &[b"http/1.1"])).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "the client judges the origin itself: {error}");
    assert_eq!(world.outcome().await, "tunnelled origin_certificate");
}

/// A certificate for a client, which is its own root, and its key.
fn client_identity() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["a.client".to_owned()]).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&key).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

/// An origin that wants the certificate of `client`, or would like one.
fn asking(
    origins: &DemoAuthority,
    client: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    must: bool,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let verifier = if must { verifier } else { verifier.allow_unauthenticated() };
    let (chain, key) = origins.certificate(&[HOST]).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap()
        .into()
}

#[tokio::test]
async fn a_client_certificate_is_between_client_and_origin() {
    for versions in [&[&rustls::version::TLS13], &[&rustls::version::TLS12]] {
        for must in [true, false] {
            let (origins, (certificate, key)) = (authority(), client_identity());
            let origin = Origin::tls(asking(&origins, &certificate, versions, must), echo_once).await;
            let mut world = world(origins.clone(), origin.address).await;
            let mut roots = RootCertStore::empty();
            roots.add(origins.root().clone()).unwrap();
            let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_client_auth_cert(vec![certificate], key)
                .unwrap();
            speaks_raw(&world, HOST, config).await;
            assert_eq!(world.outcome().await, "tunnelled client_certificate_wanted");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_not_tls_are_replayed() {
    let origin = Origin::raw(|mut socket, _| async move {
        let mut got = [0; 14];
        socket.read_exact(&mut got).await.unwrap();
        socket.write_all(&got).await.unwrap();
    })
    .await;
    let mut world = world(authority(), origin.address).await;
    let mut client = world.connect(HOST).await;
    client.write_all(b"\x00not tls at all").await.unwrap();
    let mut got = [0; 14];
    client.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"\x00not tls at al");
    drop(client);
    assert_eq!(world.outcome().await, "tunnelled not_tls");
}

#[tokio::test]
async fn a_server_may_speak_first() {
    let origin = Origin::raw(|mut socket, _| async move {
        socket.write_all(b"220 ready\r\n").await.unwrap();
        let mut got = [0; 6];
        socket.read_exact(&mut got).await.unwrap();
        socket.write_all(b"221 bye\r\n").await.unwrap();
    })
    .await;
    let mut world = world(authority(), origin.address).await;
    let mut client = world.connect(HOST).await;
    let mut greeting = [0; 11];
    client.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 ready\r\n");
    client.write_all(b"QUIT\r\n").await.unwrap();
    assert_eq!(drain(&mut client).await, (b"221 bye\r\n".to_vec(), None));
    drop(client);
    assert_eq!(world.outcome().await, "tunnelled origin_first");
}

#[tokio::test]
async fn a_half_hello_is_replayed_when_the_server_speaks() {
    let origin = Origin::raw(|mut socket, _| async move {
        let mut got = [0; 4];
        socket.write_all(b"!").await.unwrap();
        socket.read_exact(&mut got).await.unwrap();
        socket.write_all(&got).await.unwrap();
    })
    .await;
    let world = world(authority(), origin.address).await;
    let mut client = world.connect(HOST).await;
    client.write_all(&[22, 3, 1, 2]).await.unwrap();
    let mut got = [0; 5];
    client.read_exact(&mut got).await.unwrap();
    assert_eq!(got, [b'!', 22, 3, 1, 2]);
}

#[tokio::test]
async fn a_host_that_is_not_metered_is_never_opened() {
    let origins = authority();
    let origin = echoing(&origins, &[]).await;
    let mut world = world(origins.clone(), origin.address).await;
    let stream = world.connect("other.example").await;
    let mut client = tls_over(stream, "other.example", trusting(&[&origins], &[])).await.unwrap();
    client.write_all(b"x").await.unwrap();
    assert_eq!(drain(&mut client).await, (b"x".to_vec(), None));
    drop(client);
    assert_eq!(world.outcome().await, "tunnelled not_metered");
}

#[tokio::test]
async fn a_client_that_distrusts_us_breaks_once_and_then_works() {
    let origins = authority();
    let origin = echoing(&origins, &[]).await;
    let mut world = world(origins.clone(), origin.address).await;
    let pinned = || trusting(&[&origins], &[]);
    assert_eq!(world.tls(pinned()).await.unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(world.outcome().await, "client the client does not accept our certificate");
    speaks_raw(&world, HOST, pinned()).await;
    assert_eq!(world.outcome().await, "tunnelled pinned");
}

/// Three silent closes after our certificate count as distrust; a client whose own time ran out never saw it.
#[tokio::test]
async fn a_client_that_gave_up_waiting_for_the_origin_has_not_judged_us() {
    let origins = authority();
    let acceptor = TlsAcceptor::from(origins.server_config(&[HOST], &[]).unwrap());
    let (asked_in, mut asked) = mpsc::unbounded_channel();
    let turn = Arc::new(Semaphore::new(0));
    let turns = turn.clone();
    let origin = Origin::raw(move |socket, _| {
        let (acceptor, asked, turn) = (acceptor.clone(), asked_in.clone(), turns.clone());
        async move {
            socket.peek(&mut [0]).await.unwrap();
            asked.send(()).unwrap();
            turn.acquire().await.unwrap().forget();
            if let Ok(stream) = acceptor.accept(socket).await {
                echo_once(stream).await;
            }
        }
    })
    .await;
    let mut world = world(origins, origin.address).await;
    for _ in 0..4 {
        let stream = world.connect(HOST).await;
        let connecting = tokio::spawn(tls_over(stream, HOST, trusting(&[&world.ours], &[])));
        asked.recv().await.unwrap();
        connecting.abort();
        assert!(connecting.await.unwrap_err().is_cancelled());
        turn.add_permits(1);
        assert_eq!(world.outcome().await, "client the client left before its handshake");
    }
    turn.add_permits(1);
    let mut client = world.open(&[]).await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(drain(&mut client).await, (b"x".to_vec(), None));
    drop(client);
    assert_eq!(world.outcome().await, "opened H1");
}

#[tokio::test]
async fn tls_1_2_on_either_side_is_fine() {
    let origins = authority();
    let (chain, key) = origins.certificate(&[HOST]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let old = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let origin = Origin::tls(Arc::new(old), echo_once).await;
    let mut world = world(origins, origin.address).await;
    let mut client = world.open(&[]).await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(drain(&mut client).await, (b"x".to_vec(), None));
    drop(client);
    assert_eq!(world.outcome().await, "opened H1");
}
