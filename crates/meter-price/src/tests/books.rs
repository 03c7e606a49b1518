//! Names, dates, layers, likeness: which row a call gets, and which files make no book.

use super::*;
use meter_money::PicoUsd;

/// Input price of `name` at an instant, in whole dollars per million.
fn input_at(book: &PriceBook, provider: &str, name: &str, moment: &str) -> Option<i64> {
    let counts = usage(&[(Meter::Input, 1_000_000)]);
    let attributes = Attributes::default();
    let query = Query { provider, model: name, at: at(moment), usage: &counts, attributes: &attributes };
    price(book, &query).list.map(|list| list.pico() / PicoUsd::PER_USD)
}

#[test]
fn a_name_matches_whole_or_not_at_all() {
    let book = good(vec![file(vec![
        ModelText {
            aliases: vec![text("two")],
            patterns: vec![text(r"m-2-\d{8}|m-2-preview")],
            ..model("m-2", vec![row("2026-01-01", "input 2, output 2")])
        },
        model("m-2.5", vec![row("2026-01-01", "input 5, output 5")]),
    ])]);
    let input = |name| input_at(&book, "acme", name, "2026-06-01");
    assert_eq!(input("m-2"), Some(2));
    assert_eq!(input("two"), Some(2));
    assert_eq!(input("m-2-20260101"), Some(2));
    assert_eq!(input("m-2-preview"), Some(2));
    assert_eq!(input("m-2.5"), Some(5));
    for stranger in ["m-2-2026010", "m-2-20260101x", "xm-2-preview", "M-2", "m-2-", "m-2.5-fast", ""] {
        assert_eq!(input(stranger), None, "{stranger}");
    }
    assert_eq!(input_at(&book, "other", "m-2", "2026-06-01"), None);
}

#[test]
fn a_row_that_reaches_into_the_next_is_told() {
    let until = |until: &str, row: RowText| RowText { until: Some(text(until)), ..row };
    let kinds = |rows: Vec<RowText>| build(vec![file(vec![model("m", rows)])]).1;
    let (early, late) = (row("2026-01-01", "input 1, output 1"), row("2026-06-01", "input 2, output 2"));
    assert_eq!(kinds(vec![late.clone(), until("2026-06-02", early.clone())]), [FaultKind::Overlaps]);
    assert_eq!(kinds(vec![late.clone(), until("2026-06-01", early.clone())]), []);
    // One without an end gives way, for good or for a while.
    assert_eq!(kinds(vec![early, until("2026-07-01", late)]), []);
}

#[test]
fn a_book_knows_which_meters_have_a_price() {
    let book = good(vec![file(vec![model("m", vec![row("2026-01-01", "input 2, output 5, cache_write_5m 3")])])]);
    let priced = book.priced_meters();
    for meter in [Meter::Input, Meter::CacheRead, Meter::Reasoning, Meter::CacheWrite, Meter::CacheWrite5m] {
        assert!(priced.contains(&meter), "{meter}");
    }
    for meter in [Meter::CacheWrite1h, Meter::WebSearch, Meter::OutputAudio] {
        assert!(!priced.contains(&meter), "{meter}");
    }
}

#[test]
fn a_row_holds_from_its_first_instant_until_its_last() {
    let ended = RowText { until: Some(text("2026-08-01")), ..row("2026-06-01T12:00:00Z", "input 3, output 3") };
    let book = good(vec![file(vec![model("m", vec![ended, row("2026-03-01", "input 1, output 1")])])]);
    let input = |moment| input_at(&book, "acme", "m", moment);
    assert_eq!(input("2026-02-28T23:59:59.999Z"), None);
    assert_eq!(input("2026-03-01"), Some(1));
    assert_eq!(input("2026-06-01T11:59:59.999Z"), Some(1));
    assert_eq!(input("2026-06-01T12:00:00Z"), Some(3));
    assert_eq!(input("2026-07-31T23:59:59.999Z"), Some(3));
    // The earlier row has no end of its own and holds again.
    assert_eq!(input("2026-08-01"), Some(1));
}

#[test]
fn a_moving_name_means_what_it_meant_then() {
    let alias = |to: &str, from: &str| AliasText { name: text("latest"), to: text(to), from: text(from), until: None };
    let book = good(vec![PriceFile {
        aliases: vec![alias("b", "2026-06-01"), alias("a", "2026-02-01")],
        ..file(vec![
            model("a", vec![row("2026-01-01", "input 1, output 1")]),
            model("b", vec![row("2026-01-01", "input 2, output 2")]),
        ])
    }]);
    let input = |moment| input_at(&book, "acme", "latest", moment);
    assert_eq!((input("2026-01-15"), input("2026-05-31"), input("2026-06-01")), (None, Some(1), Some(2)));
    // It is known, so nothing near to it is offered.
    let (counts, attributes) = (usage(&[(Meter::Input, 1)]), Attributes::default());
    let early =
        Query { provider: "acme", model: "latest", at: at("2026-01-15"), usage: &counts, attributes: &attributes };
    assert_eq!(price(&book, &early).unpriced, [WhyUnpriced::NoRow]);
}

#[test]
fn a_users_row_replaces_the_whole_row_of_its_day() {
    let bundled = || {
        let rows = vec![
            row("2026-01-01", "input 1, cache_read 0.1, output 1"),
            row("2026-04-01", "input 2, cache_read 0.2, output 2"),
        ];
        file(vec![ModelText { aliases: vec![text("alias")], ..model("m", rows) }])
    };
    let user = |model| PriceFile { layer: Layer::User, ..file(vec![model]) };
    let book = good(vec![user(model("m", vec![row("2026-04-01", "input 7, output 7")])), bundled()]);
    assert_eq!(input_at(&book, "acme", "alias", "2026-02-01"), Some(1));
    assert_eq!(input_at(&book, "acme", "alias", "2026-06-01"), Some(7));
    // Not key by key: the bundled cached price is gone with its row.
    let costing = bill(&book, "m", &[(Meter::CacheRead, 1)], &Attributes::default());
    assert_eq!(costing.lines[0].rate.as_deref(), Some("7 / 1M tokens"));
    assert_eq!(book.rates_source("acme", "m", at("2026-06-01")).as_deref(), Some("override"));
    let replaced = ModelText { replace: true, ..model("m", vec![row("2026-05-01", "input 9, output 9")]) };
    let book = good(vec![bundled(), user(replaced)]);
    assert_eq!(input_at(&book, "acme", "m", "2026-02-01"), None);
    assert_eq!(input_at(&book, "acme", "m", "2026-06-01"), Some(9));
}

#[test]
fn a_model_like_another_takes_rows_but_no_fees() {
    let origin = RowText {
        when: vec![scale("class batch", "0.5"), scale("geo us", "1.1")],
        ..row("2026-03-01", "input 2, output 4, web_search \"10 / 1000 calls\"")
    };
    let first = file(vec![model("m", vec![row("2026-01-01", "input 1, output 1"), origin])]);
    let like = |id: &str| ModelText { like: Some(text("acme/m")), ..model(id, vec![]) };
    let second = PriceFile {
        provider: text("resale"),
        ..file(vec![
            ModelText { drop: vec![text("class")], from: Some(text("2026-04-01")), ..like("plain") },
            ModelText { when: vec![scale("geo us", "3")], ..like("own-geo") },
            ModelText { rows: vec![row("2026-05-01", "input 8, output 8")], ..like("own-row") },
        ])
    };
    let book = good(vec![second, first]);
    let input = |name, moment| input_at(&book, "resale", name, moment);
    assert_eq!((input("plain", "2026-03-15"), input("plain", "2026-06-01")), (None, Some(2)));
    assert_eq!((input("own-row", "2026-04-15"), input("own-row", "2026-06-01")), (Some(2), Some(8)));
    let dollars = |name, attributes: &Attributes| {
        let counts = usage(&[(Meter::Input, 10_000_000)]);
        let query = Query { provider: "resale", model: name, at: at("2026-06-01"), usage: &counts, attributes };
        price(&book, &query).list.map(|list| list.pico() / PicoUsd::PER_USD)
    };
    let us = Attributes { geo: Some("us".into()), ..class("batch") };
    assert_eq!(dollars("plain", &us), Some(22));
    assert_eq!(dollars("own-geo", &us), Some(30));
    let counts = usage(&[(Meter::WebSearch, 1)]);
    let attributes = Attributes::default();
    let query =
        Query { provider: "resale", model: "plain", at: at("2026-06-01"), usage: &counts, attributes: &attributes };
    assert_eq!(price(&book, &query).unpriced, [WhyUnpriced::NoMeter(Meter::WebSearch)]);
}

#[test]
fn likeness_in_a_circle_or_of_nothing_is_a_fault() {
    let like = |id: &str, of: &str| ModelText { like: Some(text(of)), ..model(id, vec![]) };
    let (_, faults) = build(vec![file(vec![like("a", "acme/b"), like("b", "acme/a")])]);
    assert!(faults.contains(&FaultKind::LikeTooDeep), "{faults:?}");
    let (_, faults) = build(vec![file(vec![like("a", "acme/gone")])]);
    assert!(faults.contains(&FaultKind::UnknownTarget), "{faults:?}");
}

#[test]
fn any_edit_makes_a_new_price_id() {
    let id = |row: RowText| {
        let book = good(vec![file(vec![model("m", vec![row])])]);
        bill(&book, "m", &[(Meter::Input, 1)], &Attributes::default()).prices[0].price_id.clone()
    };
    let first = id(row("2026-01-01", "input 1, output 2"));
    assert_eq!(first, id(row("2026-01-01", "input 1, output 2")));
    assert!(first.starts_with("acme/m@2026-01-01#") && first.len() == "acme/m@2026-01-01#".len() + 8, "{first}");
    assert_ne!(first, id(row("2026-01-01", "input 1, output 3")));
    assert_ne!(first, id(RowText { note: Some("corrected".into()), ..row("2026-01-01", "input 1, output 2") }));
}

#[test]
fn a_stored_row_reads_back_as_itself() {
    let book = good(vec![PriceFile {
        windows: vec![WindowText {
            name: text("peak"),
            from: text("2026-01-01"),
            utc: vec![text("01:00-04:00")],
            not_on: Some(text("cn")),
            ..WindowText::default()
        }],
        holidays: vec![HolidaysText {
            name: text("cn"),
            covers: vec![text("2026-01-01"), text("2026-12-31")],
            dates: vec![text("2026-10-01")],
            ..HolidaysText::default()
        }],
        ..file(vec![model(
            "m",
            vec![RowText {
                context: vec![TierText { over: Some(9), scale_input: Some(text("2")), ..TierText::default() }],
                when: vec![
                    scale("window peak", "2"),
                    WhenText { rates: rates("input 3, output 4"), context: Some(vec![]), ..on("class fast") },
                ],
                ..row("2026-01-01", "input 1, cache_write \"input\", output 2")
            }],
        )])
    }]);
    let costing = bill(&book, "m", &[(Meter::CacheWrite, 1)], &Attributes::default());
    let json = &costing.prices[0].row;
    let read: crate::row::Row = serde_json::from_str(json).expect("our own JSON");
    assert_eq!(&serde_json::to_string(&read).expect("plain values"), json);
}

#[test]
fn hints_for_holds_come_from_the_row_of_the_day() {
    let capped = ModelText { max_output: Some(64_000), ..model("m", vec![row("2026-01-01", "input 1, output 2")]) };
    let book = good(vec![file(vec![capped])]);
    let (input, output) = book.rate_hint("acme", "m", at("2026-06-01")).expect("priced");
    assert_eq!((input.text(), output.text()), ("1 / 1M tokens", "2 / 1M tokens"));
    assert_eq!(book.rate_hint("acme", "m", at("2025-06-01")), None);
    assert_eq!(book.max_output("acme", "m"), Some(64_000));
    assert!(book.covers("acme", "m", at("2026-06-01")) && !book.covers("acme", "n", at("2026-06-01")));
}

#[test]
fn the_answer_of_a_model_that_is_paid_by_its_prompt_alone_costs_nothing_in_a_hint() {
    let hint = |row: RowText| {
        let book = good(vec![file(vec![model("e", vec![row])])]);
        let hint = book.rate_hint("acme", "e", at("2026-06-01"));
        hint.map(|(input, output)| (input.text().to_owned(), output.each().is_zero()))
    };
    let embedding = Some(("1 / 1M tokens".to_owned(), true));
    assert_eq!(hint(row("2026-01-01", "input 1")), embedding);
    assert_eq!(hint(row("2026-01-01", "input 1, input_image 3")), embedding);
    assert_eq!(hint(row("2026-01-01", "input 1, output_image 30")), None, "pictures are not free");
    assert_eq!(hint(row("2026-01-01", "input 1, image \"0.04 / image\"")), None);
    assert_eq!(hint(row("2026-01-01", "output 1")), None);
}

#[test]
fn own_conditions_of_a_likeness_replace_the_geography_whole_and_others_value_by_value() {
    let origin = RowText {
        when: vec![
            scale("class batch|flex", "0.5"),
            scale("geo us|eu", "2"),
            WhenText { rates: rates("web_search \"9 / call\""), ..on("route azure") },
        ],
        ..row("2026-01-01", "input 1, output 1")
    };
    let like = ModelText {
        like: Some(text("acme/m")),
        when: vec![scale("class batch", "3"), scale("geo us", "5")],
        ..model("n", vec![])
    };
    let book = good(vec![file(vec![model("m", vec![origin]), like])]);
    let dollars = |attributes: &Attributes| {
        bill(&book, "n", &[(Meter::Input, 10_000_000)], attributes).list.map(|list| list.pico() / PicoUsd::PER_USD)
    };
    let geo = |geo: &str| Attributes { geo: Some(geo.into()), ..Attributes::default() };
    assert_eq!((dollars(&class("batch")), dollars(&class("flex"))), (Some(30), Some(5)));
    assert_eq!((dollars(&geo("us")), dollars(&geo("eu"))), (Some(50), Some(10)));
    let azure = Attributes { route: Some("azure".into()), ..Attributes::default() };
    let costing = bill(&book, "n", &[(Meter::WebSearch, 1)], &azure);
    assert_eq!(costing.unpriced, [WhyUnpriced::NoMeter(Meter::WebSearch)], "fees are never taken over");
    let speech = model("s", vec![row("2026-01-01", "audio \"3.6 / hour\", web_search \"1 / call\"")]);
    let like = ModelText { like: Some(text("acme/s")), ..model("t", vec![]) };
    let book = good(vec![file(vec![speech, like])]);
    let costing = bill(&book, "t", &[(Meter::Audio, 1), (Meter::WebSearch, 1)], &Attributes::default());
    assert_eq!(costing.list, Some(PicoUsd::from_pico(1_000_000_000)), "what the model does itself is");
}

#[test]
fn a_cut_keeps_what_holds_again_after_it() {
    let ended = RowText { until: Some(text("2026-06-01")), ..row("2026-03-01", "input 3, output 3") };
    let origin = model("m", vec![row("2026-01-01", "input 1, output 1"), ended]);
    let like = ModelText { like: Some(text("acme/m")), from: Some(text("2026-04-01")), ..model("n", vec![]) };
    let book = good(vec![file(vec![origin, like])]);
    let input = |moment| input_at(&book, "acme", "n", moment);
    assert_eq!((input("2026-03-31"), input("2026-04-01"), input("2026-06-01")), (None, Some(3), Some(1)));
}

#[test]
fn a_model_that_is_replaced_takes_nothing_over_any_more() {
    let origin = model("m", vec![row("2026-01-01", "input 1, output 1"), row("2026-06-01", "input 6, output 6")]);
    let like = ModelText { like: Some(text("acme/m")), ..model("n", vec![]) };
    let own = ModelText { replace: true, ..model("n", vec![row("2026-03-01", "input 9, output 9")]) };
    let user = PriceFile { layer: Layer::User, ..file(vec![own]) };
    let book = good(vec![file(vec![origin, like]), user]);
    let input = |moment| input_at(&book, "acme", "n", moment);
    assert_eq!((input("2026-02-01"), input("2026-04-01"), input("2026-07-01")), (None, Some(9), Some(9)));
}

#[test]
fn a_profile_that_model_and_row_use_counts_once() {
    let row = RowText { uses: vec![text("half")], ..row("2026-01-01", "input 1, output 1") };
    let model = ModelText { uses: vec![text("half")], ..model("m", vec![row]) };
    let book = good(vec![PriceFile {
        profiles: vec![(text("half"), vec![scale("class batch", "0.5")])],
        ..file(vec![model])
    }]);
    let costing = bill(&book, "m", &[(Meter::Input, 10)], &class("batch"));
    assert_eq!(costing.list.map(PicoUsd::pico), Some(5_000_000));
}

#[test]
fn a_window_goes_on_past_midnight_and_assumes_nothing_where_another_condition_fails() {
    let window = WindowText {
        name: text("night"),
        from: text("2026-01-01"),
        utc: vec![text("22:00-02:00")],
        not_on: Some(text("days")),
        ..WindowText::default()
    };
    let holidays = HolidaysText {
        name: text("days"),
        covers: vec![text("2026-01-01"), text("2026-01-31")],
        ..HolidaysText::default()
    };
    let row = RowText { when: vec![scale("window night, geo us", "2")], ..row("2026-01-01", "input 1, output 1") };
    let book =
        good(vec![PriceFile { windows: vec![window], holidays: vec![holidays], ..file(vec![model("m", vec![row])]) }]);
    let cost = |moment: &str, geo: &str| {
        let attributes = Attributes { geo: Some(geo.into()), ..Attributes::default() };
        let usage = usage(&[(Meter::Input, 1)]);
        let query = Query { provider: "acme", model: "m", at: at(moment), usage: &usage, attributes: &attributes };
        let costing = price(&book, &query);
        (costing.list.map(PicoUsd::pico), costing.evidence)
    };
    use meter_call::Evidence::{Estimated, ProviderUsage};
    assert_eq!(cost("2026-01-10T23:00:00Z", "us"), (Some(2_000_000), ProviderUsage));
    assert_eq!(cost("2026-01-10T01:59:59Z", "us"), (Some(2_000_000), ProviderUsage));
    assert_eq!(cost("2026-01-10T02:00:00Z", "us"), (Some(1_000_000), ProviderUsage));
    assert_eq!(cost("2026-02-10T23:00:00Z", "us"), (Some(2_000_000), Estimated));
    assert_eq!(cost("2026-02-10T23:00:00Z", "eu"), (Some(1_000_000), ProviderUsage));
}

#[test]
fn what_a_layer_says_twice_is_told() {
    let kinds = |file: PriceFile| build(vec![file]).1;
    let rows = || vec![model("a", vec![row("2026-01-01", "input 1")]), model("b", vec![row("2026-01-01", "input 2")])];
    let like = |other: &str| ModelText { like: Some(text(other)), ..model("m", Vec::new()) };
    let likes = [rows(), vec![like("acme/a"), like("acme/b")]].concat();
    assert_eq!(kinds(file(likes)), [FaultKind::DuplicateName]);
    let alias = |to: &str| AliasText { name: text("latest"), to: text(to), from: text("2026-02-01"), until: None };
    let aliases = vec![alias("a"), alias("b")];
    assert_eq!(kinds(PriceFile { aliases, ..file(rows()) }), [FaultKind::DuplicateFrom]);
    let window = |utc: &str| WindowText {
        name: text("peak"),
        from: text("2026-01-01"),
        utc: vec![text(utc)],
        ..WindowText::default()
    };
    let windows = vec![window("01:00-02:00"), window("03:00-04:00")];
    assert_eq!(kinds(PriceFile { windows, ..file(rows()) }), [FaultKind::DuplicateFrom]);
    let days = |day: &str| HolidaysText {
        name: text("days"),
        covers: vec![text("2026-01-01"), text("2026-12-31")],
        dates: vec![text(day)],
        ..HolidaysText::default()
    };
    let holidays = vec![days("2026-05-01"), days("2026-10-01")];
    assert_eq!(kinds(PriceFile { holidays, ..file(rows()) }), [FaultKind::DuplicateName]);
    // Two files of one layer.
    let profiled = |by: &str, models| PriceFile {
        profiles: vec![(text("usual"), vec![scale("class batch", by)])],
        ..file(models)
    };
    assert_eq!(build(vec![profiled("0.5", rows()), profiled("0.8", Vec::new())]).1, [FaultKind::DuplicateName]);
    // A later layer replaces.
    let mine = PriceFile { layer: Layer::User, ..profiled("0.8", Vec::new()) };
    assert_eq!(build(vec![profiled("0.5", rows()), mine]).1, []);
}
