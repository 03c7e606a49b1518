//! Request and answer heads, read within bounds.

use meter_hop::timing::HEAD_BYTES_MAX;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    /// The other side closed; `true` when it had sent something.
    #[error("closed before the head was complete")]
    Closed(bool),
    /// More than [`HEAD_BYTES_MAX`] without an end.
    #[error("longer than {HEAD_BYTES_MAX} bytes")]
    TooLong,
    /// Not HTTP/1.
    #[error("not an HTTP/1 head")]
    NotHttp,
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

/// A head as it came, and what came after it in the same reads.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Block {
    /// Up to and with the empty line.
    pub(crate) head: Vec<u8>,
    /// What follows.
    pub(crate) rest: Vec<u8>,
}

impl Block {
    /// Reads one head from `stream`, beginning with `carried`, which was read before.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), carried: Vec<u8>) -> Result<Block, HeadError> {
        let mut bytes = carried;
        let mut searched = 0;
        loop {
            // HTTP/1 begins with a letter. A TLS hello or noise need not wait for the time limit.
            if bytes.first().is_some_and(|first| !first.is_ascii_alphabetic()) {
                return Err(HeadError::NotHttp);
            }
            if let Some(at) = bytes[searched..].windows(4).position(|w| w == b"\r\n\r\n") {
                let end = searched + at + 4;
                if end > HEAD_BYTES_MAX {
                    return Err(HeadError::TooLong);
                }
                let rest = bytes.split_off(end);
                return Ok(Block { head: bytes, rest });
            }
            if bytes.len() >= HEAD_BYTES_MAX {
                return Err(HeadError::TooLong);
            }
            searched = bytes.len().saturating_sub(3);
            let mut chunk = [0; 2048];
            match stream.read(&mut chunk).await? {
                0 => return Err(HeadError::Closed(!bytes.is_empty())),
                read => bytes.extend_from_slice(&chunk[..read]),
            }
        }
    }

    /// The first line, without its end.
    fn first_line(&self) -> Option<&str> {
        std::str::from_utf8(self.head.split(|b| *b == b'\r').next()?).ok()
    }

    /// Header lines as they stand, without their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.head.split(|b| *b == b'\n').skip(1);
        lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).take_while(|line| !line.is_empty())
    }

    /// The value of the first header called `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.lines().find_map(|line| {
            let colon = line.iter().position(|b| *b == b':')?;
            let matches = line[..colon].eq_ignore_ascii_case(name.as_bytes());
            matches.then(|| std::str::from_utf8(&line[colon + 1..]).ok().map(str::trim))?
        })
    }

    /// The values of all headers called `name`; one that is no text is empty.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.lines().filter_map(|line| {
            let colon = line.iter().position(|b| *b == b':')?;
            let matches = line[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes());
            matches.then(|| std::str::from_utf8(&line[colon + 1..]).map_or("", str::trim))
        });
        named.collect()
    }

    /// Method and target of a request.
    pub(crate) fn request(&self) -> Option<(&str, &str)> {
        let mut words = self.first_line()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let sound = words.next().is_none() && !target.is_empty() && version.starts_with("HTTP/1.");
        (sound && method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')).then_some((method, target))
    }

    /// Status of an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        let rest = self.first_line()?.strip_prefix("HTTP/1.")?;
        let digits = rest.split(' ').nth(1)?;
        digits.parse().ok().filter(|status| (100..1000).contains(status))
    }

    /// `Content-Length`, when it is a number.
    pub(crate) fn content_length(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads from `parts`, each a read of its own.
    async fn read(parts: &[&[u8]]) -> Result<Block, HeadError> {
        let (mut near, far) = tokio::io::duplex(64 * 1024);
        let parts: Vec<Vec<u8>> = parts.iter().map(|p| p.to_vec()).collect();
        let writer = tokio::spawn(async move {
            let mut far = far;
            for part in parts {
                if tokio::io::AsyncWriteExt::write_all(&mut far, &part).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        let block = Block::read(&mut near, Vec::new()).await;
        drop(near);
        writer.await.unwrap();
        block
    }

    #[tokio::test]
    async fn a_head_is_cut_wherever_the_reads_fall() {
        let text = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nX-Y:  z \r\n\r\n\x16\x03\x01";
        for cut in 1..text.len() {
            let block = read(&[&text[..cut], &text[cut..]]).await.unwrap();
            assert_eq!(block.request(), Some(("CONNECT", "a.example:443")));
            assert_eq!((block.header("host"), block.header("x-y")), (Some("a.example:443"), Some("z")));
            assert_eq!(block.header("absent"), None);
            // What came with the head is kept; what came later is still in the connection.
            assert!(b"\x16\x03\x01".starts_with(&block.rest));
            assert!(text.starts_with(&block.head) && block.head.ends_with(b"\r\n\r\n"));
        }
    }

    #[tokio::test]
    async fn bounds() {
        let long = vec![b'a'; HEAD_BYTES_MAX * 2];
        assert!(matches!(read(&[&long]).await, Err(HeadError::TooLong)));
        assert!(matches!(read(&[b"\x16\x03\x01"]).await, Err(HeadError::NotHttp)));
        assert!(matches!(read(&[]).await, Err(HeadError::Closed(false))));
        assert!(matches!(read(&[b"CONN"]).await, Err(HeadError::Closed(true))));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered(head: Vec<u8>, tail in "[ :/.\\r\\n0-9A-Zh]{0,80}") {
            let block = Block { head: [head, tail.into_bytes()].concat(), rest: vec![] };
            let (lines, length) = (block.lines().count(), block.head.len());
            proptest::prop_assert!(lines <= length);
            proptest::prop_assert!(block.status().is_none_or(|status| (100..1000).contains(&status)));
            proptest::prop_assert!(block.request().is_none_or(|(_, target)| !target.is_empty()));
            let _ = (block.header("host"), block.content_length());
        }
    }

    #[test]
    fn first_lines() {
        let of = |head: &str| Block { head: head.as_bytes().to_vec(), rest: vec![] };
        assert_eq!(of("HTTP/1.1 102 Processing\r\n\r\n").status(), Some(102));
        assert_eq!(of("HTTP/1.0 200\r\n\r\n").status(), Some(200));
        for odd in ["HTTP/2 200\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "\r\n\r\n"] {
            assert_eq!(of(odd).status(), None, "{odd}");
        }
        for odd in ["GET /\r\n\r\n", "GET / HTTP/1.1 x\r\n\r\n", "G\u{e9}T / HTTP/1.1\r\n\r\n", "GET  HTTP/1.1\r\n\r\n"]
        {
            assert_eq!(of(odd).request(), None, "{odd}");
        }
    }
}
