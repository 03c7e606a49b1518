//! Lets one plain HTTP request through, to its last byte and not further.
//!
//! A client may send its next request, for another host, on the same connection. Copied on, it would reach the first
//! host's server, with all that is in it.

use crate::head::Block;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest size of a chunk; a longer one is none.
const CHUNK_BYTES_MAX: u64 = 1 << 60;

/// What belongs to a request behind its head.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Body {
    /// So many bytes more.
    Length(u64),
    /// Chunks (RFC 9112, 7.1).
    Chunks(Chunk),
    /// The connection changes its protocol, or is no HTTP at all.
    Everything,
}

/// Where in its chunks a body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Chunk {
    /// In the line with the size, up to the extension.
    Size(u64),
    /// In the extension.
    Extension(u64),
    /// In the payload and the line's end behind it.
    Payload(u64),
    /// In the trailer, with so many bytes in its line.
    Trailer(usize),
}

impl Body {
    /// The body behind `head`; `None` when servers may disagree about its length (RFC 9112, 6.3).
    pub(crate) fn of(head: &Block) -> Option<Body> {
        if head.header("upgrade").is_some() {
            return Some(Body::Everything);
        }
        let (lengths, codings) = (head.values("content-length"), head.values("transfer-encoding"));
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Some(Body::Length(0)),
            ([length], []) if length.bytes().all(|b| b.is_ascii_digit()) => length.parse().ok().map(Body::Length),
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Some(Body::Chunks(Chunk::Size(0))),
            _ => None,
        }
    }

    /// How many of `bytes` belong to the request.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        match self {
            Body::Everything => bytes.len(),
            Body::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                taken
            }
            Body::Chunks(_) => self.take_chunks(bytes),
        }
    }

    fn take_chunks(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let (Body::Chunks(chunk), Some(&byte)) = (&mut *self, bytes.get(at)) {
            if let Chunk::Payload(left) = chunk
                && *left > 0
            {
                let step = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                *left -= step as u64;
                at += step;
                continue;
            }
            let next = match (*chunk, byte) {
                (Chunk::Size(0) | Chunk::Extension(0), b'\n') => Some(Chunk::Trailer(0)),
                (Chunk::Size(size) | Chunk::Extension(size), b'\n') => Some(Chunk::Payload(size)),
                (Chunk::Extension(_), _) | (Chunk::Payload(_) | Chunk::Trailer(_), b'\r') => Some(*chunk),
                (Chunk::Size(size), b';' | b' ' | b'\t' | b'\r') => Some(Chunk::Extension(size)),
                (Chunk::Size(size), _) => {
                    let digit = char::from(byte).to_digit(16).filter(|_| size < CHUNK_BYTES_MAX / 16);
                    digit.map(|digit| Chunk::Size(size * 16 + u64::from(digit)))
                }
                (Chunk::Payload(_), b'\n') => Some(Chunk::Size(0)),
                (Chunk::Payload(_), _) | (Chunk::Trailer(0), b'\n') => None,
                (Chunk::Trailer(_), b'\n') => Some(Chunk::Trailer(0)),
                (Chunk::Trailer(length), _) => Some(Chunk::Trailer(length.saturating_add(1))),
            };
            let last = matches!((*chunk, byte), (Chunk::Trailer(0), b'\n'));
            match next {
                Some(next) => *chunk = next,
                // The end, or nothing that a chunk may look like: nothing more goes on.
                None => *self = Body::Length(0),
            }
            at += usize::from(next.is_some() || last);
        }
        at
    }
}

/// A client of which one request is read. The rest looks like its end.
#[derive(Debug)]
pub(crate) struct OneRequest<'a, C> {
    pub(crate) client: &'a mut C,
    pub(crate) body: Body,
}

impl<C: AsyncRead + Unpin> AsyncRead for OneRequest<'_, C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut *self.client).poll_read(cx, buf))?;
        let taken = self.body.take(&buf.filled()[before..]);
        buf.set_filled(before + taken);
        Poll::Ready(Ok(()))
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for OneRequest<'_, C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.client).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.client).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.client).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &str) -> Option<Body> {
        Body::of(&Block { head: format!("POST / HTTP/1.1\r\n{fields}\r\n").into_bytes(), rest: vec![] })
    }

    /// `text` up to `|` belongs to the request, however it comes.
    #[track_caller]
    fn check(fields: &str, text: &str) {
        let belongs = text.find('|').expect("a mark");
        let bytes = text.replace('|', "").into_bytes();
        for cut in 0..=bytes.len() {
            let mut body = of(fields).expect("a clear length");
            let first = body.take(&bytes[..cut]);
            let taken = if first < cut { first } else { first + body.take(&bytes[cut..]) };
            assert_eq!(taken, belongs, "cut at {cut}");
            assert_eq!(body, Body::Length(0));
        }
    }

    #[test]
    fn a_request_ends_where_it_says() {
        check("", "|GET http://b/ HTTP/1.1\r\n\r\n");
        check("Content-Length: 5\r\n", "hello|GET http://b/ HTTP/1.1\r\n\r\n");
        check("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n|GET http://b/");
        check("Transfer-Encoding: Chunked\r\n", "A;x=\"y\"\r\n0123456789\r\n00\r\nT: v\r\nU: w\r\n\r\n|5\r\n");
        check("Transfer-Encoding: chunked\r\n", "5\r\nhello|GET http://b/");
        check("Transfer-Encoding: chunked\r\n", "|xyz");
    }

    #[test]
    fn an_unclear_length_is_none() {
        for fields in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5, 5\r\n",
        ] {
            assert_eq!(of(fields), None, "{fields}");
        }
        assert_eq!(of("Upgrade: websocket\r\n"), Some(Body::Everything));
    }
}
