//! Counts WebSocket frames of one direction (RFC 6455 section 5.2): headers are read, payloads are stepped over.

use crate::Unreadable;

/// Longest frame header: 2 bytes, 8 of length, 4 of masking key.
const HEADER_MAX: usize = 14;

/// Opcode of a Close frame.
pub(crate) const CLOSE: u8 = 8;

/// Where one direction of a WebSocket stands.
#[derive(Debug, Default)]
pub(crate) struct SocketFrames {
    header: [u8; HEADER_MAX],
    filled: usize,
    payload_left: u64,
}

/// A frame's opcode and payload length, known once its header is complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SocketFrame {
    pub(crate) opcode: u8,
    pub(crate) payload_bytes: u64,
}

impl SocketFrames {
    /// Steps over `input` up to the next complete frame header. Returns what was consumed; `None` when `input` ran out.
    pub(crate) fn next(&mut self, input: &[u8]) -> Result<(usize, Option<SocketFrame>), Unreadable> {
        let skipped = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(input.len());
        self.payload_left -= skipped as u64;
        let mut at = skipped;
        while let Some(&byte) = input.get(at) {
            self.header[self.filled] = byte;
            self.filled += 1;
            at += 1;
            if self.filled < self.header_len() {
                continue;
            }
            let payload_bytes = self.payload_len();
            if payload_bytes >> 63 != 0 {
                return Err(Unreadable("a WebSocket frame states an impossible length"));
            }
            let frame = SocketFrame { opcode: self.header[0] & 0x0f, payload_bytes };
            self.filled = 0;
            self.payload_left = payload_bytes;
            return Ok((at, Some(frame)));
        }
        Ok((at, None))
    }

    fn header_len(&self) -> usize {
        if self.filled < 2 {
            return 2;
        }
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & 0x80 != 0 { 4 } else { 0 };
        2 + extended + mask
    }

    fn payload_len(&self) -> u64 {
        let be = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        match self.header[1] & 0x7f {
            126 => be(&self.header[2..4]),
            127 => be(&self.header[2..10]),
            short => u64::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[u8]]) -> Vec<(u8, u64)> {
        let mut reader = SocketFrames::default();
        let mut seen = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            loop {
                let (taken, frame) = reader.next(rest).expect("readable");
                rest = &rest[taken..];
                match frame {
                    Some(frame) => seen.push((frame.opcode, frame.payload_bytes)),
                    None => break,
                }
            }
        }
        seen
    }

    #[test]
    fn lengths_of_all_three_kinds_are_read() {
        let mut bytes = vec![0x81, 0x02, b'h', b'i'];
        bytes.extend([0x82, 126, 1, 0]);
        bytes.extend([0; 256]);
        bytes.extend([0x89, 127, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
        bytes.extend([0x88, 0x82, 9, 9, 9, 9, 3, 232]);
        let expected = [(1, 2), (2, 256), (9, 3), (8, 2)];
        assert_eq!(frames(&[&bytes]), expected);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(frames(&single), expected);
    }

    #[test]
    fn a_length_with_the_top_bit_set_is_no_frame() {
        let bytes = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert!(SocketFrames::default().next(&bytes).is_err());
    }
}
