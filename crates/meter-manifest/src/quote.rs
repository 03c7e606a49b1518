//! Calls that a person asks the price of, and what they may expect.
//!
//! A file of `[[case]]` tables: provider, model, instant, `[case.usage]` by meter, `[case.attributes]`; with `[[case.line]]`
//! or `[case.expect]` the bill is compared. Keys that only people read (`title`, `why`, `source` …) are left alone.

mod compare;
mod read;

use meter_call::{Buckets, Conditions, Evidence, UnixMillis};
use meter_money::{MoneyError, PicoUsd, Ratio};
use meter_price::{Attributes, Costing, PriceBook, Query, Served, Settled, price, settle};

pub use compare::differences;
pub use read::read;

/// One call to price.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Its name; `1`, `2` … where it has none.
    pub id: String,
    /// Price id of the provider, or another name it goes by.
    pub provider: String,
    /// Exact model name.
    pub model: String,
    /// When the call ended.
    pub at: UnixMillis,
    /// Disjoint counts.
    pub usage: Buckets,
    /// Conditions; the class is settled by [`quote`].
    pub attributes: Attributes,
    /// Words of the wire that pick the class.
    pub words: ClassWords,
    /// The provider's own amount in its unit.
    pub provider_cost: Option<String>,
    /// The stream broke: usage is a lower bound.
    pub partial: bool,
    /// Name of the subscription it was on: list amount kept, charged 0.
    pub plan: Option<String>,
    /// What it should come to.
    pub expected: Option<Expected>,
}

/// What picks the price class.
#[derive(Clone, Debug, Default)]
pub struct ClassWords {
    /// Result of a batch.
    pub batched: bool,
    /// `speed` of the answer.
    pub speed: Option<String>,
    /// The tier that was served, in the wire's word.
    pub served: Option<String>,
    /// The tier that was asked for.
    pub requested: Option<String>,
}

/// What a case should come to; `None` = not said.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// `false`: no amount, quantities kept.
    pub priced: bool,
    /// The amount that counts.
    pub total_pico: Option<i64>,
    /// The same in dollars.
    pub total: Option<PicoUsd>,
    /// The list amount.
    pub list_pico: Option<i64>,
    /// What is paid: 0 on a plan.
    pub charged_pico: Option<i64>,
    /// The grade.
    pub grade: Option<String>,
    /// Whether list and provider differ by more than allowed.
    pub drift: Option<bool>,
    /// The model whose row is used.
    pub priced_as: Option<String>,
    /// First instant of that row.
    pub rates_from: Option<UnixMillis>,
    /// Size of the prompt.
    pub prompt_tokens: Option<u64>,
    /// Lines, in any order.
    pub lines: Vec<ExpectedLine>,
    /// Amounts that known mistakes give.
    pub wrong: Vec<(i64, String)>,
}

/// A line that a bill should have.
#[derive(Clone, Debug)]
pub struct ExpectedLine {
    /// Name of the meter.
    pub meter: String,
    /// How many.
    pub quantity: u64,
    /// `3 / 1M tokens`; compared as a number.
    pub rate: Option<String>,
    /// Names and factors.
    pub multipliers: Vec<(String, String)>,
    /// The amount.
    pub pico: i64,
}

/// The answer to a case.
#[derive(Clone, Debug)]
pub struct Quoted {
    /// The bill.
    pub costing: Costing,
    /// The amount that counts and its grade.
    pub settled: Settled,
    /// What is paid for this call: 0 on a plan.
    pub charged: Option<PicoUsd>,
}

/// Prices a case.
///
/// # Errors
/// [`MoneyError`] when the provider's own amount is no number.
pub fn quote(book: &PriceBook, case: &Case) -> Result<Quoted, MoneyError> {
    let provider = book.provider_id(&case.provider).unwrap_or(&case.provider);
    let mut attributes = case.attributes.clone();
    if attributes.class.is_none() {
        let ClassWords { batched, speed, served, requested } = &case.words;
        let conditions = Conditions { tier_requested: requested.clone(), ..Conditions::default() };
        let served = Served {
            batched: *batched,
            speed: speed.as_deref(),
            service_tier: served.as_deref(),
            geo: None,
            route: None,
            thinking: None,
            conditions: &conditions,
        };
        let by_words = book.attributes(provider, &served);
        (attributes.class, attributes.class_requested) = (by_words.class, by_words.class_requested);
    } else if let (Some(word), None, None) = (&case.words.requested, &case.words.served, &case.words.speed) {
        // The class of the case is the one that was asked for: nothing says that it was served.
        let asked = book.wire_class(provider, word);
        let class = attributes.class.as_deref().map(|class| book.wire_class(provider, class));
        attributes.class_requested = class == Some(asked);
    }
    let query = Query { provider, model: &case.model, at: case.at, usage: &case.usage, attributes: &attributes };
    let mut costing = price(book, &query);
    let mut settled = settle(book, provider, &costing, case.provider_cost.as_deref())?;
    if settled.evidence == Evidence::Estimated && costing.evidence < Evidence::Estimated {
        costing.guesses.push("this provider names its amount and here did not: the list price".to_owned());
    }
    // What the provider billed is no lower bound, however the stream ended.
    if case.partial && settled.evidence != Evidence::ProviderCost {
        settled.evidence = settled.evidence.max(Evidence::PartialStream);
    }
    let charged = if case.plan.is_some() { settled.cost.map(|_| PicoUsd::ZERO) } else { settled.cost };
    Ok(Quoted { costing, settled, charged })
}

/// The provider's own amount out of a line copied from its answer: `…cost=N` in the provider's unit, `…ticks=N` in units of
/// 10⁻¹⁰ dollars. `None` where the line names neither.
///
/// A total beats its parts. With an own key (`is_byok=true`) the cost is the fee only, and `…upstream_inference_cost=N` comes
/// on top.
fn reported_cost(line: &str) -> Option<String> {
    let words: Vec<(&str, &str)> = line
        .split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';'))
        .filter_map(|word| word.split_once('='))
        .map(|(name, figure)| (name.rsplit('.').next().unwrap_or(name), figure.trim_end_matches(['.', ')'])))
        .collect();
    let named = |name: &str| words.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure);
    if let Some((_, ticks)) = words.iter().find(|(name, _)| name.ends_with("ticks")) {
        return Some(Ratio::literal(ticks).ok()?.div(Ratio::whole(10_000_000_000)).ok()?.to_string());
    }
    const UPSTREAM: &str = "upstream_inference_cost";
    let whole = ["cost", "total_cost", "estimated_cost"].into_iter().find_map(named);
    let other = || words.iter().find(|(name, _)| name.ends_with("cost") && *name != UPSTREAM);
    let cost = whole.or_else(|| other().map(|(_, figure)| *figure))?;
    match named(UPSTREAM).filter(|_| named("is_byok") != Some("false")) {
        Some(upstream) => Some(Ratio::wire(cost).ok()?.add(Ratio::wire(upstream).ok()?).ok()?.to_string()),
        None => Some(cost.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amount_of_an_answer_is_the_whole_of_it() {
        let check = |line: &str, expected: Option<&str>| assert_eq!(reported_cost(line).as_deref(), expected, "{line}");
        check("usage.cost=1.2936e-02", Some("1.2936e-02"));
        check("cost_in_usd_ticks=28500000", Some("0.00285"));
        check("usage.cost.input_tokens_cost=0.001 usage.cost.total_cost=0.005, usage.x=1", Some("0.005"));
        check("estimated_cost=0.25", Some("0.25"));
        check("usage.cost=0.0006 is_byok=true cost_details.upstream_inference_cost=1.2e-2", Some("0.0126"));
        check("usage.cost=0.0126 is_byok=false cost_details.upstream_inference_cost=0.0126", Some("0.0126"));
        check("input_tokens=7 output_tokens=611", None);
    }
}
