//! The bill: quantity × rate × multipliers, rounded once per line.

use crate::book::{Contract, Provider, WireClass};
use crate::conditions::Held;
use crate::row::{FEES, Price, PricedRow, Rates, Tier, TierEffect, is_token, reached};
use crate::{Costing, PriceBook, Query, Rate, WhyUnpriced};
use meter_call::{CostLine, Evidence, Meter, Multiplier, PriceUse, Side};
use meter_money::{MoneyError, PicoUsd, Ratio};

/// Prices one call. Pure: the same book and query give the same bill, and nothing is guessed silently.
///
/// The prompt that picks a context tier is the sum of all prompt-side buckets. Each bucket above 0 becomes one line whose
/// exact product is rounded half to even once; totals are sums of those integers.
pub fn price(book: &PriceBook, query: &Query<'_>) -> Costing {
    let Some(provider) = book.providers.get(query.provider) else {
        return unpriced(query, WhyUnpriced::NoProvider);
    };
    let Some(model) = provider.find(query.model, query.at) else {
        // A name that moved, and did not mean anything yet or no longer does.
        let moved = provider.moving.iter().any(|moving| moving.name == query.model);
        return unpriced(
            query,
            if moved { WhyUnpriced::NoRow } else { WhyUnpriced::NoModel(provider.near(query.model)) },
        );
    };
    let Some(row) = model.row_at(query.at) else {
        return unpriced(query, WhyUnpriced::NoRow);
    };
    let word = query.attributes.class.as_deref();
    let class = match word.map(|word| book.wire_class(query.provider, word)) {
        None | Some(WireClass::Standard) => None,
        Some(WireClass::Class(class)) => Some(class),
        Some(WireClass::NoPrice) => return unpriced(query, WhyUnpriced::NoClass(word.unwrap_or_default().to_owned())),
    };
    let mut bill = Bill::new(query, provider, row, class.as_deref());
    if row.row.graduated() {
        // What was read from the cache comes first in the prompt, what is new last.
        let rank = |meter: &Meter| match meter.name() {
            name if name.starts_with("cache_read") => 0,
            name if name.starts_with("cache_write") => 1,
            _ => 2,
        };
        let mut buckets: Vec<(Meter, u64)> = query.usage.iter().collect();
        buckets.sort_by_key(|(meter, _)| rank(meter));
        for (meter, quantity) in buckets {
            bill.lines(meter, quantity);
        }
    } else {
        for (meter, quantity) in query.usage.iter() {
            bill.line(meter, quantity);
        }
    }
    bill.total()
}

/// Every quantity without an amount.
fn unpriced(query: &Query<'_>, why: WhyUnpriced) -> Costing {
    Costing {
        lines: query.usage.iter().map(|(meter, quantity)| bare_line(query.model, meter, quantity)).collect(),
        list: None,
        contract: None,
        evidence: Evidence::Unpriced,
        prices: Vec::new(),
        unpriced: vec![why],
        guesses: Vec::new(),
    }
}

fn bare_line(model: &str, meter: Meter, quantity: u64) -> CostLine {
    CostLine {
        meter,
        model: model.to_owned(),
        quantity,
        rate: None,
        multipliers: Vec::new(),
        price_id: None,
        amount: None,
    }
}

struct Bill<'a> {
    query: &'a Query<'a>,
    row: &'a PricedRow,
    contract: Option<&'a Contract>,
    prompt_tokens: u64,
    /// Prompt tokens of the buckets before, where only the excess over a bound pays more.
    position: u64,
    /// Overlays of the row that hold for this call.
    held: Held<'a>,
    /// The provider's fees that hold.
    fees: Option<Fees<'a>>,
    lines: Vec<CostLine>,
    list: Vec<PicoUsd>,
    prices: Vec<PriceUse>,
    unpriced: Vec<WhyUnpriced>,
    guesses: Vec<String>,
}

/// Prices that hold for every model of a provider.
struct Fees<'a> {
    row: &'a PricedRow,
    held: Held<'a>,
    /// What had to be assumed, should one of them be used.
    guesses: Vec<String>,
}

/// A rate that was found, and what it was found as.
struct Found<'a> {
    rate: &'a Rate,
    priced_as: Meter,
    /// The tier whose factor applies on top.
    tier: Option<&'a Tier>,
    from: &'a PricedRow,
    /// The base price, not one of a tier or an overlay: what a contract's fixed price replaces.
    plain: bool,
}

impl<'a> Bill<'a> {
    fn new(query: &'a Query<'a>, provider: &'a Provider, row: &'a PricedRow, class: Option<&str>) -> Self {
        let mut guesses = Vec::new();
        let held = Held::of(&row.row, query, class, &mut guesses);
        if let Some(class) = class {
            if !row.row.knows_class(class) {
                guesses.push(format!("class `{class}` has no price here: standard rates"));
            } else if query.attributes.class_requested {
                guesses.push(format!("class `{class}` was asked for; the answer does not say what was served"));
            }
        }
        Bill {
            query,
            row,
            fees: provider.fees_at(query.at).map(|row| {
                let mut guesses = Vec::new();
                Fees { row, held: Held::of(&row.row, query, class, &mut guesses), guesses }
            }),
            contract: provider.contract_at(query.at),
            prompt_tokens: query.usage.total(Side::Input),
            position: 0,
            held,
            lines: Vec::new(),
            list: Vec::new(),
            prices: Vec::new(),
            unpriced: Vec::new(),
            guesses,
        }
    }

    fn guess(&mut self, reason: String) {
        if !self.guesses.contains(&reason) {
            self.guesses.push(reason);
        }
    }

    /// The lines of a bucket: one, or one a band where only the excess over a bound pays more.
    fn lines(&mut self, meter: Meter, quantity: u64) {
        let start = self.position;
        if meter.side() == Side::Input {
            self.position = self.position.saturating_add(quantity);
        }
        let bands = self.bands(meter, start, quantity);
        for (prompt_tokens, quantity) in bands {
            self.prompt_tokens = prompt_tokens;
            self.line(meter, quantity);
        }
    }

    /// The parts of a bucket with the prompt size that picks each part's tier.
    ///
    /// A prompt is a text with what was read from the cache first, then what was written to it, then the rest; where a tier
    /// is for the excess only, the last tokens of that order are the ones over the bound.
    fn bands(&self, meter: Meter, start: u64, quantity: u64) -> Vec<(u64, u64)> {
        let whole = self.query.usage.total(Side::Input);
        let context = self.context_of(meter, 0);
        if meter.side() != Side::Input || !context.iter().any(|tier| tier.excess) {
            // An answer has no place in the prompt: it stays below every bound that is for the excess only.
            let excess = context.iter().find(|tier| tier.excess);
            return vec![(excess.map_or(whole, |tier| whole.min(tier.bound.first() - 1)), quantity)];
        }
        let end = start.saturating_add(quantity);
        let mut cuts: Vec<u64> = context.iter().map(|tier| tier.bound.first() - 1).collect();
        cuts.retain(|cut| start < *cut && *cut < end);
        cuts.push(end);
        let mut from = start;
        let mut bands = Vec::new();
        for cut in cuts {
            bands.push((cut, cut - from));
            from = cut;
        }
        bands
    }

    fn line(&mut self, meter: Meter, quantity: u64) {
        let mut line = bare_line(self.query.model, meter, quantity);
        let Some(found) = self.find(meter) else {
            self.unpriced.push(WhyUnpriced::NoMeter(meter));
            self.lines.push(line);
            return;
        };
        let mut factor = Ok(Ratio::ONE);
        let mut times = |name: String, by: &crate::Factor| {
            factor = factor.and_then(|factor: Ratio| factor.mul(by.value()));
            line.multipliers.push(Multiplier { name, by: by.text().to_owned() });
        };
        if let Some(tier) = found.tier
            && let Some(by) = tier.effect.scales(meter)
        {
            times(tier.bound.name(), by);
        }
        for (name, by) in self.held.factors(meter, found.priced_as) {
            times(name.to_owned(), by);
        }
        if let Some(fees) = self.fees.as_ref().filter(|fees| std::ptr::eq(fees.row, found.from)) {
            for (name, by) in fees.held.factors(meter, found.priced_as) {
                times(name.to_owned(), by);
            }
        }
        let list = factor.and_then(|factor| amount(quantity, found.rate, factor));
        let (mut charged, mut rate, mut from) = (list, found.rate, found.from);
        if let Some(terms) = self.contract {
            let fixed = || terms.fixed(self.row, meter).or_else(|| terms.fixed(self.row, found.priced_as));
            let fixed = found.plain.then(fixed).flatten();
            let excepted = [meter, found.priced_as].iter().any(|meter| terms.except.contains(meter));
            let discount = terms.factor.as_ref().filter(|_| is_token(meter) && !excepted);
            if let Some(fixed) = fixed {
                (rate, from) = fixed;
                charged = factor.and_then(|factor| amount(quantity, rate, factor));
            } else if let Some(by) = discount {
                let name = format!("contract={}", terms.name);
                line.multipliers.push(Multiplier { name, by: by.text().to_owned() });
                charged = factor.and_then(|factor| amount(quantity, rate, factor.mul(by.value())?));
            }
        }
        let assumed = self.fees.iter().filter(|fees| std::ptr::eq(fees.row, found.from)).flat_map(|fees| &fees.guesses);
        for reason in assumed.cloned().collect::<Vec<_>>() {
            self.guess(reason);
        }
        line.rate = Some(rate.text().to_owned());
        line.price_id = Some(from.id().to_owned());
        match (list, charged) {
            (Ok(list), Ok(charged)) => {
                self.list.push(list);
                line.amount = Some(charged);
            }
            _ => self.unpriced.push(WhyUnpriced::Overflow),
        }
        self.used(from);
        if found.from.row.model == FEES && !line.multipliers.is_empty() {
            // The factor on a fee may stand in the row of the model.
            self.used(self.row);
        }
        self.lines.push(line);
    }

    /// Keeps a row beside the bill.
    fn used(&mut self, row: &PricedRow) {
        if !self.prices.iter().any(|known| known.price_id == row.id()) {
            self.prices.push(price_use(row));
        }
    }

    /// The rate of a bucket: its own price or the meter it falls back to, each looked up in the most specific matching
    /// overlay, else the tier reached, else the row, else the provider's fees.
    fn find(&mut self, meter: Meter) -> Option<Found<'a>> {
        if let Some(found) = self.find_exactly(meter, 0) {
            return Some(found);
        }
        let (found, other) =
            fallback(meter).iter().find_map(|other| self.find_exactly(*other, 0).map(|found| (found, *other)))?;
        if meter == Meter::CacheRead {
            self.guess("no price for `cache_read`: priced as `input`".to_owned());
        }
        let lifetimes = [Meter::CacheWrite5m, Meter::CacheWrite30m, Meter::CacheWrite1h, Meter::CacheWrite12h];
        let priced = lifetimes.iter().filter(|lifetime| self.row.row.rates.get(**lifetime).is_some()).count();
        if meter == Meter::CacheWrite && priced > 1 {
            self.guess(format!("a cache write of unknown lifetime: priced as `{other}`"));
        }
        Some(found)
    }

    /// The tiers that the price of a meter has.
    fn context_of(&self, meter: Meter, depth: usize) -> &'a [Tier] {
        if let Some((_, context)) = self.held.best(meter) {
            return context;
        }
        match self.row.row.rates.get(meter) {
            Some(Price::As(other)) if depth < 4 => self.context_of(*other, depth + 1),
            _ => &self.row.row.context,
        }
    }

    /// The rate of exactly this meter, following `meter = "other"`.
    fn find_exactly(&self, meter: Meter, depth: usize) -> Option<Found<'a>> {
        let best = self.held.best(meter);
        let (rates, context): (&'a Rates, &'a [Tier]) = best.unwrap_or((&self.row.row.rates, &self.row.row.context));
        let tier = reached(context, self.prompt_tokens);
        let dearer = tier.and_then(|tier| match &tier.effect {
            TierEffect::Rates(rates) => rates.get(meter),
            TierEffect::Scale { .. } => None,
        });
        let (mut from, mut plain) = (self.row, best.is_none() && dearer.is_none());
        let price = match dearer.or_else(|| rates.get(meter)) {
            Some(price) => price,
            None => {
                let fees = self.fees.as_ref()?;
                let special = fees.held.best(meter);
                (from, plain) = (fees.row, special.is_none());
                special.map_or(&fees.row.row.rates, |(rates, _)| rates).get(meter)?
            }
        };
        match price {
            Price::Rate(rate) => Some(Found { rate, priced_as: meter, tier, from, plain }),
            // The builder refuses circles; the depth only keeps a damaged row from looping.
            Price::As(other) if depth < 4 => self.find_exactly(*other, depth + 1),
            Price::As(_) => None,
        }
    }

    fn total(self) -> Costing {
        let mut unpriced = self.unpriced;
        let any = self.lines.is_empty() || !self.list.is_empty();
        let mut sum = |amounts: &mut dyn Iterator<Item = PicoUsd>| match PicoUsd::sum(amounts) {
            Ok(total) => any.then_some(total),
            Err(_) => {
                unpriced.push(WhyUnpriced::Overflow);
                None
            }
        };
        let list = sum(&mut self.list.iter().copied());
        let contract = sum(&mut self.lines.iter().filter_map(|line| line.amount));
        let evidence = match (unpriced.is_empty(), self.guesses.is_empty()) {
            (false, _) => Evidence::Unpriced,
            (true, false) => Evidence::Estimated,
            (true, true) => Evidence::ProviderUsage,
        };
        Costing { lines: self.lines, list, contract, evidence, prices: self.prices, unpriced, guesses: self.guesses }
    }
}

/// The meters whose price stands in for that of a meter without one, the best first.
pub(crate) const fn fallback(meter: Meter) -> &'static [Meter] {
    match meter {
        Meter::Reasoning => &[Meter::Output],
        Meter::CacheWrite5m | Meter::CacheWrite30m => &[Meter::CacheWrite],
        Meter::CacheWrite => &[Meter::CacheWrite5m, Meter::CacheWrite30m],
        Meter::CacheRead => &[Meter::Input],
        _ => &[],
    }
}

/// The one product and the one rounding of a line.
pub(crate) fn amount(quantity: u64, rate: &Rate, factor: Ratio) -> Result<PicoUsd, MoneyError> {
    let billed = rate.billed(quantity).ok_or(MoneyError::Overflow)?;
    PicoUsd::from_usd(Ratio::whole(i128::from(billed)).mul(rate.each())?.mul(factor)?)
}

fn price_use(row: &PricedRow) -> PriceUse {
    PriceUse {
        price_id: row.id().to_owned(),
        provider: row.row.provider.clone(),
        model: row.row.model.clone(),
        effective_from: row.row.from,
        source: row.row.source.clone(),
        row: row.json().to_owned(),
    }
}
