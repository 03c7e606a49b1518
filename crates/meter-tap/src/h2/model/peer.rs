//! One end of the connection, as strict as a peer can be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::Fields;
use crate::h2::frame::{FrameHeader, HEADER_LEN, PREFACE, flag, kind};
use crate::hpack::Decoder;
use crate::hpack::indexing::{Encoder, Manner};

/// The connection's window at its beginning (RFC 9113 section 6.9.2), and the most that is ever due.
pub(super) const WINDOW: i64 = 65_535;

/// One end of the connection.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) encoder: Encoder,
    pub(super) decoder: Decoder,
    /// What it may still send, and what the other may still send to it.
    pub(super) window_out: i64,
    pub(super) window_in: i64,
    /// Bytes on their way from it, and to it.
    pub(super) sent: VecDeque<u8>,
    pub(super) got: Vec<u8>,
    /// Frames it wants to send, by stream, in order; DATA waits for window.
    pub(super) queues: BTreeMap<u32, VecDeque<Wanted>>,
    /// Blocks it sent, by stream: the other end must read the same.
    pub(super) blocks: BTreeMap<u32, VecDeque<Fields>>,
    /// Streams on which it got RST_STREAM, and on which it sent it.
    pub(super) was_reset: BTreeSet<u32>,
    pub(super) did_reset: BTreeSet<u32>,
    pub(super) ended: BTreeSet<u32>,
    pub(super) opened: u32,
    pub(super) frames_in: u64,
    pub(super) credit_owed: Vec<(u32, usize)>,
}

#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Block(Fields, bool),
    Data(usize, bool),
    Reset,
}

impl Peer {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            encoder: Encoder::default(),
            decoder: Decoder::default(),
            window_out: WINDOW,
            window_in: WINDOW,
            sent: VecDeque::new(),
            got: Vec::new(),
            queues: BTreeMap::new(),
            blocks: BTreeMap::new(),
            was_reset: BTreeSet::new(),
            did_reset: BTreeSet::new(),
            ended: BTreeSet::new(),
            opened: 0,
            frames_in: 0,
            credit_owed: Vec::new(),
        }
    }

    pub(super) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.sent.extend(&(payload.len() as u32).to_be_bytes()[1..]);
        self.sent.extend([kind, flags]);
        self.sent.extend(stream.to_be_bytes());
        self.sent.extend(payload);
    }

    /// Sends one frame, of the stream that `choice` falls on. Returns whether it could.
    pub(super) fn produce(&mut self, choice: usize) -> bool {
        if let Some((stream, bytes)) = self.credit_owed.pop() {
            self.window_in += if stream == 0 { bytes as i64 } else { 0 };
            self.frame(kind::WINDOW_UPDATE, 0, stream, &(bytes as u32).to_be_bytes());
            return true;
        }
        let ready: Vec<u32> = self
            .queues
            .iter()
            .filter(|(stream, queue)| match queue.front() {
                None => false,
                Some(Wanted::Data(bytes, _)) => *bytes as i64 <= self.window_out,
                // A client opens streams in order.
                Some(Wanted::Block(..)) => {
                    self.name == "origin" || **stream <= self.opened + 2 || self.opened == 0 && **stream == 1
                }
                Some(Wanted::Reset) => true,
            })
            .map(|(stream, _)| *stream)
            .collect();
        let Some(&stream) = ready.get(choice % ready.len().max(1)) else { return false };
        let wanted = self.queues.get_mut(&stream).and_then(VecDeque::pop_front).expect("a ready stream");
        match wanted {
            Wanted::Block(fields, end) => {
                self.opened = self.opened.max(stream);
                let manner = match choice / 16 % 8 {
                    0 | 1 => Manner::Literal,
                    2 => Manner::Resize(choice * 37 % 4097),
                    _ => Manner::Index,
                };
                let block = self.encoder.encode(&fields, manner);
                self.blocks.entry(stream).or_default().push_back(fields);
                let end = if end { flag::END_STREAM } else { 0 };
                if choice.is_multiple_of(3) {
                    let (one, two) = block.split_at(block.len() / 2);
                    self.frame(kind::HEADERS, end, stream, one);
                    self.frame(kind::CONTINUATION, flag::END_HEADERS, stream, two);
                } else {
                    self.frame(kind::HEADERS, end | flag::END_HEADERS, stream, &block);
                }
            }
            Wanted::Data(bytes, end) => {
                self.window_out -= bytes as i64;
                self.frame(kind::DATA, u8::from(end), stream, &vec![b'd'; bytes]);
            }
            Wanted::Reset => {
                self.did_reset.insert(stream);
                self.queues.remove(&stream);
                self.frame(kind::RST_STREAM, 0, stream, &8u32.to_be_bytes());
            }
        }
        true
    }

    /// Takes the next whole unit that arrived, and complains like a strict peer. Returns the first frame's header, and the
    /// fields of a block.
    pub(super) fn consume(&mut self, other: &mut Peer) -> Option<(FrameHeader, Option<Fields>)> {
        let name = self.name;
        if name == "origin" && self.frames_in == 0 {
            let preface = self.got.first_chunk::<24>()?;
            if preface == PREFACE {
                self.got.drain(..24);
            }
        }
        let first = FrameHeader::peek(&self.got)?;
        let (mut at, mut header, mut block) = (0, first, Vec::new());
        loop {
            let end = at + HEADER_LEN + header.payload_len;
            block.extend_from_slice(self.got.get(at + HEADER_LEN..end)?);
            at = end;
            if !matches!(header.kind, kind::HEADERS | kind::CONTINUATION) || header.has(flag::END_HEADERS) {
                break;
            }
            header = FrameHeader::peek(&self.got[at..])?;
            assert_eq!(
                (header.kind, header.stream),
                (kind::CONTINUATION, first.stream),
                "{name}: a block is contiguous"
            );
        }
        let payload = block;
        self.got.drain(..at);
        self.frames_in += 1;
        let stream = first.stream;
        assert_eq!(self.frames_in == 1, first.kind == kind::SETTINGS, "{name}: SETTINGS come first, once");
        assert!(!self.was_reset.contains(&stream), "{name}: frame {first:?} on a stream that the other side has reset");
        let opened_by_us = if name == "client" { self.opened } else { 0 };
        let idle = stream > self.opened.max(opened_by_us);
        let mut fields = None;
        match first.kind {
            kind::DATA => {
                assert!(!idle, "{name}: DATA on an idle stream");
                self.window_in -= first.payload_len as i64;
                assert!(self.window_in >= 0, "{name}: window overrun");
                if first.payload_len > 0 {
                    self.credit_owed.push((0, first.payload_len));
                }
                if !self.did_reset.contains(&stream) {
                    assert!(!self.ended.contains(&stream), "{name}: DATA behind the end");
                }
            }
            kind::HEADERS => {
                let read = self.decoder.decode(&payload).unwrap_or_else(|fault| panic!("{name}: {fault:?}")).fields;
                let sent = other.blocks.get_mut(&stream).and_then(VecDeque::pop_front).expect("a block that was sent");
                assert_eq!(read, sent, "{name}: out of step on stream {stream}");
                assert!(name == "origin" || !idle, "{name}: HEADERS on an idle stream");
                if name == "origin" {
                    self.opened = self.opened.max(stream);
                }
                fields = Some(read);
            }
            kind::RST_STREAM => {
                assert!(!idle, "{name}: RST_STREAM on an idle stream");
                self.was_reset.insert(stream);
                self.queues.remove(&stream);
            }
            kind::WINDOW_UPDATE => {
                let bytes = u32::from_be_bytes(*payload.first_chunk().expect("four bytes"));
                assert!(bytes > 0, "{name}: an empty credit");
                self.window_out += if stream == 0 { i64::from(bytes) } else { 0 };
                assert!(self.window_out <= WINDOW, "{name}: more window than was ever taken");
            }
            _ => {}
        }
        let ends = matches!(first.kind, kind::DATA | kind::HEADERS) && first.has(flag::END_STREAM);
        // What comes on a stream that this side has reset is nothing to it any more.
        if ends && !self.did_reset.contains(&stream) {
            self.ended.insert(stream);
        }
        Some((first, fields))
    }
}
