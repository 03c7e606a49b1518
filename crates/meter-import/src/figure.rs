//! What a figure of a price list is for, and how it is written.

use meter_call::{Meter, Side};
use meter_money::Ratio;
use meter_price::{Axis, Unit};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One price of a model: a meter, from a prompt size on, under conditions.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Figure {
    /// What is counted; `None` is a factor on every token meter.
    pub meter: Option<Meter>,
    /// For prompts of more tokens than this.
    pub over: Option<u64>,
    /// Axis → value, as price files name them: `class` → `batch`.
    pub on: BTreeMap<&'static str, String>,
}

/// What a list says for a figure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quote {
    /// Dollars per million tokens, or for one of the meter's own unit (a call, a second), or a bare factor.
    pub amount: Ratio,
    /// The unit, where the list names it.
    pub unit: Option<Unit>,
}

impl Figure {
    /// The plain price of a meter.
    pub fn of(meter: Meter) -> Figure {
        Figure { meter: Some(meter), over: None, on: BTreeMap::new() }
    }

    /// The same figure under one more condition.
    #[must_use]
    pub fn on(mut self, (axis, value): (Axis, &str)) -> Figure {
        self.on.insert(axis.name(), value.to_owned());
        self
    }

    /// Neither a tier's nor a condition's.
    pub(crate) fn is_base(&self) -> bool {
        self.over.is_none() && self.on.is_empty() && self.meter.is_some()
    }

    /// Per million tokens.
    pub(crate) fn is_token(&self) -> bool {
        self.meter.is_some_and(|meter| meter.side() != Side::Unit)
    }

    /// Per call, image, second: a fee.
    pub(crate) fn is_fee(&self) -> bool {
        self.meter.is_some_and(|meter| meter.side() == Side::Unit)
    }

    /// An amount as price files write it: `4`, `10 / 1000 calls`, `0.111 / hour`; a factor bare. `unit` is the one to keep.
    pub(crate) fn text(&self, amount: Ratio, unit: Option<Unit>) -> String {
        match self.meter.filter(|_| self.is_fee()) {
            None => amount.to_string(),
            Some(meter) => {
                let (number, count, unit) = shown(meter, amount, unit);
                match count {
                    1 => format!("{number} / {}", unit.one()),
                    1_000_000 => format!("{number} / 1M {}", unit.plural()),
                    count => format!("{number} / {count} {}", unit.plural()),
                }
            }
        }
    }

    /// Significant digits of the amount as it is written.
    pub(crate) fn digits(&self, amount: Ratio, unit: Option<Unit>) -> usize {
        let number = self.meter.filter(|_| self.is_fee()).map_or(amount, |meter| shown(meter, amount, unit).0);
        digits(number)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meter {
            Some(meter) => write!(f, "{meter}")?,
            None => f.write_str("all tokens ×")?,
        }
        if let Some(over) = self.over {
            write!(f, " > {over}")?;
        }
        if self.on.is_empty() {
            return Ok(());
        }
        let on: Vec<String> = self
            .on
            .iter()
            .map(|(axis, value)| match *axis {
                "class" => value.clone(),
                axis => format!("{axis}={value}"),
            })
            .collect();
        write!(f, " ({})", on.join(", "))
    }
}

/// The number, count and unit that a fee is written with.
fn shown(meter: Meter, each: Ratio, unit: Option<Unit>) -> (Ratio, i128, Unit) {
    let all = Unit::of(meter);
    let usual = unit.or(all.first().copied()).unwrap_or(Unit::Call);
    let count = |unit: Unit| match unit {
        Unit::Call | Unit::Search | Unit::Query | Unit::Prompt | Unit::Request | Unit::Page => 1000,
        Unit::Character | Unit::TokenHour => 1_000_000,
        _ => 1,
    };
    let number = |unit: Unit| each.mul(Ratio::whole(count(unit) * unit.size())).unwrap_or(each);
    // A price by time is kept in its unit, else in the one that makes the shortest number: 0.111 an hour has no end a second.
    let timed = all.iter().filter(|_| matches!(meter, Meter::Audio | Meter::Video));
    let shortest = timed.copied().min_by_key(|unit| (digits(number(*unit)), std::cmp::Reverse(unit.size())));
    let unit = match digits(number(usual)) {
        0..=DIGITS_MAX => usual,
        _ => shortest.filter(|unit| digits(number(*unit)) <= DIGITS_MAX).unwrap_or(usual),
    };
    (number(unit), count(unit), unit)
}

/// More digits than this are a rounded figure of another unit.
pub(crate) const DIGITS_MAX: usize = 6;

/// Significant digits of a decimal number; a fraction has too many.
pub(crate) fn digits(value: Ratio) -> usize {
    let text = value.to_string();
    if text.contains('/') {
        return usize::MAX;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    if text.contains('.') { digits.len() } else { digits.trim_end_matches('0').len() }
}

/// `class=batch` of the tables.
pub(crate) fn condition(text: &str) -> Option<(Axis, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((Axis::named(name)?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits() {
        for (text, count) in [("0.20", 1), ("272000", 3), ("0.165025", 6), ("0.0000123456", 6), ("1.234567", 7)] {
            assert_eq!(digits(Ratio::wire(text).unwrap()), count, "{text}");
        }
    }

    #[test]
    fn an_amount_is_written_as_price_files_write_it() {
        let text = |meter, each: &str, unit| Figure::of(meter).text(Ratio::factor(each).unwrap(), unit);
        assert_eq!(text(Meter::Input, "4.5", None), "4.5");
        assert_eq!(text(Meter::WebSearch, "0.01", None), "10 / 1000 calls");
        assert_eq!(text(Meter::Grounding, "0.035", Some(Unit::Prompt)), "35 / 1000 prompts");
        assert_eq!(text(Meter::CodeInterpreter, "0.03", None), "0.03 / session");
        assert_eq!(text(Meter::Characters, "0.000015", None), "15 / 1M characters");
        assert_eq!(text(Meter::Audio, "37/1200000", None), "0.111 / hour");
        assert_eq!(text(Meter::Audio, "1/750", Some(Unit::Minute)), "0.08 / minute");
        assert_eq!(text(Meter::Video, "0.10", None), "0.1 / second");
    }

    #[test]
    fn a_figure_names_its_conditions() {
        let figure = Figure { over: Some(272_000), ..Figure::of(Meter::Output) }.on((Axis::Class, "batch"));
        assert_eq!(figure.to_string(), "output > 272000 (batch)");
        assert_eq!(
            Figure::of(Meter::Request).on((Axis::SearchContext, "low")).to_string(),
            "request (search_context=low)"
        );
        assert_eq!(condition("geo=eu"), Some((Axis::Geo, "eu")));
        assert_eq!(condition("moon=full"), None);
    }
}
