//! Reads both directions of an HTTP/2 connection as they pass.

use super::cutter::{Cutter, Said};
use super::streams::{Opened, Streams};
use crate::hpack::{Block, Decoder};
use crate::{ExchangeId, Observer, RequestHead, Side, Unreadable};

/// The passive parser: it never asks for a verdict.
#[derive(Debug)]
pub(crate) struct Reader {
    client: Direction,
    origin: Direction,
    pub(crate) streams: Streams,
    /// A request that is whole with the head just returned.
    ends_with_head: Option<(u32, ExchangeId)>,
    /// Whether decoded blocks are kept for [`Direction::take_block`]: only a gate writes them anew.
    keeps_blocks: bool,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Direction {
    cutter: Cutter,
    decoder: Decoder,
    block: Option<(Option<u32>, Block)>,
}

/// Where a gate has to stop and think.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The input ran out.
    Starved,
    /// Something passed that needs no decision.
    Passed,
    /// A request's head is complete.
    Head { id: ExchangeId, head: RequestHead },
    /// A request is whole.
    RequestEnd { id: ExchangeId },
}

impl Reader {
    pub(crate) fn new(keeps_blocks: bool) -> Self {
        let direction = |cutter| Direction { cutter, decoder: Decoder::default(), block: None };
        Self {
            client: direction(Cutter::client()),
            origin: direction(Cutter::origin()),
            streams: Streams::default(),
            ends_with_head: None,
            keeps_blocks,
        }
    }

    /// Reads the next thing that `from` says in `input`, never beyond the end of a frame. Returns what was taken.
    pub(crate) fn next(
        &mut self,
        from: Side,
        input: &[u8],
        obs: &mut dyn Observer,
    ) -> Result<(usize, Seen), Unreadable> {
        if from == Side::Client
            && let Some((stream, id)) = self.ends_with_head.take()
            && self.streams.request_end(stream, obs).is_some()
        {
            return Ok((0, Seen::RequestEnd { id }));
        }
        let (direction, opposite) = match from {
            Side::Client => (&mut self.client, &mut self.origin),
            Side::Origin => (&mut self.origin, &mut self.client),
        };
        let (taken, said) = direction.cutter.next(input)?;
        let Some(said) = said else { return Ok((taken, Seen::Starved)) };
        match said {
            Said::Data { stream, bytes, end_stream } => {
                if let Some(id) = self.streams.data(from, stream, bytes, end_stream, obs)? {
                    return Ok((taken, Seen::RequestEnd { id }));
                }
            }
            Said::Block { stream, promised, end_stream, bytes } => {
                let block = direction.decoder.decode(&bytes)?;
                let fields = if self.keeps_blocks { block.fields.clone() } else { Vec::new() };
                let (fields, kept) = (block.fields, Block { fields, ..block });
                direction.block = Some((promised, kept));
                match (from, promised) {
                    // A pushed answer belongs to no request of the client's: it passes unmetered.
                    (_, Some(_)) => {}
                    (Side::Origin, None) => self.streams.origin_block(stream, fields, end_stream, obs),
                    (Side::Client, None) => match self.streams.client_block(stream, fields, end_stream, obs) {
                        Opened::Request { id, head, whole } => {
                            self.ends_with_head = whole.then_some((stream, id));
                            return Ok((taken, Seen::Head { id, head }));
                        }
                        Opened::End(id) => return Ok((taken, Seen::RequestEnd { id })),
                        Opened::Nothing => {}
                    },
                }
            }
            Said::Settings(payload) => {
                for setting in payload.chunks_exact(6) {
                    if let [0, 1, size @ ..] = setting
                        && let Some(size) = size.first_chunk()
                    {
                        opposite.decoder.announce(u32::from_be_bytes(*size));
                    }
                }
            }
            Said::Reset { stream } => self.streams.left(stream, from, obs),
            Said::GoAway { last } if from == Side::Origin => self.streams.go_away(last, obs),
            Said::GoAway { .. } | Said::Nothing => {}
        }
        Ok((taken, Seen::Passed))
    }

    /// Reads all of `input`; for those who decide nothing.
    pub(crate) fn read_all(&mut self, from: Side, input: &[u8], obs: &mut dyn Observer) -> Result<(), Unreadable> {
        let mut rest = input;
        loop {
            let (taken, seen) = self.next(from, rest, obs)?;
            rest = &rest[taken..];
            if let Seen::Starved = seen {
                return Ok(());
            }
        }
    }

    /// Takes an exchange out because the gate refused it.
    pub(crate) fn withdraw(&mut self, stream: u32, obs: &mut dyn Observer) {
        self.ends_with_head = None;
        self.streams.withdraw(stream, obs);
    }

    /// Whether a frame of ours may follow what the origin has sent so far.
    pub(crate) fn origin_at_boundary(&self) -> bool {
        self.origin.cutter.at_boundary()
    }

    /// Whether the frame or block that the origin sent last closes the stream.
    pub(crate) fn origin_just_closed(&self, stream: u32) -> bool {
        self.origin.cutter.latest_closes(stream)
    }

    /// The block that was decoded last, and the stream it promised if it was a PUSH_PROMISE.
    pub(crate) fn take_block(&mut self, from: Side) -> Option<(Option<u32>, Block)> {
        match from {
            Side::Client => self.client.block.take(),
            Side::Origin => self.origin.block.take(),
        }
    }
}
