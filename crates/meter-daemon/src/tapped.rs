//! The witness that reads: a tap and its observer, on one connection.

use crate::witness::Witness;
use meter_tap::{End, ExchangeId, Fault, Observer, Output, Protocol, Tap, Verdict};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Verdicts that were not known when the tap asked. Dropping it decides nothing: what waits keeps waiting.
pub type LateVerdicts = mpsc::UnboundedSender<(ExchangeId, Verdict)>;

/// How a connection is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// No rule can refuse anything here: nothing is held, nothing is asked.
    Passive,
    /// Some rule can; the value says what becomes of a connection that cannot be read.
    Gated(Fault),
}

/// A tap, the observer it tells, and the verdicts that come later.
pub struct Tapped<O> {
    tap: Tap,
    reading: Reading,
    observer: O,
    late: mpsc::UnboundedReceiver<(ExchangeId, Verdict)>,
}

impl<O: Observer + Send> Tapped<O> {
    /// Reads a new connection for `observer`, which got the sender of `late`.
    pub fn new(
        protocol: Protocol,
        reading: Reading,
        observer: O,
        late: mpsc::UnboundedReceiver<(ExchangeId, Verdict)>,
    ) -> Tapped<O> {
        let tap = match reading {
            Reading::Passive => Tap::new(protocol, false),
            Reading::Gated(fault) => Tap::with_fault(protocol, true, fault),
        };
        Tapped { tap, reading, observer, late }
    }
}

impl<O: Observer + Send> Witness for Tapped<O> {
    fn client(&mut self, bytes: &[u8], out: &mut Output) {
        self.tap.client(bytes, out, &mut self.observer);
    }

    fn origin(&mut self, bytes: &[u8], out: &mut Output) {
        self.tap.origin(bytes, out, &mut self.observer);
    }

    fn client_end(&mut self, end: End, out: &mut Output) {
        self.tap.client_end(end, out, &mut self.observer);
    }

    fn origin_end(&mut self, end: End, out: &mut Output) {
        self.tap.origin_end(end, out, &mut self.observer);
    }

    fn holds_requests(&self) -> bool {
        self.reading != Reading::Passive
    }

    fn rewrites_origin(&self) -> bool {
        self.tap.rewrites_origin()
    }

    fn is_waiting(&self) -> bool {
        self.tap.is_waiting()
    }

    fn wants_client(&self) -> bool {
        self.tap.wants_client()
    }

    fn poll_decision(&mut self, cx: &mut Context<'_>, out: &mut Output) -> Poll<()> {
        if self.reading == Reading::Passive {
            return Poll::Pending;
        }
        match self.late.poll_recv(cx) {
            Poll::Ready(Some((exchange, verdict))) => {
                self.tap.decide(exchange, verdict, out, &mut self.observer);
                Poll::Ready(())
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
