//! Carries bytes between two legs, unchanged and at once.
//!
//! One task and one poll loop per connection: no split, no channel, no copy of what is not stuck. A side is read only
//! when the other has taken everything, so a slow reader slows its writer down and memory stays flat. The answer
//! direction writes first and reads the copy afterwards; the request direction reads the copy first, because a refusal
//! has to come before the byte.

mod flow;

use crate::leg::Leg;
use crate::witness::Witness;
use flow::{Drain, Flow, Way, end_of, write_now};
use meter_tap::{End, Output};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;

/// One full TLS record.
const SCRATCH_BYTES: usize = 16 * 1024;
/// How long a client may stay silent after the origin has ended: long enough for a slow upload that nobody answers any
/// more, short enough that pooled connections do not keep descriptors.
const SILENCE_AFTER_END: Duration = Duration::from_secs(30);
/// How much of a refused upload is read and dropped, so that the client reads our answer instead of a reset.
const DISCARD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// For how long.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(5);

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
}

/// What a finished relay carried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Carried {
    /// Bytes from the client.
    pub up: u64,
    /// Bytes from the origin.
    pub down: u64,
    /// How the client stopped, when it did so by itself.
    pub client: Option<End>,
    /// How the origin stopped, when it did so by itself.
    pub origin: Option<End>,
}

/// Carries bytes until both directions have ended, one was reset, or the witness closed the connection.
pub async fn relay<C: Leg, O: Leg, W: Witness>(client: C, origin: O, witness: W) -> Carried {
    let mut relay = Relay {
        client,
        origin: Some(origin),
        witness,
        up: Flow::default(),
        down: Flow::default(),
        out: Output::default(),
        timer: None,
        discarded: 0,
        told: Told::default(),
    };
    poll_fn(|cx| SCRATCH.with_borrow_mut(|scratch| relay.poll(cx, scratch))).await;
    relay.tell_the_rest();
    Carried { up: relay.up.bytes, down: relay.down.bytes, client: relay.up.end, origin: relay.down.end }
}

struct Relay<C, O, W> {
    client: C,
    /// `None` once the connection only discards what the client still sends.
    origin: Option<O>,
    witness: W,
    /// Client to origin.
    up: Flow,
    /// Origin to client.
    down: Flow,
    out: Output,
    timer: Option<Pin<Box<Sleep>>>,
    discarded: u64,
    told: Told,
}

/// Which ends the witness has heard of.
#[derive(Default)]
struct Told {
    client: bool,
    origin: bool,
}

impl<C: Leg, O: Leg, W: Witness> Relay<C, O, W> {
    fn poll(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<()> {
        loop {
            let Some(mut origin) = self.origin.take() else {
                return self.poll_discard(cx, scratch);
            };
            let mut moved = self.poll_decisions(cx);
            moved |= self.pump_up(cx, &mut origin, scratch);
            moved |= self.pump_down(cx, &mut origin, scratch);

            if self.down.way == Way::Broken && self.up.end.is_none_or(|end| end != End::Reset) {
                // The client is gone; what is left of its request has nobody to answer to.
                self.client_ended(End::Reset);
            }
            if self.up.end == Some(End::Reset) {
                origin.reset_on_close();
                return Poll::Ready(());
            }
            if self.down.end == Some(End::Reset) && self.down.is_drained() {
                self.client.reset_on_close();
                return Poll::Ready(());
            }
            if self.out.close {
                origin.reset_on_close();
                self.begin_discard();
                continue;
            }
            match (self.up.way, self.down.way) {
                (Way::Closed, Way::Closed) => return Poll::Ready(()),
                (Way::Broken, Way::Closed) => {
                    self.begin_discard();
                    continue;
                }
                _ => self.origin = Some(origin),
            }
            if self.down.way == Way::Closed && self.poll_silence(cx).is_ready() {
                return Poll::Ready(());
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    fn poll_decisions(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.witness.poll_decision(cx, &mut self.out).is_ready() {
            self.take_output();
            moved = true;
        }
        moved
    }

    /// One step of client → origin. True when something changed.
    fn pump_up(&mut self, cx: &mut Context<'_>, origin: &mut O, scratch: &mut [u8]) -> bool {
        match self.up.poll_step(cx, origin, self.witness.is_waiting()) {
            Drain::Waiting => return false,
            Drain::Moved => return true,
            Drain::Empty => {}
        }
        if self.up.way != Way::Open || self.up.end.is_some() || self.down.end == Some(End::Reset) {
            return false;
        }
        if !self.witness.wants_client() {
            return false;
        }
        let bytes = match poll_fill(cx, &mut self.client, scratch) {
            Poll::Pending => return false,
            Poll::Ready(Ok([])) => return self.client_ended(End::Clean),
            Poll::Ready(Ok(bytes)) => bytes,
            Poll::Ready(Err(error)) => return self.client_ended(end_of(&error)),
        };
        self.up.bytes += bytes.len() as u64;
        self.timer = None;
        self.witness.client(bytes, &mut self.out);
        if !self.witness.holds_requests() {
            write_now(cx, origin, bytes, &mut self.up);
        }
        self.take_output();
        true
    }

    /// One step of origin → client. True when something changed.
    fn pump_down(&mut self, cx: &mut Context<'_>, origin: &mut O, scratch: &mut [u8]) -> bool {
        match self.down.poll_step(cx, &mut self.client, false) {
            Drain::Waiting => return false,
            Drain::Moved => return true,
            Drain::Empty => {}
        }
        if self.down.way != Way::Open || self.down.end.is_some() {
            return false;
        }
        let bytes = match poll_fill(cx, origin, scratch) {
            Poll::Pending => return false,
            Poll::Ready(Ok([])) => return self.origin_ended(End::Clean),
            Poll::Ready(Ok(bytes)) => bytes,
            Poll::Ready(Err(error)) => return self.origin_ended(end_of(&error)),
        };
        self.down.bytes += bytes.len() as u64;
        if !self.witness.rewrites_origin() {
            write_now(cx, &mut self.client, bytes, &mut self.down);
        }
        self.witness.origin(bytes, &mut self.out);
        self.take_output();
        true
    }

    fn client_ended(&mut self, end: End) -> bool {
        self.up.end = Some(end);
        self.told.client = true;
        self.witness.client_end(end, &mut self.out);
        self.take_output();
        true
    }

    fn origin_ended(&mut self, end: End) -> bool {
        self.down.end = Some(end);
        self.told.origin = true;
        self.witness.origin_end(end, &mut self.out);
        self.take_output();
        true
    }

    /// What the witness wants to say goes behind what is already on its way.
    fn take_output(&mut self) {
        self.up.push(&self.out.to_origin);
        self.down.push(&self.out.to_client);
        self.out.to_origin.clear();
        self.out.to_client.clear();
    }

    /// A side that we cut off never ended by itself. Its readers still have to hear that nothing more comes.
    fn tell_the_rest(&mut self) {
        if !self.told.client {
            self.witness.client_end(End::Reset, &mut self.out);
        }
        if !self.told.origin {
            self.witness.origin_end(End::Reset, &mut self.out);
        }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(SILENCE_AFTER_END))).as_mut().poll(cx)
    }

    /// From here on there is no origin: what was on its way to it is void.
    fn begin_discard(&mut self) {
        self.timer = None;
        if self.down.way == Way::Open {
            self.down.end = Some(End::Clean);
        }
    }

    /// The client gets the rest and a clean end, and what it still sends is dropped: closing a socket with unread bytes
    /// is a reset, and a reset may take the answer with it.
    fn poll_discard(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<()> {
        while let Drain::Moved = self.down.poll_step(cx, &mut self.client, false) {}
        let told = match self.down.way {
            Way::Broken => return Poll::Ready(()),
            Way::Closed => true,
            Way::Open => false,
        };
        if told {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(DISCARD_TIME_MAX)));
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        while self.up.end.is_none() {
            match ready!(poll_fill(cx, &mut self.client, scratch)) {
                Err(_) => return Poll::Ready(()),
                Ok([]) => self.up.end = Some(End::Clean),
                Ok(bytes) => self.discarded += bytes.len() as u64,
            }
            if self.discarded > DISCARD_BYTES_MAX {
                return Poll::Ready(());
            }
        }
        if told { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn poll_fill<'a, R: AsyncRead + Unpin>(
    cx: &mut Context<'_>,
    from: &mut R,
    scratch: &'a mut [u8],
) -> Poll<io::Result<&'a [u8]>> {
    let mut buffer = ReadBuf::new(scratch);
    ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
    let read = buffer.filled().len();
    Poll::Ready(Ok(&scratch[..read]))
}
