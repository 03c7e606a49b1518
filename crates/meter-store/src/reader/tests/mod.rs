//! Sums agree with rows.

mod rows;

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
