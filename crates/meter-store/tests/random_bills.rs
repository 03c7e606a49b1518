//! Ten thousand random bills through the ledger: each is derived again to the last unit, and priced again to the same
//! figure; another price list changes nothing that is stored.

use meter_call::{
    Billing, Buckets, CallId, CallRecord, Conditions, EndpointClass, Evidence, Meter, Mode, ProcessFacts, Status,
    UnixMillis, UsageState,
};
use meter_manifest::{ManifestFile, bundled, prices};
use meter_money::PicoUsd;
use meter_price::{Attributes, Past, PriceBook, Query, Served, WireClass, derive, price, price_again};
use meter_store::{By, CallQuery, Range, Reader, ReportQuery, Repriced, Store, Writer, WriterOptions};
use std::time::Duration;

const CALLS: u64 = 10_000;
/// 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400_000;
const TERMS: &str = "schema = 1\n[[contract]]\nname = 'c'\nprovider = 'openai'\nfrom = 2026-06-01\ndiscount = 12.5\n\
    [[contract]]\nname = 'd'\nprovider = 'anthropic'\nfrom = 2026-01-01\n\
    [[contract.rates]]\nmodel = 'claude-opus-5-5'\ninput = 3.10\noutput = 15.50\n";

/// Numbers that are the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(list.len() as u64)).expect("below a length")]
    }
}

fn book(user: &str) -> PriceBook {
    let files: Vec<_> = bundled().into_iter().filter(|file| file.path.starts_with("manifests/prices/")).collect();
    let (book, found) = prices::book(&files, &[ManifestFile::new("manifests/prices/mine.toml", user)]);
    assert!(!found.iter().any(meter_diag::Diagnostic::is_error), "{found:#?}");
    book
}

/// A call at any provider, priced by the book.
fn call(number: u64, numbers: &mut Numbers, book: &PriceBook, models: &[(String, String)]) -> CallRecord {
    let (provider, model) = numbers.of(models).clone();
    let ended = UnixMillis(NOW - i64::try_from(numbers.below(200 * 86_400_000)).expect("200 days fit"));
    // What most models have a price for comes more often.
    let meters = [
        Meter::Input,
        Meter::Input,
        Meter::Input,
        Meter::Output,
        Meter::Output,
        Meter::CacheRead,
        Meter::CacheWrite5m,
        Meter::CacheWrite1h,
        Meter::InputAudio,
        Meter::Output,
        Meter::Reasoning,
        Meter::WebSearch,
        Meter::Grounding,
        Meter::Image,
        Meter::Video,
        Meter::Request,
        Meter::Audio,
        Meter::Page,
    ];
    let mut usage = Buckets::default();
    for _ in 0..=numbers.below(5) {
        let size = *numbers.of(&[10, 1_000, 150_000, 400_000]);
        usage.add(*numbers.of(&meters), 1 + numbers.below(size));
    }
    let batched = numbers.below(5) == 0;
    let geo = (numbers.below(4) == 0).then(|| (*numbers.of(&["us", "eu", "europe-west4"])).to_owned());
    let tier = (numbers.below(4) == 0).then(|| (*numbers.of(&["priority", "flex", "default", "unheard"])).to_owned());
    let mut one = |words: &[&str]| (numbers.below(2) == 0).then(|| (*numbers.of(words)).to_owned());
    let conditions = Conditions {
        class: one(&["decisions"]).filter(|_| !batched),
        tier_requested: one(&["flex", "priority", "auto"]),
        size: one(&["1k", "2k"]),
        quality: one(&["low", "medium"]),
        resolution: one(&["480p", "720p", "1080p", "4k"]),
        search_context: one(&["low", "high"]),
        cache_mode: one(&["explicit"]),
    };
    let served = Served {
        batched,
        speed: None,
        service_tier: tier.as_deref(),
        geo: geo.as_deref(),
        route: None,
        thinking: Some(usage.count(Meter::Reasoning) > 0),
        conditions: &conditions,
    };
    let attributes = book.attributes(&provider, &served);
    let costing =
        price(book, &Query { provider: &provider, model: &model, at: ended, usage: &usage, attributes: &attributes });
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    CallRecord {
        id: CallId::new(ended.0.unsigned_abs(), random),
        requested_at: UnixMillis(ended.0 - 900),
        ended_at: ended,
        provider,
        endpoint: "chat".into(),
        class: EndpointClass::Costed,
        request_kind: "chat".into(),
        host: "api.example".into(),
        method: "POST".into(),
        path: "/".into(),
        http_status: Some(200),
        status: Status::Success,
        mode: if batched { Mode::Batch } else { Mode::Standard },
        billing: Billing::Api,
        provider_request_id: None,
        response_id: None,
        model_requested: None,
        model: Some(model),
        service_tier: tier,
        speed: None,
        geo,
        upstream: None,
        conditions: Some(conditions),
        finish: None,
        usage_state: UsageState::Final,
        usage,
        reasoning_known: true,
        tokens_complete: true,
        evidence: costing.evidence,
        usage_flags: Vec::new(),
        list: costing.list,
        contract: costing.contract,
        charged: costing.contract,
        lines: costing.lines,
        prices: costing.prices,
        provider_cost: None,
        estimated: None,
        estimated_bound: None,
        rates_source: None,
        manifest_digest: "b3:00".into(),
        error_class: None,
        provider_error_code: None,
        retry_after_ms: None,
        retry_of: None,
        run_id: None,
        process: ProcessFacts { pid: None, name: None, exe: None },
        project: "misc".parse().expect("a slug"),
        source: "default".into(),
        reason: "default".into(),
        branch: None,
        workdir: None,
        latency_ms: Some(900),
        ttfb_ms: None,
        added_us: None,
        frames: None,
        policy_rule: None,
    }
}

fn total(reader: &Reader, first: bool) -> i128 {
    let query =
        ReportQuery { range: Range::ALL, by: By::Provider, project: None, provider: None, run_id: None, p95: false };
    let report = if first { reader.report_as_first(&query) } else { reader.report(&query) };
    report.expect("a report").total.charged_pico
}

#[test]
fn every_stored_bill_is_derived_again_and_a_new_list_changes_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("db.sqlite");
    let book_then = book(TERMS);
    let models: Vec<(String, String)> = book_then
        .providers()
        .flat_map(|provider| book_then.models(provider).map(|model| (provider.to_owned(), model.to_owned())))
        .collect();
    let writer = Writer::start(WriterOptions::new(&path, &dir.path().join("journal"))).expect("a writer");
    let mut numbers = Numbers(7);
    for number in 0..CALLS {
        writer.journal().close(&call(number, &mut numbers, &book_then, &models));
    }
    writer.stop(Duration::from_secs(120)).expect("the journal is moved");

    // Another list: everything of one provider costs double, and the terms are gone.
    let dearer = "schema = 1\nprovider = 'anthropic'\n[[model]]\nid = 'claude-opus-5-5'\nreplace = true\n\
        [[model.rates]]\nfrom = 2026-01-01\ninput = 8\noutput = 40\ncache_read = 1\ncache_write_5m = 10\ncache_write_1h = 16\n";
    let book_now = book(dearer);
    let reader = Reader::open(&path).expect("a reader");
    let (mut cursor, mut calls, mut priced, mut repriced) = (None, 0, 0, Vec::new());
    loop {
        let page = reader.calls(&CallQuery { limit: 500, cursor, ..CallQuery::default() }).expect("a page");
        for row in page.items {
            let detail = reader.call(row.id).expect("a call").expect("it is there");
            for line in detail.lines.iter().filter(|line| line.amount.is_some()) {
                let used = detail.prices.iter().find(|used| Some(&used.price_id) == line.price_id.as_ref());
                let used = used.expect("every price that a line names is kept");
                assert_eq!(derive(&used.row, line).ok(), line.amount, "{}: {line:?}", used.row);
                priced += 1;
            }
            let sum = PicoUsd::sum(detail.lines.iter().filter_map(|line| line.amount)).expect("it fits");
            assert_eq!(sum, detail.row.contract.unwrap_or_default());
            let past = Past {
                provider: &detail.row.provider,
                at: detail.row.ended_at.expect("it ended"),
                lines: &detail.lines,
                served: Served {
                    batched: detail.row.mode == Mode::Batch,
                    speed: None,
                    service_tier: detail.row.service_tier.as_deref(),
                    geo: detail.row.geo.as_deref(),
                    route: None,
                    thinking: detail.row.thinking_tokens.map(|tokens| tokens > 0),
                    conditions: detail.row.conditions.as_ref().expect("they are kept"),
                },
            };
            let same = price_again(&book_then, &past);
            assert_eq!(same.contract, detail.row.contract, "{:#?} against {:#?}", same.lines, detail.lines);
            let again = price_again(&book_now, &past);
            if again.contract != detail.row.contract {
                let (list, contract, evidence) = (again.list, again.contract, again.evidence);
                let (lines, prices) = (again.lines, again.prices);
                repriced.push(Repriced {
                    id: row.id,
                    lines,
                    prices,
                    list,
                    contract,
                    charged: contract,
                    evidence,
                    rates_source: None,
                    usage_flags: Vec::new(),
                });
            }
            calls += 1;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(calls, CALLS);
    assert!(priced > CALLS, "only {priced} lines had a price");
    assert!(!repriced.is_empty());
    // Looking changed nothing; applying keeps the first figure beside the new one.
    let before = total(&reader, false);
    assert_eq!(total(&reader, true), before);
    let mut store = Store::open(&path, "2026-11-25T00:00:00.000Z").expect("the database");
    assert_eq!(store.reprice(&repriced, UnixMillis(NOW)).expect("a reprice"), repriced.len());
    assert_eq!(total(&reader, true), before);
    let one = reader.call(repriced[0].id).expect("a call").expect("it is there").row;
    assert_eq!((one.charged, one.repriced_at), (repriced[0].charged, Some(UnixMillis(NOW))));
    assert_ne!(one.first_charged, one.charged);
}

#[test]
fn a_word_for_a_tier_that_no_list_knows_stays_what_it_is() {
    let book = book(TERMS);
    assert_eq!(book.wire_class("openai", "unheard"), WireClass::Class("unheard".into()));
    let usage: Buckets = [(Meter::Input, 10)].into_iter().collect();
    let attributes = Attributes { class: Some("unheard".into()), ..Attributes::default() };
    let at = UnixMillis(NOW);
    let costing =
        price(&book, &Query { provider: "openai", model: "gpt-6.1-sol", at, usage: &usage, attributes: &attributes });
    assert_eq!(costing.evidence, Evidence::Estimated);
}
