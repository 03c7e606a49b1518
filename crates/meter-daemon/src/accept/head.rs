//! The request head that opens a connection on the interception port.

use meter_hop::{HOP_HEADER, Hop, NONCE_HEADER, Nonce, split_authority, timing};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest path of a question to the port itself.
const PATH_BYTES_MAX: usize = 256;

/// What the first request asks for.
#[derive(Debug, Eq, PartialEq)]
pub enum Ask {
    /// A tunnel to an origin.
    Connect {
        /// Normal form.
        host: String,
        /// The origin's port.
        port: u16,
        /// Who stands behind it, when an edge chained it.
        hop: Option<Hop>,
    },
    /// Whether we are well.
    Health {
        /// To be proved, when the asker wants to know that it is us.
        nonce: Option<Nonce>,
    },
}

/// A head that is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum BadHead {
    /// The socket failed or ended.
    #[error("the connection ended within its first request")]
    Io(#[from] io::Error),
    /// Over 8 KiB.
    #[error("the request head is too long")]
    TooLong,
    /// Over 10 s.
    #[error("the request head took too long")]
    TooSlow,
    /// Not HTTP/1, or with a broken field.
    #[error("the request is not valid: {0}")]
    Invalid(&'static str),
    /// Neither CONNECT nor health.
    #[error("only CONNECT and GET /health are answered here")]
    OtherMethod,
}

impl BadHead {
    /// The status to answer with; `None` when nobody listens.
    pub fn status(&self) -> Option<u16> {
        match self {
            BadHead::Io(_) => None,
            BadHead::TooLong => Some(431),
            BadHead::TooSlow => Some(408),
            BadHead::Invalid(_) => Some(400),
            BadHead::OtherMethod => Some(405),
        }
    }
}

/// Reads one head, bounded in bytes and time. What came after it is returned as well.
///
/// # Errors
/// [`BadHead`].
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Ask, Vec<u8>), BadHead> {
    tokio::time::timeout(timing::HEAD_PATIENCE, read_whole(stream)).await.map_err(|_| BadHead::TooSlow)?
}

async fn read_whole<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Ask, Vec<u8>), BadHead> {
    let mut bytes = vec![0; timing::HEAD_BYTES_MAX];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut bytes[filled..]).await?;
        if read == 0 {
            return Err(BadHead::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        filled += read;
        if let Some((ask, used)) = parse(&bytes[..filled])? {
            return Ok((ask, bytes[used..filled].to_vec()));
        }
        if filled == bytes.len() {
            return Err(BadHead::TooLong);
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(Ask, usize)>, BadHead> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let used = match request.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead::TooLong),
        Err(_) => return Err(BadHead::Invalid("not an HTTP/1 request")),
    };
    let field = |name: &str| {
        let found = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(std::str::from_utf8(found.value))
    };
    let target = request.path.unwrap_or_default();
    let ask = match request.method.unwrap_or_default() {
        "CONNECT" => {
            let (host, port) = split_authority(target, 443).map_err(|_| BadHead::Invalid("CONNECT wants host:port"))?;
            let hop = match field(HOP_HEADER) {
                None => None,
                Some(Ok(text)) => Some(text.parse().map_err(|_| BadHead::Invalid("the hop header is broken"))?),
                Some(Err(_)) => return Err(BadHead::Invalid("the hop header is broken")),
            };
            Ask::Connect { host, port, hop }
        }
        "GET" if target.len() <= PATH_BYTES_MAX && target == "/health" => {
            let nonce = match field(NONCE_HEADER) {
                None => None,
                Some(text) => {
                    let nonce = text.ok().and_then(Nonce::from_wire);
                    Some(nonce.ok_or(BadHead::Invalid("the nonce is broken"))?)
                }
            };
            Ask::Health { nonce }
        }
        _ => return Err(BadHead::OtherMethod),
    };
    Ok(Some((ask, used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(text: &str) -> Result<(Ask, Vec<u8>), BadHead> {
        read(&mut text.as_bytes()).await
    }

    #[tokio::test]
    async fn a_connect_keeps_what_came_after_it() {
        let (ask, rest) = ask("CONNECT API.Acme.Example:443 HTTP/1.1\r\nHost: x\r\n\r\nearly").await.unwrap();
        assert_eq!(ask, Ask::Connect { host: "api.acme.example".into(), port: 443, hop: None });
        assert_eq!(rest, b"early");
    }

    #[tokio::test]
    async fn a_hop_is_read_and_a_broken_one_is_refused() {
        let hop = "nonce=0a; client=127.0.0.1:5; edge=127.0.0.1:8081";
        let (got, _) = ask(&format!("CONNECT a.example:1 HTTP/1.1\r\nhalton-hop: {hop}\r\n\r\n")).await.unwrap();
        assert_eq!(got, Ask::Connect { host: "a.example".into(), port: 1, hop: Some(hop.parse().unwrap()) });
        let broken = ask("CONNECT a.example:1 HTTP/1.1\r\nHalton-Hop: nonce=\r\n\r\n").await;
        assert_eq!(broken.unwrap_err().status(), Some(400));
    }

    #[tokio::test]
    async fn health_may_carry_a_nonce() {
        let (got, _) = ask("GET /health HTTP/1.1\r\nHalton-Nonce: 00ff\r\n\r\n").await.unwrap();
        assert_eq!(got, Ask::Health { nonce: Nonce::from_wire("00ff") });
        assert_eq!(ask("GET /health HTTP/1.0\r\n\r\n").await.unwrap().0, Ask::Health { nonce: None });
    }

    #[tokio::test]
    async fn everything_else_has_its_status() {
        let long = format!("CONNECT a.example:1 HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(9000));
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Some(405)),
            ("GET http://a.example/ HTTP/1.1\r\n\r\n", Some(405)),
            ("CONNECT nothing/at-all HTTP/1.1\r\n\r\n", Some(400)),
            ("\u{16}\u{3}\u{1}", Some(400)),
            ("CONNECT a.example:1 HT", None),
            (&long, Some(431)),
        ] {
            assert_eq!(ask(text).await.unwrap_err().status(), status, "{text:.40}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_head_ends() {
        let (_client, mut ours) = tokio::io::duplex(64);
        assert_eq!(read(&mut ours).await.unwrap_err().status(), Some(408));
    }
}
