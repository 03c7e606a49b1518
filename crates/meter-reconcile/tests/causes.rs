//! Which cause a difference is given: what the figures prove, what is a guess, and what stands beside it.

use meter_call::Meter;
use meter_reconcile::{AsIf, Cause, Compared, Grounds, Line, Metered, compare, read};
use std::collections::BTreeMap;

const DOLLAR: i128 = 1_000_000_000_000;
const CENT: i128 = DOLLAR / 100;
const DAY: &str = "2026-11-24";
const COSTS: &str = "usage_date_utc,model,cost_usd,usage_type,list_price_usd\n";
const USAGE: &str = "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n";

type Ours = Vec<(&'static str, &'static str, Metered)>;

fn against(text: &str, ours: Ours) -> Compared {
    let export = read(text).expect("a report");
    assert_eq!(export.unread, Vec::<String>::new());
    let ours: BTreeMap<_, _> =
        ours.into_iter().map(|(day, model, metered)| ((day.to_owned(), model.to_owned()), metered)).collect();
    compare(&export, &ours, |_, model| model.to_owned())
}

/// The one difference of a report with one row of cost.
fn of_cost(row: &str, ours: Metered) -> Option<Line> {
    let compared = against(&format!("{COSTS}{DAY},m,{row}\n"), vec![(DAY, "m", ours)]);
    assert!(compared.differences().count() <= 1);
    compared.differences().next().cloned()
}

fn check(line: Option<Line>, grounds: Grounds, causes: &[Cause]) {
    let line = line.expect("a difference");
    let all: Vec<Cause> = line.cause.into_iter().chain(line.or).collect();
    assert_eq!((all.as_slice(), line.grounds), (causes, grounds), "{}: {} and {}", line.day, line.theirs, line.ours);
}

fn charged(pico: i128) -> Metered {
    Metered { calls: 3, charged_pico: pico, ..Metered::default() }
}

fn tokens(calls: u64, meters: &[(Meter, u64)]) -> Metered {
    Metered { calls, meters: meters.iter().copied().collect(), ..Metered::default() }
}

fn billed_as(axis: &str, value: &str, share: Option<&str>) -> Cause {
    Cause::BilledAs { axis: axis.into(), value: value.into(), share: share.map(str::to_owned) }
}

/// 10 dollars here, 5 as a batch, 11 in another geography.
fn ten_dollars() -> Metered {
    let as_if = |cause, charged_pico| AsIf { cause, charged_pico };
    let as_if = vec![
        as_if(billed_as("class", "batch", None), 5 * DOLLAR),
        as_if(billed_as("geo", "us", None), 11 * DOLLAR),
        as_if(Cause::PriceChange { from: "2026-11-24T12:00:00Z".into() }, 8 * DOLLAR),
        as_if(Cause::PricesNow, 10_300 * DOLLAR / 1000),
    ];
    Metered { as_if, ..charged(10 * DOLLAR) }
}

fn discount(per_cent: &str) -> Cause {
    Cause::Discount { per_cent: per_cent.into() }
}

const PAST: Cause = Cause::CallsPastTheMeter { calls: None };

#[test]
fn a_condition_of_the_price_is_a_cause_when_it_gives_the_amount() {
    check(of_cost("5.00,,", ten_dollars()), Grounds::Figures, &[billed_as("class", "batch", None)]);
    check(of_cost("11.00,,", ten_dollars()), Grounds::Figures, &[billed_as("geo", "us", None)]);
    let change = Cause::PriceChange { from: "2026-11-24T12:00:00Z".into() };
    check(of_cost("8.00,,", ten_dollars()), Grounds::Figures, &[change]);
    check(of_cost("10.30,,", ten_dollars()), Grounds::Guess, &[Cause::PricesNow]);
    // Half of what was metered is no batch where the model has no such class.
    check(
        of_cost("5.00,,", charged(10 * DOLLAR)),
        Grounds::Guess,
        &[discount("50.0"), Cause::LastDay, Cause::NarrowReport],
    );
}

#[test]
fn a_mix_of_batch_and_standard_is_not_called_a_discount() {
    // Nothing proves it: both stand there, and that the report may be narrower.
    let mixed = [billed_as("class", "batch", Some("50.0")), discount("25.0"), Cause::LastDay, Cause::NarrowReport];
    check(of_cost("7.50,,", ten_dollars()), Grounds::Guess, &mixed);
    // A report that names the classes settles it: 2.50 of 7.50 were billed as a batch.
    let text = format!("{COSTS}{DAY},m,5.00,standard,\n{DAY},m,2.50,batch,\n");
    let compared = against(&text, vec![(DAY, "m", ten_dollars())]);
    check(compared.differences().next().cloned(), Grounds::Figures, &[billed_as("class", "batch", Some("50.0"))]);
    // … and rules out what it does not name.
    let none = [discount("25.0"), Cause::LastDay, Cause::NarrowReport];
    check(of_cost("7.50,standard,", ten_dollars()), Grounds::Guess, &none);
    // Less than all of it as a batch would cost: no share explains it.
    let less = of_cost("4.00,,", ten_dollars()).unwrap();
    assert!(!less.or.iter().any(|cause| matches!(cause, Cause::BilledAs { .. })), "{less:?}");
}

#[test]
fn a_discount_is_the_same_on_every_line_or_printed_by_the_report() {
    let rows = "2026-11-23,m,7.50,,\n2026-11-24,m,7.50,,\n2026-11-25,m,10.00,,\n";
    let ours = vec![("2026-11-23", "m", ten_dollars()), (DAY, "m", ten_dollars()), ("2026-11-25", "m", ten_dollars())];
    let compared = against(&format!("{COSTS}{rows}"), ours);
    for line in compared.differences() {
        let causes = [discount("25.0"), billed_as("class", "batch", Some("50.0")), Cause::NarrowReport];
        check(Some(line.clone()), Grounds::Guess, &causes);
    }
    check(of_cost("7.50,,10.00", ten_dollars()), Grounds::Figures, &[discount("25.0")]);
}

#[test]
fn more_on_a_bill_that_counts_no_calls_are_first_of_all_calls_past_the_meter() {
    check(of_cost("3.00,,", charged(DOLLAR)), Grounds::Guess, &[PAST, Cause::Price]);
    check(
        of_cost("3.00,,", Metered { unpriced: 2, ..charged(DOLLAR) }),
        Grounds::Guess,
        &[Cause::Unpriced { calls: 2 }, PAST],
    );
    let broken = Cause::BrokenStreams { calls: 1 };
    check(
        of_cost("3.00,,", Metered { incomplete: 1, ..charged(DOLLAR) }),
        Grounds::Guess,
        &[PAST, broken, Cause::Price],
    );
    // A plan explains just what its calls would have cost.
    let plan = |plan_pico| Metered { on_plan: 1, plan_pico, ..charged(DOLLAR) };
    check(of_cost("3.00,,", plan(2 * DOLLAR)), Grounds::Figures, &[Cause::Plan { calls: 1 }]);
    check(of_cost("3.00,,", plan(DOLLAR)), Grounds::Guess, &[PAST, Cause::Plan { calls: 1 }, Cause::Price]);
}

#[test]
fn a_credit_is_no_call() {
    let text = format!("{COSTS}{DAY},m,10.00,,\n{DAY},m,-2.50,,\n{DAY},,-1.00,,\n");
    let compared = against(&text, vec![(DAY, "m", charged(10 * DOLLAR))]);
    let causes: Vec<_> = compared.differences().map(|line| (line.theirs, line.cause.clone().unwrap())).collect();
    let credit = |pico| Cause::Credit { pico };
    assert_eq!(causes, [(-DOLLAR, credit(-DOLLAR)), (750 * CENT, credit(-250 * CENT))]);
    assert_eq!(compared.totals["cost"], (650 * CENT, 10 * DOLLAR));
}

#[test]
fn a_row_without_a_model_among_others_is_not_called_unmetered() {
    let compared = against(&format!("{COSTS}{DAY},m,1.00,,\n{DAY},,2.00,,\n"), vec![(DAY, "m", charged(DOLLAR))]);
    check(compared.differences().next().cloned(), Grounds::Figures, &[Cause::NoModel]);
}

#[test]
fn rounding_is_what_the_printed_decimals_make_and_no_more() {
    // One row of whole cents: half a cent.
    assert_eq!(of_cost("0.10,,", charged(CENT * 10 + CENT / 2)), None);
    assert!(of_cost("0.10,,", charged(CENT * 10 + CENT / 2 + 1)).is_some());
    // Five decimals are finer, so less is rounding; half a cent would hide a whole call.
    assert!(of_cost("0.10000,,", charged(CENT * 10 + CENT / 4)).is_some());
    // Each row is rounded once.
    let two = format!("{COSTS}{DAY},m,0.05,a,\n{DAY},m,0.05,b,\n");
    assert_eq!(against(&two, vec![(DAY, "m", charged(CENT * 11))]).differences().count(), 0);
}

#[test]
fn another_day_takes_more_than_one_equal_amount() {
    let day = |day: &str, cost: &str| format!("{day},m,{cost},,\n");
    let causes = |first: &str, second: &str, ours: [i128; 2]| {
        let text = format!("{COSTS}{}{}", day("2026-11-23", first), day(DAY, second));
        let compared = against(&text, vec![("2026-11-23", "m", charged(ours[0])), (DAY, "m", charged(ours[1]))]);
        compared
            .differences()
            .map(|line| (line.cause.clone().unwrap(), line.grounds, line.or.clone()))
            .collect::<Vec<_>>()
    };
    let on = |day: &str| Cause::AnotherDay { day: day.to_owned() };
    // A dollar more and a dollar less: it may be, and may be chance.
    let found = causes("1", "3", [2 * DOLLAR, 2 * DOLLAR]);
    assert_eq!(found[0], (discount("50.0"), Grounds::Guess, vec![on(DAY), Cause::NarrowReport]));
    assert_eq!(found[1], (PAST, Grounds::Guess, vec![on("2026-11-23"), Cause::Price]));
    // The same to the hundred-thousandth of a dollar is not.
    let found = causes("1.23456", "3.00000", [223_456 * DOLLAR / 100_000, 2 * DOLLAR]);
    assert_eq!(found, [(on(DAY), Grounds::Figures, vec![]), (on("2026-11-23"), Grounds::Figures, vec![])]);
}

#[test]
fn another_day_needs_every_figure_and_one_neighbour() {
    let row = |day: &str, input: u64, output: u64| format!("{day},m,{input},0,0,0,{output}\n");
    let ours = |input, output| tokens(2, &[(Meter::Input, input), (Meter::Output, output)]);
    let causes = |text: &str, ours: Ours| {
        let compared = against(&format!("{USAGE}{text}"), ours);
        compared.differences().map(|line| line.cause.clone().unwrap()).collect::<Vec<_>>()
    };
    let on = |day: &str| Cause::AnotherDay { day: day.to_owned() };
    let two = row("2026-11-23", 100, 20) + &row(DAY, 100, 20);
    let found = causes(&two, vec![("2026-11-23", "m", ours(150, 30)), (DAY, "m", ours(50, 10))]);
    assert_eq!(found, [on(DAY), on(DAY), on("2026-11-23"), on("2026-11-23")]);
    // The output does not cancel out.
    let found = causes(&two, vec![("2026-11-23", "m", ours(150, 30)), (DAY, "m", ours(50, 12))]);
    assert_eq!(found, [Cause::NarrowReport, Cause::NarrowReport, PAST, PAST]);
    // Both neighbours would do.
    let three = row("2026-11-23", 100, 20) + &row(DAY, 100, 20) + &row("2026-11-25", 100, 20);
    let found = causes(
        &three,
        vec![("2026-11-23", "m", ours(50, 10)), (DAY, "m", ours(150, 30)), ("2026-11-25", "m", ours(50, 10))],
    );
    assert!(!found.iter().any(|cause| matches!(cause, Cause::AnotherDay { .. })), "{found:?}");
}

#[test]
fn a_prompt_that_is_divided_otherwise_is_told_from_calls_that_are_missing() {
    let ours = tokens(2, &[(Meter::Input, 700), (Meter::CacheRead, 300), (Meter::Output, 50)]);
    let compared = against(&format!("{USAGE}{DAY},m,400,100,0,500,50\n"), vec![(DAY, "m", ours)]);
    assert_eq!(compared.differences().count(), 3);
    assert!(compared.differences().all(|line| line.cause == Some(Cause::Split)));
}

#[test]
fn a_model_under_another_name_is_recognized_by_its_figures() {
    let ours = || tokens(2, &[(Meter::Input, 700), (Meter::Output, 50)]);
    let compared = against(&format!("{USAGE}{DAY},m-20260922,700,0,0,0,50\n"), vec![(DAY, "m-latest", ours())]);
    let other = |model: &str| Some(Cause::OtherName { model: model.into() });
    let causes: Vec<_> = compared.differences().map(|line| line.cause.clone()).collect();
    assert_eq!(causes, [other("m-latest"), other("m-latest"), other("m-20260922"), other("m-20260922")]);
    // Two of them: nobody can say which.
    let twins = format!("{USAGE}{DAY},m-1,700,0,0,0,50\n{DAY},m-2,700,0,0,0,50\n");
    let causes = against(&twins, vec![(DAY, "m-latest", ours())]);
    assert!(causes.differences().all(|line| matches!(line.cause, Some(Cause::NotMetered | Cause::NotInReport))));
}

#[test]
fn a_call_that_failed_here_may_be_billed_there() {
    let text = r#"{"data":[{"start_time":1795478400,"end_time":1795564800,"results":[{"input_tokens":200,"output_tokens":20,"num_model_requests":2,"model":"m"}]}]}"#;
    let ours = Metered { failed: 1, ..tokens(1, &[(Meter::Input, 100), (Meter::Output, 10)]) };
    let compared = against(text, vec![(DAY, "m", ours)]);
    let causes = [Cause::BilledThoughFailed { calls: 1 }, Cause::CallsPastTheMeter { calls: Some(1) }];
    for line in compared.differences() {
        check(Some(line.clone()), Grounds::Guess, &causes);
    }
}

#[test]
fn a_word_that_is_no_class_rules_none_out_and_a_tiny_share_explains_nothing() {
    let mixed = [billed_as("class", "batch", Some("50.0")), discount("25.0"), Cause::LastDay, Cause::NarrowReport];
    check(of_cost("7.50,message,", ten_dollars()), Grounds::Guess, &mixed);
    check(of_cost("9.96,message,", ten_dollars()), Grounds::Guess, &[Cause::LastDay, Cause::NarrowReport]);
}

#[test]
fn calls_on_a_plan_are_on_no_usage_report() {
    let ours = |calls| Metered { on_plan: 1, ..tokens(calls, &[(Meter::Input, 500), (Meter::Output, 50)]) };
    let compared = against(&format!("{USAGE}{DAY},m,300,0,0,0,20\n"), vec![(DAY, "m", ours(2)), (DAY, "n", ours(1))]);
    let first = compared.differences().next().cloned();
    check(first, Grounds::Guess, &[Cause::Plan { calls: 1 }, Cause::LastDay, Cause::NarrowReport]);
    check(compared.differences().last().cloned(), Grounds::Figures, &[Cause::Plan { calls: 1 }]);
}

#[test]
fn a_day_that_cancels_out_is_on_both_days_or_on_none() {
    let text = format!("{COSTS}2026-11-23,m,0.06,,\n2026-11-25,m,1.00,,\n");
    let ours = |pico| Metered { calls: 1, ..charged(pico) };
    let days = vec![("2026-11-23", "m", ours(3 * CENT)), (DAY, "m", ours(3 * CENT)), ("2026-11-25", "m", ours(DOLLAR))];
    for line in against(&text, days).differences() {
        assert!(!matches!(line.cause, Some(Cause::AnotherDay { .. })), "{line:?}");
        assert!(matches!(line.or.first(), Some(Cause::AnotherDay { .. })), "{line:?}");
        assert_eq!(line.grounds, Grounds::Guess);
    }
}
