//! Refuses a request on HTTP/2, and keeps both peers in step from then on.

use super::frame::{Code, FrameHeader, flag, kind, write_connection_credit, write_rst_stream};
use super::gate::{Gate, Held, Unit};
use super::reader::{Reader, Seen};
use super::unit::is_block;
use crate::{Observer, Output, Side, Unreadable};

/// Offset of a frame's flags.
const FLAGS_AT: usize = 4;

impl Gate {
    /// Refuses the request that the front unit opens or ends.
    pub(super) fn refuse(&mut self, unit: Unit, reader: &mut Reader, out: &mut Output, obs: &mut dyn Observer) {
        let Unit { first, len, opens } = unit;
        if first.kind == kind::DATA {
            self.client.leave(len, None);
            return self.refuse_held(first, reader, out, obs);
        }
        let block = reader.take_block(Side::Client);
        if opens {
            let first = FrameHeader { flags: first.flags & !flag::END_STREAM, ..first };
            self.client.bytes[FLAGS_AT] = first.flags;
            match block {
                Some((promised, block)) if self.client_recoding.is_on() => {
                    self.client_recoding.write(first, promised, &block, &mut out.to_origin);
                    self.client.leave(len, None);
                }
                _ => self.client.leave(len, Some(&mut out.to_origin)),
            }
        } else {
            // Trailers end the request with themselves: the origin must not get them in any form.
            if let Some((_, block)) = block {
                self.client_recoding.swallow(&block);
            }
            self.client.leave(len, None);
        }
        self.reset_both(first.stream, reader, out, obs);
    }

    /// Refuses the request that a DATA frame ends; the frame is gone from the queue.
    pub(super) fn refuse_held(
        &mut self,
        first: FrameHeader,
        reader: &mut Reader,
        out: &mut Output,
        obs: &mut dyn Observer,
    ) {
        self.credit_client(first.payload_len, reader, out);
        self.reset_both(first.stream, reader, out, obs);
    }

    fn reset_both(&mut self, stream: u32, reader: &mut Reader, out: &mut Output, obs: &mut dyn Observer) {
        self.holds.remove(&stream);
        self.refused.insert(stream);
        write_rst_stream(stream, Code::Cancel, &mut out.to_origin);
        // An answer that was whole early, or the origin's own reset, has closed the stream for the client.
        if reader.streams.is_open(stream) {
            if self.client_at_boundary(reader) {
                write_rst_stream(stream, Code::EnhanceYourCalm, &mut out.to_client);
            } else {
                self.resets_for_client.push(stream);
            }
        }
        reader.withdraw(stream, obs);
        self.origin_in_units |= reader.origin_at_boundary();
    }

    /// Gives the client its window back, now or at the next boundary.
    pub(super) fn credit_client(&mut self, payload_len: usize, reader: &Reader, out: &mut Output) {
        let now = self.client_at_boundary(reader);
        write_connection_credit(payload_len, if now { &mut out.to_client } else { &mut self.credit_for_client });
    }

    /// Whether a frame of ours may follow what the client got.
    fn client_at_boundary(&self, reader: &Reader) -> bool {
        self.origin_in_units || reader.origin_at_boundary()
    }

    /// Passes on what the origin sends, but for what belongs to refused streams.
    pub(super) fn origin(
        &mut self,
        reader: &mut Reader,
        bytes: &[u8],
        out: &mut Output,
        obs: &mut dyn Observer,
    ) -> Result<(), Unreadable> {
        let mut rest = bytes;
        if !self.origin_in_units {
            // The client has the beginning of a frame or block, so it gets the rest.
            while !reader.origin_at_boundary() {
                let (taken, seen) = reader.next(Side::Origin, rest, obs)?;
                out.to_client.extend_from_slice(&rest[..taken]);
                rest = &rest[taken..];
                if let Seen::Starved = seen {
                    return Ok(());
                }
            }
            out.to_client.append(&mut self.credit_for_client);
            for stream in self.resets_for_client.drain(..).filter(|stream| !reader.origin_just_closed(*stream)) {
                write_rst_stream(stream, Code::EnhanceYourCalm, &mut out.to_client);
            }
            if self.refused.is_empty() {
                out.to_client.extend_from_slice(rest);
                return reader.read_all(Side::Origin, rest, obs);
            }
            self.origin_in_units = true;
        }
        self.origin.bytes.extend_from_slice(rest);
        while let Some((first, len)) = self.origin.front()? {
            reader.read_all(Side::Origin, &self.origin.bytes[..len], obs)?;
            self.origin_unit(first, len, reader, out);
        }
        Ok(())
    }

    fn origin_unit(&mut self, first: FrameHeader, len: usize, reader: &mut Reader, out: &mut Output) {
        let refused = self.refused.contains(&first.stream);
        let block = if is_block(first) { reader.take_block(Side::Origin) } else { None };
        match (block, first.kind) {
            (Some((promised, block)), _) if refused => {
                self.origin_recoding.swallow(&block);
                if let Some(promised) = promised {
                    // The client never hears of the promise, so it must not get what was promised.
                    self.refused.insert(promised);
                    write_rst_stream(promised, Code::Cancel, &mut out.to_origin);
                }
                self.origin.leave(len, None);
            }
            (Some((promised, block)), _) if self.origin_recoding.is_on() => {
                self.origin_recoding.write(first, promised, &block, &mut out.to_client);
                self.origin.leave(len, None);
            }
            (None, kind::DATA) if refused => {
                write_connection_credit(first.payload_len, &mut out.to_origin);
                self.origin.leave(len, None);
            }
            (None, kind::RST_STREAM | kind::WINDOW_UPDATE) if refused => self.origin.leave(len, None),
            _ => self.origin.leave(len, Some(&mut out.to_client)),
        }
    }

    /// The client gave a stream up: a frame of it that we held goes no further.
    pub(super) fn forget(&mut self, stream: u32, reader: &Reader, out: &mut Output) {
        self.holds.remove(&stream);
        let of_stream = |held: &Held| FrameHeader::peek(&held.frame).filter(|first| first.stream == stream);
        if let Some((position, first)) =
            self.held.iter().enumerate().find_map(|(position, held)| Some((position, of_stream(held)?)))
        {
            self.held.remove(position);
            self.credit_client(first.payload_len, reader, out);
        }
    }
}
