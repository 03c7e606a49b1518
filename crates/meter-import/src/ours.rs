//! What the price book charges for a figure.

use crate::figure::{Figure, Quote};
use meter_call::{Buckets, CostLine, Meter, Side, UnixMillis};
use meter_money::Ratio;
use meter_price::{Attributes, FEES, ModelView, PriceBook, Query, Rate, price};

/// A model in a book without contracts: a contract is the user's own, no list knows it.
#[derive(Clone, Copy)]
pub(crate) struct Ours<'a> {
    pub book: &'a PriceBook,
    pub provider: &'a str,
    pub model: &'a str,
    pub at: UnixMillis,
}

/// How far ahead a window of time is looked for: any window of the week comes within one.
const HALF_HOURS_AHEAD: i64 = 7 * 48;

impl Ours<'_> {
    /// What is charged, tiers and conditions applied; `None` where nothing prices it or only a guess does.
    ///
    /// Asked of the pricing itself, so that no second reading of a row can disagree with what is billed.
    pub fn quote(&self, figure: &Figure) -> Option<Quote> {
        match figure.meter {
            None => self.factor(figure),
            Some(_) if self.model == FEES => self.fee(figure),
            Some(meter) => self.price(meter, figure),
        }
    }

    fn price(&self, meter: Meter, figure: &Figure) -> Option<Quote> {
        let prompt = figure.over.map(|over| over.saturating_add(1));
        let prompt_side = meter.side() == Side::Input;
        let quantity = if prompt_side { prompt.unwrap_or(1) } else { 1 };
        let mut usage = Buckets::default();
        usage.add(meter, quantity);
        if let Some(prompt) = prompt.filter(|_| !prompt_side) {
            usage.add(Meter::Input, prompt);
        }
        let attributes = attributes(figure);
        let line = |at: UnixMillis| -> Option<CostLine> {
            let query =
                Query { provider: self.provider, model: self.model, at, usage: &usage, attributes: &attributes };
            let costing = price(self.book, &query);
            let guessed = !costing.guesses.is_empty();
            costing.lines.into_iter().find(|line| line.meter == meter && line.amount.is_some() && !guessed)
        };
        let line = match figure.on.get("window") {
            None => line(self.at)?,
            Some(window) => {
                let named = format!("window={window}");
                let inside =
                    |line: &CostLine| line.multipliers.iter().any(|by| by.name.split(',').any(|one| one == named));
                let starts = (0..HALF_HOURS_AHEAD).map(|step| UnixMillis(self.at.0 + step * 1_800_000));
                starts.filter_map(line).find(inside)?
            }
        };
        let rate = Rate::parse(line.rate.as_deref()?).ok()?;
        let each =
            line.multipliers.iter().try_fold(rate.each(), |each, by| each.mul(Ratio::factor(&by.by).ok()?).ok())?;
        let amount = if figure.is_token() { each.mul(Ratio::whole(1_000_000)).ok()? } else { each };
        Some(Quote { amount, unit: Some(rate.unit()) })
    }

    /// Whether the row has an overlay for each of a figure's conditions: without one its price is only that of other calls.
    pub fn knows(&self, figure: &Figure) -> bool {
        let view = self.book.view(self.provider, self.model, self.at);
        let when = view.and_then(|view| view.row_at(self.at).map(|row| row.when.clone())).unwrap_or_default();
        figure
            .on
            .iter()
            .all(|(axis, value)| when.iter().any(|when| when.on.get(axis).is_some_and(|values| values.contains(value))))
    }

    /// The one factor of all token meters under a condition; where they have several, that of the first.
    fn factor(&self, figure: &Figure) -> Option<Quote> {
        if !self.knows(figure) {
            return None;
        }
        let view = self.book.view(self.provider, self.model, self.at)?;
        let meter = own_meters(&view, self.at).into_iter().find(|meter| meter.side() != Side::Unit)?;
        let plain = self.price(meter, &Figure::of(meter))?;
        let under = self.price(meter, &Figure { on: figure.on.clone(), ..Figure::of(meter) })?;
        Some(Quote { amount: under.amount.div(plain.amount).ok()?, unit: None })
    }

    /// A fee that holds for every model of the provider.
    fn fee(&self, figure: &Figure) -> Option<Quote> {
        let fees = self.book.fees(self.provider)?;
        let text = fees.row_at(self.at)?.rates.get(&figure.meter?)?;
        let rate = Rate::parse(text).ok()?;
        (figure.is_base()).then(|| Quote { amount: rate.each(), unit: Some(rate.unit()) })
    }
}

fn attributes(figure: &Figure) -> Attributes {
    let on = |axis: &str| figure.on.get(axis).cloned();
    Attributes {
        class: on("class"),
        geo: on("geo"),
        route: on("route"),
        search_context: on("search_context"),
        size: on("size"),
        quality: on("quality"),
        resolution: on("resolution"),
        cache_mode: on("cache_mode"),
        thinking: on("thinking").map(|value| value == "true"),
        ..Attributes::default()
    }
}

/// Meters with a price of their own in the row that holds, overlays included.
pub(crate) fn own_meters(view: &ModelView, at: UnixMillis) -> Vec<Meter> {
    let Some(row) = view.row_at(at) else { return Vec::new() };
    let mut meters: Vec<Meter> =
        row.rates.iter().filter(|(_, text)| text.contains('/')).map(|(meter, _)| *meter).collect();
    let overlays = row.when.iter().flat_map(|when| when.rates.keys()).copied();
    meters.extend(overlays);
    meters.sort();
    meters.dedup();
    meters
}
