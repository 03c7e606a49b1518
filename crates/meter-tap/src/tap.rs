//! The tap on one connection, and what holds when a parser fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::h1::H1;
use crate::h2::H2;
use crate::watch::Watch;
use crate::{End, Event, ExchangeId, Fault, Finish, Observer, Output, Protocol, Unreadable, Verdict};

/// Most bytes of the client that a waiting verdict may pile up before the relay should stop reading.
const PENDING_MAX: usize = 256 * 1024;

/// Reads both directions of one connection.
///
/// How the relay drives it, for every chunk and end, in the order they happened:
///
/// - ungated: `client(bytes)`, then write `bytes`; write `bytes`, then `origin(bytes)`. [`Output`] stays empty.
/// - gated: `client(bytes)`, then write `to_origin` instead of `bytes`. For the origin's bytes ask
///   [`Tap::rewrites_origin`] first: if false, write them, then call `origin(bytes)` and write `to_client` after them; if
///   true, call `origin(bytes)` and write `to_client` instead of them.
/// - after each call look at `to_origin`, `to_client` and `close`: any call may fill any of them when gated.
/// - do not pass the client's end on to the origin while [`Tap::is_waiting`]; do not read the client while
///   [`Tap::wants_client`] is false.
/// - both ends are reported; after both every exchange is finished.
///
/// A parser that panics or gives up makes the tap opaque: [`Event::Opaque`], then every open exchange finishes with
/// [`Finish::Opaque`], then bytes pass unread, or the connection closes where [`Fault`] says so.
#[derive(Debug)]
pub struct Tap {
    state: State,
    gated: bool,
    on_fault: Fault,
    open: Vec<ExchangeId>,
    panics: u64,
}

#[derive(Debug)]
enum State {
    H1(Box<H1>),
    H2(Box<H2>),
    /// Bytes pass unread.
    Opaque,
    /// Nothing passes; the relay was told to close.
    Closed,
}

impl Tap {
    /// A tap for a new connection. Ungated, it never asks for verdicts and never emits a byte.
    pub fn new(protocol: Protocol, gated: bool) -> Self {
        Self::with_fault(protocol, gated, Fault::Pass)
    }

    /// Like [`Tap::new`], with the choice of what becomes of a gated connection that cannot be read.
    pub fn with_fault(protocol: Protocol, gated: bool, on_fault: Fault) -> Self {
        let state = match protocol {
            Protocol::H1 => State::H1(Box::new(H1::new(gated))),
            Protocol::H2 => State::H2(Box::new(H2::new(gated))),
        };
        Self { state, gated, on_fault, open: Vec::new(), panics: 0 }
    }

    /// The client sent `bytes`.
    pub fn client(&mut self, bytes: &[u8], out: &mut Output, obs: &mut dyn Observer) {
        if let State::Opaque = self.state
            && self.gated
        {
            out.to_origin.extend_from_slice(bytes);
        }
        self.guarded(out, obs, |state, out, obs| match state {
            State::H1(h1) => h1.client(bytes, out, obs),
            State::H2(h2) => h2.client(bytes, out, obs),
            State::Opaque | State::Closed => Ok(()),
        });
    }

    /// The origin sent `bytes`.
    pub fn origin(&mut self, bytes: &[u8], out: &mut Output, obs: &mut dyn Observer) {
        self.guarded(out, obs, |state, out, obs| match state {
            State::H1(h1) => h1.origin(bytes, out, obs),
            State::H2(h2) => h2.origin(bytes, out, obs),
            State::Opaque | State::Closed => Ok(()),
        });
    }

    /// The client stopped sending.
    pub fn client_end(&mut self, end: End, out: &mut Output, obs: &mut dyn Observer) {
        self.guarded(out, obs, |state, out, obs| {
            match state {
                State::H1(h1) => h1.client_end(end, out, obs),
                State::H2(h2) => h2.client_end(end, out, obs),
                State::Opaque | State::Closed => {}
            }
            Ok(())
        });
    }

    /// The origin stopped sending.
    pub fn origin_end(&mut self, end: End, out: &mut Output, obs: &mut dyn Observer) {
        self.guarded(out, obs, |state, out, obs| {
            match state {
                State::H1(h1) => h1.origin_end(end, out, obs),
                State::H2(h2) => h2.origin_end(out, obs),
                State::Opaque | State::Closed => {}
            }
            Ok(())
        });
    }

    /// Answers an earlier [`Verdict::Later`]. Comes too late for an exchange that is finished; then it does nothing.
    pub fn decide(&mut self, exchange: ExchangeId, verdict: Verdict, out: &mut Output, obs: &mut dyn Observer) {
        self.guarded(out, obs, |state, out, obs| match state {
            State::H1(h1) => h1.decide(exchange, verdict, out, obs),
            State::H2(h2) => h2.decide(exchange, verdict, out, obs),
            State::Opaque | State::Closed => Ok(()),
        });
    }

    /// Whether the origin's bytes must go through [`Output::to_client`] from now on. Changes only within the calls above.
    pub fn rewrites_origin(&self) -> bool {
        match &self.state {
            State::H1(h1) => h1.rewrites_origin(),
            State::H2(h2) => h2.rewrites_origin(),
            State::Opaque => false,
            State::Closed => true,
        }
    }

    /// Whether a request is held until [`Tap::decide`]: the client's end must not reach the origin before.
    pub fn is_waiting(&self) -> bool {
        match &self.state {
            State::H1(h1) => h1.is_waiting(),
            State::H2(h2) => h2.is_waiting(),
            State::Opaque | State::Closed => false,
        }
    }

    /// Whether the relay may read more from the client. False while a verdict is awaited and enough has piled up.
    pub fn wants_client(&self) -> bool {
        match &self.state {
            State::H1(h1) => h1.piled_up() < PENDING_MAX,
            State::H2(h2) => h2.piled_up() < PENDING_MAX,
            State::Opaque | State::Closed => true,
        }
    }

    /// Whether the connection passes unread.
    pub fn is_opaque(&self) -> bool {
        matches!(self.state, State::Opaque)
    }

    /// How often a parser (or the observer) panicked on this connection; 0 or 1.
    pub fn panics(&self) -> u64 {
        self.panics
    }

    /// Runs parser work; whatever it does, the connection goes on by the rule.
    fn guarded(
        &mut self,
        out: &mut Output,
        obs: &mut dyn Observer,
        work: impl FnOnce(&mut State, &mut Output, &mut dyn Observer) -> Result<(), Unreadable>,
    ) {
        let Self { state, open, .. } = self;
        let mut watch = Watch { open, inner: obs };
        let done = catch_unwind(AssertUnwindSafe(|| work(state, out, &mut watch)));
        let reason = match done {
            Ok(Ok(())) => return,
            Ok(Err(Unreadable(reason))) => reason,
            Err(_) => {
                self.panics += 1;
                "a reader of ours failed"
            }
        };
        self.give_up(out);
        // The observer itself may be what panicked: it must not take the relay with it.
        let told = catch_unwind(AssertUnwindSafe(|| {
            let mut watch = Watch { open: &mut self.open, inner: obs };
            watch.inner.event(Event::Opaque(reason));
            watch.finish_all(Finish::Opaque);
        }));
        if told.is_err() {
            self.panics += 1;
        }
    }

    fn give_up(&mut self, out: &mut Output) {
        let held = match std::mem::replace(&mut self.state, State::Opaque) {
            State::H1(mut h1) => h1.abandon(),
            State::H2(mut h2) => h2.abandon(),
            State::Opaque | State::Closed => Some(Vec::new()),
        };
        match held {
            _ if !self.gated => {}
            Some(held) if self.on_fault == Fault::Pass => out.to_origin.extend_from_slice(&held),
            _ => {
                self.state = State::Closed;
                out.close = true;
            }
        }
    }
}
