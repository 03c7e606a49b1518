//! The HTTP/1 gate: what reaches the origin, what the client is told, and when the connection closes.
//!
//! The verdict of each request stands in its target, see `conversation::Log`.

mod conversation;

use conversation::{
    Played, Turn, client, client_ends, cut, lines, origin, origin_ends, play, play_with, refusal, sent,
};
use meter_tap::{End, Fault, Protocol, Side, Verdict};

const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nX-Rule: test\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\
                       Connection: close\r\n\r\n{\"no\":1}";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Plays `turns` gated. `to_client` stands for everything the client got.
fn check(turns: &[Turn], to_origin: &str, to_client: &str, closed: bool) -> Played {
    let played = play(Protocol::H1, true, turns);
    assert_eq!(text(&played.to_origin), to_origin, "to the origin");
    assert_eq!(text(&played.to_client), to_client, "to the client");
    assert_eq!(played.closed, closed);
    assert_eq!(played.tap.panics(), 0);
    played
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunked(target: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
}

#[test]
fn a_head_is_refused_before_a_byte_is_forwarded() {
    let request = post("/deny", "hello");
    let played = check(&cut(&[client(&request), client("more")], &[3]), "", REFUSED, true);
    assert_eq!(played.log.lines, lines("#0 > POST /deny a\n#0 Refused"));
}

#[test]
fn a_small_request_is_refused_before_a_byte_is_forwarded() {
    let played = check(&[client(post("/stop", "hello"))], "", REFUSED, true);
    assert_eq!(played.log.lines, lines("#0 > POST /stop a\n#0 > body hello\n#0 > end\n#0 Refused"));
    check(&[client(get("/stop"))], "", REFUSED, true);
}

#[test]
fn a_large_body_passes_but_for_its_last_slice() {
    let request = post("/stop", "0123456789");
    let (first, last) = request.split_at(request.len() - 3);
    check(&[client(first), client(last)], first, REFUSED, true);
    let single = cut(&[client(&request)], &[1]);
    check(&single, &request[..request.len() - 1], REFUSED, true);
}

#[test]
fn a_chunked_body_passes_but_for_its_terminal_chunk_and_trailers() {
    let head = chunked("/stop");
    for distances in [1, 2, 3, 5] {
        let tail = cut(&[client("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")], &[distances]);
        let turns = [&[client(&head)], &tail[..]].concat();
        let played = play(Protocol::H1, true, &turns);
        let passed = text(&played.to_origin);
        assert!(format!("{head}3\r\nabc\r\n").starts_with(&passed), "{passed}");
        assert!(played.closed);
    }
    let held = [client(&head), client("3\r\nabc\r\n"), client("00"), client("0;x\r\n"), client("A: b\r\n")];
    check(&held, &format!("{head}3\r\nabc\r\n"), "", false);
    check(&[&held[..], &[client("\r\n")]].concat(), &format!("{head}3\r\nabc\r\n"), REFUSED, true);
    let more = [client(&head), client("0"), client("1\r\na\r\n")];
    check(&more, &format!("{head}01\r\na\r\n"), "", false);
}

#[test]
fn earlier_answers_go_first() {
    let requests = [get("/1"), get("/pass/2"), post("/stop", "x"), get("/4")].concat();
    let waiting = [client(&requests)];
    let passed = [get("/1"), get("/pass/2")].concat();
    check(&waiting, &passed, "", false);
    let with = |answers: &str| [&waiting[..], &cut(&[origin(answers)], &[7])].concat();
    check(&with(&OK.repeat(2)), &passed, &format!("{OK}{OK}{REFUSED}"), true);
    check(&with(&format!("{OK}{}", &OK[..20])), &passed, &format!("{OK}{}", &OK[..20]), false);
    // What the origin says beyond them is for nobody.
    check(&with(&format!("{OK}{OK}HTTP/1.1 400 Bad\r\n\r\n")), &passed, &format!("{OK}{OK}{REFUSED}"), true);
}

#[test]
fn an_earlier_answer_under_way_is_finished_first() {
    let begun = [client(get("/1")), origin(&OK[..30]), client(post("/deny", "x"))];
    check(&[&begun[..], &[origin(&OK[30..])]].concat(), &get("/1"), &format!("{OK}{REFUSED}"), true);
    // Cut short, it leaves no place for another.
    check(&[&begun[..], &[origin_ends(End::Clean)]].concat(), &get("/1"), &OK[..30], true);
}

#[test]
fn a_later_verdict_holds_the_connection() {
    let requests = [post("/later", "x"), get("/2")].concat();
    let waiting = [client(&requests)];
    let played = check(&waiting, "", "", false);
    assert!(played.tap.is_waiting() && played.tap.wants_client());
    let decided = |verdict| [&waiting[..], &[Turn::Decides(7, Verdict::Allow), Turn::Decides(0, verdict)]].concat();
    check(&decided(Verdict::Allow), &requests, "", false);
    check(&decided(Verdict::Later), "", "", false);
    let played = check(&decided(Verdict::Refuse(refusal())), "", REFUSED, true);
    assert_eq!(played.log.lines, lines("#0 > POST /later a\n#0 > body x\n#0 > end\n#0 Refused"));
}

#[test]
fn what_piles_up_behind_a_verdict_is_bounded_by_the_relay() {
    let played = play(Protocol::H1, true, &[client(get("/later")), client(vec![b'x'; 256 * 1024])]);
    assert!(!played.tap.wants_client());
}

#[test]
fn an_expectation_is_answered_while_the_end_is_held() {
    let head = "POST /stop HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    check(
        &[client(head), origin(go_on), client("bo"), client("dy")],
        &format!("{head}bo"),
        &format!("{go_on}{REFUSED}"),
        true,
    );
}

#[test]
fn an_answer_that_has_begun_leaves_only_the_close() {
    let early = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 1\r\n\r\n!";
    let request = post("/stop", "body");
    let (first, last) = request.split_at(request.len() - 2);
    for begun in [5, early.len() - 1, early.len()] {
        let turns = [client(first), origin(&early[..begun]), client(last)];
        check(&turns, first, &early[..begun], true);
    }
}

#[test]
fn a_refused_head_request_gets_no_body() {
    let request = "HEAD /deny HTTP/1.1\r\n\r\n";
    check(&[client(request)], "", REFUSED.trim_end_matches("{\"no\":1}"), true);
}

#[test]
fn nothing_passes_after_a_refusal() {
    let turns = [client(get("/deny")), client(get("/2")), origin(OK), client_ends(End::Clean), origin_ends(End::Reset)];
    let played = check(&turns, "", REFUSED, true);
    assert_eq!(played.log.lines, lines("#0 > GET /deny a\n#0 Refused"));
}

#[test]
fn a_client_that_leaves_takes_its_held_request_along() {
    let turns = [client(post("/later", "x")), client_ends(End::Reset), Turn::Decides(0, Verdict::Allow)];
    let played = check(&turns, "", "", false);
    assert_eq!(played.log.lines.last().expect("a line"), "#0 ClientLeft");
    let half_closed = [client(post("/later", "x")), client_ends(End::Clean)];
    assert!(check(&half_closed, "", "", false).tap.is_waiting());
    check(&[&half_closed[..], &[Turn::Decides(0, Verdict::Allow)]].concat(), &post("/later", "x"), "", false);
}

#[test]
fn an_incomplete_request_goes_on_when_its_client_ends() {
    check(&[client("GET / HT"), client_ends(End::Truncated)], "GET / HT", "", false);
    let head = chunked("/hold");
    check(&[client(&head), client("0\r\n"), client_ends(End::Clean)], &head, "", false);
}

#[test]
fn a_websocket_passes_the_gate() {
    let head = "GET /live HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    let switch = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    let turns = [client(head), origin(switch), client(b"\x82\x83mask1"), client("23"), origin(b"\x81\x00")];
    let played = play(Protocol::H1, true, &turns);
    assert_eq!(played.to_origin, sent(&turns, Side::Client));
    assert_eq!(played.to_client, sent(&turns, Side::Origin));
    assert!(played.log.lines.contains(&"#0 Client frame 2 of 3".to_owned()));
}

#[test]
fn the_rule_for_faults_decides_about_what_is_held() {
    let smuggled = "POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc";
    for unreadable in [smuggled, &get("/panic"), "no request\r\n\r\n"] {
        let turns = [client(get("/1")), client(&unreadable[..5]), client(&unreadable[5..]), client("more"), origin(OK)];
        let played = play_with(Protocol::H1, true, Fault::Pass, &turns);
        assert_eq!(played.to_origin, sent(&turns, Side::Client), "what was held goes on, once");
        assert!(!played.closed && played.tap.is_opaque());
        let played = play_with(Protocol::H1, true, Fault::Close, &turns);
        assert_eq!(text(&played.to_origin), get("/1"), "nothing unread goes on");
        assert!(played.closed && played.to_client.is_empty());
    }
}

#[test]
fn a_fault_behind_a_refusal_closes() {
    let turns = [client([get("/1"), get("/deny")].concat()), origin("nonsense\r\n\r\n")];
    let played = play_with(Protocol::H1, true, Fault::Pass, &turns);
    assert!(played.closed);
    assert_eq!(text(&played.to_origin), get("/1"));
}
