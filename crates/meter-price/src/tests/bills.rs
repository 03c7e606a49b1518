//! One call, one bill.

use super::*;
use meter_call::Evidence;
use meter_money::PicoUsd;

/// Pico-dollars of each line.
fn amounts(costing: &Costing) -> Vec<Option<i64>> {
    costing.lines.iter().map(|line| line.amount.map(PicoUsd::pico)).collect()
}

fn one(rows: RowText) -> PriceBook {
    good(vec![file(vec![model("m", vec![rows])])])
}

#[test]
fn a_tier_moves_the_whole_request_and_its_bound_is_as_written() {
    let tiered =
        |tier: TierText| one(RowText { context: vec![tier], ..row("2026-01-01", "input 1, cache_read 0.1, output 2") });
    let over =
        tiered(TierText { over: Some(100), rates: rates("input 10, cache_read 1, output 20"), ..TierText::default() });
    let at_least = tiered(TierText { at_least: Some(100), scale_input: Some(text("10")), ..TierText::default() });
    let call = |input| [(Meter::Input, input), (Meter::CacheRead, 60), (Meter::Output, 1000)];
    let none = Attributes::default();
    assert_eq!(amounts(&bill(&over, "m", &call(40), &none)), [Some(40_000_000), Some(6_000_000), Some(2_000_000_000)]);
    assert_eq!(
        amounts(&bill(&over, "m", &call(41), &none)),
        [Some(410_000_000), Some(60_000_000), Some(20_000_000_000)]
    );
    let reached = bill(&at_least, "m", &call(40), &none);
    assert_eq!(amounts(&reached), [Some(400_000_000), Some(60_000_000), Some(2_000_000_000)]);
    assert_eq!(reached.lines[0].multipliers[0].name, "context>=100");
    assert!(reached.lines[2].multipliers.is_empty(), "no scale_output, no factor");
}

#[test]
fn where_only_the_excess_pays_more_a_bucket_over_the_bound_has_two_lines() {
    let tier = TierText {
        over: Some(100),
        rates: rates("input 10, cache_read 1"),
        scope: Some(text("excess")),
        ..TierText::default()
    };
    let book = one(RowText { context: vec![tier], ..row("2026-01-01", "input 1, cache_read 0.1, output 2") });
    let bill = |read, input| {
        let call = [(Meter::Input, input), (Meter::CacheRead, read), (Meter::Output, 1000)];
        let costing = bill(&book, "m", &call, &Attributes::default());
        let lines: Vec<_> = costing.lines.iter().map(|line| (line.meter, line.quantity, line.amount)).collect();
        for line in &costing.lines {
            assert_eq!(derive(&costing.prices[0].row, line).ok(), line.amount);
        }
        lines
    };
    let pico = |pico| Some(PicoUsd::from_pico(pico));
    let answer = (Meter::Output, 1000, pico(2_000_000_000));
    // What was read from the cache is the beginning of the prompt, so the new part is what lies over the bound.
    assert_eq!(
        bill(60, 70),
        [
            (Meter::CacheRead, 60, pico(6_000_000)),
            (Meter::Input, 40, pico(40_000_000)),
            (Meter::Input, 30, pico(300_000_000)),
            answer,
        ]
    );
    assert_eq!(
        bill(100, 70),
        [(Meter::CacheRead, 100, pico(10_000_000)), (Meter::Input, 70, pico(700_000_000)), answer]
    );
    assert_eq!(bill(60, 40), [(Meter::CacheRead, 60, pico(6_000_000)), (Meter::Input, 40, pico(40_000_000)), answer]);
}

#[test]
fn excess_tiers_add_up_band_by_band() {
    let tier = |at_least, by| TierText {
        at_least: Some(at_least),
        scale_input: Some(text(by)),
        scope: Some(text("excess")),
        ..TierText::default()
    };
    let book = one(RowText { context: vec![tier(11, "2"), tier(21, "3")], ..row("2026-01-01", "input 1") });
    let costing = bill(&book, "m", &[(Meter::Input, 35)], &Attributes::default());
    let by = |line: &meter_call::CostLine| line.multipliers.first().map(|by| by.name.clone());
    let lines: Vec<_> = costing.lines.iter().map(|line| (line.quantity, by(line))).collect();
    assert_eq!(lines, [(10, None), (10, Some("context>=11".into())), (15, Some("context>=21".into()))]);
    assert_eq!(costing.list, Some(PicoUsd::from_pico(10_000_000 + 20_000_000 + 45_000_000)));
}

#[test]
fn a_billing_minimum_and_step_raise_what_is_billed_and_stand_on_the_line() {
    let rate = Figure::Text("3.6 / hour (min 10 seconds, step 4 seconds)".into());
    let book = one(RowText { rates: vec![(w(Meter::Audio), w(rate))], ..row("2026-01-01", "") });
    let bill = |seconds| bill(&book, "m", &[(Meter::Audio, seconds)], &Attributes::default());
    assert_eq!(amounts(&bill(1)), [Some(12_000_000_000)]);
    assert_eq!(amounts(&bill(12)), [Some(12_000_000_000)]);
    assert_eq!(amounts(&bill(13)), [Some(16_000_000_000)]);
    let line = &bill(13).lines[0];
    assert_eq!((line.quantity, line.rate.as_deref()), (13, Some("3.6 / hour (min 10 seconds, step 4 seconds)")));
    assert_eq!(derive(&bill(13).prices[0].row, line).ok(), line.amount);
    assert!(matches!(bill(u64::MAX).unpriced.as_slice(), [WhyUnpriced::Overflow]));
}

#[test]
fn a_long_prompt_makes_no_fee_dearer() {
    let tier = TierText {
        over: Some(1),
        scale_input: Some(text("2")),
        scale_output: Some(text("1.5")),
        ..TierText::default()
    };
    let book = one(RowText { context: vec![tier], ..row("2026-01-01", "input 1, web_search \"10 / 1000 calls\"") });
    let call = [(Meter::Input, 2), (Meter::WebSearch, 1)];
    assert_eq!(amounts(&bill(&book, "m", &call, &Attributes::default())), [Some(4_000_000), Some(10_000_000_000)]);
}

#[test]
fn the_most_specific_overlay_gives_the_rate_and_every_scale_applies() {
    let book = one(RowText {
        when: vec![
            WhenText { rates: rates("input 5, output 6"), ..on("class priority") },
            WhenText { rates: rates("input 7, output 8"), ..on("class priority, thinking true") },
            scale("geo us", "1.1"),
        ],
        ..row("2026-01-01", "input 1, output 2")
    });
    let call = [(Meter::Input, 1_000_000)];
    let attributes = Attributes { geo: Some("us".into()), ..class("priority") };
    assert_eq!(amounts(&bill(&book, "m", &call, &attributes)), [Some(5_500_000_000_000)]);
    let thinking = Attributes { thinking: Some(true), ..attributes };
    assert_eq!(amounts(&bill(&book, "m", &call, &thinking)), [Some(7_700_000_000_000)]);
}

#[test]
fn fees_are_scaled_only_where_a_factor_names_them() {
    let fee = row("2026-01-01", "web_search \"10 / 1000 calls\"");
    let book = good(vec![PriceFile {
        fees: vec![fee],
        ..file(vec![model(
            "m",
            vec![RowText {
                when: vec![
                    WhenText { keep: vec![w(Meter::CacheRead)], ..scale("class batch", "0.5") },
                    WhenText { only: Some(vec![w(Meter::WebSearch)]), ..scale("geo eu", "2") },
                ],
                ..row("2026-01-01", "input 1, cache_read 0.5, output 2")
            }],
        )])
    }]);
    let call = [(Meter::Input, 10), (Meter::CacheRead, 10), (Meter::WebSearch, 1)];
    assert_eq!(
        amounts(&bill(&book, "m", &call, &class("batch"))),
        [Some(5_000_000), Some(5_000_000), Some(10_000_000_000)]
    );
    let eu = bill(&book, "m", &call, &Attributes { geo: Some("eu".into()), ..Attributes::default() });
    assert_eq!(amounts(&eu), [Some(10_000_000), Some(5_000_000), Some(20_000_000_000)]);
    assert_eq!(eu.prices.len(), 2);
    assert_eq!(eu.prices[1].model, "[fees]");
}

#[test]
fn fallbacks_are_few_and_guesses_are_said() {
    let book = one(row("2026-01-01", "input 1, cache_write_5m 2, cache_write_1h 3, output 4, input_audio \"input\""));
    let guess = |meter| {
        let costing = bill(&book, "m", &[(meter, 1_000_000)], &Attributes::default());
        (costing.list.map(|list| list.pico() / PicoUsd::PER_USD), costing.evidence)
    };
    assert_eq!(guess(Meter::Reasoning), (Some(4), Evidence::ProviderUsage));
    assert_eq!(guess(Meter::InputAudio), (Some(1), Evidence::ProviderUsage));
    assert_eq!(guess(Meter::CacheRead), (Some(1), Evidence::Estimated));
    assert_eq!(guess(Meter::CacheWrite), (Some(2), Evidence::Estimated));
    assert_eq!(guess(Meter::InputImage), (None, Evidence::Unpriced));
    assert_eq!(guess(Meter::OutputAudio), (None, Evidence::Unpriced));
}

#[test]
fn what_has_no_price_keeps_its_quantity_and_spoils_the_grade() {
    let book = one(row("2026-01-01", "input 1, output 2"));
    let costing = bill(&book, "m", &[(Meter::Input, 10), (Meter::XSearch, 3)], &Attributes::default());
    assert_eq!(amounts(&costing), [Some(10_000_000), None]);
    assert_eq!(costing.lines[1].quantity, 3);
    assert_eq!((costing.list, costing.evidence), (Some(PicoUsd::from_pico(10_000_000)), Evidence::Unpriced));
    assert_eq!(costing.unpriced, [WhyUnpriced::NoMeter(Meter::XSearch)]);
}

#[test]
fn nothing_used_costs_nothing_and_is_known_to() {
    let book = one(row("2026-01-01", "input 1, output 2"));
    let costing = bill(&book, "m", &[], &Attributes::default());
    assert_eq!((costing.list, costing.evidence), (Some(PicoUsd::ZERO), Evidence::ProviderUsage));
}

#[test]
fn classes_of_the_wire_are_translated_and_unknown_ones_are_a_guess() {
    let book = good(vec![PriceFile {
        tiers: vec![(text("ON_DEMAND"), text("")), (text("FLEX"), text("flex")), (text("RESERVED"), text("unpriced"))],
        ..file(vec![model(
            "m",
            vec![RowText { when: vec![scale("class flex", "0.5")], ..row("2026-01-01", "input 1, output 2") }],
        )])
    }]);
    let graded = |attributes: &Attributes| {
        let costing = bill(&book, "m", &[(Meter::Input, 10)], attributes);
        (costing.list.map(PicoUsd::pico), costing.evidence)
    };
    assert_eq!(graded(&class("ON_DEMAND")), (Some(10_000_000), Evidence::ProviderUsage));
    assert_eq!(graded(&class("FLEX")), (Some(5_000_000), Evidence::ProviderUsage));
    assert_eq!(graded(&class("turbo")), (Some(10_000_000), Evidence::Estimated));
    assert_eq!(graded(&class("RESERVED")), (None, Evidence::Unpriced));
    let asked = Attributes { class_requested: true, ..class("flex") };
    assert_eq!(graded(&asked), (Some(5_000_000), Evidence::Estimated));
    assert_eq!(book.class("acme", true, Some("fast"), None).as_deref(), Some("batch"));
    assert_eq!(book.class("acme", false, Some("standard"), Some("FLEX")).as_deref(), Some("FLEX"));
    assert_eq!(book.class("acme", false, None, Some("ON_DEMAND")), None);
}

#[test]
fn an_amount_that_does_not_fit_is_unpriced() {
    let book = one(row("2026-01-01", "input 999999999, output 2"));
    let costing = bill(&book, "m", &[(Meter::Input, u64::MAX), (Meter::Output, 1)], &Attributes::default());
    assert_eq!(amounts(&costing), [None, Some(2_000_000)]);
    assert_eq!(costing.unpriced, [WhyUnpriced::Overflow]);
}

#[test]
fn a_rate_per_minute_stays_exact() {
    let book = one(row("2026-01-01", "audio \"0.08 / minute\""));
    assert_eq!(amounts(&bill(&book, "m", &[(Meter::Audio, 1)], &Attributes::default())), [Some(1_333_333_333)]);
    assert_eq!(amounts(&bill(&book, "m", &[(Meter::Audio, 60)], &Attributes::default())), [Some(80_000_000_000)]);
}

#[test]
fn a_stored_line_is_derived_again_and_a_foreign_one_is_not() {
    let book = one(RowText { when: vec![scale("class flex", "1/3")], ..row("2026-01-01", "input 1, output 2") });
    let costing = bill(&book, "m", &[(Meter::Input, 10)], &class("flex"));
    let (line, stored) = (&costing.lines[0], &costing.prices[0].row);
    assert_eq!(derive(stored, line).ok(), line.amount);
    let mut foreign = line.clone();
    foreign.rate = Some("9 / 1M tokens".into());
    assert!(matches!(derive(stored, &foreign), Err(DeriveError::ForeignRate(_))));
    let mut foreign = line.clone();
    foreign.multipliers[0].by = "0.9".into();
    assert!(matches!(derive(stored, &foreign), Err(DeriveError::ForeignFactor(_))));
    assert!(matches!(derive("{}", line), Err(DeriveError::Row(_))));
}

#[test]
fn a_providers_own_amount_beats_the_list_and_is_checked_against_it() {
    let settlement = SettlementText {
        prefer: Some(text("provider_cost")),
        unit: Some(text("credit")),
        usd: Some(text("0.01")),
        check: Some(text("0.01")),
        missing: Some(text("list")),
    };
    let models = vec![model("m", vec![row("2026-01-01", "input 1, output 2")])];
    let book = good(vec![PriceFile { settlement: Some(settlement), ..file(models) }]);
    let costing = bill(&book, "m", &[(Meter::Input, 1_000_000)], &Attributes::default());
    let settled = |wire: Option<&str>| settle(&book, "acme", &costing, wire).expect("an amount");
    let exact = settled(Some("1.01e2"));
    assert_eq!(exact.cost.map(PicoUsd::pico), Some(1_010_000_000_000));
    assert_eq!((exact.evidence, exact.drift), (Evidence::ProviderCost, Drift::Within));
    assert_eq!(settled(Some("102")).drift, Drift::Over);
    assert_eq!(settled(Some("0")).drift, Drift::Over);
    assert_eq!(settled(None).evidence, Evidence::Estimated);
    assert_eq!(settled(None).cost, costing.list);
    assert!(settle(&book, "acme", &costing, Some("many")).is_err());

    let settlement = SettlementText { prefer: Some(text("list")), ..SettlementText::default() };
    let models = vec![model("m", vec![row("2026-01-01", "input 1, output 2")])];
    let book = good(vec![PriceFile { settlement: Some(settlement), ..file(models) }]);
    let listed = |costing| settle(&book, "acme", costing, Some("5")).expect("an amount");
    assert_eq!((listed(&costing).cost, listed(&costing).evidence), (costing.list, Evidence::ProviderUsage));
    let unknown = bill(&book, "gone", &[(Meter::Input, 1)], &Attributes::default());
    assert_eq!(listed(&unknown).cost.map(PicoUsd::pico), Some(5_000_000_000_000));
}

#[test]
fn a_fixed_price_beats_the_discount_and_factors_apply_to_both() {
    let contract = ContractText {
        name: text("acme-2026"),
        from: text("2026-06-01"),
        until: Some(text("2026-07-01")),
        discount: Some(text("10")),
        except: vec![w(Meter::CacheRead)],
        rates: vec![ContractRatesText { model: text("m"), rates: rates("input 2"), ..ContractRatesText::default() }],
        ..ContractText::default()
    };
    let listed = RowText {
        when: vec![
            scale("geo us", "1.5"),
            WhenText { rates: rates("input 10, cache_read 1, output 20"), ..on("class priority") },
        ],
        ..row("2026-01-01", "input 4, cache_read 1, output 8, web_search \"10 / 1000 calls\"")
    };
    let models = vec![model("m", vec![listed])];
    let book = good(vec![PriceFile { layer: Layer::User, contracts: vec![contract], ..file(models) }]);
    let call = [(Meter::Input, 10), (Meter::CacheRead, 10), (Meter::Output, 10), (Meter::WebSearch, 1)];
    let us = |attributes: Attributes| Attributes { geo: Some("us".into()), ..attributes };
    let plain = bill(&book, "m", &call, &us(Attributes::default()));
    assert_eq!(
        amounts(&plain),
        [Some(30_000_000), Some(15_000_000), Some(108_000_000), Some(10_000_000_000)],
        "fixed; excepted; discounted; a fee"
    );
    assert_eq!(plain.list, Some(PicoUsd::from_pico(60_000_000 + 15_000_000 + 120_000_000 + 10_000_000_000)));
    assert_eq!(plain.lines[0].rate.as_deref(), Some("2 / 1M tokens"));
    assert_eq!(plain.prices.len(), 2);
    for line in &plain.lines {
        let used = plain.prices.iter().find(|used| Some(&used.price_id) == line.price_id.as_ref()).expect("stored");
        assert_eq!(derive(&used.row, line).ok(), line.amount);
    }
    // A price of its own for a class is no base price: the discount applies, the fixed price does not.
    let priority = bill(&book, "m", &call[..1], &us(class("priority")));
    assert_eq!(amounts(&priority), [Some(135_000_000)]);
    let usage = usage(&call[..1]);
    let attributes = Attributes::default();
    let after = Query { provider: "acme", model: "m", at: at("2026-07-01"), usage: &usage, attributes: &attributes };
    assert_eq!(amounts(&price(&book, &after)), [Some(40_000_000)]);
}

#[test]
fn the_parts_of_a_call_make_one_bill() {
    let book = good(vec![file(vec![
        model("m", vec![row("2026-01-01", "input 1, output 2")]),
        model("n", vec![row("2026-01-01", "input 3, output 4")]),
    ])]);
    let part = |name, count| bill(&book, name, &[(Meter::Input, count)], &Attributes::default());
    let whole = Costing::join([part("m", 10), part("n", 10), part("m", 1)]);
    assert_eq!(whole.list.map(PicoUsd::pico), Some(41_000_000));
    assert_eq!((whole.lines.len(), whole.prices.len(), whole.evidence), (3, 2, Evidence::ProviderUsage));
    let partly = Costing::join([part("m", 10), part("gone", 10)]);
    assert_eq!((partly.list.map(PicoUsd::pico), partly.evidence), (Some(10_000_000), Evidence::Unpriced));
    assert_eq!(partly.unpriced[0].to_string(), "no price knows this model");
    assert_eq!(Costing::join([part("gone", 10)]).list, None);
    assert_eq!(Costing::join([]).list, Some(PicoUsd::ZERO));
}

#[test]
fn the_answer_never_counts_towards_a_bound_that_is_for_the_excess_only() {
    let tier = TierText {
        over: Some(100),
        rates: rates("input 10, output 20"),
        scope: Some(text("excess")),
        ..TierText::default()
    };
    let book = one(RowText { context: vec![tier], ..row("2026-01-01", "input 1, output 2") });
    let costing = bill(&book, "m", &[(Meter::Input, 130), (Meter::Output, 1000)], &Attributes::default());
    assert_eq!(amounts(&costing), [Some(100_000_000), Some(300_000_000), Some(2_000_000_000)]);
}

#[test]
fn fees_have_conditions_of_their_own() {
    let fee = RowText {
        when: vec![
            WhenText { rates: rates("web_search \"14 / 1000 calls\""), ..on("route azure") },
            WhenText { only: Some(vec![w(Meter::WebSearch)]), ..scale("geo eu", "2") },
        ],
        ..row("2026-01-01", "web_search \"10 / 1000 calls\"")
    };
    let own = RowText {
        when: vec![WhenText { only: Some(vec![w(Meter::WebSearch)]), ..scale("size 2k", "3") }],
        ..row("2026-01-01", "input 1")
    };
    let book = good(vec![PriceFile { fees: vec![fee], ..file(vec![model("m", vec![own])]) }]);
    let fee = |attributes: &Attributes| {
        let costing = bill(&book, "m", &[(Meter::WebSearch, 1)], attributes);
        for line in &costing.lines {
            assert_eq!(derive_among(&costing.prices, line).ok(), line.amount);
        }
        amounts(&costing)
    };
    let azure = Attributes { route: Some("azure".into()), ..Attributes::default() };
    assert_eq!(fee(&Attributes::default()), [Some(10_000_000_000)]);
    assert_eq!(fee(&azure), [Some(14_000_000_000)]);
    assert_eq!(fee(&Attributes { geo: Some("eu".into()), ..azure.clone() }), [Some(28_000_000_000)]);
    // The factor stands in the row of the model, the price in that of the fees.
    assert_eq!(fee(&Attributes { size: Some("2k".into()), ..azure }), [Some(42_000_000_000)]);
}

#[test]
fn a_contract_fixes_fees_and_meters_that_fall_back_and_exempts_what_an_exempt_price_stands_in_for() {
    let contract = |terms: &str, except| ContractText {
        name: text("acme"),
        from: text("2026-01-01"),
        discount: Some(text("10")),
        except,
        rates: vec![ContractRatesText { model: text("m"), rates: rates(terms), ..ContractRatesText::default() }],
        ..ContractText::default()
    };
    let book = |contract| {
        good(vec![PriceFile {
            layer: Layer::User,
            contracts: vec![contract],
            fees: vec![row("2026-01-01", "web_search \"10 / 1000 calls\"")],
            ..file(vec![model("m", vec![row("2026-01-01", "input 1, output 2")])])
        }])
    };
    let call = [(Meter::Reasoning, 1_000_000), (Meter::WebSearch, 1)];
    let usd = |book: &PriceBook| amounts(&bill(book, "m", &call, &Attributes::default()));
    let fixed = book(contract("reasoning 1.5, web_search \"7 / 1000 calls\"", vec![]));
    assert_eq!(usd(&fixed), [Some(1_500_000_000_000), Some(7_000_000_000)]);
    let exempt = book(contract("input 1", vec![w(Meter::Output)]));
    assert_eq!(usd(&exempt), [Some(2_000_000_000_000), Some(10_000_000_000)]);
}

#[test]
fn a_fixed_price_of_what_no_list_prices_is_told() {
    let with = |terms: &str| {
        let fixed = ContractRatesText { model: text("m"), rates: rates(terms), ..ContractRatesText::default() };
        let contract = ContractText {
            name: text("acme"),
            from: text("2026-01-01"),
            rates: vec![fixed],
            ..ContractText::default()
        };
        let models = vec![model("m", vec![row("2026-01-01", "input 1, output 2")])];
        build(vec![PriceFile { layer: Layer::User, contracts: vec![contract], ..file(models) }]).1
    };
    assert_eq!(with("web_search \"7 / 1000 calls\""), [FaultKind::UnknownTarget]);
    assert_eq!(with("input 0.5, cache_read 0.1, reasoning 1"), [], "these have a price that stands in for one");
}

#[test]
fn a_discount_may_have_as_many_decimals_as_any_figure() {
    let contract = ContractText {
        name: text("acme"),
        from: text("2026-01-01"),
        discount: Some(text("33.333333333")),
        ..ContractText::default()
    };
    let models = vec![model("m", vec![row("2026-01-01", "input 3")])];
    let book = good(vec![PriceFile { layer: Layer::User, contracts: vec![contract], ..file(models) }]);
    // 1,000,000,000,000 x 3 x 0.66666666667
    let bill = bill(&book, "m", &[(Meter::Input, 1_000_000)], &Attributes::default());
    assert_eq!(amounts(&bill), [Some(2_000_000_000_010)]);
    assert_eq!(derive(&bill.prices[0].row, &bill.lines[0]).ok(), bill.lines[0].amount);
}
