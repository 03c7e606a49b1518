//! Rows of one exchange: keys, lanes, requests that wait, turns.

use super::language::{dialect, facts};
use meter_call::{ErrorClass, Meter, UsageState};
use meter_wire::{CallReading, ExchangeReader, StreamEnd};

const KEYED: &str = r#"
[request]
on = ["ask"]
model = "/model"
[response]
on = ["session", "begun", "done"]
model = "/model"
id = "/key"
geo = "/geo"
[usage]
on = ["done"]
input = "/in"
[rows]
key = "/key"
lane = "/lane"
[end]
on = ["done"]
[error]
on = ["error"]
code = "/code"
status = "/status"
"#;

/// `>` from the client, `<` from the server.
fn talk(text: &str, messages: &[&str]) -> Vec<CallReading> {
    let mut reader = ExchangeReader::new(dialect(text), facts());
    reader.request_head(&[]);
    reader.request_end();
    reader.response_head(101, &[]);
    let mut readings = Vec::new();
    for message in messages {
        let (side, text) = message.split_at(1);
        reader.websocket_message(side == ">", text.as_bytes());
        readings.extend(reader.take_ended());
    }
    readings.extend(reader.close(true));
    readings.sort_by_key(|reading| reading.turn);
    readings
}

fn told(readings: &[CallReading]) -> Vec<(Option<&str>, Option<&str>, u64, StreamEnd)> {
    readings
        .iter()
        .map(|r| (r.response_id.as_deref(), r.model_requested.as_deref(), r.buckets.count(Meter::Input), r.stream_end))
        .collect()
}

#[test]
fn nothing_depends_on_the_order_between_keys() {
    let readings = talk(
        KEYED,
        &[
            r#">{"type":"ask","model":"m1","lane":"a"}"#,
            r#">{"type":"ask","model":"m2","lane":"b"}"#,
            r#"<{"type":"begun","key":"k2","lane":"b"}"#,
            r#"<{"type":"begun","key":"k1","lane":"a"}"#,
            r#"<{"type":"done","key":"k1","in":1}"#,
            r#"<{"type":"begun","key":"k3","lane":"a"}"#,
            r#"<{"type":"done","key":"k2","in":2}"#,
            r#"<{"type":"done","key":"k1","in":100}"#,
        ],
    );
    let expected = [
        (Some("k2"), Some("m2"), 2, StreamEnd::Normal),
        (Some("k1"), Some("m1"), 1, StreamEnd::Normal),
        // Begun by the server itself: the lane's last request.
        (Some("k3"), Some("m1"), 0, StreamEnd::Truncated),
    ];
    assert_eq!(told(&readings), expected);
}

#[test]
fn what_has_no_key_is_the_connections() {
    let readings = talk(
        KEYED,
        &[r#"<{"type":"session","geo":"eu","model":"x"}"#, r#"<{"type":"done","key":"k","in":1,"model":"y"}"#],
    );
    assert_eq!(readings.len(), 1);
    assert_eq!((readings[0].geo.as_deref(), readings[0].model_answered.as_deref()), (Some("eu"), Some("y")));
}

#[test]
fn an_error_without_a_key_closes_the_oldest_request() {
    let readings = talk(
        KEYED,
        &[
            r#"<{"type":"error","code":"early"}"#,
            r#">{"type":"ask","model":"m1"}"#,
            r#">{"type":"ask","model":"m2"}"#,
            r#"<{"type":"error","code":"limit","status":429}"#,
            r#"<{"type":"done","key":"k","in":3}"#,
        ],
    );
    assert_eq!(told(&readings)[1], (Some("k"), Some("m2"), 3, StreamEnd::Normal));
    let first = &readings[0];
    assert_eq!((first.model_requested.as_deref(), first.stream_end), (Some("m1"), StreamEnd::Error));
    let error = first.error.as_ref().expect("an error");
    assert_eq!((error.class, error.status), (ErrorClass::RateLimit, Some(429)));
    assert!(first.unknown.is_empty(), "refused with a status: nothing was billed");
    assert_eq!(readings.len(), 2, "an error that nobody waits for is no row");
}

#[test]
fn a_request_without_an_answer_is_a_row() {
    let readings = talk(KEYED, &[r#">{"type":"ask","model":"m"}"#, r#">{"type":"other","model":"n"}"#, "<no json"]);
    assert_eq!(told(&readings), [(None, Some("m"), 0, StreamEnd::Truncated)]);
    assert_eq!(readings[0].usage, UsageState::None);
    assert!(talk(KEYED, &[]).is_empty());
}

#[test]
fn without_a_key_a_row_lasts_until_the_end() {
    let text = KEYED.replace("key = \"/key\"\nlane", "lane").replace("on = [\"ask\"]\n", "");
    let readings = talk(
        &text,
        &[
            r#">{"model":"m1"}"#,
            r#"<{"type":"begun","key":"x"}"#,
            r#"<{"type":"done","in":1}"#,
            r#">{"audio":"AAAA"}"#,
            r#">{"model":"m2"}"#,
            r#"<{"type":"done","in":2}"#,
        ],
    );
    let expected = [(Some("x"), Some("m1"), 1, StreamEnd::Normal), (None, Some("m2"), 2, StreamEnd::Normal)];
    assert_eq!(told(&readings), expected);
}

#[test]
fn an_http_error_is_a_row_even_without_a_key() {
    let mut reader = ExchangeReader::new(dialect(KEYED), facts());
    reader.request_head(&[]);
    reader.request_end();
    reader.response_head(404, &[]);
    reader.response_body(br#"{"type":"error","code":"gone"}"#);
    let readings = reader.close(true);
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].error.as_ref().and_then(|error| error.code.as_deref()), Some("gone"));
}

#[test]
fn rows_stay_bounded_on_an_endless_socket() {
    let mut reader = ExchangeReader::new(dialect(KEYED), facts());
    reader.request_head(&[]);
    reader.request_end();
    reader.response_head(101, &[]);
    let mut taken = 0;
    for n in 0..5000 {
        reader.websocket_message(false, format!(r#"{{"type":"begun","key":"k{n}"}}"#).as_bytes());
        taken += reader.take_ended().len();
    }
    assert!(taken >= 3900, "the oldest rows are given away: {taken}");
    assert_eq!(taken + reader.close(true).len(), 5000);
}
