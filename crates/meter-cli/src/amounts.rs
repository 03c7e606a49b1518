//! Amounts that say what they are made of.

use meter_call::{Billing, Evidence};
use meter_money::{figure, usd};
use meter_store::{CallRow, Totals};

use crate::show::{grouped, plural};

/// The currency of the amounts that are shown.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// As they are stored: `$12.34`.
    Dollars,
    /// Another one, by its code: `12.34 EUR`.
    In(&'a str),
}

impl Shown<'_> {
    fn amount(self, pico: i128) -> String {
        match self {
            Shown::Dollars => usd(pico).to_string(),
            Shown::In(code) => format!("{} {code}", figure(pico)),
        }
    }
}

/// `$12.34 exact + $0.56 estimated, 3 calls unpriced`: every part that is there, none that is not.
///
/// The tail of cut streams stands apart, because it is in no total.
pub fn made_of(totals: &Totals, shown: Shown<'_>) -> String {
    let sum = |grades: &[Evidence]| -> (i128, u64) {
        let parts = grades.iter().map(|grade| totals.part(*grade));
        parts.fold((0, 0), |(pico, calls), part| (pico + part.charged_pico, calls + part.requests))
    };
    let (exact, _) = sum(&[Evidence::None, Evidence::ProviderCost, Evidence::ProviderUsage]);
    let (partial, partial_calls) = sum(&[Evidence::PartialStream]);
    let (guessed, guessed_calls) = sum(&[Evidence::Estimated]);
    let mut text = format!("{} exact", shown.amount(exact));
    if partial_calls > 0 {
        text.push_str(&format!(" + {} seen of cut streams", shown.amount(partial)));
    }
    if guessed_calls > 0 {
        text.push_str(&format!(" + {} estimated", shown.amount(guessed)));
    }
    if totals.estimated_pico != 0 || totals.bound_pico != 0 {
        let (tail, bound) = (shown.amount(totals.estimated_pico), shown.amount(totals.bound_pico));
        text.push_str(&format!(", about {tail} (± {bound}) more that cut streams left out"));
    }
    if totals.unpriced() > 0 {
        text.push_str(&format!(", {} unpriced", plural(totals.unpriced(), "call", "calls")));
    }
    if totals.plan_list_pico != 0 {
        text.push_str(&format!(", {} at list prices covered by a plan", shown.amount(totals.plan_list_pico)));
    }
    text
}

/// The amount alone where all of it is exact, else with what it is made of.
pub fn total(totals: &Totals) -> String {
    let plain = Totals {
        charged_pico: totals.part(Evidence::None).charged_pico
            + totals.part(Evidence::ProviderCost).charged_pico
            + totals.part(Evidence::ProviderUsage).charged_pico,
        ..Totals::default()
    };
    let text = made_of(totals, Shown::Dollars);
    let exact = usd(plain.charged_pico).to_string();
    if text == format!("{exact} exact") { exact } else { text }
}

/// A row's cost with a mark of how sure it is: `$0.0187`, `≥ $0.01` of a cut stream, `~ $0.01` estimated, `unpriced`,
/// `plan` and `-` where nothing was billed.
pub fn of_row(row: &CallRow) -> String {
    let charged = row.charged.or(row.list).map(|amount| usd(amount).to_string()).unwrap_or_default();
    match (row.evidence, row.billing) {
        (Evidence::Unpriced, _) => "unpriced".to_owned(),
        (Evidence::None, _) => "-".to_owned(),
        (_, Billing::Plan) => "plan".to_owned(),
        (Evidence::PartialStream, _) => format!("≥ {charged}"),
        (Evidence::Estimated, _) => format!("~ {charged}"),
        (Evidence::ProviderCost | Evidence::ProviderUsage, _) => charged,
    }
}

/// Cost cell of a report's row; a total with unpriced calls is a lower bound.
pub fn of_totals(totals: &Totals, shown: Shown<'_>) -> String {
    let charged = shown.amount(totals.charged_pico);
    match totals.unpriced() {
        0 => charged,
        all if all == totals.requests => "unpriced".to_owned(),
        some => format!("{charged} + {} unpriced", grouped(some)),
    }
}

/// How sure a grade is, in words.
pub fn grade(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::None => "nothing was or could be billed",
        Evidence::ProviderCost => "the provider named the amount",
        Evidence::ProviderUsage => "the provider's complete usage at dated rates",
        Evidence::PartialStream => "what was seen before the stream broke: a lower bound",
        Evidence::Estimated => "some count or rate is our own guess",
        Evidence::Unpriced => "no price is known, so the amount is unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meter_store::Part;

    fn totals(parts: &[(Evidence, u64, i128)]) -> Totals {
        let mut totals = Totals::default();
        for (evidence, requests, charged_pico) in parts {
            totals.parts.insert(evidence.as_str(), Part { requests: *requests, charged_pico: *charged_pico });
            totals.requests += requests;
            if *evidence != Evidence::Unpriced {
                totals.charged_pico += charged_pico;
            }
        }
        totals
    }

    const CENT: i128 = 10_000_000_000;

    #[test]
    fn a_total_names_each_of_its_parts() {
        let mut all = totals(&[
            (Evidence::ProviderUsage, 5, 1234 * CENT),
            (Evidence::Estimated, 2, 56 * CENT),
            (Evidence::PartialStream, 1, CENT),
            (Evidence::Unpriced, 3, 0),
        ]);
        assert_eq!(
            made_of(&all, Shown::Dollars),
            "$12.34 exact + $0.01 seen of cut streams + $0.56 estimated, 3 calls unpriced"
        );
        all.estimated_pico = 11 * CENT;
        all.bound_pico = 5 * CENT;
        assert!(
            made_of(&all, Shown::Dollars).contains(", about $0.11 (± $0.05) more that cut streams left out, 3 calls")
        );
        assert_eq!(of_totals(&all, Shown::Dollars), "$12.91 + 3 unpriced");
        assert!(made_of(&all, Shown::In("EUR")).starts_with("12.34 EUR exact + 0.01 EUR seen of cut streams"));
        assert_eq!(of_totals(&all, Shown::In("EUR")), "12.91 EUR + 3 unpriced");
    }

    #[test]
    fn what_is_all_exact_needs_no_words() {
        let exact = totals(&[(Evidence::ProviderUsage, 3, 18_700_000_000), (Evidence::None, 1, 0)]);
        assert_eq!(total(&exact), "$0.0187");
        assert_eq!(made_of(&exact, Shown::Dollars), "$0.0187 exact");
        assert_eq!(total(&totals(&[(Evidence::Unpriced, 1, 0)])), "$0.00 exact, 1 call unpriced");
        assert_eq!(of_totals(&totals(&[(Evidence::Unpriced, 1, 0)]), Shown::Dollars), "unpriced");
    }
}
