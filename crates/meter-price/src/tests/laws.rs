//! What holds for every bill.

use super::*;
use meter_call::Evidence;
use meter_money::PicoUsd;
use proptest::prelude::*;

/// A book with everything that multiplies: tiers, classes, regions, fees.
fn book() -> PriceBook {
    good(vec![PriceFile {
        fees: vec![row("2026-01-01", "web_search \"10 / 1000 calls\", audio \"0.08 / minute\"")],
        ..file(vec![model(
            "m",
            vec![RowText {
                context: vec![TierText {
                    over: Some(200_000),
                    scale_input: Some(text("2")),
                    scale_output: Some(text("1.5")),
                    ..TierText::default()
                }],
                when: vec![scale("class batch", "0.5"), scale("class third", "1/3"), scale("geo us", "1.1")],
                ..row("2026-01-01", "input 0.435, cache_read 0.003625, cache_write_1h 8, output 1.98")
            }],
        )])
    }])
}

const METERS: [Meter; 7] = [
    Meter::Input,
    Meter::CacheRead,
    Meter::CacheWrite1h,
    Meter::Output,
    Meter::Reasoning,
    Meter::WebSearch,
    Meter::Audio,
];

fn counts() -> impl Strategy<Value = Vec<(Meter, u64)>> {
    proptest::collection::vec((0..METERS.len(), 0u64..400_000), 0..8)
        .prop_map(|counts| counts.into_iter().map(|(meter, count)| (METERS[meter], count)).collect())
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let class = prop_oneof![Just(None), Just(Some("batch".to_owned())), Just(Some("third".to_owned()))];
    let geo = prop_oneof![Just(None), Just(Some("us".to_owned()))];
    (class, geo).prop_map(|(class, geo)| Attributes { class, geo, ..Attributes::default() })
}

proptest! {
    #[test]
    fn lines_add_up_and_each_can_be_derived_again(counts in counts(), attributes in attributes()) {
        let costing = bill(&book(), "m", &counts, &attributes);
        prop_assert_eq!(costing.evidence, Evidence::ProviderUsage);
        let sum: i64 = costing.lines.iter().filter_map(|line| line.amount).map(PicoUsd::pico).sum();
        prop_assert_eq!(costing.list.map(PicoUsd::pico), Some(sum));
        prop_assert_eq!(costing.list, costing.contract);
        for line in &costing.lines {
            let used = costing.prices.iter().find(|used| Some(&used.price_id) == line.price_id.as_ref());
            prop_assert_eq!(derive(&used.expect("every line names its row").row, line).ok(), line.amount);
        }
    }

    #[test]
    fn half_of_twice_as_much_is_as_much(count in 1u64..90_000) {
        let book = book();
        let whole = bill(&book, "m", &[(Meter::Output, count)], &Attributes::default());
        let half = bill(&book, "m", &[(Meter::Output, 2 * count)], &class("batch"));
        prop_assert_eq!(whole.list, half.list);
    }

    #[test]
    fn splitting_a_call_moves_at_most_one_unit(a in 0u64..90_000, b in 0u64..90_000, attributes in attributes()) {
        let book = book();
        let one = |count| bill(&book, "m", &[(Meter::CacheRead, count)], &attributes).list.map_or(0, PicoUsd::pico);
        prop_assert!((one(a) + one(b) - one(a + b)).abs() <= 1);
    }

    #[test]
    fn more_never_costs_less(counts in counts(), meter in 0..METERS.len(), more in 0u64..1000, attributes in attributes()) {
        let book = book();
        let mut larger = counts.clone();
        larger.push((METERS[meter], more));
        prop_assert!(bill(&book, "m", &counts, &attributes).list <= bill(&book, "m", &larger, &attributes).list);
    }

    #[test]
    fn no_name_breaks_the_search(name in ".{0,80}") {
        let costing = bill(&book(), &name, &[(Meter::Input, 1)], &Attributes::default());
        prop_assert_eq!(costing.list.is_some(), name == "m");
    }
}
