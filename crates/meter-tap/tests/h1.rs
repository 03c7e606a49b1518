//! HTTP/1 as it passes: what an ungated tap tells about a conversation.

mod conversation;

use conversation::{Turn, client, client_ends, lines, origin, origin_ends, play, sent};
use meter_tap::{End, Protocol, Side};

/// An ungated tap tells `expected`, and each side gets what the other sent.
fn check(turns: &[Turn], expected: &str) {
    let played = play(Protocol::H1, false, turns);
    assert_eq!(played.log.lines, lines(expected));
    assert_eq!(played.to_origin, sent(turns, Side::Client));
    assert_eq!(played.to_client, sent(turns, Side::Origin));
    assert_eq!(played.tap.panics(), 0);
}

const GET: &str = "GET /v1/models HTTP/1.1\r\nHost: api.test\r\n\r\n";
const GET_TOLD: &str = "#0 > GET /v1/models api.test
     #0 > end";

fn answered(answer: &str, told: &str) {
    check(&[client(GET), origin(answer)], &format!("{GET_TOLD}\n{told}"));
}

#[test]
fn a_request_and_its_answer() {
    check(
        &[
            client("POST /v1/chat?beta=1 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\n\r\nhello"),
            origin("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye"),
        ],
        "#0 > POST /v1/chat?beta=1 api.test
         #0 > body hello
         #0 > end
         #0 < 200
         #0 < body bye
         #0 Whole",
    );
}

#[test]
fn answers_are_framed_by_their_own_rules() {
    answered("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", "#0 < 204\n#0 Whole");
    answered("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "#0 < 304\n#0 Whole");
    answered(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n",
        "#0 < 200
         #0 < body hi
         #0 < trailers X-Sum=7
         #0 Whole",
    );
    answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "#0 < 200\n#0 Whole");
    answered("HTTP/1.0 200 OK\ncontent-length: 2\n\nok", "#0 < 200\n#0 < body ok\n#0 Whole");
    answered("HTTP/1.1 200\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", "#0 < 200\n#0 < body ok\n#0 Whole");
}

#[test]
fn a_head_request_has_no_answer_body() {
    check(
        &[client("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), origin("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")],
        "#0 > HEAD / a
         #0 > end
         #0 < 200
         #0 Whole",
    );
}

#[test]
fn interim_answers_are_not_the_answer() {
    answered(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "#0 < interim 103
         #0 < interim 102
         #0 < 204
         #0 Whole",
    );
    check(
        &[
            client("PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"),
            origin("HTTP/1.1 100 Continue\r\n\r\n"),
            client("3\r\nabc\r\n0\r\n\r\n"),
            origin("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        ],
        "#0 > PUT /a a
         #0 < interim 100
         #0 > body abc
         #0 > end
         #0 < 201
         #0 Whole",
    );
}

#[test]
fn keep_alive_and_pipelining() {
    check(
        &[
            client("\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"),
            origin("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"),
            origin("\r\nHTTP/1.1 204 No\r\n\r\n\r\n"),
            client("GET http://other.test?q HTTP/1.1\r\nHost: a\r\n\r\n"),
            origin("HTTP/1.1 204 No\r\n\r\n"),
        ],
        "#0 > GET /1 a
         #0 > end
         #1 > HEAD /2 a
         #1 > end
         #2 > GET /3 -
         #2 > end
         #0 < 200
         #0 < body 1
         #0 Whole
         #1 < 200
         #1 Whole
         #2 < 204
         #2 Whole
         #3 > GET ?q other.test
         #3 > end
         #3 < 204
         #3 Whole",
    );
}

#[test]
fn only_an_orderly_close_ends_a_body_without_a_length() {
    let answer = "HTTP/1.1 200 OK\r\n\r\nsome";
    for (end, finish) in [(End::Clean, "Whole"), (End::Truncated, "OriginLeft"), (End::Reset, "OriginLeft")] {
        check(
            &[client(GET), origin(answer), origin_ends(end)],
            &format!("{GET_TOLD}\n#0 < 200\n#0 < body some\n#0 {finish}"),
        );
    }
}

#[test]
fn an_answer_cut_short_was_the_origins_doing() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
    check(
        &[client(GET), origin(chunked), origin_ends(End::Clean), client_ends(End::Clean)],
        &format!("{GET_TOLD}\n#0 < 200\n#0 < body ab\n#0 OriginLeft"),
    );
    check(&[client(GET), origin_ends(End::Reset)], &format!("{GET_TOLD}\n#0 OriginLeft"));
}

#[test]
fn a_cancel_is_judged_by_the_clients_end_before_the_answers() {
    let begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    let cancelled = format!("{GET_TOLD}\n#0 < 200\n#0 < body ab\n#0 ClientLeft");
    for last in ["1\r\nb\r\n", "1\r\nb\r\n0\r\n\r\n"] {
        check(
            &[client(GET), origin(begun), client_ends(End::Clean), origin(last), origin_ends(End::Clean)],
            &cancelled,
        );
    }
    check(
        &[client(GET), origin(begun), client_ends(End::Reset)],
        &format!("{GET_TOLD}\n#0 < 200\n#0 < body a\n#0 ClientLeft"),
    );
    check(
        &[
            client("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe"),
            client_ends(End::Truncated),
            origin_ends(End::Clean),
        ],
        "#0 > POST /a -
         #0 > body he
         #0 ClientLeft",
    );
}

#[test]
fn an_early_answer_keeps_its_exchange_until_the_upload_ends() {
    let post = client("POST /a HTTP/1.1\r\nContent-Length: 6\r\n\r\nab");
    let refused = origin("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    let told = "#0 > POST /a -
                #0 > body ab
                #0 < 413";
    check(
        &[post.clone(), refused.clone(), client("cd"), client("ef"), client(GET)],
        &format!("{told}\n#0 > body cdef\n#0 > end\n#0 Whole\n#1 > GET /v1/models api.test\n#1 > end"),
    );
    check(&[post.clone(), refused.clone(), client_ends(End::Clean)], &format!("{told}\n#0 Whole"));
    check(&[post, refused, origin_ends(End::Clean)], &format!("{told}\n#0 Whole"));
}

#[test]
fn a_websocket_is_counted_frame_by_frame() {
    let open = [
        client("GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"),
        origin(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"),
        client(b"\x82\x83mask123"),
    ];
    let told = "#0 > GET /live a upgrade websocket
                #0 > end
                #0 < 101
                #0 Origin frame 1 of 2
                #0 Client frame 2 of 3";
    let with = |more: &[Turn]| [&open[..], more].concat();
    check(&with(&[origin(b"\x88\x00"), origin_ends(End::Clean)]), &format!("{told}\n#0 Origin frame 8 of 0\n#0 Whole"));
    check(&with(&[client_ends(End::Clean), origin_ends(End::Clean)]), &format!("{told}\n#0 ClientLeft"));
    check(&with(&[origin_ends(End::Truncated)]), &format!("{told}\n#0 OriginLeft"));
    check(
        &with(&[origin(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff")]),
        &format!("{told}\nopaque: a WebSocket frame states an impossible length\n#0 Opaque"),
    );
}

#[test]
fn what_cannot_be_read_still_passes() {
    let opaque = |reason: &str| format!("{GET_TOLD}\nopaque: {reason}\n#0 Opaque");
    let after = |more: Turn, reason: &str| check(&[client(GET), more, client("x"), origin("y")], &opaque(reason));
    let both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    let reason = "a message has both a length and a transfer coding";
    after(client(format!("POST /a HTTP/1.1\r\n{both}")), reason);
    after(origin(format!("HTTP/1.1 200 OK\r\n{both}")), reason);
    after(client("POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"), "content lengths disagree");
    after(client("POST /a HTTP/1.1\r\nContent-Length: +3\r\n\r\n"), "a content length is not a number");
    after(
        client("POST /a HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"),
        "a request's transfer coding does not end with chunked",
    );
    after(client("not http\r\n\r\n"), "a request head does not parse");
    after(client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "a request head does not parse");
    after(origin("garbage\r\n\r\n"), "an answer's head does not parse");
    after(client(vec![b'a'; 1024 * 1024 + 1]), "a head is over the limit");
}

#[test]
fn an_answer_to_no_request_ends_the_reading() {
    check(
        &[origin("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"), origin_ends(End::Clean)],
        "opaque: an answer to no request",
    );
}

#[test]
fn other_upgrades_and_inner_tunnels_are_opaque() {
    let unknown = "opaque: the connection was upgraded to something we do not read";
    check(
        &[
            client("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"),
            origin("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            origin("anything"),
        ],
        &format!("#0 > GET / - upgrade h2c\n#0 > end\n#0 < 101\n{unknown}\n#0 Opaque"),
    );
    check(
        &[client("CONNECT b:443 HTTP/1.1\r\n\r\n"), origin("HTTP/1.1 200 OK\r\n\r\n"), client("\x16\x03")],
        "#0 > CONNECT b:443 -
         #0 > end
         #0 < 200
         opaque: a tunnel was opened inside the connection
         #0 Opaque",
    );
    check(
        &[client("CONNECT b:443 HTTP/1.1\r\n\r\n"), origin("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")],
        "#0 > CONNECT b:443 -\n#0 > end\n#0 < 405\n#0 Whole",
    );
}

#[test]
fn many_fields_are_read_and_odd_ones_tolerated() {
    let fields: String = (0..900).map(|number| format!("X-{number}: v\r\n")).collect();
    check(
        &[client(format!("GET / HTTP/1.1\r\n{fields}hOST:   a  \r\nhost: b\r\nX: caf\u{e9}\r\n\r\n"))],
        "#0 > GET / a\n#0 > end",
    );
    answered("HTTP/1.1 204  No\r\nA : b\r\n folded\r\n(bad) name: x\r\n\r\n", "#0 < 204\n#0 Whole");
}

#[test]
fn a_failing_observer_costs_the_reading_and_nothing_else() {
    let turns = [client(GET), client("GET /panic HTTP/1.1\r\n\r\n"), client("more"), origin("HTTP/1.1 200 OK\r\n\r\n")];
    let played = play(Protocol::H1, false, &turns);
    assert_eq!(played.log.lines, lines(&format!("{GET_TOLD}\nopaque: a reader of ours failed\n#0 Opaque\n#1 Opaque")));
    assert_eq!(played.to_origin, sent(&turns, Side::Client));
    assert_eq!(played.tap.panics(), 1);
}
