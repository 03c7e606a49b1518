//! Messages of a WebSocket, as an observer that wants them hears them.

mod conversation;
mod frames;

use conversation::{Turn, client, cut, lines, origin, play};
use flate2::{Compress, Compression, FlushCompress};
use meter_tap::Protocol;
use proptest::prelude::*;

fn opened(target: &str, extensions: &str) -> [Turn; 2] {
    [
        client(format!("GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n")),
        origin(format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n")),
    ]
}

/// What is heard of messages after `turns`, the same for every cut.
fn heard(extensions: &str, turns: &[Turn]) -> Vec<String> {
    let turns = [&opened("/messages", extensions)[..], turns].concat();
    let messages = |turns: &[Turn]| {
        let played = play(Protocol::H1, false, turns);
        assert!(!played.tap.is_opaque());
        played.log.lines.into_iter().filter(|line| line.contains(" message ")).collect::<Vec<_>>()
    };
    let whole = messages(&turns);
    for distances in [&[1][..], &[3, 2]] {
        assert_eq!(messages(&cut(&turns, distances)), whole);
    }
    whole
}

fn check(extensions: &str, turns: &[Turn], expected: &str) {
    assert_eq!(heard(extensions, turns), lines(expected));
}

#[test]
fn messages_are_unmasked_and_joined() {
    check(
        "",
        &[
            origin(b"\x81\x05Hello"),
            client(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
            origin(b"\x01\x03Hel\x89\x01!\x00\x01l\x80\x01o\x82\x02{}"),
            client(b"\x88\x80mask"),
            origin(b"\x81\x00"),
        ],
        "#0 Origin message 1 'Hello'
         #0 Client message 1 'Hello'
         #0 Origin message 1 'Hello'
         #0 Origin message 2 '{}'
         #0 Origin message 1 ''",
    );
}

#[test]
fn the_examples_of_rfc_7692() {
    let hello = "#0 Origin message 1 'Hello'";
    let deflate = |bytes: &[u8], times: usize| {
        check("permessage-deflate", &[origin(bytes)], &vec![hello; times].join("\n"));
    };
    deflate(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", 1);
    deflate(b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", 1);
    deflate(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00", 2);
    deflate(b"\xc1\x0b\x00\x05\x00\xfa\xffHello\x00", 1);
    deflate(b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 1);
    deflate(b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 1);
    deflate(b"\x81\x05Hello\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", 2);
}

#[test]
fn what_does_not_decompress_ends_the_messages_of_its_direction() {
    let compressed = origin(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    check("", &[compressed, origin(b"\x81\x01a"), client(b"\x81\x81\0\0\0\0a")], "#0 Client message 1 'a'");
    check(
        "permessage-deflate",
        &[origin(b"\xc1\x02\xff\xff\x81\x01a"), client(b"\x81\x81\0\0\0\0a")],
        "#0 Client message 1 'a'",
    );
}

#[test]
fn a_message_over_the_limit_is_left_out() {
    let size = 16 * 1024 * 1024 + 1u64;
    let long = [b"\x82\x7f", &size.to_be_bytes()[..], &vec![b'x'; size as usize]].concat();
    let turns = [&opened("/messages", "")[..], &[origin(long), origin(b"\x81\x01a")]].concat();
    let played = play(Protocol::H1, false, &turns);
    assert_eq!(played.log.lines.last().expect("a line"), "#0 Origin message 1 'a'");
    assert_eq!(played.log.lines.iter().filter(|line| line.contains("message 2")).count(), 0);
}

#[test]
fn who_does_not_want_messages_hears_of_frames_alone() {
    let turns = [&opened("/plain", "")[..], &[origin(b"\x81\x05Hello")]].concat();
    assert_eq!(play(Protocol::H1, false, &turns).log.lines.last().expect("a line"), "#0 Origin frame 1 of 5");
}

#[test]
fn messages_inside_an_http2_stream_are_read_too() {
    use frames::*;
    let connect = headers(0, 1, ":method: CONNECT\n:protocol: websocket\n:path: /messages");
    let agreed = headers(0, 1, ":status: 200\nsec-websocket-extensions: permessage-deflate");
    let turns = [
        client(opening(&[connect])),
        origin([settings(&[]), agreed, data(0, 1, b"\xc1\x07\xf2\x48\xcd"), data(0, 1, b"\xc9\xc9\x07\x00")].concat()),
        client(data(0, 1, b"\x82\x81\x01\x01\x01\x01`")),
    ];
    let messages: Vec<String> = play(Protocol::H2, true, &turns).log.lines.split_off(3);
    assert_eq!(
        messages,
        lines(
            "#0 Origin frame 1 of 7
             #0 Origin message 1 'Hello'
             #0 Client frame 2 of 1
             #0 Client message 2 'a'",
        ),
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_come_out_as_they_went_in(
        texts in prop::collection::vec("[a-e]{0,300}", 1..8),
        keeps_context in any::<bool>(),
        piece in 1usize..200,
        key in any::<[u8; 4]>(),
    ) {
        let mut compress = Compress::new(Compression::default(), false);
        let mut bytes = Vec::new();
        for text in &texts {
            let mut coded = Vec::with_capacity(text.len() + 64);
            let coded = if text.is_empty() {
                // Two flushes with nothing between them write nothing; a message of nothing is this byte (RFC 7692, 7.2.3.6).
                b"\x00".as_slice()
            } else {
                compress.compress_vec(text.as_bytes(), &mut coded, FlushCompress::Sync).expect("to memory");
                coded.strip_suffix(b"\x00\x00\xff\xff").expect("a sync flush")
            };
            let pieces: Vec<&[u8]> = coded.chunks(piece).collect();
            for (number, part) in pieces.iter().enumerate() {
                let last = number + 1 == pieces.len();
                bytes.push(if number == 0 { 0x41 } else { 0 } | if last { 0x80 } else { 0 });
                bytes.push(0x80 | if part.len() < 126 { part.len() as u8 } else { 126 });
                if part.len() >= 126 {
                    bytes.extend((part.len() as u16).to_be_bytes());
                }
                bytes.extend(key);
                bytes.extend(part.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
            }
            if !keeps_context {
                compress.reset();
            }
        }
        let extensions = if keeps_context { "permessage-deflate" } else { "permessage-deflate; client_no_context_takeover" };
        let expected: Vec<String> = texts.iter().map(|text| format!("#0 Client message 1 '{text}'")).collect();
        prop_assert_eq!(heard(extensions, &[client(bytes)]), expected);
    }
}
