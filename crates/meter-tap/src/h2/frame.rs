//! Frames of HTTP/2 (RFC 9113 sections 4.1 and 6): their header, and the few that we write.

use crate::hpack::{Block, Resized, literal_block};

pub(crate) const HEADER_LEN: usize = 9;
/// What a client sends before its first frame (section 3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame size that every peer accepts (section 4.2).
const PAYLOAD_ALWAYS_FINE: usize = 16_384;

/// Frame types (section 6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Frame flags.
pub(crate) mod flag {
    pub(crate) const ACK: u8 = 0x01;
    pub(crate) const END_STREAM: u8 = 0x01;
    pub(crate) const END_HEADERS: u8 = 0x04;
    pub(crate) const PADDED: u8 = 0x08;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// Error codes we send (section 7).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    /// To an origin whose request will not be completed.
    Cancel = 0x8,
    /// To a client whose request was refused. Not REFUSED_STREAM or PROTOCOL_ERROR, which Go sends again by itself (the
    /// first by RFC 9113 section 8.7); not CANCEL, on which Node's http2 ends the stream without an error, so that a caller
    /// may wait for ever. gRPC maps this one to RESOURCE_EXHAUSTED, which its default policy does not retry.
    EnhanceYourCalm = 0xb,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FrameHeader {
    pub(crate) payload_len: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl FrameHeader {
    pub(crate) fn read(bytes: &[u8; HEADER_LEN]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes;
        let payload_len = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
        Self { payload_len, kind, flags, stream: id([s0, s1, s2, s3]) }
    }

    /// The header at the front of `bytes`, when all of it is there.
    pub(crate) fn peek(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(Self::read)
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.payload_len as u32).to_be_bytes()[1..]);
        out.extend_from_slice(&[self.kind, self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
    }
}

/// A stream id, without the reserved bit.
pub(crate) fn id(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes) & 0x7fff_ffff
}

pub(crate) fn write_rst_stream(stream: u32, code: Code, out: &mut Vec<u8>) {
    FrameHeader { payload_len: 4, kind: kind::RST_STREAM, flags: 0, stream }.write(out);
    out.extend_from_slice(&(code as u32).to_be_bytes());
}

/// Gives back connection window for DATA that went no further; nothing for an empty payload, which takes none.
pub(crate) fn write_connection_credit(payload_len: usize, out: &mut Vec<u8>) {
    if payload_len > 0 {
        FrameHeader { payload_len: 4, kind: kind::WINDOW_UPDATE, flags: 0, stream: 0 }.write(out);
        out.extend_from_slice(&(payload_len as u32).to_be_bytes());
    }
}

/// Writes a HEADERS or PUSH_PROMISE frame anew, its block as literals, with CONTINUATION frames where it is long.
pub(crate) fn write_literal_block(
    first: FrameHeader,
    promised: Option<u32>,
    block: &Block,
    resized: Option<Resized>,
    out: &mut Vec<u8>,
) {
    let mut payload = promised.map(|stream| stream.to_be_bytes().to_vec()).unwrap_or_default();
    payload.extend(literal_block(&block.fields, resized));
    let end_stream = if first.kind == kind::HEADERS { first.flags & flag::END_STREAM } else { 0 };
    let mut rest = payload.as_slice();
    let mut head = FrameHeader { payload_len: 0, kind: first.kind, flags: end_stream, stream: first.stream };
    loop {
        let (now, later) = rest.split_at(rest.len().min(PAYLOAD_ALWAYS_FINE));
        head.payload_len = now.len();
        head.flags |= if later.is_empty() { flag::END_HEADERS } else { 0 };
        head.write(out);
        out.extend_from_slice(now);
        if later.is_empty() {
            return;
        }
        rest = later;
        head.kind = kind::CONTINUATION;
        head.flags = 0;
    }
}
