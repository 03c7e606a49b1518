use super::*;
use crate::dialect::pointer::{Filter, Pointer, Segment};

/// Where these pointers reach.
fn reach(pointer: &Pointer) -> Projection {
    Projection::of(std::slice::from_ref(pointer), &[]).expect("few places").0
}

fn key(key: &str) -> Segment {
    Segment::Key(key.into())
}

fn read(json: &str, pointer: &Pointer, step: usize) -> Option<Value> {
    let projection = reach(pointer);
    let mut scanner = Scanner::new(&projection, false);
    for piece in json.as_bytes().chunks(step) {
        scanner.push(piece, &projection);
    }
    pointer.value(scanner.tree()?.root()?).map(|value| value.owned())
}

fn check(json: &str, segments: Vec<Segment>, expected: Option<Value>) {
    let pointer = Pointer(segments);
    for step in 1..=json.len() {
        assert_eq!(read(json, &pointer, step), expected, "{json} in pieces of {step}");
    }
}

fn number(value: i128) -> Option<Value> {
    Some(Value::Number(Decimal::whole(value)))
}

#[test]
fn a_pointer_finds_its_value_however_the_bytes_are_cut() {
    check(r#" {"x":[{"a":[1,{"b":"]}\""}]}],"a":{"b":17.0}} "#, vec![key("a"), key("b")], number(17));
    check(r#"{"a":[{"t":"x\\","n":1},{"n":2,"t":"y"}]}"#, vec![key("a"), key("1"), key("n")], number(2));
    check(r#"{"a":null,"b":""}"#, vec![key("a")], None);
    check(r#"{"a":"\ud83d\udc1f\u00f6\/"}"#, vec![key("a")], Value::text("🐟ö/"));
    check(r#"{"a":{"b":1}}"#, vec![key("a")], None);
    check(r#"{"a":1,"a":2}"#, vec![key("a")], number(2));
}

#[test]
fn filters_see_what_comes_later() {
    let wanted = |text: &str| Filter { path: vec!["t".into()], equal: true, text: text.into() };
    let json = r#"{"a":[{"n":1,"t":"x"},{"n":4,"t":"y"},{"t":"x","n":2}]}"#;
    check(json, vec![key("a"), Segment::Where(vec![wanted("x")]), key("n")], number(3));
    check(json, vec![key("a"), Segment::Each, key("n")], number(7));
    check(json, vec![Segment::Deep, key("n")], number(7));
    check(
        r#"{"m":[{"c":{"ttl":"1h"}},[{"c":{"ttl":"1h"}}]]}"#,
        vec![Segment::Deep, key("c"), key("ttl")],
        Value::text("1h"),
    );
    check(r#"{"m":[{"c":{"ttl":"1h"}},[{"c":{"ttl":"5m"}}]]}"#, vec![Segment::Deep, key("c"), key("ttl")], None);
}

#[test]
fn what_is_no_json_is_no_value() {
    for wrong in ["[DONE]", "{\"a\" 1}", "{\"a\":1", "{\"a\":tru}", "<html>", "", "{]", "[1}", "{,}"] {
        assert_eq!(read(wrong, &Pointer(vec![key("a")]), 3), None, "{wrong}");
    }
}

#[test]
fn a_message_nobody_reads_is_dropped_at_its_name() {
    let pointer = Pointer(vec![key("type")]);
    let (mut projection, ends) = Projection::of(std::slice::from_ref(&pointer), &[]).expect("few places");
    projection.name = ends.of(std::slice::from_ref(&pointer)).first().copied();
    projection.names = Some(vec!["message".into()]);
    let mut scanner = Scanner::new(&projection, true);
    scanner.push(br#"{"type":"ping","#, &projection);
    assert!(scanner.is_dropped());
    let mut scanner = Scanner::new(&projection, true);
    scanner.push(br#"{"inner":{"type":"ping"},"type":"message"}"#, &projection);
    assert!(scanner.is_whole());
}

#[test]
fn a_large_body_keeps_only_what_is_asked() {
    let pointer = Pointer(vec![Segment::Deep, key("wanted")]);
    let projection = reach(&pointer);
    let mut scanner = Scanner::new(&projection, false);
    scanner.push(b"{\"list\":[", &projection);
    for _ in 0..50_000 {
        scanner.push(b"{\"other\":[1,2,3],\"text\":\"", &projection);
        scanner.push(&[b'x'; 100], &projection);
        scanner.push(b"\"},", &projection);
    }
    assert!(scanner.kept < 1000, "{}", scanner.kept);
    for _ in 0..100_000 {
        scanner.push(b"{\"wanted\":1},", &projection);
    }
    assert!(scanner.is_over());
    assert!(scanner.kept < KEPT_MAX + 10_000, "{}", scanner.kept);
    scanner.push(b"0]}", &projection);
    assert!(scanner.is_whole());
}
