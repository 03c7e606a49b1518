//! Keeps the promise that every exchange finishes exactly once, whatever happens to the parser that began it.

use crate::{Event, ExchangeId, Finish, HeadVerdict, Observer, RequestHead, Side, Verdict};

/// An observer that remembers which exchanges are open while it passes everything on.
pub(crate) struct Watch<'a> {
    pub(crate) open: &'a mut Vec<ExchangeId>,
    pub(crate) inner: &'a mut dyn Observer,
}

impl Watch<'_> {
    /// Finishes what is open.
    pub(crate) fn finish_all(&mut self, finish: Finish) {
        for id in std::mem::take(self.open) {
            self.inner.event(Event::Finished(id, finish));
        }
    }
}

impl Observer for Watch<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::RequestHead(id, _) => self.open.push(id),
            Event::Finished(id, _) => match self.open.iter().position(|open| *open == id) {
                Some(position) => drop(self.open.remove(position)),
                None => return,
            },
            _ => {}
        }
        self.inner.event(event);
    }

    fn head(&mut self, exchange: ExchangeId, head: &RequestHead) -> HeadVerdict {
        self.inner.head(exchange, head)
    }

    fn complete(&mut self, exchange: ExchangeId) -> Verdict {
        self.inner.complete(exchange)
    }

    fn wants_messages(&mut self, exchange: ExchangeId) -> bool {
        self.inner.wants_messages(exchange)
    }

    fn websocket_message(&mut self, exchange: ExchangeId, from: Side, opcode: u8, payload: &[u8]) {
        self.inner.websocket_message(exchange, from, opcode, payload);
    }
}
