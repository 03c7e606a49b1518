//! Writes HTTP/2 frames by hand, so that a test says what stands on the wire.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const PRIORITY: u8 = 0x20;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A field block in which every field is a literal: `name: value` lines, `+` in front where it enters the table.
pub fn block(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (indexed, line) = line.strip_prefix('+').map_or((false, line), |line| (true, line));
        let (name, value) = line.split_once(": ").expect("name: value");
        bytes.push(if indexed { 0x40 } else { 0x00 });
        for part in [name, value] {
            assert!(part.len() < 127);
            bytes.push(part.len() as u8);
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes
}

pub fn headers(flags: u8, stream: u32, text: &str) -> Vec<u8> {
    frame(1, flags | END_HEADERS, stream, block(text))
}

/// A POST to a target, without its end.
pub fn post(stream: u32, target: &str) -> Vec<u8> {
    headers(0, stream, &format!(":method: POST\n:path: {target}\n:authority: a"))
}

/// A whole GET.
pub fn get(stream: u32, target: &str) -> Vec<u8> {
    headers(END_STREAM, stream, &format!(":method: GET\n:path: {target}\n:authority: a"))
}

pub fn status(flags: u8, stream: u32, status: u16) -> Vec<u8> {
    headers(flags, stream, &format!(":status: {status}"))
}

pub fn data(flags: u8, stream: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0, flags, stream, bytes)
}

pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(3, 0, stream, code.to_be_bytes())
}

pub fn settings(list: &[(u16, u32)]) -> Vec<u8> {
    let payload = list.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
    frame(4, 0, 0, payload.collect::<Vec<_>>())
}

pub fn window_update(stream: u32, bytes: u32) -> Vec<u8> {
    frame(8, 0, stream, bytes.to_be_bytes())
}

pub fn goaway(last: u32) -> Vec<u8> {
    frame(7, 0, 0, [last.to_be_bytes(), [0; 4]].concat())
}

/// The first bytes of a client, and what follows.
pub fn opening(more: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE, &settings(&[]), &more.concat()].concat()
}
