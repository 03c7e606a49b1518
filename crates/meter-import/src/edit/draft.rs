//! A new row: what holds today with a list's figures in their places.

use crate::figure::{Figure, Quote};
use crate::propose::Change;
use meter_call::{Meter, Side};
use meter_money::Ratio;
use meter_price::{Axis, Factor, ModelView, Rate, RowView, TierView, Unit, WhenView};
use std::collections::BTreeMap;

/// What a new row says of prices.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub rates: BTreeMap<Meter, String>,
    pub context: Vec<TierView>,
    pub when: Vec<WhenView>,
    /// Overlays that the model itself has: a row has them without writing them, and cannot change them.
    shared: Vec<WhenView>,
}

type Amounts = BTreeMap<Meter, Quote>;

impl Draft {
    pub fn of(row: Option<&RowView>, view: Option<&ModelView>) -> Draft {
        let Some(row) = row else { return Draft::default() };
        let of_model = |when: &WhenView| {
            let same = |on: &BTreeMap<&str, Vec<String>>| {
                on.len() == when.on.len()
                    && on.iter().all(|(axis, values)| when.on.get(axis).is_some_and(|own| alike(own, values)))
            };
            view.is_some_and(|view| view.shared.iter().any(same))
        };
        let (shared, when) = row.when.iter().cloned().partition(of_model);
        Draft { rates: row.rates.clone(), context: row.context.clone(), when, shared }
    }

    /// Puts a list's figures in: the plain ones that change, then tiers and conditions that would not follow from them.
    pub fn take(&mut self, change: &Change) {
        for changed in change.figures.iter().filter(|changed| changed.figure.is_base()) {
            if let (Some(meter), Some(quote)) = (changed.figure.meter, change.listed.get(&changed.figure)) {
                let unit = self.unit(meter).filter(|_| quote.unit.is_none()).or(quote.unit);
                self.rates.insert(meter, price_of(meter, *quote, unit));
            }
        }
        let mut bounds: BTreeMap<u64, Amounts> = BTreeMap::new();
        let mut conditions: BTreeMap<(&str, &str), Amounts> = BTreeMap::new();
        for (figure, quote) in &change.listed {
            let mut on = figure.on.iter().map(|(axis, value)| (*axis, value.as_str()));
            match (figure.meter, figure.over, on.next(), on.next()) {
                (Some(meter), Some(bound), None, _) => drop(bounds.entry(bound).or_default().insert(meter, *quote)),
                (Some(meter), None, Some(one), None) => drop(conditions.entry(one).or_default().insert(meter, *quote)),
                (None, None, Some((axis, value)), None) => self.scale((axis, value), quote.amount, &[]),
                // A tier under a condition, or two conditions, follow from the factors, or a person looks.
                _ => {}
            }
        }
        bounds.iter().for_each(|(bound, amounts)| self.tier(*bound, amounts));
        conditions.iter().for_each(|(on, amounts)| self.condition(*on, amounts));
    }

    fn unit(&self, meter: Meter) -> Option<Unit> {
        self.rates.get(&meter).and_then(|text| Rate::parse(text).ok()).map(|rate| rate.unit())
    }

    /// Dollars per million tokens, or for one of the unit.
    fn base(&self, meter: Meter) -> Option<Ratio> {
        let mut text = self.rates.get(&meter)?;
        // A meter may name another one.
        while let Ok(other) = text.parse::<Meter>() {
            text = self.rates.get(&other).filter(|text| text.contains('/'))?;
        }
        if meter.side() == Side::Unit { Some(Rate::parse(text).ok()?.each()) } else { per_million(text) }
    }

    /// The factors between amounts and the plain prices; `None` where some meter has no plain price.
    fn factors(&self, amounts: &Amounts, side: impl Fn(Side) -> bool) -> Option<Vec<Ratio>> {
        let of = amounts.iter().filter(|(meter, _)| side(meter.side()));
        of.map(|(meter, quote)| quote.amount.div(self.base(*meter)?).ok()).collect()
    }

    fn tier(&mut self, bound: u64, amounts: &Amounts) {
        let one = |side: Side| match self.factors(amounts, |one| one == side).as_deref() {
            Some([]) => Some(None),
            Some([first, rest @ ..]) if rest.iter().all(|other| other == first) => Some(Some(first.to_string())),
            _ => None,
        };
        let scales = (one(Side::Input), one(Side::Output));
        let same = |tier: &&mut TierView| {
            tier.over == Some(bound) || tier.at_least == Some(bound) || tier.at_least == Some(bound.saturating_add(1))
        };
        let complete = self.rates.iter().filter(|(meter, text)| meter.side() != Side::Unit && text.contains('/'));
        let complete = complete.into_iter().all(|(meter, _)| amounts.contains_key(meter));
        let own = || amounts.iter().map(|(meter, quote)| (*meter, price_of(*meter, *quote, None)));
        match self.context.iter_mut().find(same) {
            Some(tier) if !tier.rates.is_empty() => tier.rates.extend(own()),
            Some(tier) => match scales {
                (Some(input), Some(output)) => {
                    tier.scale_input = input.or(tier.scale_input.take());
                    tier.scale_output = output.or(tier.scale_output.take());
                }
                _ if complete => {
                    (tier.scale_input, tier.scale_output) = (None, None);
                    tier.rates.extend(own());
                }
                _ => {}
            },
            None => {
                let mut tier = TierView {
                    over: Some(bound),
                    at_least: None,
                    scope: "request",
                    rates: BTreeMap::new(),
                    scale_input: None,
                    scale_output: None,
                };
                match scales {
                    (Some(Some(input)), Some(Some(output))) if !complete => {
                        (tier.scale_input, tier.scale_output) = (Some(input), Some(output));
                    }
                    _ if complete => tier.rates.extend(own()),
                    _ => return,
                }
                self.context.push(tier);
                self.context.sort_by_key(|tier| tier.over.or(tier.at_least));
            }
        }
    }

    fn condition(&mut self, on: (&str, &str), amounts: &Amounts) {
        let (fees, tokens): (Amounts, Amounts) = amounts.iter().partition(|(meter, _)| meter.side() == Side::Unit);
        self.prices(on, &fees);
        let meters: Vec<Meter> = tokens.keys().copied().collect();
        if meters.is_empty() {
            return;
        }
        let known = self.when.iter().find(|when| is_for(when, on));
        let absolute = known.is_some_and(|when| !when.rates.is_empty());
        let priced = |when: &WhenView, meter: Meter, quote: &Quote| {
            when.rates.get(&meter).and_then(|text| per_million(text)) == Some(quote.amount)
        };
        if known.is_some_and(|when| tokens.iter().all(|(meter, quote)| priced(when, *meter, quote))) {
            return;
        }
        let factors = self.factors(&tokens, |side| side != Side::Unit).unwrap_or_default();
        match factors.as_slice() {
            [first, rest @ ..] if !absolute && rest.iter().all(|other| other == first) => {
                self.scale(on, *first, &meters)
            }
            _ if absolute || self.context.is_empty() => {
                // Prices of its own say what each costs; a factor beside them would scale them once more.
                if !absolute && let Some(at) = self.overlay(on) {
                    self.when.remove(at);
                }
                self.prices(on, &tokens);
            }
            _ => {}
        }
    }

    /// The overlay of exactly this condition, alone in it; one that is shared with other values is split.
    fn overlay(&mut self, (axis, value): (&str, &str)) -> Option<usize> {
        let at = self.when.iter().position(|when| is_for(when, (axis, value)))?;
        let (name, values) = self.when[at].on.pop_first()?;
        let (own, rest): (Vec<String>, Vec<String>) = values.into_iter().partition(|one| one == value);
        if !rest.is_empty() {
            let mut others = self.when[at].clone();
            others.on.insert(name, rest);
            self.when.insert(at + 1, others);
        }
        self.when[at].on.insert(name, own);
        Some(at)
    }

    /// Makes a condition a factor; `meters` are those the list names, all of them without any.
    fn scale(&mut self, on: (&str, &str), factor: Ratio, meters: &[Meter]) {
        let Some(axis) = Axis::named(on.0).map(Axis::name) else { return };
        // As it is: nothing is split or turned for what holds already.
        let holds = self.when.iter().any(|when| {
            let same = is_for(when, on);
            let scale = when.scale.as_deref().and_then(|text| Factor::parse(text).ok());
            let reaches = |meter: &Meter| {
                !when.keep.contains(meter) && when.only.as_ref().is_none_or(|only| only.contains(meter))
            };
            same && scale.is_some_and(|scale| scale.value() == factor) && meters.iter().all(reaches)
        });
        if holds || self.shared.iter().any(|when| is_for(when, on)) {
            return;
        }
        let at = match self.overlay(on) {
            Some(at) => at,
            // A window has to be told of in the file: only a person can do that.
            None if axis == "window" => return,
            None => {
                self.when.push(bare([(axis, vec![on.1.to_owned()])].into()));
                self.when.len() - 1
            }
        };
        let when = &mut self.when[at];
        when.scale = Some(factor.to_string());
        when.keep.retain(|meter| !meters.contains(meter));
        if let Some(only) = &mut when.only {
            only.extend(meters);
            only.sort();
            only.dedup();
        }
    }

    /// Gives a condition prices of its own.
    fn prices(&mut self, on: (&str, &str), amounts: &Amounts) {
        let Some(axis) = Axis::named(on.0).map(Axis::name) else { return };
        let differ: Amounts = amounts
            .iter()
            .filter(|(meter, quote)| meter.side() != Side::Unit || self.base(**meter) != Some(quote.amount))
            .map(|(meter, quote)| (*meter, *quote))
            .collect();
        let named = |when: &&WhenView| is_for(when, on) && differ.keys().any(|meter| when.rates.contains_key(meter));
        if self.shared.iter().any(|when| is_for(when, on)) {
            return;
        }
        if differ.is_empty() && !self.when.iter().any(|when| named(&when)) {
            return;
        }
        let units: Vec<Option<Unit>> = differ.keys().map(|meter| self.unit(*meter)).collect();
        let own = differ
            .iter()
            .zip(units)
            .map(|((meter, quote), unit)| (*meter, price_of(*meter, *quote, quote.unit.or(unit))));
        let own: BTreeMap<Meter, String> = own.collect();
        let absolute = self.when.iter().position(|when| named(&when)).and_then(|_| self.overlay(on));
        match absolute {
            Some(at) => self.when[at].rates.extend(own),
            None if axis == "window" => {}
            None => {
                let mut when = bare([(axis, vec![on.1.to_owned()])].into());
                when.rates = own;
                self.when.push(when);
            }
        }
    }
}

fn per_million(text: &str) -> Option<Ratio> {
    Rate::parse(text).ok()?.each().mul(Ratio::whole(1_000_000)).ok()
}

/// The same values, in whatever order.
fn alike(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|value| other.contains(value))
}

/// Whether an overlay is for one condition alone, and for this value of it.
fn is_for(when: &WhenView, (axis, value): (&str, &str)) -> bool {
    when.on.len() == 1 && when.on.get(axis).is_some_and(|values| values.iter().any(|one| one == value))
}

fn bare(on: BTreeMap<&'static str, Vec<String>>) -> WhenView {
    WhenView { on, scale: None, keep: Vec::new(), only: None, rates: BTreeMap::new(), context: Vec::new() }
}

/// The text of a rate as views have it.
fn price_of(meter: Meter, quote: Quote, unit: Option<Unit>) -> String {
    let text = Figure::of(meter).text(quote.amount, unit);
    if meter.side() == Side::Unit { text } else { format!("{text} / 1M tokens") }
}
