//! The demo provider under record.

use crate::record::Recorder;
use meter_demo::DemoAuthority;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A demo provider on a loopback port whose connections are recorded; ends when dropped.
pub struct RecordingOrigin {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it saw and said.
    pub recorder: Recorder,
    task: tokio::task::JoinHandle<()>,
}

impl RecordingOrigin {
    /// Starts it for `hosts`, offering `alpn`.
    pub async fn start(authority: &DemoAuthority, hosts: &[&str], alpn: &[&[u8]]) -> RecordingOrigin {
        let acceptor = TlsAcceptor::from(authority.server_config(hosts, alpn).expect("a demo certificate"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port");
        let address = listener.local_addr().expect("a bound port has an address");
        let recorder = Recorder::default();
        let kept = recorder.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, kept) = (acceptor.clone(), kept.clone());
                tokio::spawn(async move {
                    socket.set_nodelay(true).expect("loopback sockets take TCP_NODELAY");
                    if let Ok(tls) = acceptor.accept(socket).await {
                        let alpn = tls.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
                        meter_demo::serve_connection(kept.wrap_when_spoken_to(tls, alpn)).await;
                    }
                });
            }
        });
        RecordingOrigin { address, recorder, task }
    }
}

impl Drop for RecordingOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}
