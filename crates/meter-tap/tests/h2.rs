//! HTTP/2 as it passes: what an ungated tap tells about a conversation.

mod conversation;
mod frames;

use conversation::{Turn, client, client_ends, cut, lines, origin, origin_ends, play, sent};
use frames::*;
use meter_tap::{End, Protocol, Side};

/// An ungated tap tells `expected`, however the conversation is cut, and each side gets what the other sent.
fn check(turns: &[Turn], expected: &str) {
    for distances in [&[usize::MAX][..], &[1], &[2, 9, 5], &[10]] {
        let played = play(Protocol::H2, false, &cut(turns, distances));
        assert_eq!(played.log.lines, lines(expected), "cut at {distances:?}");
        assert_eq!(played.to_origin, sent(turns, Side::Client));
        assert_eq!(played.to_client, sent(turns, Side::Origin));
        assert_eq!(played.tap.panics(), 0);
    }
}

const POST_TOLD: &str = "#0 > POST /a a\n#0 > body hi\n#0 > end";

/// A whole POST on stream 1, then `answer`.
fn answered(answer: &[Vec<u8>], told: &str) {
    let request = opening(&[post(1, "/a"), data(END_STREAM, 1, "hi")]);
    check(&[client(request), origin([settings(&[]), answer.concat()].concat())], &format!("{POST_TOLD}\n{told}"));
}

#[test]
fn a_request_and_its_answer() {
    answered(
        &[status(0, 1, 200), data(0, 1, "by"), data(END_STREAM, 1, "e")],
        "#0 < 200
         #0 < body bye
         #0 Whole",
    );
}

#[test]
fn answers_end_with_trailers_or_their_head() {
    answered(
        &[status(0, 1, 200), data(0, 1, "x"), headers(END_STREAM, 1, "grpc-status: 0\ngrpc-message: ok")],
        "#0 < 200
         #0 < body x
         #0 < trailers grpc-status=0 grpc-message=ok
         #0 Whole",
    );
    answered(&[headers(END_STREAM, 1, ":status: 200\ngrpc-status: 7")], "#0 < 200\n#0 Whole");
}

#[test]
fn interim_answers_are_not_the_answer() {
    answered(
        &[status(0, 1, 100), status(0, 1, 103), status(END_STREAM, 1, 204)],
        "#0 < interim 100
         #0 < interim 103
         #0 < 204
         #0 Whole",
    );
}

#[test]
fn padding_priority_and_continuation_are_stepped_over() {
    let head = block(":status: 200\nx-a: b");
    let padded = [&[3][..], &[0, 0, 0, 1, 9], &head[..5], &[0; 3]].concat();
    answered(
        &[
            frame(1, PADDED | PRIORITY, 1, padded),
            frame(9, 0, 1, &head[5..7]),
            frame(9, END_HEADERS, 1, &head[7..]),
            data(PADDED, 1, b"\x02hi\0\0"),
            data(PADDED, 1, b"\x00"),
            data(PADDED, 1, b"\x01\0"),
            data(PADDED | END_STREAM, 1, b"\x04!\0\0\0\0"),
        ],
        "#0 < 200
         #0 < body hi!
         #0 Whole",
    );
}

#[test]
fn streams_are_told_apart() {
    check(
        &[
            client(opening(&[post(1, "/1"), post(3, "/3"), data(0, 1, "a"), data(END_STREAM, 3, "c")])),
            origin([settings(&[]), status(0, 3, 200), data(0, 3, "C")].concat()),
            client(headers(END_STREAM, 1, "x-sum: 1")),
            origin([status(END_STREAM, 1, 204), data(END_STREAM, 3, "")].concat()),
        ],
        "#0 > POST /1 a
         #1 > POST /3 a
         #0 > body a
         #1 > body c
         #1 > end
         #1 < 200
         #1 < body C
         #0 > end
         #0 < 204
         #0 Whole
         #1 Whole",
    );
}

#[test]
fn the_header_tables_are_followed_both_ways() {
    let first = headers(END_STREAM, 1, "+:method: GET\n+:path: /same\n:authority: a\n+x: y");
    let again = frame(1, END_STREAM | END_HEADERS, 3, [0x3f, 0xe1, 0x3f, 0xc0, 0xbf]);
    check(
        &[
            client(opening(&[first])),
            // The origin allows 8192; the client's next block sets it.
            origin([settings(&[(1, 8192)]), headers(END_STREAM, 1, "+:status: 201")].concat()),
            client(again),
            origin(frame(1, END_STREAM | END_HEADERS, 3, [0xbe])),
        ],
        "#0 > GET /same a
         #0 > end
         #0 < 201
         #0 Whole
         #1 > GET /same -
         #1 > end
         #1 < 201
         #1 Whole",
    );
}

#[test]
fn a_reset_says_who_left() {
    answered(&[status(0, 1, 200), reset(1, 2)], "#0 < 200\n#0 OriginLeft");
    check(
        &[
            client(opening(&[post(1, "/a"), data(0, 1, "h")])),
            origin([settings(&[]), status(0, 1, 200)].concat()),
            client(reset(1, 8)),
            origin(data(END_STREAM, 1, "late")),
        ],
        "#0 > POST /a a\n#0 > body h\n#0 < 200\n#0 ClientLeft",
    );
}

#[test]
fn an_early_answer_keeps_its_exchange_until_the_upload_ends() {
    let begun = [client(opening(&[post(1, "/a"), data(0, 1, "ab")])), origin(settings(&[])), origin(status(1, 1, 413))];
    let told = "#0 > POST /a a\n#0 > body ab\n#0 < 413";
    let with = |more: &[Turn]| [&begun[..], more].concat();
    check(
        &with(&[client(data(END_STREAM, 1, "c"))]),
        "#0 > POST /a a\n#0 > body ab\n#0 < 413\n#0 > body c\n#0 > end\n#0 Whole",
    );
    check(&with(&[origin(reset(1, 0)), client(data(END_STREAM, 1, "c"))]), &format!("{told}\n#0 Whole"));
    check(&with(&[client_ends(End::Clean), origin_ends(End::Clean)]), &format!("{told}\n#0 Whole"));
}

#[test]
fn a_cancel_is_judged_by_the_clients_end_before_the_answers() {
    let begun =
        [client(opening(&[get(1, "/a")])), origin([settings(&[]), status(0, 1, 200), data(0, 1, "a")].concat())];
    let told = "#0 > GET /a a\n#0 > end\n#0 < 200\n#0 < body a";
    let with = |more: &[Turn]| [&begun[..], more].concat();
    check(
        &with(&[client_ends(End::Clean), origin(data(END_STREAM, 1, "b")), origin_ends(End::Clean)]),
        &format!("{told}b\n#0 ClientLeft"),
    );
    check(&with(&[client_ends(End::Reset)]), &format!("{told}\n#0 ClientLeft"));
    check(&with(&[origin_ends(End::Clean)]), &format!("{told}\n#0 OriginLeft"));
}

#[test]
fn goaway_ends_what_will_not_be_processed() {
    check(
        &[
            client(opening(&[get(1, "/1"), get(3, "/3")])),
            origin([settings(&[]), goaway(0x7fff_ffff), goaway(1), status(END_STREAM, 1, 204)].concat()),
        ],
        "#0 > GET /1 a
         #0 > end
         #1 > GET /3 a
         #1 > end
         #1 OriginLeft
         #0 < 204
         #0 Whole",
    );
}

#[test]
fn frames_shorter_than_their_fields_do_no_harm() {
    answered(
        &[frame(7, 0, 0, [0, 0]), frame(8, 0, 0, [1]), frame(4, 0, 0, [0, 1, 0]), frame(3, 0, 1, [0])],
        "#0 OriginLeft",
    );
}

#[test]
fn pushed_and_unknown_frames_pass() {
    answered(
        &[
            frame(5, END_HEADERS, 1, [&[0, 0, 0, 2][..], &block("+:path: /pushed")].concat()),
            frame(0xfa, 0xff, 1, "grease"),
            frame(6, 0, 0, [0; 8]),
            headers(END_STREAM, 2, ":status: 200"),
            frame(1, END_STREAM | END_HEADERS, 1, [&block(":status: 204")[..], &[0xbe]].concat()),
        ],
        "#0 < 204
         #0 Whole",
    );
}

#[test]
fn a_websocket_inside_a_stream_is_counted_frame_by_frame() {
    let connect = headers(0, 1, ":method: CONNECT\n:protocol: websocket\n:path: /live\n:authority: a");
    let open = [
        client(opening(&[connect])),
        origin([settings(&[(8, 1)]), status(0, 1, 200), data(0, 1, b"\x81\x02h")].concat()),
        client(data(0, 1, b"\x82\x83mask123")),
        origin(data(0, 1, b"i")),
    ];
    let told = "#0 > CONNECT /live a upgrade websocket
                #0 > end
                #0 < 200
                #0 Origin frame 1 of 2
                #0 Client frame 2 of 3";
    let with = |more: &[Turn]| [&open[..], more].concat();
    check(&with(&[client(data(END_STREAM, 1, ""))]), &format!("{told}\n#0 ClientLeft"));
    check(&with(&[origin(reset(1, 8))]), &format!("{told}\n#0 OriginLeft"));
    check(&with(&[origin(data(END_STREAM, 1, b"\x88\x00"))]), &format!("{told}\n#0 Origin frame 8 of 0\n#0 Whole"));
}

#[test]
fn what_cannot_be_read_still_passes() {
    let request = client(opening(&[post(1, "/a"), data(END_STREAM, 1, "hi")]));
    let after = |more: Vec<u8>, reason: &str| {
        check(
            &[request.clone(), origin(settings(&[])), origin(more), origin("x"), client("y")],
            &format!("{POST_TOLD}\nopaque: {reason}\n#0 Opaque"),
        );
    };
    after(frame(1, END_HEADERS, 1, [0xff; 6]), "a number in a header block is over the limit");
    after(frame(9, END_HEADERS, 1, ""), "a header block goes on without a beginning");
    after([frame(1, 0, 1, ""), data(0, 1, "")].concat(), "a header block is interrupted");
    after(data(PADDED, 1, [3, 0, 0]), "a frame is padded beyond its length");
    after(data(PADDED, 1, ""), "a frame is padded beyond its length");
    after(frame(1, PADDED | END_HEADERS, 1, [3, 0, 0]), "a frame is padded beyond its length");
    after(frame(1, PRIORITY | END_HEADERS, 1, [3, 0, 0]), "a header frame is shorter than its fields");
    after(frame(1, 0, 1, vec![0; (1 << 20) + 1])[..9].to_vec(), "a frame is over the limit");
    check(&[client("GET / HTTP/1.1\r\n\r\n")], "opaque: the connection does not begin as HTTP/2");
}

#[test]
fn peers_that_are_not_ours_are_understood() {
    let unhex = |text: &str| -> Vec<u8> {
        let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (0..text.len()).step_by(2).map(pair).collect()
    };
    let sent = include_str!("h2_conversation.txt").lines().filter(|line| !line.starts_with('#'));
    let turns: Vec<Turn> = sent
        .map(|line| match line.split_once(' ').expect("who and what") {
            ("client", bytes) => client(unhex(bytes)),
            (_, bytes) => origin(unhex(bytes)),
        })
        .collect();
    let told = |number: usize| {
        let start = format!(
            "#{number} > POST /v1/messages?n={number} api.test
             #{number} > body {{\"model\":\"m\"}}
             #{number} > end
             #{number} < interim 100
             #{number} < 200
             #{number} < body one,two",
        );
        match number {
            2 => format!("{start}\n#2 ClientLeft"),
            _ => format!("{start}\n#{number} < trailers grpc-status=0\n#{number} Whole"),
        }
    };
    for gated in [false, true] {
        let played = play(Protocol::H2, gated, &cut(&turns, &[11]));
        assert_eq!(played.log.lines, lines(&(0..4).map(told).collect::<Vec<_>>().join("\n")));
    }
}
