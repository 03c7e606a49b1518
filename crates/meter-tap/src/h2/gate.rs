//! Holds the last slice of an HTTP/2 request until its verdict: the frame with END_STREAM waits, all else passes.
//!
//! A refusal is RST_STREAM to both sides; the answer's text is not sent. The rules that keep both peers content:
//!
//! - The client's direction goes on in whole units only (a frame, or a header block with its CONTINUATION frames), so a
//!   frame of ours fits between any two of them. A held DATA frame lets other streams pass. A held header block does not:
//!   blocks must stay in order, so the client's direction waits with it.
//! - A request refused by its head is forwarded with END_STREAM cleared and RST_STREAM right behind it: the origin's
//!   header table needs the block. It never sees a complete request.
//! - What a peer sends on a refused stream goes no further. DATA has its connection window given back by us, exactly.
//! - Header blocks of a refused stream go no further either. If one changed the table, later blocks are written anew
//!   ([`Recoding`]).
//! - Toward the client frames are put in only where the origin stands between two frames, outside a header block, and
//!   behind its SETTINGS, which have to come first.

use std::collections::BTreeSet;

use super::frame::{FrameHeader, PREFACE, kind};
use super::reader::{Reader, Seen};
use super::recode::Recoding;
use super::unit::{Units, is_block};
use crate::{End, ExchangeId, HeadVerdict, Observer, Output, Side, Unreadable, Verdict};

/// One HTTP/2 connection, gated or not.
#[derive(Debug)]
pub(crate) struct H2 {
    reader: Reader,
    gate: Option<Gate>,
}

#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) client: Units,
    pub(super) client_recoding: Recoding,
    preface_passed: bool,
    client_ended: bool,
    /// Streams whose request waits for a verdict when it is whole.
    pub(super) holds: BTreeSet<u32>,
    /// The header block at the front of `client`, while its verdict is awaited.
    awaited: Option<Awaited>,
    /// DATA frames whose verdict is awaited.
    pub(super) held: Vec<Held>,
    /// Never forgotten: a peer may still be sending on them.
    pub(super) refused: BTreeSet<u32>,
    /// The origin's bytes that the client has not got, once a stream was refused.
    pub(super) origin: Units,
    pub(super) origin_recoding: Recoding,
    /// Whether the origin's direction goes on in whole units only.
    pub(super) origin_in_units: bool,
    /// Frames for the client that wait for the end of what it has the beginning of.
    pub(super) credit_for_client: Vec<u8>,
    pub(super) resets_for_client: Vec<u32>,
}

#[derive(Debug)]
struct Awaited {
    id: ExchangeId,
    unit: Unit,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) first: FrameHeader,
    pub(super) len: usize,
    /// It opens its stream; the origin has seen nothing of it.
    pub(super) opens: bool,
}

#[derive(Debug)]
pub(super) struct Held {
    id: ExchangeId,
    pub(super) frame: Vec<u8>,
}

/// What is to be done with a unit of the client.
enum Step {
    Forward,
    Refuse,
    Wait(ExchangeId),
}

impl H2 {
    pub(crate) fn new(gated: bool) -> Self {
        Self { reader: Reader::new(gated), gate: gated.then(Gate::default) }
    }

    pub(crate) fn client(&mut self, bytes: &[u8], out: &mut Output, obs: &mut dyn Observer) -> Result<(), Unreadable> {
        match &mut self.gate {
            None => self.reader.read_all(Side::Client, bytes, obs),
            Some(gate) => {
                gate.client.bytes.extend_from_slice(bytes);
                gate.advance(&mut self.reader, out, obs)
            }
        }
    }

    pub(crate) fn origin(&mut self, bytes: &[u8], out: &mut Output, obs: &mut dyn Observer) -> Result<(), Unreadable> {
        match &mut self.gate {
            Some(gate) if gate.rewrites_origin() => gate.origin(&mut self.reader, bytes, out, obs),
            _ => self.reader.read_all(Side::Origin, bytes, obs),
        }
    }

    pub(crate) fn client_end(&mut self, end: End, out: &mut Output, obs: &mut dyn Observer) {
        self.reader.streams.client_end(end, obs);
        let Some(gate) = &mut self.gate else { return };
        gate.client_ended = true;
        if end == End::Reset {
            gate.client = Units::default();
            gate.awaited = None;
            gate.held.clear();
        }
        gate.release_rest(out);
    }

    pub(crate) fn origin_end(&mut self, out: &mut Output, obs: &mut dyn Observer) {
        self.reader.streams.origin_end(obs);
        if let Some(gate) = &mut self.gate {
            // An incomplete frame shows the client that the answer was cut.
            let partial = std::mem::take(&mut gate.origin.bytes);
            let refused = FrameHeader::peek(&partial).is_none_or(|first| gate.refused.contains(&first.stream));
            if !refused && !gate.origin_recoding.is_on() {
                out.to_client.extend_from_slice(&partial);
            }
        }
    }

    pub(crate) fn decide(
        &mut self,
        id: ExchangeId,
        verdict: Verdict,
        out: &mut Output,
        obs: &mut dyn Observer,
    ) -> Result<(), Unreadable> {
        let Some(gate) = &mut self.gate else { return Ok(()) };
        let allowed = match verdict {
            Verdict::Later => return Ok(()),
            Verdict::Allow => true,
            Verdict::Refuse(_) => false,
        };
        if let Some(awaited) = gate.awaited.take_if(|awaited| awaited.id == id) {
            if allowed {
                gate.forward(awaited.unit, &mut self.reader, out);
            } else {
                gate.refuse(awaited.unit, &mut self.reader, out, obs);
            }
            gate.advance(&mut self.reader, out, obs)?;
        } else if let Some(position) = gate.held.iter().position(|held| held.id == id) {
            let held = gate.held.remove(position);
            if allowed {
                out.to_origin.extend_from_slice(&held.frame);
            } else if let Some(first) = FrameHeader::peek(&held.frame) {
                gate.refuse_held(first, &mut self.reader, out, obs);
            }
        }
        gate.release_rest(out);
        Ok(())
    }

    /// Whether the origin's bytes must go through [`Output::to_client`].
    pub(crate) fn rewrites_origin(&self) -> bool {
        self.gate.as_ref().is_some_and(Gate::rewrites_origin)
    }

    /// Whether a request waits for its verdict.
    pub(crate) fn is_waiting(&self) -> bool {
        self.gate.as_ref().is_some_and(Gate::is_waiting)
    }

    /// Bytes that pile up because of an awaited verdict.
    pub(crate) fn piled_up(&self) -> usize {
        self.gate.as_ref().filter(|gate| gate.awaited.is_some()).map_or(0, |gate| gate.client.bytes.len())
    }

    /// Gives up reading: what the origin still has to get, or `None` when either stream is not the peer's own any more.
    pub(crate) fn abandon(&mut self) -> Option<Vec<u8>> {
        let Some(gate) = &mut self.gate else { return Some(Vec::new()) };
        if gate.rewrites_origin() || gate.client_recoding.is_on() {
            return None;
        }
        let mut rest: Vec<u8> = gate.held.drain(..).flat_map(|held| held.frame).collect();
        rest.append(&mut gate.client.bytes);
        Some(rest)
    }
}

impl Gate {
    fn rewrites_origin(&self) -> bool {
        !self.refused.is_empty() || !self.credit_for_client.is_empty()
    }

    fn is_waiting(&self) -> bool {
        self.awaited.is_some() || !self.held.is_empty()
    }

    /// Passes the client's units on, as far as they are whole and none has to wait.
    fn advance(&mut self, reader: &mut Reader, out: &mut Output, obs: &mut dyn Observer) -> Result<(), Unreadable> {
        if !self.preface_passed {
            let seen = self.client.bytes.len().min(PREFACE.len());
            if self.client.bytes[..seen] != PREFACE[..seen] {
                return Err(Unreadable("the connection does not begin as HTTP/2"));
            }
            if seen < PREFACE.len() {
                return Ok(());
            }
            reader.next(Side::Client, PREFACE, obs)?;
            self.client.leave(PREFACE.len(), Some(&mut out.to_origin));
            self.preface_passed = true;
        }
        while self.awaited.is_none()
            && let Some((first, len)) = self.client.front()?
        {
            let mut unit = Unit { first, len, opens: false };
            match self.judge(&mut unit, reader, obs)? {
                Step::Forward => self.forward(unit, reader, out),
                Step::Refuse => self.refuse(unit, reader, out, obs),
                Step::Wait(id) if first.kind == kind::DATA => {
                    let mut frame = Vec::with_capacity(len);
                    self.client.leave(len, Some(&mut frame));
                    self.held.push(Held { id, frame });
                }
                Step::Wait(id) => self.awaited = Some(Awaited { id, unit }),
            }
        }
        Ok(())
    }

    /// Reads a unit of the client and asks what has to be asked.
    fn judge(&mut self, unit: &mut Unit, reader: &mut Reader, obs: &mut dyn Observer) -> Result<Step, Unreadable> {
        let stream = unit.first.stream;
        let mut at = 0;
        loop {
            let (taken, seen) = reader.next(Side::Client, &self.client.bytes[at..unit.len], obs)?;
            at += taken;
            match seen {
                Seen::Starved => return Ok(Step::Forward),
                Seen::Passed => {}
                Seen::Head { id, head } => {
                    unit.opens = true;
                    match obs.head(id, &head) {
                        HeadVerdict::Pass => {}
                        HeadVerdict::Hold => {
                            self.holds.retain(|stream| reader.streams.is_open(*stream));
                            self.holds.insert(stream);
                        }
                        HeadVerdict::Refuse(_) => return Ok(Step::Refuse),
                    }
                }
                Seen::RequestEnd { id } if self.holds.remove(&stream) => match obs.complete(id) {
                    Verdict::Allow => {}
                    Verdict::Refuse(_) => return Ok(Step::Refuse),
                    Verdict::Later => return Ok(Step::Wait(id)),
                },
                Seen::RequestEnd { .. } => {}
            }
        }
    }

    /// Lets the front unit of the client go on, unless its stream was refused.
    fn forward(&mut self, unit: Unit, reader: &mut Reader, out: &mut Output) {
        let Unit { first, len, .. } = unit;
        if self.refused.contains(&first.stream) {
            match first.kind {
                kind::DATA => self.credit_client(first.payload_len, reader, out),
                kind::HEADERS => {
                    if let Some((_, block)) = reader.take_block(Side::Client) {
                        self.client_recoding.swallow(&block);
                    }
                }
                kind::RST_STREAM | kind::WINDOW_UPDATE => {}
                // PRIORITY and its kin are allowed on streams that are closed.
                _ => return self.client.leave(len, Some(&mut out.to_origin)),
            }
            return self.client.leave(len, None);
        }
        if first.kind == kind::RST_STREAM {
            self.forget(first.stream, reader, out);
        }
        if is_block(first)
            && self.client_recoding.is_on()
            && let Some((promised, block)) = reader.take_block(Side::Client)
        {
            self.client_recoding.write(first, promised, &block, &mut out.to_origin);
            return self.client.leave(len, None);
        }
        self.client.leave(len, Some(&mut out.to_origin));
    }

    /// After the client's end: an incomplete unit goes on too, so that the origin sees what a direct peer would.
    fn release_rest(&mut self, out: &mut Output) {
        if self.client_ended && !self.is_waiting() {
            let faithful = self.refused.is_empty() && !self.client_recoding.is_on();
            let rest = std::mem::take(&mut self.client).bytes;
            if faithful {
                out.to_origin.extend_from_slice(&rest);
            }
        }
    }
}
