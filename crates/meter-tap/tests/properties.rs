//! What holds for every conversation, however it is cut, mixed, gated or broken.

mod conversation;
mod frames;

use std::collections::BTreeMap;

use conversation::{Log, Played, Turn, client, client_ends, cut, origin, origin_ends, play, refusal, sent};
use frames::*;
use meter_tap::{End, Fault, Protocol, Side, Verdict};
use proptest::prelude::*;

/// HTTP/1 exchanges of every framing, one after the other.
fn h1_conversation() -> Vec<Turn> {
    let pairs = [
        ("GET /1?pass HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        (
            "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef",
            "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;e=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 9\r\n\r\n",
        ),
        (
            "PUT /3?pass HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n2\r\nbc\r\n0\r\nT: 1\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
        ),
        ("HEAD /4 HTTP/1.0\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
        (
            "GET /5 HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        ),
    ];
    let mut turns: Vec<Turn> = pairs.iter().flat_map(|(ask, answer)| [client(ask), origin(answer)]).collect();
    turns.push(client(b"\x81\x83mask123\x82\xfe\x00\x80mask"));
    turns.push(client([7; 128]));
    turns.push(origin(b"\x81\x05hello\x88\x02\x03\xe8"));
    turns.extend([client_ends(End::Clean), origin_ends(End::Clean)]);
    turns
}

/// HTTP/2 exchanges on several streams, with header tables in use.
fn h2_conversation() -> Vec<Turn> {
    let indexed = headers(END_STREAM, 3, "+:method: GET\n+:path: /3?pass\n+:authority: a");
    let again = frame(1, END_STREAM | END_HEADERS, 5, [0xc0, 0xbf, 0xbe]);
    let long = block(":status: 200\n+x-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    vec![
        client(opening(&[post(1, "/1"), data(0, 1, "first"), indexed, again])),
        origin([settings(&[(1, 8192), (8, 1)]), window_update(0, 9), status(0, 1, 100)].concat()),
        client([frame(4, 1, 0, ""), data(PADDED, 1, b"\x03pad\0\0\0"), data(END_STREAM, 1, "")].concat()),
        origin([frame(1, 0, 3, &long[..7]), frame(9, END_HEADERS, 3, &long[7..]), data(0, 3, "three")].concat()),
        origin([headers(0, 1, ":status: 200"), data(0, 1, "one"), data(END_STREAM, 3, "")].concat()),
        client([post(7, "/7?pass"), data(0, 7, "seven"), reset(7, 8)].concat()),
        origin([headers(END_STREAM, 1, "grpc-status: 0"), status(0, 5, 200), frame(0xfe, 9, 5, "?")].concat()),
        client(headers(0, 9, ":method: CONNECT\n:protocol: websocket\n:path: /9")),
        origin([status(0, 9, 200), data(0, 9, b"\x81\x01a"), goaway(99)].concat()),
        client(data(0, 9, b"\x88\x80mask")),
        origin([data(END_STREAM, 9, ""), data(0, 5, "never whole")].concat()),
        origin_ends(End::Truncated),
        client_ends(End::Reset),
    ]
}

fn conversations() -> [(Protocol, Vec<Turn>); 2] {
    [(Protocol::H1, h1_conversation()), (Protocol::H2, h2_conversation())]
}

/// Lines by exchange and side: what is told of one does not depend on when the other speaks.
fn by_side(log: &Log) -> BTreeMap<(String, bool), Vec<String>> {
    let mut sides: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for line in &log.lines {
        let id = line.split(' ').next().expect("an id").to_owned();
        let of_client = line.contains(" > ") || line.contains("Client frame");
        sides.entry((id, of_client)).or_default().push(line.clone());
    }
    // Body lines that something else stood between.
    for lines in sides.values_mut() {
        lines.dedup_by(|later, line| match (line.split_once(" body "), later.split_once(" body ")) {
            (Some((one, _)), Some((other, more))) if one == other => {
                line.push_str(more);
                true
            }
            _ => false,
        });
    }
    sides
}

/// Lets a piece go ahead of the pieces of the other side before it, where that keeps requests ahead of their answers.
fn mix(turns: &[Turn], moves: &[usize]) -> Vec<Turn> {
    let mut turns = turns.to_vec();
    for &chosen in moves {
        let at = 1 + chosen % (turns.len() - 1);
        let ahead = |turn: &Turn| matches!(turn, Turn::Sends(Side::Client, bytes) if !bytes.is_empty());
        let behind = |turn: &Turn| matches!(turn, Turn::Sends(Side::Origin, _));
        if ahead(&turns[at]) && behind(&turns[at - 1]) {
            turns.swap(at - 1, at);
        }
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_tells_the_same(distances in prop::collection::vec(1usize..60, 1..20)) {
        for (protocol, turns) in conversations() {
            let whole = play(protocol, false, &turns);
            let pieces = play(protocol, false, &cut(&turns, &distances));
            prop_assert_eq!(&pieces.log.lines, &whole.log.lines);
        }
    }

    #[test]
    fn any_mix_of_the_sides_tells_the_same_of_each(
        distances in prop::collection::vec(1usize..60, 1..20),
        moves in prop::collection::vec(any::<usize>(), 0..400),
    ) {
        // In HTTP/1 only what stands before the upgrade may be pipelined.
        let [(_, mut h1), (_, h2)] = conversations();
        h1.truncate(8);
        for (protocol, turns) in [(Protocol::H1, h1), (Protocol::H2, h2)] {
            let whole = play(protocol, false, &turns);
            let mixed = play(protocol, false, &mix(&cut(&turns, &distances), &moves));
            prop_assert_eq!(by_side(&mixed.log), by_side(&whole.log));
        }
    }

    #[test]
    fn a_gate_that_allows_emits_what_came_in(distances in prop::collection::vec(1usize..60, 1..20)) {
        for (protocol, turns) in conversations() {
            let turns = cut(&turns, &distances);
            let played = play(protocol, true, &turns);
            prop_assert_eq!(&played.to_origin, &sent(&turns, Side::Client));
            prop_assert_eq!(&played.to_client, &sent(&turns, Side::Origin));
            prop_assert!(!played.closed && played.tap.panics() == 0);
            prop_assert_eq!(by_side(&played.log), by_side(&play(protocol, false, &turns).log));
        }
    }

    #[test]
    fn every_exchange_finishes_exactly_once(
        distances in prop::collection::vec(1usize..60, 1..8),
        length in 0usize..200,
        gated in any::<bool>(),
    ) {
        for (protocol, turns) in conversations() {
            let mut turns = cut(&turns, &distances);
            turns.truncate(length);
            turns.extend([client_ends(End::Truncated), origin_ends(End::Clean)]);
            let lines = play(protocol, gated, &turns).log.lines;
            let begun = lines.iter().filter(|line| line.contains(" > ") && line.contains(" /")).count();
            let ends = ["Whole", "OriginLeft", "ClientLeft", "Refused", "Opaque"];
            let over = lines.iter().filter(|line| ends.iter().any(|end| line.ends_with(end))).count();
            prop_assert_eq!(begun, over, "{:?}", lines);
        }
    }
}

/// Damage done to a conversation.
#[derive(Clone, Debug)]
enum Damage {
    Flip(usize, u8),
    Drop(usize, usize),
    Insert(usize, Vec<u8>),
    Swap(usize, usize),
    Decide(usize, u64, bool),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        1 => (any::<usize>(), 1usize..20).prop_map(|(at, len)| Damage::Drop(at, len)),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, new)| Damage::Insert(at, new)),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Damage::Swap(one, other)),
        1 => (any::<usize>(), 0u64..9, any::<bool>()).prop_map(|(at, id, allow)| Damage::Decide(at, id, allow)),
    ]
}

fn damaged(mut turns: Vec<Turn>, damages: &[Damage]) -> Vec<Turn> {
    for damage in damages {
        match damage {
            Damage::Flip(at, _) | Damage::Drop(at, _) | Damage::Insert(at, _) => {
                let chosen = at % turns.len();
                let Turn::Sends(_, bytes) = &mut turns[chosen] else { continue };
                let within = (at / 31) % (bytes.len() + 1);
                match damage {
                    Damage::Flip(_, bits) => bytes.iter_mut().skip(within).take(1).for_each(|byte| *byte ^= bits),
                    Damage::Drop(_, len) => drop(bytes.drain(within..(within + len).min(bytes.len()))),
                    Damage::Insert(_, new) => drop(bytes.splice(within..within, new.iter().copied())),
                    Damage::Swap(..) | Damage::Decide(..) => {}
                }
            }
            Damage::Swap(one, other) => {
                let (one, other) = (one % turns.len(), other % turns.len());
                turns.swap(one, other);
            }
            Damage::Decide(at, id, allow) => {
                let verdict = if *allow { Verdict::Allow } else { Verdict::Refuse(refusal()) };
                turns.insert(at % turns.len(), Turn::Decides(*id, verdict));
            }
        }
    }
    turns
}

/// The conversation with other words in its targets, so that all verdicts come up.
fn with_verdicts(turns: &[Turn], words: &[&str]) -> Vec<Turn> {
    let mut words = words.iter().cycle();
    let mut reworded = turns.to_vec();
    for turn in &mut reworded {
        let Turn::Sends(Side::Client, bytes) = turn else { continue };
        for at in 0..bytes.len().saturating_sub(3) {
            // Of the same length: in HTTP/2 a length stands before it.
            if bytes[at..].starts_with(b"pass") {
                bytes[at..at + 4].copy_from_slice(words.next().map_or(b"pass", |word| word.as_bytes()));
            }
        }
    }
    reworded
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_panics(
        damages in prop::collection::vec(any_damage(), 1..12),
        distances in prop::collection::vec(1usize..80, 1..20),
        gated in any::<bool>(),
        crossed in any::<bool>(),
        words in prop::collection::vec(prop::sample::select(vec!["late", "stop", "deny", "pass"]), 1..5),
    ) {
        for (mut protocol, turns) in conversations() {
            if crossed {
                protocol = if protocol == Protocol::H1 { Protocol::H2 } else { Protocol::H1 };
            }
            let turns = cut(&damaged(with_verdicts(&turns, &words), &damages), &distances);
            let played = play(protocol, gated, &turns);
            prop_assert_eq!(played.tap.panics(), 0);
        }
    }

    #[test]
    fn no_noise_panics(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 1..20),
        gated in any::<bool>(),
    ) {
        for (protocol, start) in [(Protocol::H1, &b""[..]), (Protocol::H2, PREFACE)] {
            let mut played = Played::new(protocol, gated, Fault::Pass);
            played.step(gated, &client(start));
            for (from_client, bytes) in &pieces {
                played.step(gated, &if *from_client { client(bytes) } else { origin(bytes) });
            }
            prop_assert_eq!(played.tap.panics(), 0);
        }
    }
}
