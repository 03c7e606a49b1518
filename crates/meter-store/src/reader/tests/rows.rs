//! Pages neither skip nor repeat; a call comes back as it was written.

use super::*;

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
fn rows_of_a_newer_program_with_unknown_words_are_named() {
    let home = seeded(&slugs(1));
    let store = Store::open(&home.path, &rfc3339::text(samples::at(0))).unwrap();
    store.db.execute("UPDATE requests SET status = 'paused'", []).unwrap();
    let error = home.reader().call(samples::id(1)).unwrap_err();
    assert_eq!(error.to_string(), "column status holds `paused`, which is not valid");
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
fn a_day_tells_what_a_bill_is_compared_with() {
    use meter_call::Meter;
    let plain = samples::closed(1, "acme");
    let on_plan = CallRecord { billing: Billing::Plan, charged: Some(PicoUsd::ZERO), ..samples::closed(2, "acme") };
    let failed = CallRecord {
        status: Status::Error,
        evidence: Evidence::None,
        lines: Vec::new(),
        usage: Default::default(),
        list: None,
        contract: None,
        charged: None,
        ..samples::closed(3, "acme")
    };
    let home = seeded(&[plain.clone(), on_plan.clone(), failed]);
    let days = home.reader().metered_days(&plain.provider, Range::ALL).unwrap();
    assert_eq!(days.len(), 1, "{days:?}");
    let day = &days[0];
    assert_eq!((day.calls, day.failed, day.on_plan), (3, 1, 1));
    let pico = |amount: Option<PicoUsd>| i128::from(amount.unwrap());
    assert_eq!((day.charged_pico, day.plan_pico), (pico(plain.charged), pico(on_plan.contract)));
    let of = |meter: Meter| {
        plain.lines.iter().filter(|line| line.meter == meter).map(|line| pico(line.amount)).sum::<i128>()
    };
    assert_eq!(day.by_meter_pico[&Meter::Input], of(Meter::Input), "what a plan covers is charged to no meter");
}
