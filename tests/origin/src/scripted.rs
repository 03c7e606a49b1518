//! An origin that does exactly what a test says, on raw sockets.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};

/// A loopback listener that runs one closure per connection; ends when dropped.
pub struct ScriptedOrigin {
    /// Where it listens.
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl ScriptedOrigin {
    /// Starts it; `play` gets each accepted socket and its number, from 0.
    pub async fn start<F, P>(play: P) -> ScriptedOrigin
    where
        P: Fn(TcpStream, usize) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port");
        let address = listener.local_addr().expect("a bound port has an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).expect("loopback sockets take TCP_NODELAY");
                tokio::spawn(play(socket, count.fetch_add(1, Ordering::SeqCst)));
            }
        });
        ScriptedOrigin { address, accepted, task }
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for ScriptedOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}
