//! What a provider says of a day and a model, summed row by row.

use crate::flat::Row;
use crate::format::{Format, terms};
use crate::read::{Export, day};
use meter_money::{MoneyError, Ratio, half_even};
use std::collections::BTreeMap;

/// Counts above this are no usage; sums of them stay in range.
const COUNT_MAX: i128 = 1_000_000_000_000_000_000;

/// Pico-dollars above this, a billion of dollars, are no bill.
const PICO_MAX: i128 = 1_000_000_000_000_000_000_000;

/// Half a cent: no report prints less than whole cents.
const HALF_CENT_PICO: i128 = 5_000_000_000;

/// What a provider says about a day and a model.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reported {
    /// Calls, where the report counts them.
    pub calls: Option<u64>,
    /// Counts by their position in [`Format`]; empty where the report has none.
    pub(crate) counts: Vec<i128>,
    /// Pico-dollars, where the report has amounts.
    pub cost_pico: Option<i128>,
    /// The part of them below zero: credits and refunds.
    pub credits_pico: i128,
    /// Pico-dollars before discounts, where the report has both.
    pub list_pico: Option<i128>,
    /// Pico-dollars by the processing class that rows name.
    pub classes: BTreeMap<String, i128>,
    /// Rows with an amount: each was rounded once.
    pub rows: u64,
}

impl Export {
    /// Adds a row, all of it or nothing.
    pub(crate) fn add(&mut self, row: &Row) -> Result<(), String> {
        let format = self.format;
        let text = |key: &str| row.get(key).map(String::as_str).filter(|text| !text.is_empty());
        if !format.figures().any(|key| row.contains_key(key)) {
            return Err("it has none of the figures that the report is of".to_owned());
        }
        let written = format.day.iter().find_map(|key| text(key)).ok_or("it has no day")?;
        let day = day(written).ok_or_else(|| format!("it has no day: `{written}`"))?;
        let currency = row.iter().find(|(key, text)| key.ends_with("currency") && !text.is_empty());
        if let Some((_, other)) = currency.filter(|(_, text)| !text.eq_ignore_ascii_case("usd")) {
            return Err(format!("its amount is in {other}"));
        }
        let mut new = Reported::default();
        new.counts = format.counts.iter().map(|count| whole(row, &count.theirs)).collect::<Result<_, _>>()?;
        new.calls = match &format.calls {
            Some(key) => Some(u64::try_from(whole(row, key)?).map_err(|_| format!("`{key}` is below 0"))?),
            None => format.one_row_a_call.then_some(1),
        };
        if let Some(expression) = &format.cost {
            if terms(expression).all(|(_, key)| text(key).is_none()) {
                return Err(format!("`{expression}` is empty"));
            }
            let pico = pico(format, row, expression)?;
            new.cost_pico = Some(pico);
            new.credits_pico = pico.min(0);
            new.rows = 1;
            new.list_pico = format
                .list
                .as_deref()
                .filter(|key| text(key).is_some())
                .map(|key| self::pico(format, row, key))
                .transpose()?;
            let class = format.class.as_deref().and_then(text).map(str::to_lowercase);
            if let Some(class) = class.filter(|class| format.classes.contains(class)) {
                new.classes.insert(class, pico);
            }
        }
        let kind = format.kind.as_deref().and_then(text).map(str::to_lowercase);
        self.by_kind |= kind.is_some();
        let fee = kind.and_then(|kind| format.fees.iter().find(|fee| kind.contains(&fee.word)));
        let into = match fee {
            Some(fee) => self.fees.entry((day, fee.name.clone())),
            None => {
                let names: Vec<String> =
                    format.model.iter().filter_map(|key| text(key)).map(|text| model(format, text)).collect();
                let model = names.first().cloned().unwrap_or_default();
                self.names.entry(model.clone()).or_default().extend(names.into_iter().skip(1));
                self.days.entry((day, model))
            }
        };
        into.or_default().add(&new);
        for key in row.keys().filter(|key| !self.has.contains(*key)).cloned().collect::<Vec<_>>() {
            self.has.insert(key);
        }
        Ok(())
    }

    /// How far apart two amounts may be because each row of the report is rounded to the decimals it prints.
    pub(crate) fn slack_pico(&self, reported: &Reported) -> i128 {
        let unit = 10_i128.pow(12_u32.saturating_sub(self.decimals));
        let unit =
            Ratio::factor(&self.format.cost_unit).and_then(|one| one.mul(Ratio::whole(unit))).map_or(0, half_even);
        (unit / 2).clamp(1, HALF_CENT_PICO) * i128::from(reported.rows.max(1))
    }

    /// Whether any row has one of the keys of an expression, or an object around it that is null.
    pub(crate) fn counts(&self, expression: &str) -> bool {
        let above = |key: &str| key.match_indices('.').any(|(at, _)| self.has.contains(&key[..at]));
        terms(expression).any(|(_, key)| self.has.contains(key) || above(key))
    }
}

impl Reported {
    /// Adds the figures of another; each of a row is bounded, so no sum leaves its type.
    pub(crate) fn add(&mut self, other: &Reported) {
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        for (total, count) in self.counts.iter_mut().zip(&other.counts) {
            *total += count;
        }
        self.calls = sum(self.calls, other.calls);
        self.cost_pico = sum(self.cost_pico, other.cost_pico);
        self.list_pico = sum(self.list_pico, other.list_pico);
        self.credits_pico += other.credits_pico;
        self.rows += other.rows;
        for (class, pico) in &other.classes {
            *self.classes.entry(class.clone()).or_default() += pico;
        }
    }
}

/// Decimals an amount is printed with; 0 for what is none.
pub(crate) fn decimals(text: &str) -> u32 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let places = i64::try_from(places).unwrap_or(0).saturating_sub(exponent.parse().unwrap_or(0));
    u32::try_from(places.clamp(0, 18)).unwrap_or(0)
}

/// The model's id as far as the report writes it.
fn model(format: &Format, text: &str) -> String {
    let text = format.model_until.as_deref().and_then(|mark| text.split_once(mark)).map_or(text, |(model, _)| model);
    if format.model_titles { text.to_lowercase().replace([' ', '.'], "-") } else { text.to_owned() }
}

fn value(row: &Row, expression: &str) -> Result<Ratio, String> {
    terms(expression).try_fold(Ratio::ZERO, |sum, (minus, key)| {
        let value = match row.get(key).map_or("", String::as_str) {
            "" => Ratio::ZERO,
            text => Ratio::wire(text).map_err(|error| format!("`{key}` = `{text}`: {error}"))?,
        };
        let sum = if minus { sum.sub(value) } else { sum.add(value) };
        sum.map_err(|error| format!("`{key}`: {error}"))
    })
}

fn whole(row: &Row, expression: &str) -> Result<i128, String> {
    let value = value(row, expression)?;
    match value.numerator() {
        _ if value.denominator() != 1 => Err(format!("`{expression}` is no whole number")),
        huge if huge.abs() > COUNT_MAX => Err(format!("`{expression}` is larger than any usage")),
        count => Ok(count),
    }
}

fn pico(format: &Format, row: &Row, expression: &str) -> Result<i128, String> {
    let amount = value(row, expression)?;
    let in_pico = || -> Result<i128, MoneyError> {
        let dollars = amount.mul(Ratio::factor(&format.cost_unit)?)?;
        Ok(half_even(dollars.mul(Ratio::whole(1_000_000_000_000))?))
    };
    match in_pico().map_err(|error| format!("`{expression}`: {error}"))? {
        huge if huge.abs() > PICO_MAX => Err(format!("`{expression}` is larger than any bill")),
        pico => Ok(pico),
    }
}

fn sum<T: std::ops::Add<Output = T>>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_as_precise_as_it_is_printed() {
        for (text, places) in [("12", 0), ("0.50", 2), ("1.4e-1", 2), ("2e-7", 7), ("15e2", 0), ("-0.125", 3), ("x", 0)]
        {
            assert_eq!(decimals(text), places, "{text}");
        }
    }
}
