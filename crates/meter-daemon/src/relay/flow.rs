//! One direction of a relay: what is stuck, how the source ended, and whether that was passed on.

use crate::leg::Leg;
use meter_tap::End;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Above this a buffer that has been drained is given back.
const KEPT_BYTES: usize = 4096;

/// Where a direction's target stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Way {
    /// Takes bytes.
    #[default]
    Open,
    /// The source's end was passed on.
    Closed,
    /// The target takes nothing any more.
    Broken,
}

/// Result of a step.
pub(super) enum Drain {
    /// Nothing is stuck.
    Empty,
    /// Something changed: look again.
    Moved,
    /// The target's waker is registered.
    Waiting,
}

#[derive(Default)]
pub(super) struct Flow {
    pending: Vec<u8>,
    sent: usize,
    unflushed: bool,
    pub(super) end: Option<End>,
    pub(super) way: Way,
    pub(super) bytes: u64,
}

impl Flow {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.way == Way::Open {
            self.pending.extend_from_slice(bytes);
        }
    }

    pub(super) fn is_drained(&self) -> bool {
        self.way != Way::Open || (self.pending.is_empty() && !self.unflushed)
    }

    /// Writes what is stuck, then flushes, then passes the source's end on, unless something behind it is still held.
    pub(super) fn poll_step<T: Leg>(&mut self, cx: &mut Context<'_>, target: &mut T, held: bool) -> Drain {
        if self.way != Way::Open {
            return Drain::Empty;
        }
        if !self.pending.is_empty() || self.unflushed {
            return match self.poll_drain(cx, target) {
                Poll::Pending => Drain::Waiting,
                Poll::Ready(Ok(())) => Drain::Moved,
                Poll::Ready(Err(error)) => self.broken(&error),
            };
        }
        let passed = match self.end {
            None | Some(End::Reset) => return Drain::Empty,
            Some(_) if held => return Drain::Empty,
            Some(End::Clean) => Pin::new(target).poll_shutdown(cx),
            Some(End::Truncated) => target.poll_cut(cx),
        };
        match passed {
            Poll::Pending => Drain::Waiting,
            Poll::Ready(Ok(())) => {
                self.way = Way::Closed;
                Drain::Moved
            }
            Poll::Ready(Err(error)) => self.broken(&error),
        }
    }

    fn poll_drain<T: Leg>(&mut self, cx: &mut Context<'_>, target: &mut T) -> Poll<io::Result<()>> {
        while self.sent < self.pending.len() {
            match Pin::new(&mut *target).poll_write(cx, &self.pending[self.sent..])? {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(taken) => self.sent += taken,
            }
            self.unflushed = true;
        }
        self.forget();
        match Pin::new(target).poll_flush(cx)? {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.unflushed = false;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn broken(&mut self, error: &io::Error) -> Drain {
        tracing::trace!(%error, "relay.write_failed");
        self.way = Way::Broken;
        self.unflushed = false;
        self.forget();
        Drain::Moved
    }

    fn forget(&mut self) {
        self.sent = 0;
        if self.pending.capacity() > KEPT_BYTES {
            self.pending = Vec::new();
        } else {
            self.pending.clear();
        }
    }
}

/// Writes without a copy; what the target does not take now is kept in `flow`. Nothing may be stuck before.
pub(super) fn write_now<T: Leg>(cx: &mut Context<'_>, target: &mut T, mut bytes: &[u8], flow: &mut Flow) {
    while !bytes.is_empty() {
        match Pin::new(&mut *target).poll_write(cx, bytes) {
            Poll::Pending => break,
            Poll::Ready(Ok(0)) => {
                flow.broken(&io::ErrorKind::WriteZero.into());
                return;
            }
            Poll::Ready(Ok(taken)) => bytes = &bytes[taken..],
            Poll::Ready(Err(error)) => {
                flow.broken(&error);
                return;
            }
        }
    }
    flow.push(bytes);
    flow.unflushed = true;
    if bytes.is_empty() {
        match Pin::new(target).poll_flush(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => flow.unflushed = false,
            Poll::Ready(Err(error)) => {
                flow.broken(&error);
            }
        }
    }
}

/// What a read error says about the peer: FIN without close_notify is a cut, everything else a reset.
pub(super) fn end_of(error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => End::Truncated,
        _ => End::Reset,
    }
}
