//! The price book: names, dates and rows, immutable once built.

use crate::cost::fallback;
use crate::near::near;
use crate::row::{Axis, Price, PricedRow};
use crate::{Attributes, Credit, Currencies, Factor, Rate, Served};
use meter_call::{Meter, Side, UnixMillis};
use meter_money::{PicoUsd, Ratio};
use regex::bytes::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every price there is, by provider. Built by [`crate::PriceBookBuilder`]; cheap to share, never changed.
#[derive(Clone, Debug, Default)]
pub struct PriceBook {
    pub(crate) providers: BTreeMap<String, Provider>,
    pub(crate) currencies: Currencies,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Provider {
    pub also: Vec<String>,
    pub models: Vec<Model>,
    /// Exact ids and aliases, as indexes into `models`.
    pub names: BTreeMap<String, usize>,
    /// Names that moved, by `from`.
    pub moving: Vec<Moving>,
    pub patterns: Vec<(Pattern, usize)>,
    pub fees: Vec<Arc<PricedRow>>,
    pub tiers: BTreeMap<String, String>,
    pub settlement: Option<Settlement>,
    pub contracts: Vec<Contract>,
    pub plans: Vec<Plan>,
}

/// A regular expression over whole names.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    written: String,
    read: Read,
}

#[derive(Clone, Debug)]
enum Read {
    /// Letters and digits in a row, `None` for any digit: what nearly every pattern is, and far cheaper to make.
    Row(Vec<Option<u8>>),
    Other(Regex),
}

impl Pattern {
    /// Matches the whole name or nothing. Classes are ASCII: names are, and tables of all scripts take most of the time it
    /// takes to load every price.
    pub fn new(written: &str) -> Result<Pattern, regex::Error> {
        let read = match row_of(written) {
            Some(row) => Read::Row(row),
            None => {
                if written.contains(')') {
                    // A bracket that closes what was not opened would end the anchors' own.
                    Regex::new(written)?;
                }
                let anchored = format!(r"\A(?:{written})\z");
                Read::Other(regex::bytes::RegexBuilder::new(&anchored).unicode(false).build()?)
            }
        };
        Ok(Pattern { written: written.to_owned(), read })
    }

    pub fn written(&self) -> &str {
        &self.written
    }

    pub fn is_match(&self, name: &str) -> bool {
        match &self.read {
            Read::Row(row) => {
                let same =
                    |(wanted, byte): (&Option<u8>, u8)| wanted.map_or(byte.is_ascii_digit(), |letter| letter == byte);
                row.len() == name.len() && row.iter().zip(name.bytes()).all(same)
            }
            Read::Other(read) => read.is_match(name.as_bytes()),
        }
    }
}

/// The bytes of a pattern made of plain letters, escaped points, `\d` and `\d{n}` only.
fn row_of(written: &str) -> Option<Vec<Option<u8>>> {
    let mut row = Vec::new();
    let mut rest = written;
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(r"\d") {
            let (count, after) = match after.strip_prefix('{').and_then(|count| count.split_once('}')) {
                Some((count, after)) => (count.parse::<u8>().ok()?, after),
                None => (1, after),
            };
            row.extend(std::iter::repeat_n(None, usize::from(count)));
            rest = after;
        } else if let Some(after) = rest.strip_prefix(r"\.") {
            row.push(Some(b'.'));
            rest = after;
        } else if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '/' | ':' | '@') {
            row.push(u8::try_from(letter).ok());
            rest = &rest[1..];
        } else {
            return None;
        }
        // What repeats or is optional is for a real expression.
        if rest.starts_with(['?', '*', '+', '{']) {
            return None;
        }
    }
    Some(row)
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub id: String,
    pub max_output: Option<u64>,
    /// By `from`.
    pub rows: Vec<Arc<PricedRow>>,
    /// Conditions that the model itself has overlays for: every row has them, also one that is written later.
    pub shared: Vec<BTreeMap<Axis, Vec<String>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub name: String,
    pub to: usize,
    pub from: UnixMillis,
    pub until: Option<UnixMillis>,
}

/// What a provider file says of amounts the provider names itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Settlement {
    /// The provider's amount beats the list.
    pub prefer_provider: bool,
    /// Dollars in the provider's unit.
    pub usd: Ratio,
    /// Share by which list and provider may differ before a row is flagged.
    pub check: Option<Ratio>,
    /// Without an amount on the wire the list price is only an estimate.
    pub missing_is_estimate: bool,
}

/// A user's terms.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    pub name: String,
    pub from: UnixMillis,
    pub until: Option<UnixMillis>,
    /// 1 minus the discount.
    pub factor: Option<Factor>,
    pub except: BTreeSet<Meter>,
    /// By the id of the list row: the same row with the contract's fixed prices, and the meters they are for.
    pub fixed: BTreeMap<String, (Arc<PricedRow>, BTreeSet<Meter>)>,
    pub credits: Vec<Credit>,
}

impl Contract {
    /// The fixed price of a meter on a row, with the row that holds it.
    pub(crate) fn fixed(&self, row: &PricedRow, meter: Meter) -> Option<(&Rate, &PricedRow)> {
        let (fixed, _) = self.fixed.get(row.id()).filter(|(_, meters)| meters.contains(&meter))?;
        match fixed.row.rates.get(meter)? {
            Price::Rate(rate) => Some((rate, fixed)),
            Price::As(_) => None,
        }
    }
}

/// A flat subscription of the user's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it costs a month.
    pub usd_month: PicoUsd,
}

/// What a word of the wire means for the price.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WireClass {
    /// The standard rates.
    Standard,
    /// A price class.
    Class(String),
    /// Served from reserved capacity: nothing is billed per token.
    NoPrice,
}

impl PriceBook {
    /// The same prices without anybody's contracts: what lists are compared with.
    #[must_use]
    pub fn at_list(&self) -> PriceBook {
        let mut book = self.clone();
        book.providers.values_mut().for_each(|provider| provider.contracts.clear());
        book
    }

    /// The class to price: `batch` if the call is a batch result, else the speed if it is not standard, else the served
    /// tier. Words are those of the wire; [`crate::price`] translates what is returned by the file's `[tiers]`.
    pub fn class(&self, provider: &str, batched: bool, speed: Option<&str>, tier: Option<&str>) -> Option<String> {
        if batched {
            return Some("batch".to_owned());
        }
        let unusual = |word: &&str| self.wire_class(provider, word) != WireClass::Standard;
        speed.filter(unusual).or(tier.filter(unusual)).map(str::to_owned)
    }

    /// The conditions of a call in the words of the price files. Where the answer does not say what was served, the tier that
    /// was asked for stands in for it, and [`Attributes::class_requested`] says so.
    pub fn attributes(&self, provider: &str, served: &Served<'_>) -> Attributes {
        let Served { batched, speed, service_tier, geo, route, thinking, conditions } = *served;
        let of_surface = conditions.class.clone().filter(|_| !batched);
        let class = of_surface.or_else(|| self.class(provider, batched, speed, service_tier));
        let silent = class.is_none() && service_tier.is_none();
        let asked = conditions.tier_requested.clone().filter(|_| silent);
        let asked = asked.filter(|word| self.wire_class(provider, word) != WireClass::Standard);
        Attributes {
            class_requested: asked.is_some(),
            class: class.or(asked),
            geo: geo.map(str::to_owned),
            route: route.map(str::to_owned),
            search_context: conditions.search_context.clone(),
            size: conditions.size.clone(),
            quality: conditions.quality.clone(),
            resolution: conditions.resolution.clone(),
            cache_mode: conditions.cache_mode.clone(),
            thinking,
        }
    }

    /// What the provider's word for a tier or speed means; a word its file does not list is a class by itself, but for
    /// `standard` and `default`.
    pub fn wire_class(&self, provider: &str, word: &str) -> WireClass {
        let listed = self.providers.get(provider).and_then(|provider| provider.tiers.get(word));
        match listed.map_or(word, String::as_str) {
            "" | "standard" | "default" => WireClass::Standard,
            "unpriced" => WireClass::NoPrice,
            class => WireClass::Class(class.to_owned()),
        }
    }

    /// Most answer tokens the model gives, where its file says so.
    pub fn max_output(&self, provider: &str, model: &str) -> Option<u64> {
        let provider = self.providers.get(provider)?;
        // Moving names need an instant; the limit of whatever the name means last is near enough for a hold.
        provider.find(model, UnixMillis(i64::MAX)).and_then(|model| model.max_output)
    }

    /// Input and output rate of the row that holds at `at`, without tiers or overlays: enough for a budget's hold. Where all
    /// that a row has prices for is prompt tokens, as of an embedding, the answer costs nothing. A row that prices other
    /// work, such as pictures, but no output gives no hint: the work would be left out.
    pub fn rate_hint(&self, provider: &str, model: &str, at: UnixMillis) -> Option<(Rate, Rate)> {
        let row = self.providers.get(provider)?.find(model, at)?.row_at(at)?;
        let rate = |meter| match row.row.rates.get(meter)? {
            Price::Rate(rate) => Some(rate.clone()),
            Price::As(other) => match row.row.rates.get(*other)? {
                Price::Rate(rate) => Some(rate.clone()),
                Price::As(_) => None,
            },
        };
        let prompts_only = || row.row.priced_meters().all(|meter| meter.side() == Side::Input);
        let free = || prompts_only().then(|| Rate::per_million("0").ok()).flatten();
        Some((rate(Meter::Input)?, rate(Meter::Output).or_else(free)?))
    }

    /// Where the rates of a call come from: `bundled-2026-11-24` with the date they were last compared, or `override`
    /// for the user's own.
    pub fn rates_source(&self, provider: &str, model: &str, at: UnixMillis) -> Option<String> {
        let row = self.providers.get(provider)?.find(model, at)?.row_at(at)?;
        if row.user {
            return Some("override".to_owned());
        }
        Some(row.row.checked.as_ref().map_or("bundled".to_owned(), |checked| format!("bundled-{checked}")))
    }

    /// Whether some row prices this exact name at `at`.
    pub fn covers(&self, provider: &str, model: &str, at: UnixMillis) -> bool {
        self.providers.get(provider).and_then(|p| p.find(model, at)).is_some_and(|model| model.row_at(at).is_some())
    }

    /// Provider ids, sorted.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// The price id of a provider that a person names: the id itself, else the one provider that also goes by that name.
    pub fn provider_id(&self, name: &str) -> Option<&str> {
        let named =
            |(id, provider): &(&String, &Provider)| *id == name || provider.also.iter().any(|also| also == name);
        let exact = self.providers.get_key_value(name).map(|(id, _)| id);
        exact.or_else(|| self.providers.iter().find(named).map(|(id, _)| id)).map(String::as_str)
    }

    /// Model ids of a provider, in the order of the files.
    pub fn models(&self, provider: &str) -> impl Iterator<Item = &str> {
        self.providers.get(provider).into_iter().flat_map(|p| &p.models).map(|model| model.id.as_str())
    }

    /// Meters that some row of some provider has a price for, of its own or of the meter that stands in for it. A meter
    /// outside of this set is unpriced on every call.
    pub fn priced_meters(&self) -> BTreeSet<Meter> {
        let mut priced = BTreeSet::new();
        for provider in self.providers.values() {
            let rows = provider.models.iter().flat_map(|model| &model.rows).chain(&provider.fees);
            priced.extend(rows.flat_map(|row| row.row.priced_meters()));
        }
        let stands_in = |meter: &&Meter| fallback(**meter).iter().any(|other| priced.contains(other));
        let also: Vec<Meter> = Meter::ALL.iter().filter(stands_in).copied().collect();
        priced.extend(also);
        priced
    }

    /// Amounts that spend at a provider is drawn from, of all contracts. [`crate::balances`] says what is left of them.
    pub fn credits(&self, provider: &str) -> impl Iterator<Item = &Credit> {
        self.providers.get(provider).into_iter().flat_map(|p| &p.contracts).flat_map(|contract| &contract.credits)
    }

    /// Holiday lists that windows of a provider use, with the last day each speaks of, by name.
    pub fn holidays(&self, provider: &str) -> BTreeMap<String, String> {
        let rows = self.providers.get(provider).into_iter().flat_map(|p| &p.models).flat_map(|model| &model.rows);
        let windows = rows.flat_map(|row| row.row.windows.values()).flat_map(|window| &window.0);
        let lists = windows.filter_map(|window| window.not_on.as_ref());
        lists.map(|list| (list.name.clone(), list.covers.1.clone())).collect()
    }

    /// The user's rates of other currencies.
    pub fn currencies(&self) -> &Currencies {
        &self.currencies
    }

    /// The user's subscriptions at a provider.
    pub fn plans(&self, provider: &str) -> &[Plan] {
        self.providers.get(provider).map_or(&[], |provider| &provider.plans)
    }
}

impl Provider {
    /// The one model of that name at that instant: exact id or alias, else a moving name, else an anchored pattern.
    /// Never a prefix, a part or another spelling.
    pub(crate) fn find(&self, name: &str, at: UnixMillis) -> Option<&Model> {
        let index = self.names.get(name).copied().or_else(|| {
            let holds = |moving: &&Moving| {
                moving.name == name && moving.from <= at && moving.until.is_none_or(|until| at < until)
            };
            self.moving.iter().rev().find(holds).map(|moving| moving.to)
        });
        let index = index.or_else(|| {
            let mut hits = self.patterns.iter().filter(|(pattern, _)| pattern.is_match(name)).map(|(_, index)| *index);
            let first = hits.next()?;
            // Two patterns of one model may overlap; two models that both claim a name give no price.
            hits.all(|other| other == first).then_some(first)
        })?;
        self.models.get(index)
    }

    /// Names near to one that is not there.
    pub(crate) fn near(&self, name: &str) -> Vec<String> {
        near(name, self.names.keys().chain(self.moving.iter().map(|moving| &moving.name)).map(String::as_str))
    }

    pub(crate) fn fees_at(&self, at: UnixMillis) -> Option<&Arc<PricedRow>> {
        self.fees.iter().rev().find(|row| row.holds(at))
    }

    pub(crate) fn contract_at(&self, at: UnixMillis) -> Option<&Contract> {
        self.contracts.iter().find(|terms| terms.from <= at && terms.until.is_none_or(|until| at < until))
    }
}

impl Model {
    /// The last row that began and has not ended.
    pub(crate) fn row_at(&self, at: UnixMillis) -> Option<&Arc<PricedRow>> {
        self.rows.iter().rev().find(|row| row.holds(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways of reading a pattern say the same.
    #[test]
    fn a_plain_row_matches_what_the_expression_matches() {
        let names = ["m-20261124", "m-2026112", "m-2026112x", "m-20261124x", "m.1", "mx1", "m-1", "m/a:b@1", "m1", ""];
        for written in
            [r"m-\d{8}", r"m\.\d", r"m-\d", "m/a:b@1", r"m\d", r"\d{0}", "m-1?", r"m-\d+", "m.1", "m|mx1", "(m-1)"]
        {
            let pattern = Pattern::new(written).unwrap();
            let expression = Regex::new(&format!(r"(?-u)\A(?:{written})\z")).unwrap();
            for name in names {
                assert_eq!(pattern.is_match(name), expression.is_match(name.as_bytes()), "{written} {name}");
            }
        }
        assert!(matches!(Pattern::new(r"m-\d{8}").unwrap().read, Read::Row(_)));
        assert!(matches!(Pattern::new("m-1?").unwrap().read, Read::Other(_)));
        assert!(Pattern::new("m-(").is_err());
        assert!(Pattern::new("m-1)|(?:m-2").is_err(), "half of it would not be anchored");
    }
}
