//! The server: TLS on loopback, one HTTP service.

use crate::answers::{self, Surface};
use crate::authority::{DemoAuthority, DemoTlsError};
use crate::events;
use crate::script::{HEADER, Script};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, channel::Channel, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Numbers of the answers, so that no two have one id.
static ANSWERS: AtomicU64 = AtomicU64::new(1);

type Body = BoxBody<Bytes, std::io::Error>;

/// A demo provider that listens on a loopback port until it is dropped.
pub struct DemoOrigin {
    /// Where it listens.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl DemoOrigin {
    /// Starts a provider for `hosts` on a free loopback port; speaks HTTP/2 and HTTP/1.1 by ALPN.
    ///
    /// # Errors
    /// When the port cannot be bound or the certificate cannot be made.
    pub async fn start(authority: &DemoAuthority, hosts: &[&str]) -> Result<DemoOrigin, StartError> {
        let config = authority.server_config(hosts, &[b"h2", b"http/1.1"]).map_err(StartError::Tls)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(StartError::Bind)?;
        let address = listener.local_addr().map_err(StartError::Bind)?;
        let acceptor = TlsAcceptor::from(config);
        let task = tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if socket.set_nodelay(true).is_err() {
                        return;
                    }
                    match acceptor.accept(socket).await {
                        Ok(tls) => serve_connection(tls).await,
                        Err(error) => tracing::debug!(%error, "demo.handshake.failed"),
                    }
                });
            }
        });
        Ok(DemoOrigin { address, task })
    }
}

impl Drop for DemoOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why the demo provider did not start.
#[derive(Debug)]
pub enum StartError {
    /// No loopback port.
    Bind(std::io::Error),
    /// No certificate.
    Tls(DemoTlsError),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Bind(_) => f.write_str("cannot open a loopback port for the demo provider"),
            StartError::Tls(_) => f.write_str("cannot prepare the demo provider's TLS"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Bind(error) => Some(error),
            StartError::Tls(error) => Some(error),
        }
    }
}

/// Serves HTTP on an open, decrypted stream until it closes.
pub async fn serve_connection<S>(stream: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = hyper::service::service_fn(answer);
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "demo.connection.ended");
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, http::Error> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let asked = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return plain(StatusCode::BAD_REQUEST, &format!("the request did not arrive whole: {error}")),
    };
    let Some(surface) = Surface::of(&path, &query) else {
        return plain(StatusCode::NOT_FOUND, "the demo provider does not have this path");
    };
    let script = match Script::parse(&asked) {
        Ok(script) => Script { id: script.id.or_else(|| Some(ANSWERS.fetch_add(1, Ordering::Relaxed))), ..script },
        Err(problem) => return plain(StatusCode::BAD_REQUEST, &format!("{HEADER}: {problem}")),
    };
    let document: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = document["model"].as_str().map_or_else(|| model_of_path(&path), str::to_owned);
    let streamed =
        document["stream"].as_bool().unwrap_or(false) || matches!(surface, Surface::GeminiSse | Surface::GeminiArray);
    if let Some(status) = script.status {
        return failure(surface, status);
    }
    if streamed { stream(surface, &model, &script) } else { whole(surface, &model, &script) }
}

/// `…/models/NAME:verb` → `NAME`.
fn model_of_path(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default().to_owned()
}

fn head(surface: Surface, status: StatusCode) -> http::response::Builder {
    let builder = Response::builder().status(status);
    match surface.request_id_header() {
        Some(name) => builder.header(name, "req_demo"),
        None => builder,
    }
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

fn plain(status: StatusCode, text: &str) -> Result<Response<Body>, http::Error> {
    Response::builder().status(status).header("content-type", "text/plain").body(full(text.to_owned()))
}

fn failure(surface: Surface, status: u16) -> Result<Response<Body>, http::Error> {
    let code = StatusCode::from_u16(status)?;
    let builder = head(surface, code).header("content-type", "application/json");
    let builder = if status == 429 { builder.header("retry-after", "7") } else { builder };
    builder.body(full(answers::error(surface, status).to_string()))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}

fn whole(surface: Surface, model: &str, script: &Script) -> Result<Response<Body>, http::Error> {
    let text = answers::document(surface, model, script).to_string();
    let builder = head(surface, StatusCode::OK).header("content-type", "application/json");
    if script.gzip {
        builder.header("content-encoding", "gzip").body(full(gzip(text.as_bytes())))
    } else {
        builder.body(full(text))
    }
}

fn stream(surface: Surface, model: &str, script: &Script) -> Result<Response<Body>, http::Error> {
    let pieces = events::pieces(surface, model, script);
    let content_type =
        if surface == Surface::GeminiArray { "application/json" } else { "text/event-stream; charset=utf-8" };
    let builder = head(surface, StatusCode::OK).header("content-type", content_type);
    if script.gzip {
        let all: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
        return builder.header("content-encoding", "gzip").body(full(gzip(&all)));
    }
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let (cut_after, gap) = (script.cut_after, Duration::from_millis(script.gap_ms));
    tokio::spawn(async move {
        let mut texts = 0;
        for piece in pieces {
            if cut_after.is_some_and(|limit| piece.text && texts >= limit) {
                sender.abort(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "cut as asked"));
                return;
            }
            texts += u64::from(piece.text);
            if sender.send_data(piece.bytes.into()).await.is_err() {
                return;
            }
            if !gap.is_zero() {
                tokio::time::sleep(gap).await;
            }
        }
    });
    builder.body(body.boxed())
}
