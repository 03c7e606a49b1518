//! Serves the read-only API on loopback.
//!
//! Whoever may connect to loopback may be a web page: so the Host header must name this machine (DNS rebinding), only
//! configured origins are answered, and a bearer token can be asked for. The database is read through connections that
//! cannot write, on threads that may block; a slow query never holds up another answer.

mod answer;
mod export;
mod guard;
mod metrics;
mod params;
mod routes;
mod state;
mod token;

pub use state::ApiState;
pub use token::{Token, TokenError};

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

/// How long answers under way may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(2);

/// Answers requests until `shutdown` is done, then waits at most two seconds for answers under way. Needs a tokio runtime.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for a listener that is not on loopback: this API has no business on a network. Else
/// what the system says about the listener.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    require_loopback(address)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let app = routes::router(Arc::new(state), address.port());
    let (ended, end) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        shutdown.await;
        // The receiver is gone only when the server is.
        let _ = ended.send(());
    });
    let late = async {
        match end.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = server.into_future() => result,
        () = late => Ok(()),
    }
}

fn require_loopback(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{address} is not a loopback address")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_network_address_is_served() {
        assert!(require_loopback("127.0.0.1:8765".parse().unwrap()).is_ok());
        for wide in ["0.0.0.0:8765", "192.168.1.2:8765", "[::]:8765"] {
            let error = require_loopback(wide.parse().unwrap()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
