//! What reads along while bytes pass.

use meter_tap::{End, Output};
use std::task::{Context, Poll};

/// The relay's listener. It sees every decrypted byte of both directions, in order.
pub trait Witness: Send {
    /// Bytes from the client, before they go on. A holding witness appends to `out.to_origin` what may go on now.
    fn client(&mut self, bytes: &[u8], out: &mut Output);

    /// Bytes from the origin. The client has them already, unless [`Witness::rewrites_origin`] was true.
    fn origin(&mut self, bytes: &[u8], out: &mut Output);

    /// The client stopped sending.
    fn client_end(&mut self, end: End, out: &mut Output);

    /// The origin stopped sending.
    fn origin_end(&mut self, end: End, out: &mut Output);

    /// The relay sends `out.to_origin` instead of the client's bytes.
    fn holds_requests(&self) -> bool {
        false
    }

    /// The relay sends `out.to_client` instead of the origin's next bytes.
    fn rewrites_origin(&self) -> bool {
        false
    }

    /// A request waits for its verdict: the client's end must not reach the origin before.
    fn is_waiting(&self) -> bool {
        false
    }

    /// The relay may read more from the client. False while enough has piled up behind a waiting verdict.
    fn wants_client(&self) -> bool {
        true
    }

    /// Takes one late decision; pending when there is none.
    fn poll_decision(&mut self, _cx: &mut Context<'_>, _out: &mut Output) -> Poll<()> {
        Poll::Pending
    }
}

impl<W: Witness + ?Sized> Witness for Box<W> {
    fn client(&mut self, bytes: &[u8], out: &mut Output) {
        (**self).client(bytes, out);
    }
    fn origin(&mut self, bytes: &[u8], out: &mut Output) {
        (**self).origin(bytes, out);
    }
    fn client_end(&mut self, end: End, out: &mut Output) {
        (**self).client_end(end, out);
    }
    fn origin_end(&mut self, end: End, out: &mut Output) {
        (**self).origin_end(end, out);
    }
    fn holds_requests(&self) -> bool {
        (**self).holds_requests()
    }
    fn rewrites_origin(&self) -> bool {
        (**self).rewrites_origin()
    }
    fn is_waiting(&self) -> bool {
        (**self).is_waiting()
    }
    fn wants_client(&self) -> bool {
        (**self).wants_client()
    }
    fn poll_decision(&mut self, cx: &mut Context<'_>, out: &mut Output) -> Poll<()> {
        (**self).poll_decision(cx, out)
    }
}

/// Reads nothing: raw tunnels.
pub struct Nobody;

impl Witness for Nobody {
    fn client(&mut self, _bytes: &[u8], _out: &mut Output) {}
    fn origin(&mut self, _bytes: &[u8], _out: &mut Output) {}
    fn client_end(&mut self, _end: End, _out: &mut Output) {}
    fn origin_end(&mut self, _end: End, _out: &mut Output) {}
}
