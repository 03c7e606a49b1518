//! Finds the whole units of one direction: a frame, or the frames of one header block, between which nothing may stand.

use super::frame::{FrameHeader, HEADER_LEN, flag, kind};
use crate::Unreadable;

/// Longest unit, but for one DATA frame.
const UNIT_MAX: usize = 1024 * 1024 + 64 * 1024;

/// Bytes of one direction on their way, from a unit's beginning.
#[derive(Debug, Default)]
pub(crate) struct Units {
    pub(crate) bytes: Vec<u8>,
    /// Frames at the front that are whole but whose header block is not.
    known: usize,
}

impl Units {
    /// The first frame's header and the length of the unit at the front, once all of it is there.
    pub(crate) fn front(&mut self) -> Result<Option<(FrameHeader, usize)>, Unreadable> {
        let Some(first) = FrameHeader::peek(&self.bytes) else { return Ok(None) };
        if first.kind == kind::CONTINUATION {
            return Err(Unreadable("a header block goes on without a beginning"));
        }
        loop {
            let Some(header) = FrameHeader::peek(&self.bytes[self.known..]) else { return Ok(None) };
            if self.known > 0 && header.kind != kind::CONTINUATION {
                return Err(Unreadable("a header block is interrupted"));
            }
            let end = self.known + HEADER_LEN + header.payload_len;
            if header.kind != kind::DATA && end > UNIT_MAX {
                return Err(Unreadable("a frame or header block is over the limit"));
            }
            if end > self.bytes.len() {
                return Ok(None);
            }
            let opens = matches!(header.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION);
            if opens && !header.has(flag::END_HEADERS) {
                self.known = end;
                continue;
            }
            self.known = 0;
            return Ok(Some((first, end)));
        }
    }

    /// Takes the first bytes away, and hands them to `out` if there is one.
    pub(crate) fn leave(&mut self, len: usize, out: Option<&mut Vec<u8>>) {
        if let Some(out) = out {
            out.extend_from_slice(&self.bytes[..len]);
        }
        self.bytes.drain(..len);
    }
}

/// Whether the unit is a header block.
pub(crate) fn is_block(first: FrameHeader) -> bool {
    matches!(first.kind, kind::HEADERS | kind::PUSH_PROMISE)
}
