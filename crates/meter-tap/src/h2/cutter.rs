//! Cuts one direction of an HTTP/2 connection into what its frames say, however the bytes come.
//!
//! DATA is handed on piece by piece. Other frames are gathered, and so are the frames of a header block: what comes between
//! HEADERS and its last CONTINUATION belongs to it alone (RFC 9113 section 6.10).

use super::frame::{FrameHeader, HEADER_LEN, PREFACE, flag, id, kind};
use crate::Unreadable;

/// Longest payload of a frame other than DATA, and longest header block.
const GATHERED_MAX: usize = 1024 * 1024;

/// One direction.
#[derive(Debug)]
pub(crate) struct Cutter {
    preface_left: &'static [u8],
    header: [u8; HEADER_LEN],
    header_filled: usize,
    payload: Payload,
    block: Option<OpenBlock>,
    /// The frame that began last; of a header block, its first.
    latest: Option<FrameHeader>,
}

#[derive(Debug)]
enum Payload {
    None,
    Gathered { header: FrameHeader, bytes: Vec<u8> },
    PadLength { header: FrameHeader },
    Data { header: FrameHeader, body_left: usize, padding_left: usize },
}

#[derive(Debug)]
struct OpenBlock {
    stream: u32,
    promised: Option<u32>,
    end_stream: bool,
    bytes: Vec<u8>,
}

/// What was said.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Said<'a> {
    /// A piece of a stream's payload, padding removed, and whether the stream ends with it.
    Data { stream: u32, bytes: &'a [u8], end_stream: bool },
    /// A whole header block; `promised` where it came as PUSH_PROMISE.
    Block { stream: u32, promised: Option<u32>, end_stream: bool, bytes: Vec<u8> },
    /// The payload of a SETTINGS frame that is not an acknowledgement.
    Settings(Vec<u8>),
    /// RST_STREAM.
    Reset { stream: u32 },
    /// GOAWAY, with the last stream that was or may be processed.
    GoAway { last: u32 },
    /// Nothing that matters to a meter.
    Nothing,
}

impl Cutter {
    pub(crate) fn client() -> Self {
        Self::new(PREFACE)
    }

    pub(crate) fn origin() -> Self {
        Self::new(&[])
    }

    fn new(preface_left: &'static [u8]) -> Self {
        Self {
            preface_left,
            header: [0; HEADER_LEN],
            header_filled: 0,
            payload: Payload::None,
            block: None,
            latest: None,
        }
    }

    /// Whether a frame of ours may follow: at least one frame was there, none is under way, and no block is open.
    pub(crate) fn at_boundary(&self) -> bool {
        self.latest.is_some()
            && self.header_filled == 0
            && matches!(self.payload, Payload::None)
            && self.block.is_none()
    }

    /// Whether the frame or block that came last closes the stream for its reader.
    pub(crate) fn latest_closes(&self, stream: u32) -> bool {
        self.latest.is_some_and(|latest| {
            let ends = matches!(latest.kind, kind::DATA | kind::HEADERS) && latest.has(flag::END_STREAM);
            latest.stream == stream && (ends || latest.kind == kind::RST_STREAM)
        })
    }

    /// Consumes from `input` what says one thing, never beyond the end of a frame; `None` when the input ran out first.
    pub(crate) fn next<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Option<Said<'a>>), Unreadable> {
        let mut at = self.preface(input)?;
        while at < input.len() {
            let rest = &input[at..];
            match &mut self.payload {
                Payload::None => {
                    let taken = rest.len().min(HEADER_LEN - self.header_filled);
                    self.header[self.header_filled..][..taken].copy_from_slice(&rest[..taken]);
                    self.header_filled += taken;
                    at += taken;
                    if self.header_filled == HEADER_LEN {
                        self.header_filled = 0;
                        let header = FrameHeader::read(&self.header);
                        if let Some(said) = self.begin(header)? {
                            return Ok((at, Some(said)));
                        }
                    }
                }
                Payload::Gathered { header, bytes } => {
                    let taken = rest.len().min(header.payload_len - bytes.len());
                    bytes.extend_from_slice(&rest[..taken]);
                    at += taken;
                    if bytes.len() == header.payload_len {
                        let (header, bytes) = (*header, std::mem::take(bytes));
                        self.payload = Payload::None;
                        return Ok((at, Some(self.gathered(header, bytes)?)));
                    }
                }
                Payload::PadLength { header } => {
                    let (header, padding_left) = (*header, usize::from(rest[0]));
                    let body_left = (header.payload_len - 1)
                        .checked_sub(padding_left)
                        .ok_or(Unreadable("a frame is padded beyond its length"))?;
                    self.payload = Payload::Data { header, body_left, padding_left };
                    at += 1;
                    if header.payload_len == 1 {
                        return Ok((at, Some(self.end_data(header, &[]))));
                    }
                }
                Payload::Data { header, body_left, padding_left } => {
                    let (body, after) = rest.split_at(rest.len().min(*body_left));
                    *body_left -= body.len();
                    let padding = if *body_left == 0 { after.len().min(*padding_left) } else { 0 };
                    *padding_left -= padding;
                    at += body.len() + padding;
                    let header = *header;
                    if *body_left == 0 && *padding_left == 0 {
                        return Ok((at, Some(self.end_data(header, body))));
                    }
                    return Ok((at, Some(Said::Data { stream: header.stream, bytes: body, end_stream: false })));
                }
            }
        }
        Ok((at, None))
    }

    fn preface(&mut self, input: &[u8]) -> Result<usize, Unreadable> {
        let taken = input.len().min(self.preface_left.len());
        let (now, later) = self.preface_left.split_at(taken);
        if input[..taken] != *now {
            return Err(Unreadable("the connection does not begin as HTTP/2"));
        }
        self.preface_left = later;
        Ok(taken)
    }

    /// A DATA frame is over with `bytes`.
    fn end_data<'a>(&mut self, header: FrameHeader, bytes: &'a [u8]) -> Said<'a> {
        self.payload = Payload::None;
        Said::Data { stream: header.stream, bytes, end_stream: header.has(flag::END_STREAM) }
    }

    /// A frame's header is complete; an empty frame is complete with it.
    fn begin(&mut self, header: FrameHeader) -> Result<Option<Said<'static>>, Unreadable> {
        match (&self.block, header.kind) {
            (Some(block), kind::CONTINUATION) if block.stream == header.stream => {}
            (None, kind::CONTINUATION) => return Err(Unreadable("a header block goes on without a beginning")),
            (Some(_), _) => return Err(Unreadable("a header block is interrupted")),
            (None, _) => {}
        }
        if header.kind != kind::CONTINUATION {
            self.latest = Some(header);
        }
        if header.kind == kind::DATA {
            self.payload = match (header.has(flag::PADDED), header.payload_len) {
                (true, 0) => return Err(Unreadable("a frame is padded beyond its length")),
                (true, _) => Payload::PadLength { header },
                (false, 0) => return Ok(Some(self.end_data(header, &[]))),
                (false, body_left) => Payload::Data { header, body_left, padding_left: 0 },
            };
            return Ok(None);
        }
        if header.payload_len > GATHERED_MAX {
            return Err(Unreadable("a frame is over the limit"));
        }
        if header.payload_len > 0 {
            self.payload = Payload::Gathered { header, bytes: Vec::new() };
            return Ok(None);
        }
        self.gathered(header, Vec::new()).map(Some)
    }

    fn gathered(&mut self, header: FrameHeader, payload: Vec<u8>) -> Result<Said<'static>, Unreadable> {
        let said = match header.kind {
            kind::HEADERS | kind::PUSH_PROMISE => {
                let (promised, fragment) = fragment(header, &payload)?;
                let end_stream = header.kind == kind::HEADERS && header.has(flag::END_STREAM);
                let block = OpenBlock { stream: header.stream, promised, end_stream, bytes: fragment.to_vec() };
                return Ok(self.continue_block(block, header));
            }
            kind::CONTINUATION => {
                let Some(mut block) = self.block.take() else {
                    return Err(Unreadable("a header block goes on without a beginning"));
                };
                if block.bytes.len() + payload.len() > GATHERED_MAX {
                    return Err(Unreadable("a header block is over the limit"));
                }
                block.bytes.extend_from_slice(&payload);
                return Ok(self.continue_block(block, header));
            }
            kind::SETTINGS if !header.has(flag::ACK) => Said::Settings(payload),
            kind::RST_STREAM => Said::Reset { stream: header.stream },
            // One that is shorter than its fields ends the connection; there is nothing in it for us.
            kind::GOAWAY => match payload.first_chunk() {
                Some(last) => Said::GoAway { last: id(*last) },
                None => Said::Nothing,
            },
            _ => Said::Nothing,
        };
        Ok(said)
    }

    fn continue_block(&mut self, block: OpenBlock, header: FrameHeader) -> Said<'static> {
        if !header.has(flag::END_HEADERS) {
            self.block = Some(block);
            return Said::Nothing;
        }
        let OpenBlock { stream, promised, end_stream, bytes } = block;
        Said::Block { stream, promised, end_stream, bytes }
    }
}

/// The promised stream and the block fragment of a HEADERS or PUSH_PROMISE payload (sections 6.2 and 6.6).
fn fragment(header: FrameHeader, payload: &[u8]) -> Result<(Option<u32>, &[u8]), Unreadable> {
    const SHORT: Unreadable = Unreadable("a header frame is shorter than its fields");
    let mut rest = payload;
    let mut padding = 0;
    if header.has(flag::PADDED) {
        let (&pad, after) = rest.split_first().ok_or(SHORT)?;
        padding = usize::from(pad);
        rest = after;
    }
    let mut promised = None;
    if header.kind == kind::PUSH_PROMISE {
        let (stream, after) = rest.split_first_chunk().ok_or(SHORT)?;
        promised = Some(id(*stream));
        rest = after;
    } else if header.has(flag::PRIORITY) {
        rest = rest.get(5..).ok_or(SHORT)?;
    }
    let len = rest.len().checked_sub(padding).ok_or(Unreadable("a frame is padded beyond its length"))?;
    Ok((promised, &rest[..len]))
}
