//! gzip, zlib and raw deflate.

use super::CodingFault;
use flate2::{Decompress, FlushDecompress, Status};

const BUFFER: usize = 16 << 10;
/// A gzip header has four optional parts of any length; ours is bounded.
const HEADER_MAX: usize = 64 << 10;

/// An inflater that finds out its wrapper from the first bytes.
pub(crate) struct Inflate {
    state: State,
    gzip: bool,
    stream: Decompress,
    held: Vec<u8>,
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Header,
    Body,
    /// Bytes of the gzip trailer still to pass over.
    Trailer(u8),
    /// A zlib or raw stream has ended; what follows is padding.
    End,
}

impl Inflate {
    /// RFC 1952, several members in a row included.
    pub(crate) fn gzip() -> Inflate {
        Inflate {
            state: State::Header,
            gzip: true,
            stream: Decompress::new(false),
            held: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// RFC 1950, or the raw RFC 1951 that some servers send under the same name.
    pub(crate) fn deflate() -> Inflate {
        Inflate { gzip: false, ..Inflate::gzip() }
    }

    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), CodingFault>,
    ) -> Result<(), CodingFault> {
        let mut rest = bytes;
        let gathered;
        if self.state == State::Header {
            self.held.extend_from_slice(rest);
            gathered = std::mem::take(&mut self.held);
            rest = &gathered;
        }
        loop {
            match self.state {
                State::Header => match self.header(rest)? {
                    Some(length) => {
                        rest = &rest[length..];
                        self.state = State::Body;
                    }
                    None => {
                        self.held = rest.to_vec();
                        return Ok(());
                    }
                },
                State::Body => rest = self.body(rest, sink)?,
                State::Trailer(left) => {
                    let passed = rest.len().min(usize::from(left));
                    rest = &rest[passed..];
                    let left = left - u8::try_from(passed).unwrap_or(left);
                    self.state = if left == 0 { State::Header } else { State::Trailer(left) };
                    if left == 0 {
                        self.stream.reset(false);
                    }
                }
                State::End => return Ok(()),
            }
            if rest.is_empty() && self.state != State::Header {
                return Ok(());
            }
            if rest.is_empty() {
                self.held.clear();
                return Ok(());
            }
        }
    }

    fn body<'a>(
        &mut self,
        bytes: &'a [u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), CodingFault>,
    ) -> Result<&'a [u8], CodingFault> {
        self.buffer.resize(BUFFER, 0);
        let mut rest = bytes;
        loop {
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(rest, &mut self.buffer, FlushDecompress::None);
            let taken = usize::try_from(self.stream.total_in() - before_in).unwrap_or(rest.len());
            let given = usize::try_from(self.stream.total_out() - before_out).unwrap_or(BUFFER);
            rest = &rest[taken..];
            if given > 0 {
                sink(&self.buffer[..given])?;
            }
            // What came before the broken place is good.
            let status = status.map_err(|_| CodingFault::Undecodable)?;
            if status == Status::StreamEnd {
                self.state = if self.gzip { State::Trailer(8) } else { State::End };
                return Ok(rest);
            }
            if rest.is_empty() && given < BUFFER {
                return Ok(rest);
            }
            if taken == 0 && given == 0 {
                return Err(CodingFault::Undecodable);
            }
        }
    }

    /// Length of the header, once it is whole.
    fn header(&mut self, bytes: &[u8]) -> Result<Option<usize>, CodingFault> {
        if !self.gzip {
            let [method, flags, ..] = bytes else { return Ok(None) };
            let zlib = method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0;
            self.stream = Decompress::new(zlib);
            return Ok(Some(0));
        }
        let whole = gzip_header(bytes)?;
        if whole.is_none() && bytes.len() > HEADER_MAX { Err(CodingFault::Undecodable) } else { Ok(whole) }
    }
}

/// RFC 1952 section 2.3.
fn gzip_header(bytes: &[u8]) -> Result<Option<usize>, CodingFault> {
    let expected = [0x1f, 0x8b, 8];
    if bytes.iter().zip(expected).any(|(byte, wanted)| *byte != wanted) {
        return Err(CodingFault::Undecodable);
    }
    let Some(flags) = bytes.get(3) else { return Ok(None) };
    let mut at = 10;
    if flags & 4 != 0 {
        let (Some(low), Some(high)) = (bytes.get(at), bytes.get(at + 1)) else { return Ok(None) };
        at += 2 + usize::from(u16::from_le_bytes([*low, *high]));
    }
    for text in [8, 16] {
        if flags & text != 0 {
            let Some(end) = bytes.get(at..).and_then(|rest| memchr::memchr(0, rest)) else { return Ok(None) };
            at += end + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    Ok((bytes.len() >= at).then_some(at))
}
