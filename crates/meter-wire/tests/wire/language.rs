//! The dialect language, rule by rule, on small dialects and messages of our own.

use super::written::source;
use meter_call::{EndpointClass, ErrorClass, Meter, UsageState};
use meter_wire::{CallReading, Dialect, ExchangeReader, RouteFacts, StreamEnd};
use std::collections::BTreeMap;
use std::sync::Arc;

const REFUSAL: &str = "[refusal]\nstatus = 403\nbody = { error = \"{message}\" }\n";

pub fn dialect(text: &str) -> Arc<Dialect> {
    let refusal = if text.contains("[refusal]") { "" } else { REFUSAL };
    let source = source(&format!("schema = 1\nid = \"test\"\n{text}\n{refusal}"));
    Arc::new(Dialect::compile(&source).unwrap_or_else(|errors| panic!("{errors:#?}")))
}

pub type Field = (Box<[u8]>, Box<[u8]>);

pub fn fields(pairs: &[(&str, &str)]) -> Vec<Field> {
    pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
}

pub fn facts() -> RouteFacts {
    RouteFacts { captures: BTreeMap::new(), query: Vec::new(), stream: None, class: EndpointClass::Costed }
}

/// What an answer of a media type says in a dialect.
struct Ask<'a> {
    request: &'a str,
    status: u16,
    head: &'a [(&'a str, &'a str)],
    trailers: &'a [(&'a str, &'a str)],
    clean: bool,
    facts: RouteFacts,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Ask { request: "", status: 200, head: &[], trailers: &[], clean: true, facts: facts() }
    }
}

impl Ask<'_> {
    fn all(&self, text: &str, kind: &str, body: &[u8]) -> Vec<CallReading> {
        let mut reader = ExchangeReader::new(dialect(text), self.facts.clone());
        reader.request_head(&fields(&[("content-type", "application/json"), ("x-asked", "yes")]));
        reader.request_body(self.request.as_bytes());
        reader.request_end();
        reader.response_head(self.status, &fields(&[&[("content-type", kind)], self.head].concat()));
        reader.response_body(body);
        if !self.trailers.is_empty() {
            reader.trailers(&fields(self.trailers));
        }
        reader.close(self.clean)
    }

    fn one(&self, text: &str, kind: &str, body: &str) -> CallReading {
        let mut all = self.all(text, kind, body.as_bytes());
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

fn document(text: &str, body: &str) -> CallReading {
    Ask::default().one(text, "application/json", body)
}

fn events(text: &str, events: &[&str]) -> CallReading {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    Ask::default().one(text, "text/event-stream", &body)
}

fn inconsistent(reading: &CallReading) -> bool {
    reading.flags.contains("usage_inconsistent")
}

#[test]
fn sums_take_an_absent_part_as_zero_and_all_absent_as_absent() {
    let text = "[usage]\ninput = \"/a - /b + /c\"\noutput = \"/x - /y\"";
    let reading = document(text, r#"{"a":10,"b":3}"#);
    assert_eq!(reading.buckets.count(Meter::Input), 7);
    assert_eq!(reading.usage, UsageState::Final);
    let reading = document(text, r#"{"other":1}"#);
    assert_eq!(reading.usage, UsageState::None);
    assert!(reading.unknown.contains(&Meter::Input) && reading.unknown.contains(&Meter::Output));
}

#[test]
fn below_zero_and_fractions_are_marked() {
    let text = "[usage]\ninput = \"/a - /b\"\naudio = \"/seconds\"";
    let reading = document(text, r#"{"a":1,"b":3}"#);
    assert_eq!((reading.buckets.count(Meter::Input), inconsistent(&reading)), (0, true));
    let reading = document(text, r#"{"a":1,"b":-3}"#);
    assert_eq!((reading.buckets.count(Meter::Input), inconsistent(&reading)), (1, true), "never more than the whole");
    let reading = document(text, r#"{"a":1.9}"#);
    assert_eq!((reading.buckets.count(Meter::Input), inconsistent(&reading)), (1, true));
    // Seconds are no tokens: rounded, not cut, and nothing is wrong with them.
    let reading = document(text, r#"{"a":"12","seconds":37.6}"#);
    assert_eq!((reading.buckets.count(Meter::Input), reading.buckets.count(Meter::Audio)), (12, 38));
    assert!(!inconsistent(&reading));
}

#[test]
fn a_total_that_differs_is_marked() {
    let text = "[usage]\ninput = \"/in\"\noutput = \"/out\"\nweb_search = \"/s\"\ntotal = \"/all\"";
    assert!(!inconsistent(&document(text, r#"{"in":1,"out":2,"s":9,"all":3}"#)));
    assert!(inconsistent(&document(text, r#"{"in":1,"out":2,"all":4}"#)));
}

#[test]
fn cap_cuts_and_says_so() {
    let text = "[usage]\ncache_read = \"cap(/r, /in)\"\ninput = \"/in - cache_read\"";
    let reading = document(text, r#"{"r":5,"in":3}"#);
    assert_eq!((reading.buckets.count(Meter::CacheRead), reading.buckets.count(Meter::Input)), (3, 0));
    assert!(inconsistent(&reading));
    let reading = document(text, r#"{"r":5}"#);
    assert_eq!(reading.buckets.count(Meter::CacheRead), 5);
}

#[test]
fn the_last_value_stays_and_nothing_empty_replaces() {
    let text = "[response]\nmodel = \"/m\"\n[usage]\ninput = \"/i\"\n[end]\nwhen = \"/done == true\"";
    let reading = events(text, &[r#"{"m":"a","i":7}"#, r#"{"m":"","i":null}"#, r#"{"m":"b","i":0,"done":true}"#]);
    assert_eq!(reading.model_answered.as_deref(), Some("b"));
    assert_eq!((reading.buckets.count(Meter::Input), reading.usage), (0, UsageState::Final));
    assert_eq!(reading.stream_end, StreamEnd::Normal);
    let nonzero = text.replace("[usage]", "[usage]\nmerge = \"nonzero\"");
    let reading = events(&nonzero, &[r#"{"i":7}"#, r#"{"i":0}"#]);
    assert_eq!((reading.buckets.count(Meter::Input), reading.stream_end), (7, StreamEnd::Truncated));
    let several = "[usage]\nmerge = \"nonzero\"\ninput = \"/i\"\noutput = \"/o\"";
    let reading = events(several, &[r#"{"i":7,"o":3}"#, r#"{"i":0,"o":4}"#, r#"{"i":0,"o":0}"#]);
    let counts = (reading.buckets.count(Meter::Input), reading.buckets.count(Meter::Output));
    assert_eq!(counts, (0, 4), "a 0 beside a number is a number");
}

#[test]
fn the_length_of_a_requests_text_counts_as_read() {
    let text = "[request]\nn = \"length(/input/*)\"\nmodel = \"tail(/model)\"\n[usage]\ncharacters = \"request(n)\"";
    let ask = |request: &str, body: &str| {
        let ask = Ask { request, ..Ask::default() };
        ask.one(text, "application/json", body)
    };
    let long = "ö".repeat(9000);
    let reading = ask(&format!(r#"{{"model":"models/x/y-1","input":["{long}","b"]}}"#), "{}");
    assert_eq!((reading.buckets.count(Meter::Characters), reading.usage), (9001, UsageState::Final));
    assert_eq!(reading.model_requested.as_deref(), Some("y-1"), "tail is what stands behind the last slash");
    assert_eq!(ask(r#"{"input":[]}"#, "{}").usage, UsageState::None);
}

#[test]
fn a_second_model_beside_the_first_is_a_line_of_its_own() {
    let text = "[response]\nmodel = \"/m\"\n[usage]\ninput = \"/i\"\noutput = \"/o\"\ntotal = \"/t\"\n[beside]\nat = \"/b\"\nmodel = \"first(/m, 'other')\"\ninput = \"/i\"";
    let reading = document(text, r#"{"m":"a","i":7,"o":2,"t":9,"b":{"m":"z","i":100}}"#);
    let lines: Vec<_> =
        reading.lines.iter().map(|line| (line.model.as_deref(), line.buckets.count(Meter::Input))).collect();
    assert_eq!(lines, [(Some("a"), 7), (Some("z"), 100)]);
    assert_eq!(reading.buckets.count(Meter::Input), 107);
    assert!(!inconsistent(&reading), "the total is the first model's");
    let reading = document(text, r#"{"m":"a","i":7,"t":7,"b":{"i":1}}"#);
    assert_eq!(reading.lines[1].model.as_deref(), Some("other"));
    assert!(document(text, r#"{"m":"a","i":7,"t":7,"b":{"i":0}}"#).lines.is_empty());
    // Without usage of the first nothing is known of the bill.
    assert_eq!(document(text, r#"{"m":"a","b":{"i":5}}"#).usage, UsageState::None);
    let wrong =
        source("schema = 1\nid = \"x\"\n[beside]\nimage = \"/n\"\ninptu = \"/i\"\n[refusal]\nstatus = 403\nbody = {}");
    let errors = Dialect::compile(&wrong).expect_err("units and unknown meters");
    assert_eq!(errors.len(), 2, "{errors:#?}");
}

#[test]
fn a_variant_of_any_table_may_raise_a_flag() {
    let text = "[request]\nmodel = \"/m\"\n[[request.variant]]\nwhen = \"/odd\"\nflag = \"asked_oddly\"\n\
                [response]\nmodel = \"/m\"\n[[response.variant]]\nwhen = \"/m2\"\nmodel = \"/m2\"\nflag = \"other_model\"\n\
                [usage]\ninput = \"/i\"\n[beside]\nat = \"/b\"\ninput = \"/i\"\n[[beside.variant]]\nwhen = \"/odd\"\nflag = \"odd_tool\"";
    let ask = Ask { request: r#"{"m":"x","odd":1}"#, ..Ask::default() };
    let reading = ask.one(text, "application/json", r#"{"m":"a","m2":"b","i":7,"b":{"i":1,"odd":true}}"#);
    let flags: Vec<&str> = reading.flags.iter().map(String::as_str).collect();
    assert_eq!(flags, ["asked_oddly", "odd_tool", "other_model"]);
    assert_eq!(reading.model_answered.as_deref(), Some("b"));
    assert!(document(text, r#"{"m":"a","i":7}"#).flags.is_empty());
}

#[test]
fn what_belongs_to_a_whole_table_cannot_vary() {
    for (table, variant) in [
        ("usage", "at = \"/b\""),
        ("usage", "on = [\"b\"]"),
        ("usage", "merge = \"nonzero\""),
        ("usage", "lines.each = \"/s/*\""),
        ("response", "at = \"/b\""),
        ("error", "class = { a = \"auth\" }"),
    ] {
        let text = format!(
            "schema = 1\nid = \"x\"\n[[{table}.variant]]\nwhen = \"/z\"\n{variant}\n[refusal]\nstatus = 403\nbody = {{}}"
        );
        let errors = Dialect::compile(&source(&text)).expect_err(variant);
        assert_eq!(errors.len(), 1, "{variant}: {errors:#?}");
    }
}

#[test]
fn a_list_is_the_first_of_this_message() {
    let text = "[response]\nmodel = [\"/a\", \"/b\"]\n[usage]\ninput = \"first(/x, /y)\"";
    let reading = events(text, &[r#"{"a":"one","x":1}"#, r#"{"b":"two","y":2}"#]);
    // A list asks each message anew; `first` asks the cells at the end.
    assert_eq!(reading.model_answered.as_deref(), Some("two"));
    assert_eq!(reading.buckets.count(Meter::Input), 1);
}

#[test]
fn prefixes_are_tried_pointer_by_pointer() {
    let text = "[usage]\nat = [\"/new\", \"\"]\ninput = \"/i\"\noutput = \"/o\"";
    let reading = document(text, r#"{"new":{"i":1},"i":9,"o":5}"#);
    assert_eq!((reading.buckets.count(Meter::Input), reading.buckets.count(Meter::Output)), (1, 5));
}

#[test]
fn tables_read_the_messages_they_name() {
    let text = "name = \"/kind\"\n[response]\non = [\"a\"]\nmodel = \"/m\"\nrequest_id = \"/rid\"\n[usage]\non = [\"b\", \"\"]\ninput = \"/i\"\n[end]\non = [\"z\"]";
    let reading = events(
        text,
        &[r#"{"kind":"b","m":"wrong","i":1}"#, r#"{"kind":"a","m":"right","i":2}"#, r#"{"kind":"c","rid":"r1","i":3}"#],
    );
    assert_eq!(reading.model_answered.as_deref(), Some("right"));
    assert_eq!(reading.buckets.count(Meter::Input), 1);
    assert_eq!(reading.request_id.as_deref(), Some("r1"), "a request id is read everywhere");
    let reading = document(text, r#"{"i":4}"#);
    assert_eq!(reading.buckets.count(Meter::Input), 4);
}

#[test]
fn a_table_whose_messages_never_came_has_no_value() {
    let text = "[response]\non = [\"a\"]\nrequest_id = \"header(x-id)\"\ngeo = \"header(x-geo)\"\n[usage]\non = [\"a\"]\ninput = \"header(x-in)\"";
    let ask = Ask { head: &[("X-Id", "r"), ("X-Geo", "us"), ("x-in", "12")], ..Ask::default() };
    let reading = ask.one(text, "application/json", r#"{"type":"b"}"#);
    assert_eq!((reading.request_id.as_deref(), reading.geo.as_deref()), (Some("r"), None));
    assert_eq!(reading.usage, UsageState::None);
    let reading = ask.one(text, "application/json", r#"{"type":"a"}"#);
    assert_eq!((reading.geo.as_deref(), reading.buckets.count(Meter::Input)), (Some("us"), 12));
}

#[test]
fn an_event_name_stands_in_for_a_missing_type() {
    let text = "[usage]\non = [\"done\"]\ninput = \"/i\"\n[end]\non = [\"done\"]";
    let body = "event: ping\ndata: {\"i\":1}\n\nevent: done\ndata: {\"i\":2}\n\n";
    let reading = Ask::default().one(text, "text/event-stream", body);
    assert_eq!((reading.buckets.count(Meter::Input), reading.stream_end), (2, StreamEnd::Normal));
}

#[test]
fn variants_apply_in_order_each_seeing_the_earlier() {
    let text = "[usage]\ninput = \"/a\"\noutput = \"/o\"\n[[usage.variant]]\nwhen = \"/b\"\ninput = \"/b\"\n[[usage.variant]]\nwhen = [\"input == 2\", \"/o != 9\"]\noutput = \"0\"\nflag = \"seen\"";
    let reading = document(text, r#"{"a":1,"b":2,"o":5}"#);
    assert_eq!((reading.buckets.count(Meter::Input), reading.buckets.count(Meter::Output)), (2, 0));
    assert!(reading.flags.contains("seen"));
    let reading = document(text, r#"{"a":1,"o":5}"#);
    assert_eq!((reading.buckets.count(Meter::Input), reading.buckets.count(Meter::Output)), (1, 5));
    assert!(!reading.flags.contains("seen"));
    let reading = document(text, r#"{"a":1,"b":2}"#);
    assert!(!reading.flags.contains("seen"), "an absent side makes `!=` false too");
}

#[test]
fn a_condition_compares_sizes() {
    let text = "[usage]\ninput = \"/i\"\ncache_read = \"/c\"\n[[usage.variant]]\nwhen = \"/i >= cache_read + /w\"\ninput = \"/i - cache_read\"";
    let input = |body: &str| document(text, body).buckets.count(Meter::Input);
    assert_eq!(input(r#"{"i":10,"c":4,"w":6}"#), 6);
    assert_eq!(input(r#"{"i":"9","c":4,"w":6}"#), 9);
    assert_eq!(input(r#"{"i":9.5,"c":9}"#), 0, "an absent part is 0, a fraction is cut off");
    assert_eq!(input(r#"{"i":9}"#), 9, "an absent side makes it false");
}

#[test]
fn final_has_three_meanings() {
    let usage = |word: &str| {
        format!("[response]\nfinish = \"/f\"\n[usage]\nfinal = \"{word}\"\ninput = \"/i\"\n[end]\nwhen = \"/end\"")
    };
    let state = |word: &str, body: &[&str]| events(&usage(word), body).usage;
    assert_eq!(state("seen", &[r#"{"i":1}"#]), UsageState::Final);
    assert_eq!(state("finish", &[r#"{"i":1}"#]), UsageState::Partial);
    assert_eq!(state("finish", &[r#"{"i":1}"#, r#"{"f":"stop"}"#]), UsageState::Final);
    assert_eq!(state("end", &[r#"{"i":1,"f":"stop"}"#]), UsageState::Partial);
    assert_eq!(state("end", &[r#"{"i":1}"#, r#"{"end":1}"#]), UsageState::Final);
    assert_eq!(document(&usage("end"), r#"{"i":1}"#).usage, UsageState::Final, "a document ends by being whole");
}

const LINES: &str = "[response]\nmodel = \"/model\"\n[usage]\nat = \"/usage\"\ninput = \"/in\"\noutput = \"/out - reasoning\"\nreasoning = \"/think\"\nweb_search = \"/search\"\n[usage.lines]\neach = \"/steps/*\"\nmodel = \"/model\"\nfrom_top = { reasoning = \"output\" }";

#[test]
fn lines_replace_tokens_and_leave_fees() {
    let body = r#"{"model":"m","usage":{"in":100,"out":50,"think":4,"search":2,"steps":[{"model":"m","in":1,"out":10},{"in":2,"out":3},{"model":"n","in":7,"out":1}]}}"#;
    let reading = document(LINES, body);
    let count = |meter| reading.buckets.count(meter);
    assert_eq!((count(Meter::Input), count(Meter::Output), count(Meter::Reasoning)), (10, 10, 4));
    assert_eq!(count(Meter::WebSearch), 2);
    let models: Vec<_> =
        reading.lines.iter().map(|line| (line.model.as_deref(), line.buckets.count(Meter::Output))).collect();
    assert_eq!(models, [(Some("m"), 9), (Some("n"), 1)]);
    assert!(reading.unknown.is_empty());
    let one = document(LINES, r#"{"model":"m","usage":{"in":100,"out":50,"steps":[{"in":2,"out":3}]}}"#);
    assert_eq!((one.lines.len(), one.buckets.count(Meter::Input)), (0, 2));
    assert!(one.unknown.contains(&Meter::Reasoning));
    let none = document(LINES, r#"{"model":"m","usage":{"in":100,"out":50,"steps":[]}}"#);
    assert_eq!(none.buckets.count(Meter::Input), 100);
}

#[test]
fn the_provider_names_its_cost_exactly() {
    let text = "[usage]\ninput = \"/i\"\nprovider_cost = \"/ticks * 0.0000000001 + /fee\"";
    let cost = |body| document(text, body).provider_cost;
    assert_eq!(cost(r#"{"i":1,"ticks":170356000,"fee":0.1}"#).as_deref(), Some("0.1170356"));
    assert_eq!(cost(r#"{"ticks":0}"#).as_deref(), Some("0"), "a cost counts without usage, and zero is a cost");
    assert_eq!(cost(r#"{"i":1}"#), None);
}

const ERROR: &str = "[usage]\ninput = \"/i\"\n[error]\ncode = [\"/error/code\", \"/error/type\"]\nmessage = [\"/error/message\", \"/error\"]\nclass = { Slow_Down = \"rate_limit\", quota = \"auth\" }\nmessage_class = { \"Balance Is Too Low\" = \"auth\" }";

#[test]
fn errors_find_their_class() {
    let error = |status, body: &str| {
        let reading = Ask { status, ..Ask::default() }.one(ERROR, "application/json", body);
        assert!(reading.unknown.is_empty(), "refused: nothing was billed");
        reading.error.map(|error| (error.class, error.code.unwrap_or_default()))
    };
    let code = |class, code: &str| Some((class, code.to_owned()));
    assert_eq!(error(200, r#"{"error":{"code":"slow_down:more"}}"#), code(ErrorClass::RateLimit, "slow_down"));
    assert_eq!(error(400, r#"{"error":{"code":"new","type":"QUOTA"}}"#), code(ErrorClass::Auth, "new"));
    assert_eq!(
        error(400, r#"{"error":{"type":"x","message":"Your balance is too low."}}"#),
        code(ErrorClass::Auth, "x")
    );
    assert_eq!(error(200, r#"{"error":{"code":502}}"#), code(ErrorClass::ServerError, "502"));
    assert_eq!(error(529, "<html>"), code(ErrorClass::ServerError, ""));
    assert_eq!(error(418, ""), code(ErrorClass::Unknown, ""));
    assert_eq!(error(200, r#"{"error":"text"}"#), code(ErrorClass::Unknown, ""));
    let good = document(ERROR, r#"{"i":1,"error":{"code":0,"message":null}}"#);
    assert_eq!(good.error, None, "0 is no error");
}

#[test]
fn a_cut_stream_keeps_what_it_said() {
    let text = "[usage]\nfinal = \"end\"\ninput = \"/i\"\n[end]\nwhen = \"frame(data) == '[DONE]'\"";
    let stream = |body: &str, clean| Ask { clean, ..Ask::default() }.one(text, "text/event-stream", body);
    let reading = stream("data: {\"i\":1}\n\ndata: {\"i\":2", false);
    assert_eq!(
        (reading.buckets.count(Meter::Input), reading.usage, reading.stream_end),
        (1, UsageState::Partial, StreamEnd::Truncated)
    );
    let reading = stream("data: {\"i\":1}\n\ndata: {\"i\":2}", true);
    assert_eq!(reading.buckets.count(Meter::Input), 2, "an unclosed event that is whole JSON counts");
    let reading = stream("data: {\"i\":1}\n\ndata: [DONE]\n", true);
    assert_eq!((reading.usage, reading.stream_end), (UsageState::Final, StreamEnd::Truncated), "but it is cut off");
    let reading = stream("data: {\"i\":1}\n\ndata: [DONE", true);
    assert_eq!((reading.usage, reading.stream_end), (UsageState::Partial, StreamEnd::Truncated));
    assert_eq!(stream("data: {\"i\":1}\n\ndata: [DONE]\n\n: bye", true).stream_end, StreamEnd::Normal);
}

#[test]
fn events_without_a_label_are_events_and_texts_are_not() {
    let text = "[usage]\ninput = \"/i\"\n[end]\nwhen = \"frame(data) == '[DONE]'\"";
    let read = |kind: &str, body: &str| Ask::default().one(text, kind, body);
    for body in ["data: {\"i\":1}\n\ndata: [DONE]\n\n", "\r\n: hi\n\nevent: x\ndata:{\"i\":1}\n\ndata: [DONE]\n\n"] {
        for kind in ["", "text/plain", "application/json"] {
            let reading = read(kind, body);
            assert_eq!((reading.buckets.count(Meter::Input), reading.stream_end), (1, StreamEnd::Normal), "{kind}");
        }
    }
    for body in ["dat", "data", "events are words", "<html>", "", "{\"i\":2}"] {
        assert_eq!(read("", body).stream_end, StreamEnd::None, "{body}");
    }
}

#[test]
fn grpc_ends_in_its_trailers() {
    let text = "[usage]\nat = \"/9\"\nfinal = \"end\"\ninput = \"/2\"\noutput = \"/1\"\n[end]\nwhen = \"trailer(grpc-status) == 0\"\n[error]\ncode = \"trailer(grpc-status)\"\nclass = { 8 = \"rate_limit\" }\n[refusal]\ngrpc_status = 7\ngrpc_message = \"{message}\"";
    let body = [0, 0, 0, 0, 6, 0x4a, 4, 8, 5, 16, 7];
    let read = |trailers| {
        let ask = Ask { trailers, facts: RouteFacts { stream: Some(true), ..facts() }, ..Ask::default() };
        ask.all(text, "application/grpc", &body).remove(0)
    };
    let reading = read(&[("grpc-status", "0")]);
    assert_eq!((reading.buckets.count(Meter::Input), reading.buckets.count(Meter::Output)), (7, 5));
    assert_eq!((reading.usage, reading.stream_end, reading.error), (UsageState::Final, StreamEnd::Normal, None));
    let reading = read(&[("grpc-status", "8")]);
    assert_eq!((reading.usage, reading.stream_end), (UsageState::Partial, StreamEnd::Error));
    assert_eq!(reading.error.map(|error| error.class), Some(ErrorClass::RateLimit));
}

#[test]
fn sources_read_where_they_say() {
    let text = "[request]\nmodel = \"path(m)\"\nspeed = \"header(x-asked)\"\nsize = \"query(size)\"\n[response]\ngeo = \"header(x-geo)\"\nupstream = \"request(model)\"\n[kind]\nlarge = \"request(size) == 'l*'\"";
    let facts = RouteFacts {
        captures: BTreeMap::from([("m".to_owned(), "a@b".to_owned())]),
        query: vec![("size".to_owned(), "large".to_owned())],
        ..facts()
    };
    let ask = Ask { head: &[("x-geo", "eu"), ("x-asked", "no")], facts, ..Ask::default() };
    let reading = ask.one(text, "application/json", "{}");
    assert_eq!(reading.model_requested.as_deref(), Some("a@b"));
    assert_eq!(reading.upstream.as_deref(), Some("a@b"));
    assert_eq!((reading.geo.as_deref(), reading.conditions.size.as_deref()), (Some("eu"), Some("large")));
    assert_eq!(reading.kind.as_deref(), Some("large"));
}

#[test]
fn an_odd_media_type_can_be_named() {
    let text = "[usage]\ninput = \"/i\"\n[framing]\n\"application/octet-stream\" = \"ndjson\"";
    let reading = Ask::default().one(text, "application/octet-stream", "{\"i\":1}\n{\"i\":2}\n{\"i\":");
    assert_eq!(reading.buckets.count(Meter::Input), 2);
}

#[test]
fn a_class_without_a_bill_has_no_usage() {
    let ask = Ask { facts: RouteFacts { class: EndpointClass::Observed, ..facts() }, ..Ask::default() };
    let reading =
        ask.one("[response]\nid = \"/id\"\n[usage]\ninput = \"/i\"", "application/json", r#"{"id":"x","i":1}"#);
    assert_eq!((reading.usage, reading.buckets.is_empty(), reading.unknown.is_empty()), (UsageState::None, true, true));
    assert_eq!(reading.response_id.as_deref(), Some("x"));
}

#[test]
fn what_cannot_be_decoded_is_marked() {
    for (coding, body) in [("compress", &b"x"[..]), ("gzip", b"no gzip"), ("gzip, br, gzip, br, gzip", b"x")] {
        let ask = Ask { head: &[("content-encoding", coding)], ..Ask::default() };
        let reading = ask.all("[usage]\ninput = \"/i\"", "application/json", body).remove(0);
        assert!(reading.flags.contains("undecodable"), "{coding}");
        assert_eq!(reading.usage, UsageState::None);
    }
}
