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
    /// The list amount.
    pub list_pico: Option<i64>,
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
    }
    let query = Query { provider, model: &case.model, at: case.at, usage: &case.usage, attributes: &attributes };
    let costing = price(book, &query);
    let mut settled = settle(book, provider, &costing, case.provider_cost.as_deref())?;
    if case.partial {
        settled.evidence = settled.evidence.max(Evidence::PartialStream);
    }
    let charged = if case.plan.is_some() { settled.cost.map(|_| PicoUsd::ZERO) } else { settled.cost };
    Ok(Quoted { costing, settled, charged })
}

/// The provider's own amount out of a line copied from its answer: `…cost=N` in the provider's unit, `…ticks=N` in units of
/// 10⁻¹⁰ dollars. `None` where the line names neither.
fn reported_cost(line: &str) -> Option<String> {
    let mut words = line.split([' ', ',']).filter_map(|word| word.split_once('='));
    words.find_map(|(name, figure)| {
        if name.ends_with("ticks") {
            let usd = Ratio::literal(figure).ok()?.div(Ratio::whole(10_000_000_000)).ok()?;
            return Some(usd.to_string());
        }
        name.ends_with("cost").then(|| figure.to_owned())
    })
}
