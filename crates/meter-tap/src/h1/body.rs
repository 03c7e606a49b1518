//! Steps through one HTTP/1 message body by its framing (RFC 9112 sections 6 and 7).

use memchr::memchr;

use super::head::parse_trailers;
use crate::{Fields, Unreadable};

/// Longest chunk-size line, extensions included.
const SIZE_LINE_MAX: usize = 64 * 1024;
/// Longest trailer section of a chunked body.
const TRAILERS_MAX: usize = 1024 * 1024;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// This many bytes; 0 for a message without a body.
    Length(u64),
    /// Transfer-Encoding ends with `chunked`.
    Chunked,
    /// The answer ends with the connection.
    UntilClose,
}

/// A body under way.
#[derive(Debug)]
pub(crate) struct Body {
    state: State,
    /// Bytes consumed since the start of what may turn out to be the end of a chunked body: the size line under way,
    /// or the terminal chunk with its trailers. A gate holds exactly these back.
    tail: usize,
}

#[derive(Debug)]
enum State {
    Length(u64),
    UntilClose,
    ChunkSize(Vec<u8>),
    ChunkData(u64),
    ChunkEnd,
    /// The section so far, and where its last, incomplete line begins.
    Trailers(Vec<u8>, usize),
}

/// What a step through a body found.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Piece<'a> {
    /// Payload without transfer coding.
    Data(&'a [u8]),
    /// The body is over; trailers are empty where there were none.
    End(Fields),
}

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(bytes) => State::Length(bytes),
            Framing::Chunked => State::ChunkSize(Vec::new()),
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, tail: 0 }
    }

    /// Whether only the end of the connection ends this body.
    pub(crate) fn until_close(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Consumed bytes that may belong to the end of a chunked body.
    pub(crate) fn tail(&self) -> usize {
        self.tail
    }

    /// Consumes from `input` up to the next piece; `None` when the input ran out first. Nothing may be asked after
    /// [`Piece::End`].
    pub(crate) fn next<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Option<Piece<'a>>), Unreadable> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match &mut self.state {
                State::Length(0) => return Ok((at, Some(Piece::End(Vec::new())))),
                _ if rest.is_empty() => return Ok((at, None)),
                State::UntilClose => return Ok((input.len(), Some(Piece::Data(rest)))),
                State::Length(left) => {
                    let data = first(rest, *left);
                    *left -= data.len() as u64;
                    return Ok((at + data.len(), Some(Piece::Data(data))));
                }
                State::ChunkSize(line) => {
                    let end = memchr(b'\n', rest).map(|newline| newline + 1);
                    let part = &rest[..end.unwrap_or(rest.len())];
                    if line.len() + part.len() > SIZE_LINE_MAX {
                        return Err(Unreadable("a chunk-size line is over the limit"));
                    }
                    line.extend_from_slice(part);
                    self.tail += part.len();
                    at += part.len();
                    if end.is_some() {
                        self.state = match chunk_size(line)? {
                            0 => State::Trailers(Vec::new(), 0),
                            size => {
                                self.tail = 0;
                                State::ChunkData(size)
                            }
                        };
                    }
                }
                State::ChunkData(left) => {
                    let data = first(rest, *left);
                    *left -= data.len() as u64;
                    if *left == 0 {
                        self.state = State::ChunkEnd;
                    }
                    return Ok((at + data.len(), Some(Piece::Data(data))));
                }
                State::ChunkEnd => {
                    match rest[0] {
                        b'\r' => {}
                        b'\n' => self.state = State::ChunkSize(Vec::new()),
                        _ => return Err(Unreadable("a chunk is longer than its size says")),
                    }
                    at += 1;
                }
                State::Trailers(section, line) => {
                    let end = memchr(b'\n', rest).map(|newline| newline + 1);
                    let part = &rest[..end.unwrap_or(rest.len())];
                    if section.len() + part.len() > TRAILERS_MAX {
                        return Err(Unreadable("a trailer section is over the limit"));
                    }
                    section.extend_from_slice(part);
                    self.tail += part.len();
                    at += part.len();
                    if end.is_some() {
                        if matches!(&section[*line..], b"\n" | b"\r\n") {
                            let fields = parse_trailers(section);
                            self.state = State::Length(0);
                            return Ok((at, Some(Piece::End(fields))));
                        }
                        *line = section.len();
                    }
                }
            }
        }
    }
}

fn first(input: &[u8], left: u64) -> &[u8] {
    &input[..usize::try_from(left).unwrap_or(usize::MAX).min(input.len())]
}

/// Reads a chunk-size line; extensions are stepped over. Blanks around the size are seen in the wild.
fn chunk_size(line: &[u8]) -> Result<u64, Unreadable> {
    const FAULT: Unreadable = Unreadable("a chunk size is not a number");
    let size = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    if size.is_empty() || size.len() > 16 {
        return Err(FAULT);
    }
    size.iter().try_fold(0u64, |sum, &byte| {
        let digit = char::from(byte).to_digit(16).ok_or(FAULT)?;
        Ok(sum << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` in pieces of `step` bytes: the payload, the trailers, and how many bytes the body took.
    fn read(framing: Framing, text: &[u8], step: usize) -> Result<(Vec<u8>, Fields, usize), Unreadable> {
        let mut body = Body::new(framing);
        let (mut payload, mut taken) = (Vec::new(), 0);
        for piece in text.chunks(step) {
            let mut rest = piece;
            loop {
                let (used, found) = body.next(rest)?;
                taken += used;
                rest = &rest[used..];
                match found {
                    Some(Piece::Data(data)) => payload.extend_from_slice(data),
                    Some(Piece::End(fields)) => return Ok((payload, fields, taken)),
                    None => break,
                }
            }
        }
        panic!("the body did not end");
    }

    fn check(framing: Framing, text: &[u8], payload: &[u8], trailers: usize) {
        for step in [1, 2, 3, 7, 1000] {
            let (got, fields, _) = read(framing, text, step).expect("readable");
            assert_eq!(got, payload, "in steps of {step}");
            assert_eq!(fields.len(), trailers);
        }
    }

    #[test]
    fn chunks_lose_their_framing() {
        check(Framing::Chunked, b"3\r\nabc\r\n00A ; x=\"y\"\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789", 0);
        check(Framing::Chunked, b"1\na\n0\n\n", b"a", 0);
        check(Framing::Chunked, b"0;last\r\nX-Sum: 1\r\nY: 2\r\n\r\n", b"", 2);
    }

    #[test]
    fn a_length_stops_where_it_says() {
        check(Framing::Length(3), b"abcdef", b"abc", 0);
        assert_eq!(read(Framing::Length(3), b"abcdef", 100).expect("readable").2, 3);
    }

    #[test]
    fn bad_chunks_are_faults() {
        for text in [&b"x\r\n"[..], b"\r\n", b"2\r\nabc", b"11111111111111111\r\n", b"-1\r\n"] {
            assert!(read(Framing::Chunked, text, 1).is_err(), "{text:?}");
        }
        let long = vec![b' '; SIZE_LINE_MAX + 1];
        assert!(read(Framing::Chunked, &long, 4096).is_err());
    }

    #[test]
    fn the_tail_is_what_may_end_the_body() {
        let mut body = Body::new(Framing::Chunked);
        let mut feed = |text: &[u8]| {
            let mut rest = text;
            while let (used, Some(_)) = body.next(rest).expect("readable") {
                rest = &rest[used..];
                if rest.is_empty() {
                    break;
                }
            }
            body.tail()
        };
        assert_eq!(feed(b"1"), 1, "a size line under way could become 0");
        assert_eq!(feed(b"\r\na"), 0);
        assert_eq!(feed(b"\r\n"), 0);
        assert_eq!(feed(b"0\r\n"), 3);
        assert_eq!(feed(b"T: 1\r\n"), 9);
    }
}
