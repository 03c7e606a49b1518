//! The HTTP/2 gate: which frames reach the origin and the client, and who gets window back.
//!
//! The verdict of each request stands in its target, see `conversation::Log`.

mod conversation;
mod frames;

use conversation::{
    Played, Turn, client, client_ends, cut, lines, origin, origin_ends, play, play_with, refusal, sent,
};
use frames::*;
use meter_tap::{End, Fault, Protocol, Side, Verdict};

/// RST_STREAM as the origin gets it for a refused request: CANCEL.
fn cancel(stream: u32) -> Vec<u8> {
    reset(stream, 8)
}

/// RST_STREAM as the client gets it for a refused request: ENHANCE_YOUR_CALM.
fn calm(stream: u32) -> Vec<u8> {
    reset(stream, 11)
}

/// Both peers have opened the connection.
fn opened() -> [Turn; 2] {
    [client(opening(&[])), origin(settings(&[]))]
}

/// Plays `turns` behind an opened connection, gated and cut in several ways; what each side got beyond that is given.
fn check(turns: &[Turn], to_origin: &[Vec<u8>], to_client: &[Vec<u8>]) -> Played {
    let turns = [&opened()[..], turns].concat();
    let whole = play(Protocol::H2, true, &turns);
    for distances in [&[1][..], &[2, 9, 5], &[10]] {
        let pieces = play(Protocol::H2, true, &cut(&turns, distances));
        assert_eq!(pieces.log.lines, whole.log.lines, "cut at {distances:?}");
        assert_eq!(pieces.to_origin, whole.to_origin);
    }
    assert_eq!(whole.to_origin, opening(&[to_origin.concat()]), "to the origin");
    assert_eq!(whole.to_client, [settings(&[]), to_client.concat()].concat(), "to the client");
    assert!(!whole.closed);
    assert_eq!(whole.tap.panics(), 0);
    whole
}

#[test]
fn a_refused_head_reaches_the_origin_without_its_end() {
    let played = check(
        &[client(get(1, "/deny"))],
        &[headers(0, 1, ":method: GET\n:path: /deny\n:authority: a"), cancel(1)],
        &[calm(1)],
    );
    assert_eq!(played.log.lines, lines("#0 > GET /deny a\n#0 Refused"));
    let post = post(1, "/deny");
    check(&[client(&post), client(data(END_STREAM, 1, "late"))], &[post, cancel(1)], &[calm(1), window_update(0, 4)]);
}

#[test]
fn a_request_without_a_body_is_refused_at_its_head() {
    let played = check(
        &[client(get(1, "/stop"))],
        &[headers(0, 1, ":method: GET\n:path: /stop\n:authority: a"), cancel(1)],
        &[calm(1)],
    );
    assert_eq!(played.log.lines, lines("#0 > GET /stop a\n#0 > end\n#0 Refused"));
}

#[test]
fn a_body_passes_but_for_the_frame_that_ends_it() {
    let (head, body) = (post(1, "/stop"), data(PADDED, 1, b"\x01hi\0"));
    check(
        &[client([&head[..], &body, &data(PADDED | END_STREAM, 1, b"\x02!\0\0")].concat())],
        &[head.clone(), body.clone(), cancel(1)],
        &[window_update(0, 4), calm(1)],
    );
    // An empty last frame took no window.
    check(&[client([&head[..], &data(END_STREAM, 1, "")].concat())], &[head, cancel(1)], &[calm(1)]);
}

#[test]
fn allowed_and_passed_requests_are_untouched() {
    for target in ["/allow", "/pass", "/later"] {
        let (head, body, end) = (post(1, target), data(0, 1, "a"), data(END_STREAM, 1, "b"));
        let answer = [status(0, 1, 200), data(END_STREAM, 1, "c")];
        let decided = if target == "/later" { vec![Turn::Decides(0, Verdict::Allow)] } else { vec![] };
        check(
            &[&[client([&head[..], &body, &end].concat())], &decided[..], &[origin(answer.concat())]].concat(),
            &[head, body, end],
            &answer,
        );
    }
}

#[test]
fn a_later_verdict_holds_one_frame_and_no_other_stream() {
    let turns = [
        client([post(1, "/later"), data(END_STREAM, 1, "held")].concat()),
        client([get(3, "/3"), window_update(1, 9)].concat()),
        origin(status(END_STREAM, 3, 204)),
    ];
    let passed = [post(1, "/later"), get(3, "/3"), window_update(1, 9)];
    let answer = status(END_STREAM, 3, 204);
    let played = check(&turns, &passed, std::slice::from_ref(&answer));
    assert!(played.tap.is_waiting() && played.tap.wants_client());
    let decided = |verdict| [&turns[..], &[Turn::Decides(0, verdict)]].concat();
    let released = [&passed[..], &[data(END_STREAM, 1, "held")]].concat();
    check(&decided(Verdict::Allow), &released, std::slice::from_ref(&answer));
    let refused = [&passed[..], &[cancel(1)]].concat();
    check(&decided(Verdict::Refuse(refusal())), &refused, &[answer, window_update(0, 4), calm(1)]);
}

#[test]
fn a_later_verdict_on_a_header_block_holds_the_direction() {
    let more = [get(3, "/3"), data(0, 1, "x")].concat();
    let turns = [client([get(1, "/later"), more.clone()].concat())];
    assert!(check(&turns, &[], &[]).tap.is_waiting());
    let decided = |verdict| [&turns[..], &[Turn::Decides(0, verdict)]].concat();
    check(&decided(Verdict::Allow), &[get(1, "/later"), more], &[]);
    check(
        &decided(Verdict::Refuse(refusal())),
        &[headers(0, 1, ":method: GET\n:path: /later\n:authority: a"), cancel(1), get(3, "/3")],
        &[calm(1), window_update(0, 1)],
    );
}

#[test]
fn nothing_is_put_into_a_frame_or_block_under_way() {
    let refused = client(get(3, "/deny"));
    let to_origin = [headers(0, 3, ":method: GET\n:path: /deny\n:authority: a"), cancel(3)];
    let other = client(get(1, "/pass"));
    let to_origin = [&[get(1, "/pass")][..], &to_origin].concat();
    let tail = status(END_STREAM, 1, 204);
    let whole = block(":status: 200");
    let begun = [frame(1, 0, 1, &whole[..4]), frame(9, 0, 1, &whole[4..6]), frame(9, END_HEADERS, 1, &whole[6..])];
    let refused_at = |at: usize, sent: &[u8]| {
        [other.clone(), origin(&sent[..at]), refused.clone(), origin(&sent[at..]), origin(&tail)]
    };
    let body = [status(0, 1, 200), data(0, 1, "0123456789")].concat();
    let head_len = status(0, 1, 200).len();
    for at in head_len + 1..body.len() {
        check(&refused_at(at, &body), &to_origin, &[body.clone(), calm(3), tail.clone()]);
    }
    let block = begun.concat();
    for at in 1..block.len() {
        check(&refused_at(at, &block), &to_origin, &[block.clone(), calm(3), tail.clone()]);
    }
}

#[test]
fn nothing_is_sent_to_a_client_ahead_of_the_origins_settings() {
    let turns = [client(opening(&[get(1, "/deny")])), origin(settings(&[(3, 100)]))];
    let played = play(Protocol::H2, true, &turns[..1]);
    assert!(played.to_client.is_empty() && played.tap.rewrites_origin());
    let played = play(Protocol::H2, true, &cut(&turns, &[5]));
    assert_eq!(played.to_client, [settings(&[(3, 100)]), calm(1)].concat());
}

#[test]
fn the_connection_window_stays_exact_on_both_sides() {
    let head = post(1, "/deny");
    check(
        &[
            client(&head),
            client(
                [data(0, 1, "12345"), data(PADDED, 1, b"\x01a\0"), data(0, 1, ""), data(END_STREAM, 1, "6")].concat(),
            ),
            origin([status(0, 1, 200), data(0, 1, "0123456789"), data(PADDED | END_STREAM, 1, b"\x00a")].concat()),
        ],
        &[head, cancel(1), window_update(0, 10), window_update(0, 2)],
        &[calm(1), window_update(0, 5), window_update(0, 3), window_update(0, 1)],
    );
}

#[test]
fn what_peers_say_about_a_refused_stream_goes_no_further() {
    let head = post(1, "/deny");
    let priority = frame(2, 0, 1, [0, 0, 0, 0, 1]);
    check(
        &[
            client(&head),
            client([window_update(1, 5), reset(1, 8), priority.clone(), window_update(0, 7)].concat()),
            origin([window_update(1, 5), reset(1, 0), window_update(0, 7)].concat()),
        ],
        &[head, cancel(1), priority, window_update(0, 7)],
        &[calm(1), window_update(0, 7)],
    );
}

#[test]
fn an_answer_that_raced_a_refusal_leaves_the_client_in_step() {
    let head = post(1, "/deny");
    // The table changes with the swallowed block; the next one points into it.
    let raced = headers(0, 1, ":status: 200\n+x-region: eu");
    let next = frame(1, END_STREAM | END_HEADERS, 3, [&block(":status: 201")[..], &[0xbe]].concat());
    let recoded = frame(1, END_STREAM | END_HEADERS, 3, b"\x18\x03201\x10\x08x-region\x02eu");
    check(
        &[client([head.clone(), get(3, "/pass")].concat()), origin([raced, next].concat())],
        &[head.clone(), cancel(1), get(3, "/pass")],
        &[calm(1), recoded],
    );
    // One that leaves the table alone costs nothing.
    let plain = headers(0, 1, ":status: 200\nx-region: eu");
    let next = status(END_STREAM, 3, 201);
    check(
        &[client([head.clone(), get(3, "/pass")].concat()), origin([plain, next.clone()].concat())],
        &[head, cancel(1), get(3, "/pass")],
        &[calm(1), next],
    );
}

#[test]
fn a_table_size_in_a_swallowed_answer_is_told_with_the_next() {
    let head = post(1, "/deny");
    let raced = frame(1, END_HEADERS, 1, [&[0x20, 0x3f, 0xe1, 0x01][..], &block(":status: 200")].concat());
    let recoded = frame(1, END_STREAM | END_HEADERS, 3, b"\x20\x3f\xe1\x01\x18\x03204");
    check(
        &[client([head.clone(), get(3, "/pass")].concat()), origin([raced, status(END_STREAM, 3, 204)].concat())],
        &[head, cancel(1), get(3, "/pass")],
        &[calm(1), recoded],
    );
}

#[test]
fn long_blocks_are_written_anew_in_several_frames() {
    let head = post(1, "/deny");
    let raced = headers(0, 1, "+:status: 200");
    let value = "v".repeat(120);
    let long: String = (0..300).map(|number| format!("x-{number}: {value}\n")).collect();
    let long = headers(END_STREAM, 3, &format!(":status: 204\n{long}"));
    let turns = [client([head, get(3, "/pass")].concat()), origin([raced, long].concat())];
    let played = play(Protocol::H2, true, &[&opened()[..], &turns].concat());
    // The other end of the connection reads them as one block.
    let again = play(Protocol::H2, false, &[client(opening(&[get(1, "/1"), get(3, "/3")])), origin(&played.to_client)]);
    assert!(again.log.lines.contains(&"#1 < 204".to_owned()), "{:?}", again.log.lines);
    assert!(!again.tap.is_opaque());
}

#[test]
fn trailers_of_a_refused_request_are_swallowed_and_the_origin_stays_in_step() {
    let head = post(1, "/stop");
    let trailers = headers(END_STREAM, 1, "+x-sum: 1");
    let next = frame(1, END_STREAM | END_HEADERS, 3, [&block(":method: GET\n:path: /pass")[..], &[0xbe]].concat());
    let recoded = frame(1, END_STREAM | END_HEADERS, 3, b"\x12\x03GET\x14\x05/pass\x10\x05x-sum\x011");
    check(&[client([&head[..], &trailers, &next].concat())], &[head, cancel(1), recoded.clone()], &[calm(1)]);
    // The same when the trailers come behind the refusal.
    let head = post(1, "/deny");
    check(&[client([&head[..], &trailers, &next].concat())], &[head, cancel(1), recoded], &[calm(1)]);
}

#[test]
fn a_client_that_resets_a_held_stream_gets_its_window_back() {
    let turns = [
        client([post(1, "/later"), data(END_STREAM, 1, "held")].concat()),
        client(reset(1, 8)),
        Turn::Decides(0, Verdict::Allow),
        origin(status(END_STREAM, 1, 204)),
    ];
    let answer = status(END_STREAM, 1, 204);
    let played = check(&turns, &[post(1, "/later"), reset(1, 8)], &[window_update(0, 4), answer]);
    assert_eq!(played.log.lines.last().expect("a line"), "#0 ClientLeft");
    assert!(!played.tap.is_waiting() && !played.tap.rewrites_origin(), "the origin's bytes are its own again");
}

#[test]
fn a_credit_that_had_to_wait_ends_the_rewriting_with_it() {
    let answer = [status(0, 3, 200), data(0, 3, "0123456789")].concat();
    let turns = [
        client([post(1, "/later"), data(END_STREAM, 1, "held"), get(3, "/pass")].concat()),
        origin(&answer[..answer.len() - 3]),
        client(reset(1, 8)),
        origin(&answer[answer.len() - 3..]),
        origin(data(END_STREAM, 3, "")),
    ];
    let played = check(
        &turns,
        &[post(1, "/later"), get(3, "/pass"), reset(1, 8)],
        &[answer, window_update(0, 4), data(END_STREAM, 3, "")],
    );
    assert!(!played.tap.rewrites_origin());
}

#[test]
fn an_early_answer_does_not_complete_a_refused_request() {
    let turns = [client(post(1, "/stop")), origin(status(END_STREAM, 1, 200)), client(data(END_STREAM, 1, "x"))];
    check(&turns, &[post(1, "/stop"), cancel(1)], &[status(END_STREAM, 1, 200), window_update(0, 1)]);
}

#[test]
fn a_reset_of_the_origins_own_makes_ours_needless() {
    let own = reset(1, 2);
    for at in 1..own.len() {
        let turns =
            [client(post(1, "/stop")), origin(&own[..at]), client(data(END_STREAM, 1, "x")), origin(&own[at..])];
        check(&turns, &[post(1, "/stop"), cancel(1)], &[own.clone(), window_update(0, 1)]);
    }
}

#[test]
fn what_is_pushed_for_a_refused_request_is_refused_too() {
    let head = post(1, "/deny");
    let promise = frame(5, END_HEADERS, 1, [&[0, 0, 0, 2][..], &block(":path: /pushed")].concat());
    let pushed = [status(0, 2, 200), data(END_STREAM, 2, "pushed")].concat();
    check(
        &[client(&head), origin([promise, pushed].concat()), origin(window_update(0, 1))],
        &[head, cancel(1), cancel(2), window_update(0, 6)],
        &[calm(1), window_update(0, 1)],
    );
}

#[test]
fn an_extended_connect_is_judged_at_its_head() {
    let connect = |target: &str| headers(0, 1, &format!(":method: CONNECT\n:protocol: websocket\n:path: {target}"));
    let refused = connect("/stop");
    check(&[client(&refused)], &[refused, cancel(1)], &[calm(1)]);
    let (later, frame) = (connect("/later"), data(0, 1, b"\x82\x80mask"));
    check(&[client([&later[..], &frame].concat())], &[], &[]);
    check(&[client([&later[..], &frame].concat()), Turn::Decides(0, Verdict::Allow)], &[later, frame], &[]);
}

#[test]
fn an_incomplete_frame_goes_on_when_its_sender_ends() {
    let cut_short = data(END_STREAM, 1, "body")[..11].to_vec();
    check(
        &[client(post(1, "/hold")), client(&cut_short), client_ends(End::Truncated)],
        &[post(1, "/hold"), cut_short],
        &[],
    );
    let answer = data(0, 1, "0123456789");
    let turns = [
        client([get(1, "/pass"), get(3, "/deny")].concat()),
        origin(status(0, 1, 200)),
        origin(&answer[..12]),
        origin_ends(End::Truncated),
    ];
    let played = play(Protocol::H2, true, &[&opened()[..], &turns].concat());
    assert!(played.to_client.ends_with(&answer[..12]));
}

#[test]
fn the_rule_for_faults_decides_about_what_is_held() {
    let unreadable = [get(3, "/panic"), frame(9, 0, 1, "x"), frame(1, END_HEADERS, 1, [0x80])];
    for unreadable in unreadable {
        let turns = [
            client(opening(&[post(1, "/later")])),
            origin(settings(&[])),
            client(data(END_STREAM, 1, "held")),
            client(&unreadable),
            client("more"),
        ];
        let played = play_with(Protocol::H2, true, Fault::Pass, &turns);
        assert_eq!(played.to_origin, sent(&turns, Side::Client), "what was held goes on, once");
        assert!(!played.closed && played.tap.is_opaque());
        let played = play_with(Protocol::H2, true, Fault::Close, &turns);
        assert_eq!(played.to_origin, opening(&[post(1, "/later")]));
        assert!(played.closed);
    }
}

#[test]
fn a_fault_behind_a_refusal_closes() {
    for bad in [client(frame(9, 0, 1, "x")), origin(frame(9, 0, 1, "x"))] {
        let turns = [client(opening(&[get(1, "/deny")])), origin(settings(&[])), bad];
        assert!(play_with(Protocol::H2, true, Fault::Pass, &turns).closed);
    }
}

#[test]
fn a_client_that_does_not_speak_http2_is_let_through() {
    let turns = [client("GET / "), client("HTTP/1.1\r\n\r\n")];
    assert_eq!(play(Protocol::H2, true, &turns).to_origin, sent(&turns, Side::Client));
}
