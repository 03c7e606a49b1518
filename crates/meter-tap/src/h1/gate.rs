//! Holds the last slice of an HTTP/1 request until its verdict: a request is not a request until its last byte.
//!
//! Everything else passes as it comes, so an `Expect: 100-continue` upload or a slow one never waits for us. What is held
//! stands at the end of [`Gate::pending`], which alone decides what the origin gets: bytes leave it in order or not at all.

use super::reader::{Milestone, Reader};
use super::refusal::write_answer;
use crate::{End, ExchangeId, HeadVerdict, Observer, Output, Refusal, Unreadable, Verdict};

/// One HTTP/1 connection, gated or not.
#[derive(Debug)]
pub(crate) struct H1 {
    reader: Reader,
    gate: Option<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    /// Bytes of the client that have not gone on, in order.
    pending: Vec<u8>,
    /// How many of them were read.
    read: usize,
    /// Whether the request under way waits for a verdict when it is whole.
    holds: bool,
    /// Whose verdict is awaited; nothing is read meanwhile.
    awaited: Option<ExchangeId>,
    client_ended: bool,
    refused: Option<Refused>,
}

/// After a refusal nothing of the client is read or forwarded any more.
#[derive(Debug)]
enum Refused {
    /// Answers to earlier, pipelined requests go first.
    AfterEarlier(Vec<u8>),
    Answered,
}

impl H1 {
    pub(crate) fn new(gated: bool) -> Self {
        Self { reader: Reader::default(), gate: gated.then(Gate::default) }
    }

    pub(crate) fn client(&mut self, bytes: &[u8], out: &mut Output, obs: &mut dyn Observer) -> Result<(), Unreadable> {
        if let Some(gate) = &mut self.gate {
            if gate.refused.is_some() {
                return Ok(());
            }
            gate.pending.extend_from_slice(bytes);
            return self.advance(out, obs);
        }
        let mut rest = bytes;
        loop {
            let (taken, milestone) = self.reader.request(rest, obs)?;
            rest = &rest[taken..];
            if milestone.is_none() {
                return Ok(());
            }
        }
    }

    pub(crate) fn origin(&mut self, bytes: &[u8], out: &mut Output, obs: &mut dyn Observer) -> Result<(), Unreadable> {
        let mut rest = bytes;
        loop {
            let refused = self.gate.as_ref().and_then(|gate| gate.refused.as_ref());
            if let Some(Refused::Answered) = refused {
                return Ok(());
            }
            let rewriting = refused.is_some();
            let (taken, answer_end) = self.reader.answer(rest, obs)?;
            if rewriting {
                out.to_client.extend_from_slice(&rest[..taken]);
            }
            rest = &rest[taken..];
            if !answer_end {
                return Ok(());
            }
            self.answer_refused(out);
        }
    }

    pub(crate) fn client_end(&mut self, end: End, out: &mut Output, obs: &mut dyn Observer) {
        self.reader.client_end(end, obs);
        let Some(gate) = &mut self.gate else { return };
        gate.client_ended = true;
        if end == End::Reset {
            gate.pending.clear();
            gate.read = 0;
            gate.awaited = None;
        } else if gate.awaited.is_none() {
            gate.release_rest(&self.reader, out);
        }
    }

    pub(crate) fn origin_end(&mut self, end: End, out: &mut Output, obs: &mut dyn Observer) {
        self.reader.origin_end(end, obs);
        if let Some(gate) = &mut self.gate
            && let Some(Refused::AfterEarlier(_)) = gate.refused
        {
            // The client would take the refusal for the answer to an earlier request.
            gate.refused = Some(Refused::Answered);
            out.close = true;
        }
    }

    pub(crate) fn decide(
        &mut self,
        id: ExchangeId,
        verdict: Verdict,
        out: &mut Output,
        obs: &mut dyn Observer,
    ) -> Result<(), Unreadable> {
        let Some(gate) = self.gate.as_mut().filter(|gate| gate.awaited == Some(id)) else { return Ok(()) };
        match verdict {
            Verdict::Later => Ok(()),
            Verdict::Refuse(refusal) => {
                gate.awaited = None;
                self.refuse(id, &refusal, out, obs);
                Ok(())
            }
            Verdict::Allow => {
                gate.awaited = None;
                gate.release(gate.read, out);
                let ended = gate.client_ended;
                self.advance(out, obs)?;
                if let Some(gate) = &mut self.gate
                    && ended
                    && gate.awaited.is_none()
                {
                    gate.release_rest(&self.reader, out);
                }
                Ok(())
            }
        }
    }

    /// Whether answers of the origin must go through [`Output::to_client`].
    pub(crate) fn rewrites_origin(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.refused.is_some())
    }

    /// Whether a request waits for its verdict.
    pub(crate) fn is_waiting(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.awaited.is_some())
    }

    /// Bytes that pile up because of an awaited verdict.
    pub(crate) fn piled_up(&self) -> usize {
        self.gate.as_ref().filter(|gate| gate.awaited.is_some()).map_or(0, |gate| gate.pending.len())
    }

    /// Gives up reading: what the origin still has to get, or `None` when the stream is not the client's own any more.
    pub(crate) fn abandon(&mut self) -> Option<Vec<u8>> {
        match &mut self.gate {
            Some(gate) if gate.refused.is_some() => None,
            Some(gate) => Some(std::mem::take(&mut gate.pending)),
            None => Some(Vec::new()),
        }
    }

    /// Reads what is pending, and lets go of all but what has to wait.
    fn advance(&mut self, out: &mut Output, obs: &mut dyn Observer) -> Result<(), Unreadable> {
        let Some(gate) = &mut self.gate else { return Ok(()) };
        while gate.awaited.is_none() {
            let (taken, milestone) = self.reader.request(&gate.pending[gate.read..], obs)?;
            gate.read += taken;
            match milestone {
                None => {
                    let tail = if gate.holds { self.reader.partial_tail() } else { 0 };
                    gate.release(gate.read - (self.reader.partial_head() + tail).min(gate.read), out);
                    return Ok(());
                }
                Some(Milestone::Head(id, head)) => match obs.head(id, &head) {
                    HeadVerdict::Pass => gate.holds = false,
                    HeadVerdict::Hold => gate.holds = true,
                    HeadVerdict::Refuse(refusal) => {
                        self.refuse(id, &refusal, out, obs);
                        return Ok(());
                    }
                },
                Some(Milestone::RequestEnd(id)) => {
                    let verdict = if gate.holds { obs.complete(id) } else { Verdict::Allow };
                    gate.holds = false;
                    match verdict {
                        Verdict::Allow => gate.release(gate.read, out),
                        Verdict::Later => gate.awaited = Some(id),
                        Verdict::Refuse(refusal) => {
                            self.refuse(id, &refusal, out, obs);
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, id: ExchangeId, refusal: &Refusal, out: &mut Output, obs: &mut dyn Observer) {
        let withdrawn = self.reader.withdraw(id, obs);
        let Some(gate) = &mut self.gate else { return };
        gate.pending = Vec::new();
        gate.read = 0;
        if withdrawn.answer_begun {
            // The client has the head of another answer already; only the end of the connection is left to say no.
            gate.refused = Some(Refused::Answered);
            out.close = true;
        } else {
            gate.refused = Some(Refused::AfterEarlier(write_answer(refusal, withdrawn.head_request)));
            self.answer_refused(out);
        }
    }

    /// Sends the refusal when no earlier answer is awaited.
    fn answer_refused(&mut self, out: &mut Output) {
        if self.reader.answers_open() {
            return;
        }
        if let Some(gate) = &mut self.gate
            && let Some(Refused::AfterEarlier(answer)) = &gate.refused
        {
            out.to_client.extend_from_slice(answer);
            out.close = true;
            gate.refused = Some(Refused::Answered);
        }
    }
}

impl Gate {
    fn release(&mut self, bytes: usize, out: &mut Output) {
        out.to_origin.extend_from_slice(&self.pending[..bytes]);
        self.pending.drain(..bytes);
        self.read -= bytes;
    }

    /// The client will not complete what is pending: it goes on, but for what may end a held request.
    fn release_rest(&mut self, reader: &Reader, out: &mut Output) {
        let tail = if self.holds { reader.partial_tail() } else { 0 };
        self.release(self.pending.len().saturating_sub(tail), out);
        self.pending = Vec::new();
        self.read = 0;
    }
}
