//! Reports agree with rows, pages neither skip nor repeat.

use super::*;
use crate::{AuditEvent, CoverageRecord, Store, Writer, WriterOptions, rfc3339, samples};
use jiff::tz::TimeZone;
use meter_call::{Billing, CallRecord, Evidence, Reservation, Status, UnixMillis};
use meter_money::PicoUsd;
use proptest::prelude::*;
use std::path::PathBuf;

const LONG: Duration = Duration::from_secs(30);

struct Seeded {
    _dir: tempfile::TempDir,
    path: PathBuf,
    writer: Writer,
}

fn seeded(calls: &[CallRecord]) -> Seeded {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite");
    let writer = Writer::start(WriterOptions::new(&path, &dir.path().join("journal"))).unwrap();
    for call in calls {
        writer.journal().close(call);
    }
    writer.flush(LONG).unwrap();
    writer.wait_recovered(LONG).unwrap();
    Seeded { _dir: dir, path, writer }
}

impl Seeded {
    fn reader(&self) -> Reader {
        Reader::open(&self.path).unwrap()
    }
}

fn report(by: By) -> ReportQuery {
    ReportQuery { range: Range::ALL, by, project: None, provider: None, run_id: None, p95: false }
}

fn slugs(count: u64) -> Vec<CallRecord> {
    (1..=count).map(|number| samples::closed(number, ["acme", "misc", "web"][number as usize % 3])).collect()
}

#[test]
fn no_database_is_an_answer_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite");
    assert!(matches!(Reader::open(&path), Err(StoreError::Missing { .. })));
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(Reader::open(&path), Err(StoreError::Older { found: 0, .. })));
}

#[test]
fn a_reader_cannot_write() {
    let home = seeded(&slugs(1));
    let error = home.reader().db.execute("DELETE FROM requests", []).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
}

#[test]
fn reading_goes_on_while_the_writer_is_in_the_middle_of_a_transaction() {
    let home = seeded(&slugs(3));
    let writing = rusqlite::Connection::open(&home.path).unwrap();
    writing.execute_batch("BEGIN IMMEDIATE; DELETE FROM line_items;").unwrap();
    assert_eq!(home.reader().report(&report(By::Project)).unwrap().total.requests, 3);
    writing.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn a_call_comes_back_with_its_bill_and_prices() {
    let mut call = samples::closed(5, "acme");
    call.usage_flags = vec!["body_limit".into()];
    call.usage.set(meter_call::Meter::WebSearch, 2);
    call.lines[0].multipliers = vec![meter_call::Multiplier { name: "class=batch".into(), by: "1/2".into() }];
    let home = seeded(std::slice::from_ref(&call));
    let detail = home.reader().call(call.id).unwrap().unwrap();
    assert_eq!(detail.lines[..2], call.lines[..]);
    assert_eq!((detail.lines[2].meter.name(), detail.lines[2].quantity), ("web_search", 2));
    assert_eq!(detail.prices, call.prices);
    let row = &detail.row;
    assert_eq!(
        (row.project.as_str(), row.requested_at, row.ended_at),
        ("acme", call.requested_at, Some(call.ended_at))
    );
    assert_eq!((row.status, row.mode, row.billing), (call.status, call.mode, call.billing));
    assert_eq!((row.input_tokens, row.output_tokens, row.thinking_tokens), (Some(1005), Some(200), None));
    assert_eq!((row.charged, row.list, &row.usage_flags), (call.charged, call.list, &call.usage_flags));
    assert_eq!((row.process.as_deref(), row.process_id), (Some("claude"), Some(42)));
    assert_eq!(home.reader().call_by_response("acme_ai", "msg_5").unwrap(), Some(detail));
    assert_eq!(home.reader().call_by_response("acme_ai", "msg_6").unwrap(), None);
    assert_eq!(home.reader().call(samples::id(9)).unwrap(), None);
}

#[test]
fn a_call_is_found_by_its_beginning_its_end_or_as_the_last() {
    let home = seeded(&slugs(30));
    let reader = home.reader();
    let id = samples::id(12);
    let text = id.to_string();
    assert_eq!(reader.find(&text).unwrap(), Found::One(id));
    assert_eq!(reader.find(&text[..13].to_uppercase()).unwrap(), Found::One(id));
    assert_eq!(reader.find(&text[30..]).unwrap(), Found::One(id));
    assert_eq!(reader.find("last").unwrap(), Found::One(samples::id(30)));
    assert_eq!(reader.find(&text[..5]).unwrap(), Found::NotAnId);
    assert_eq!(reader.find("%%%%%%%").unwrap(), Found::NotAnId);
    assert_eq!(reader.find("ffffff-ffff").unwrap(), Found::Nothing);
    let Found::Several(candidates) = reader.find(&text[..6]).unwrap() else { panic!("several share a beginning") };
    assert_eq!((candidates.len(), candidates[0]), (10, samples::id(30)));
}

#[test]
fn pages_neither_skip_nor_repeat_while_rows_arrive() {
    let home = seeded(&slugs(250));
    let reader = home.reader();
    let mut query = CallQuery { limit: 40, ..CallQuery::default() };
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = reader.calls(&query).unwrap();
        seen.extend(page.items.iter().map(|row| row.id));
        pages += 1;
        home.writer.journal().close(&samples::closed(1000 + pages, "acme"));
        home.writer.flush(LONG).unwrap();
        match page.next {
            Some(next) => query.cursor = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    let wanted: Vec<_> = (1..=250).rev().map(samples::id).collect();
    assert_eq!((seen, pages), (wanted, 7));
}

#[test]
fn pages_filter_and_count() {
    let mut calls = slugs(30);
    calls[4].status = Status::Error;
    calls[7].provider = "other".into();
    calls[8].run_id = Some("run-1".into());
    let home = seeded(&calls);
    let reader = home.reader();
    let page = |query: CallQuery| {
        let page = reader.calls(&CallQuery { limit: 5, ..query }).unwrap();
        (page.items.len(), page.total, page.next.is_some())
    };
    assert_eq!(page(CallQuery::default()), (5, 30, true));
    assert_eq!(page(CallQuery { project: Some("acme".into()), ..CallQuery::default() }), (5, 10, true));
    assert_eq!(page(CallQuery { project: Some("nobody".into()), ..CallQuery::default() }), (0, 0, false));
    assert_eq!(page(CallQuery { provider: Some("other".into()), ..CallQuery::default() }), (1, 1, false));
    assert_eq!(page(CallQuery { status: Some(Status::Error), ..CallQuery::default() }), (1, 1, false));
    assert_eq!(page(CallQuery { run_id: Some("run-1".into()), ..CallQuery::default() }), (1, 1, false));
    let range = Range::between(samples::at(3), samples::at(6));
    assert_eq!(page(CallQuery { range, ..CallQuery::default() }), (3, 3, false));
}

#[test]
fn a_total_says_what_it_is_made_of() {
    let mut calls = slugs(6);
    calls[0].evidence = Evidence::Unpriced;
    calls[0].charged = Some(PicoUsd::from_pico(7));
    calls[1].evidence = Evidence::PartialStream;
    calls[1].estimated = Some(PicoUsd::from_pico(100));
    calls[1].estimated_bound = Some(PicoUsd::from_pico(40));
    calls[2].billing = Billing::Plan;
    calls[2].charged = Some(PicoUsd::ZERO);
    calls[3].evidence = Evidence::ProviderCost;
    let home = seeded(&calls);
    let total = home.reader().report(&report(By::Project)).unwrap().total;
    let amount = |index: usize| i128::from(calls[index].list.unwrap().pico());
    assert_eq!((total.requests, total.unpriced()), (6, 1));
    assert_eq!(total.part(Evidence::Unpriced).charged_pico, 7);
    assert_eq!(total.part(Evidence::PartialStream).charged_pico, amount(1));
    assert_eq!(total.part(Evidence::ProviderCost), Part { requests: 1, charged_pico: amount(3) });
    assert_eq!(
        total.charged_pico,
        amount(1) + amount(3) + amount(4) + amount(5),
        "neither the plan's nor the unpriced"
    );
    assert_eq!((total.plan_list_pico, total.estimated_pico, total.bound_pico), (amount(2), 100, 40));
}

#[test]
fn observed_exchanges_are_in_no_sum_and_in_lists_when_asked_for() {
    let mut calls = slugs(4);
    calls[3].class = meter_call::EndpointClass::Observed;
    let home = seeded(&calls);
    let reader = home.reader();
    let listed = |observed| {
        let page = reader.calls(&CallQuery { observed, limit: 9, ..CallQuery::default() }).unwrap();
        (page.items.len(), page.total)
    };
    assert_eq!((listed(false), listed(true)), ((3, 3), (4, 4)));
    assert_eq!(reader.report(&report(By::Model)).unwrap().total.requests, 3);
    let range = Range::between(samples::at(0), UnixMillis(samples::at(4).0 + 1));
    assert_eq!(
        reader.report(&ReportQuery { range, ..report(By::Model) }).unwrap().total.requests,
        3,
        "ragged ends too"
    );
    assert_eq!(reader.spend(Range::ALL).unwrap().iter().map(|spend| spend.calls).sum::<u64>(), 3);
    assert!(reader.call(samples::id(4)).unwrap().is_some());
}

#[test]
fn sums_do_not_end_at_64_bits() {
    let mut calls = slugs(10);
    for call in &mut calls {
        call.charged = Some(PicoUsd::from_pico(i64::MAX));
        call.estimated = Some(PicoUsd::from_pico(i64::MIN));
        call.usage.set(meter_call::Meter::CacheRead, u64::MAX);
    }
    let home = seeded(&calls);
    let spend = home.reader().spend(Range::ALL).unwrap();
    assert_eq!(spend.iter().map(|spend| spend.charged_pico).sum::<i128>(), i128::from(i64::MAX) * 10);
    let total = home.reader().report(&report(By::Provider)).unwrap().total;
    assert_eq!((total.charged_pico, total.estimated_pico), (i128::from(i64::MAX) * 10, i128::from(i64::MIN) * 10));
    assert_eq!((total.requests, total.cache_read_tokens), (10, 10_000_000_000_000));
}

#[test]
fn reports_group_and_order() {
    let mut calls = slugs(30);
    for call in calls.iter_mut().take(3) {
        call.model = None;
    }
    calls[29].provider = "other".into();
    let home = seeded(&calls);
    let reader = home.reader();
    let by_project = reader.report(&ReportQuery { p95: true, ..report(By::Project) }).unwrap();
    assert_eq!((by_project.projects, by_project.models, by_project.rows.len()), (3, 2, 3));
    let cost: Vec<_> = by_project.rows.iter().map(|row| row.totals.charged_pico).collect();
    assert!(cost.is_sorted_by(|a, b| a >= b));
    assert!(by_project.rows.iter().all(|row| row.latency_p95_ms == Some(900)));
    assert_eq!(by_project.total.latency_mean_ms(), Some(900));
    let by_model = reader.report(&report(By::Model)).unwrap();
    let names: Vec<_> =
        by_model.rows.iter().map(|row| (row.provider.as_deref().unwrap(), row.model.as_deref().unwrap())).collect();
    assert_eq!(names, [("acme_ai", "acme-2"), ("acme_ai", ""), ("other", "acme-2")]);
    let one = reader.report(&ReportQuery { project: Some("acme".into()), ..report(By::Provider) }).unwrap();
    assert_eq!((one.total.requests, one.projects), (10, 1));
    let nobody = reader.report(&ReportQuery { project: Some("nobody".into()), ..report(By::Provider) }).unwrap();
    assert!(nobody.rows.is_empty());
}

#[test]
fn the_percentile_is_the_nearest_rank() {
    let mut calls = slugs(40);
    for (index, call) in calls.iter_mut().enumerate() {
        call.project = "acme".parse().unwrap();
        call.latency_ms = Some(40 - index as u64);
    }
    let home = seeded(&calls);
    let report = home.reader().report(&ReportQuery { p95: true, ..report(By::Model) }).unwrap();
    assert_eq!(report.rows[0].latency_p95_ms, Some(38));
}

#[test]
fn days_are_those_of_the_zone() {
    let mut calls = slugs(3);
    // Midnight in Kolkata (+05:30) is 18:30 UTC; in New York (-05:00) 05:00 UTC.
    for (call, at) in
        calls.iter_mut().zip(["2026-11-24T18:29:59.999Z", "2026-11-24T18:30:00.000Z", "2026-11-25T04:59:00Z"])
    {
        call.requested_at = crate::parse_rfc3339(at).unwrap();
    }
    let home = seeded(&calls);
    let days = |zone: &str| -> Vec<(String, u64)> {
        let days = home.reader().days(Range::ALL, None, &TimeZone::get(zone).unwrap()).unwrap();
        days.into_iter().map(|day| (day.date.to_string(), day.totals.requests)).collect()
    };
    let day = |date: &str, requests| (date.to_owned(), requests);
    assert_eq!(days("UTC"), [day("2026-11-24", 2), day("2026-11-25", 1)]);
    assert_eq!(days("Asia/Kolkata"), [day("2026-11-24", 1), day("2026-11-25", 2)]);
    assert_eq!(days("America/New_York"), [day("2026-11-24", 3)]);
}

#[test]
fn projects_tell_months_and_favourites() {
    let mut calls = slugs(6);
    calls[0].requested_at = UnixMillis(samples::T0 - 40 * 86_400_000);
    calls[3].model = Some("acme-big".into());
    calls[3].charged = Some(PicoUsd::from_pico(9_000_000_000_000));
    for call in &mut calls {
        call.project = "acme".parse().unwrap();
    }
    let home = seeded(&calls);
    let reader = home.reader();
    let months = Months { previous: UnixMillis(samples::T0 - 50 * 86_400_000), this: UnixMillis(samples::T0) };
    let projects = reader.projects(months).unwrap();
    assert_eq!(projects.len(), 1);
    let used = &projects[0].used;
    assert_eq!((used.this_month.requests, used.previous_month.requests, used.all_time.requests), (5, 1, 6));
    assert_eq!(used.primary, Some(("acme_ai".into(), "acme-2".into())));
    assert_eq!(used.top, Some(("acme_ai".into(), "acme-big".into())));
    assert_eq!(used.last_active_at, Some(samples::at(6)));
    assert_eq!(reader.project("acme", months).unwrap().as_ref(), Some(&projects[0]));
    assert_eq!(reader.project("nobody", months).unwrap(), None);
    let activity = reader.activity(None, samples::at(5)).unwrap();
    assert_eq!(activity, Activity { last_request_at: Some(samples::at(6)), requests: 2 });
    assert_eq!(reader.activity(Some("nobody"), samples::at(5)).unwrap(), Activity::default());
}

#[test]
fn budgets_find_spend_and_open_calls() {
    let mut calls = slugs(4);
    for call in &mut calls {
        call.project = "acme".parse().unwrap();
        call.requested_at = UnixMillis(samples::T0 + call.requested_at.0 % 900_000);
    }
    calls[3].status = Status::Refused;
    let home = seeded(&calls);
    let mut open = samples::opened(9, "acme");
    open.reservation = Some(Reservation { rules: vec!["monthly".into()], amount: PicoUsd::from_pico(5) });
    home.writer.journal().open(&open);
    home.writer.flush(LONG).unwrap();
    let reader = home.reader();
    assert_eq!(reader.open_calls().unwrap(), [open]);
    let spend = reader.spend(Range::since(UnixMillis(samples::T0))).unwrap();
    assert_eq!(spend.len(), 1);
    let charged: i128 = calls[..3].iter().map(|call| i128::from(call.charged.unwrap().pico())).sum();
    assert_eq!((spend[0].calls, spend[0].charged_pico, spend[0].bucket), (3, charged, UnixMillis(samples::T0)));
    assert_eq!((spend[0].tokens, spend[0].process.as_deref()), (3 * 1200 + 1 + 2 + 3, Some("claude")));
    assert!(reader.spend(Range::since(samples::at(20))).unwrap().is_empty());
}

#[test]
fn a_run_tells_what_it_used_and_what_is_still_under_way() {
    let mut calls = slugs(4);
    for call in calls.iter_mut().take(3) {
        call.run_id = Some("run-1".into());
    }
    let home = seeded(&calls);
    let mut open = samples::opened(9, "acme");
    open.run_id = Some("run-1".into());
    home.writer.journal().open(&open);
    home.writer.journal().open(&samples::opened(10, "acme"));
    home.writer.flush(LONG).unwrap();
    let reader = home.reader();
    let run = reader.run_totals("run-1").unwrap();
    assert_eq!((run.totals.requests, run.open), (3, 1));
    assert_eq!(run.projects, ["acme", "misc", "web"]);
    assert_eq!(reader.run_totals("run-2").unwrap(), RunTotals::default());
}

#[test]
fn the_lag_is_what_stands_in_the_journal_only() {
    let home = seeded(&slugs(3));
    let (reader, journal) = (home.reader(), home.path.with_file_name("journal"));
    assert_eq!(reader.journal_lag(&journal).unwrap(), 0);
    let text = b"not yet moved\n";
    std::fs::write(journal.join("0000000000001-9.000000.jsonl"), text).unwrap();
    std::fs::write(journal.join("rejected.jsonl"), text).unwrap();
    assert_eq!(reader.journal_lag(&journal).unwrap(), text.len() as u64);
    assert_eq!(reader.journal_lag(&journal.join("nowhere")).unwrap(), 0);
}

#[test]
fn uses_are_every_project_with_every_model() {
    let home = seeded(&slugs(9));
    let uses = home.reader().uses().unwrap();
    let names: Vec<_> = uses.iter().map(|it| (it.project.as_str(), it.totals.requests)).collect();
    assert_eq!(names, [("misc", 3), ("web", 3), ("acme", 3)]);
    assert!(uses.iter().all(|it| it.model == "acme-2"));
}

#[test]
fn audit_events_come_in_pages_and_with_their_call() {
    let home = seeded(&slugs(2));
    let event = |number: u64| AuditEvent {
        id: samples::id(100 + number),
        at: samples::at(number),
        kind: if number.is_multiple_of(2) { "policy.warned" } else { "policy.refused" }.into(),
        call: Some(samples::id(1)),
        project: Some("acme".parse().unwrap()),
        rule: Some("monthly".into()),
        stage: Some("enforce".into()),
        verdict: Some("refuse".into()),
        message: "Project acme has spent 200.00 of 200.00 this month".into(),
        detail: serde_json::Map::from_iter([("spent_pico".to_owned(), 200_000_000_000_000_i64.into())]),
    };
    for number in 1..=5 {
        home.writer.journal().audit(&event(number));
    }
    home.writer.flush(LONG).unwrap();
    let reader = home.reader();
    let mut query = AuditQuery { limit: 2, ..AuditQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = reader.audits(&query).unwrap();
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        query.cursor = Some(next);
    }
    assert_eq!(seen, (1..=5).rev().map(event).collect::<Vec<_>>());
    let warned = AuditQuery { kind: Some("policy.warned".into()), limit: 9, ..AuditQuery::default() };
    assert_eq!(reader.audits(&warned).unwrap().items.len(), 2);
    assert_eq!(reader.call(samples::id(1)).unwrap().unwrap().audits.len(), 5);
}

#[test]
fn coverage_counts_a_record_once_however_often_it_is_fetched() {
    let home = seeded(&[]);
    for seq in [1, 2, 1, 2] {
        home.writer.journal().coverage(&CoverageRecord {
            edge: "1795514400000-7".into(),
            seq,
            at: samples::at(1),
            host: "api.acme.example".into(),
            process: Some("java".into()),
            outcome: "pinned".into(),
            connections: 1,
            bytes_up: 10,
            bytes_down: 90,
            duration_ms: 5,
        });
    }
    home.writer.flush(LONG).unwrap();
    let rows = home.reader().coverage(Range::ALL).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].connections, rows[0].bytes_up, rows[0].bytes_down), (2, 20, 180));
}

#[test]
fn rows_of_a_newer_program_with_unknown_words_are_named() {
    let home = seeded(&slugs(1));
    let store = Store::open(&home.path, &rfc3339::text(samples::at(0))).unwrap();
    store.db.execute("UPDATE requests SET status = 'paused'", []).unwrap();
    let error = home.reader().call(samples::id(1)).unwrap_err();
    assert_eq!(error.to_string(), "column status holds `paused`, which is not valid");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_span_sums_what_its_rows_sum(offsets in proptest::collection::vec(0..260_000_000_i64, 1..30), spans in proptest::collection::vec((0..260_000_000_i64, 0..260_000_000_i64), 12)) {
        let calls: Vec<_> = offsets.iter().zip(1..).map(|(offset, number)| {
            let mut call = samples::closed(number, ["acme", "misc"][number as usize % 2]);
            call.requested_at = UnixMillis(samples::T0 + offset);
            call
        }).collect();
        let home = seeded(&calls);
        let reader = home.reader();
        for (a, b) in spans {
            let range = Range::between(UnixMillis(samples::T0 + a.min(b)), UnixMillis(samples::T0 + a.max(b)));
            let inside = |call: &&CallRecord| Some(call.requested_at) >= range.since && Some(call.requested_at) < range.until;
            let wanted: i128 = calls.iter().filter(inside).map(|call| i128::from(call.charged.unwrap().pico())).sum();
            let total = reader.report(&ReportQuery { range, ..report(By::Model) }).unwrap().total;
            prop_assert_eq!(total.charged_pico, wanted);
            prop_assert_eq!(total.requests, calls.iter().filter(inside).count() as u64);
        }
    }
}
