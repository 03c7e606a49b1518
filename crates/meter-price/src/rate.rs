//! What one unit of a meter costs, read from the text a person wrote.

use meter_call::{Meter, Side};
use meter_money::{MoneyError, Ratio};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A price per unit, with the text it was read from: `3 / 1M tokens`, `10 / 1000 calls`, `0.08 / minute`.
///
/// The unit that the provider prints is kept: 0.08 a minute is no finite number a second, so only the exact quotient is
/// computed with. A billing minimum and step stand behind it in brackets, `0.111 / hour (min 10 seconds, step 1 second)`,
/// so that the text alone says how an amount came about.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    text: String,
    unit: Unit,
    each: Ratio,
    /// Least quantity billed, in the meter's own unit.
    min: u64,
    /// Quantities are billed in whole steps of this many of the meter's own unit.
    step: u64,
}

/// Why a text is no rate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RateError {
    /// The amount or the count is no figure.
    #[error("`{0}`: {1}")]
    Figure(String, MoneyError),
    /// No unit behind the amount.
    #[error("no unit")]
    NoUnit,
    /// A unit that is not in the closed list.
    #[error("no unit is called `{0}`")]
    UnknownUnit(String),
    /// A minimum or step that is no whole number of the meter's own unit, above 0.
    #[error("`{0}` is no minimum or step")]
    Terms(String),
}

/// What a price can be for. Closed: a new unit needs to know which meters count in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Tokens.
    Token,
    /// Tokens kept for an hour.
    TokenHour,
    /// Calls of a tool.
    Call,
    /// Searches.
    Search,
    /// Queries.
    Query,
    /// Prompts that used a tool, however often.
    Prompt,
    /// Requests.
    Request,
    /// Sessions of a tool.
    Session,
    /// Images.
    Image,
    /// Pages.
    Page,
    /// Messages.
    Message,
    /// Characters.
    Character,
    /// Seconds; the meters of time count in these.
    Second,
    /// 60 seconds.
    Minute,
    /// 3600 seconds.
    Hour,
}

/// One, many.
const UNITS: &[(Unit, &str, &str)] = &[
    (Unit::Token, "token", "tokens"),
    (Unit::TokenHour, "token-hour", "token-hours"),
    (Unit::Call, "call", "calls"),
    (Unit::Search, "search", "searches"),
    (Unit::Query, "query", "queries"),
    (Unit::Prompt, "prompt", "prompts"),
    (Unit::Request, "request", "requests"),
    (Unit::Session, "session", "sessions"),
    (Unit::Image, "image", "images"),
    (Unit::Page, "page", "pages"),
    (Unit::Message, "message", "messages"),
    (Unit::Character, "character", "characters"),
    (Unit::Second, "second", "seconds"),
    (Unit::Minute, "minute", "minutes"),
    (Unit::Hour, "hour", "hours"),
];

impl Unit {
    /// The units that a meter can be priced in; the first is the usual one.
    pub fn of(meter: Meter) -> &'static [Unit] {
        match meter {
            meter if meter.side() != Side::Unit => &[Unit::Token],
            Meter::Grounding | Meter::MapsGrounding => {
                &[Unit::Query, Unit::Prompt, Unit::Search, Unit::Call, Unit::Request]
            }
            Meter::CodeInterpreter => &[Unit::Session, Unit::Call],
            Meter::CacheStorage => &[Unit::TokenHour],
            Meter::Query => &[Unit::Query, Unit::Search, Unit::Request],
            Meter::Request => &[Unit::Request, Unit::Call],
            Meter::Image => &[Unit::Image],
            Meter::Video | Meter::Audio => &[Unit::Second, Unit::Minute, Unit::Hour],
            Meter::Characters => &[Unit::Character],
            Meter::Page => &[Unit::Page],
            Meter::TextMessage => &[Unit::Message],
            _ => &[Unit::Call, Unit::Search, Unit::Query, Unit::Prompt, Unit::Request],
        }
    }

    /// The singular, as price files print it.
    pub fn one(self) -> &'static str {
        UNITS.iter().find(|(unit, ..)| *unit == self).map_or("", |(_, one, _)| one)
    }

    /// The plural, as bills print it.
    pub fn plural(self) -> &'static str {
        UNITS.iter().find(|(unit, ..)| *unit == self).map_or("", |(_, _, many)| many)
    }

    /// Every word that names a unit.
    pub fn words() -> impl Iterator<Item = &'static str> {
        UNITS.iter().flat_map(|(_, one, many)| [*one, *many])
    }

    /// How many of the meter's own unit it holds.
    pub fn size(self) -> i128 {
        match self {
            Unit::Minute => 60,
            Unit::Hour => 3600,
            _ => 1,
        }
    }
}

impl Rate {
    /// A token price in dollars per million, from its literal text.
    ///
    /// # Errors
    /// [`RateError::Figure`] names what is wrong with the number.
    pub fn per_million(literal: &str) -> Result<Rate, RateError> {
        Rate::parse(&format!("{} / 1M tokens", literal.replace('_', ""))).and_then(|rate| {
            // The text above has no underscores any more; this looks at those that were written.
            Ratio::literal(literal).map_err(|error| RateError::Figure(literal.to_owned(), error))?;
            Ok(rate)
        })
    }

    /// `AMOUNT / [COUNT] UNIT [(min COUNT UNIT, step COUNT UNIT)]`; the count of a price may end in `k` or `M`.
    ///
    /// # Errors
    /// [`RateError`] names what is wrong.
    pub fn parse(text: &str) -> Result<Rate, RateError> {
        let Some((price, terms)) = text.split_once('(') else { return Rate::plain(text) };
        let mut rate = Rate::plain(price)?;
        let terms = terms.trim_end().strip_suffix(')').ok_or_else(|| RateError::Terms(terms.to_owned()))?;
        for term in terms.split(',') {
            let wrong = || RateError::Terms(term.trim().to_owned());
            let (word, size) = term.trim().split_once(' ').ok_or_else(wrong)?;
            let size = whole(size, rate.unit).ok_or_else(wrong)?;
            match word {
                "min" => rate.min = size,
                "step" => rate.step = size,
                _ => return Err(wrong()),
            }
        }
        rate.text = text.trim().to_owned();
        Ok(rate)
    }

    /// What is billed for a count: at least the minimum, in whole steps.
    ///
    /// `None` when it does not fit.
    pub fn billed(&self, quantity: u64) -> Option<u64> {
        quantity.max(self.min).checked_next_multiple_of(self.step)
    }

    fn plain(text: &str) -> Result<Rate, RateError> {
        let figure = |text: &str| Ratio::literal(text).map_err(|error| RateError::Figure(text.to_owned(), error));
        let Some((amount, per)) = text.split_once('/') else {
            figure(text.trim())?;
            return Err(RateError::NoUnit);
        };
        let amount = figure(amount.trim())?;
        let (count, word) = match per.trim().split_once(' ') {
            Some((count, word)) => (count, word.trim()),
            None => ("1", per.trim()),
        };
        if word.is_empty() {
            return Err(RateError::NoUnit);
        }
        let unit = UNITS.iter().find(|(_, one, many)| word == *one || word == *many).map(|(unit, ..)| *unit);
        let unit = unit.ok_or_else(|| RateError::UnknownUnit(word.to_owned()))?;
        let (digits, times) = match count.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => count.strip_suffix('k').map_or((count, 1), |digits| (digits, 1000)),
        };
        let count = figure(digits)?.mul(Ratio::whole(times)).and_then(|count| count.mul(Ratio::whole(unit.size())));
        let each = count.and_then(|count| amount.div(count));
        let each = each.map_err(|error| RateError::Figure(text.to_owned(), error))?;
        Ok(Rate { text: text.trim().to_owned(), unit, each, min: 0, step: 1 })
    }

    /// As written, unit included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is for.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Dollars for one of the meter's own unit (a token, a call, a second), exact.
    pub fn each(&self) -> Ratio {
        self.each
    }
}

/// `10 seconds` as a whole number above 0 of what `priced` counts in.
fn whole(text: &str, priced: Unit) -> Option<u64> {
    let (count, word) = text.trim().split_once(' ')?;
    let unit = UNITS.iter().find(|(_, one, many)| word == *one || word == *many).map(|(unit, ..)| *unit)?;
    let time = |unit| matches!(unit, Unit::Second | Unit::Minute | Unit::Hour);
    let count =
        count.parse::<u64>().ok().filter(|count| *count > 0 && (unit == priced || time(unit) && time(priced)))?;
    count.checked_mul(u64::try_from(unit.size()).ok()?)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;
    fn try_from(text: String) -> Result<Self, RateError> {
        Rate::parse(&text)
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.text
    }
}

/// An exact multiplier with the text it was read from: `0.5`, `1.1`, `1/3`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Factor {
    text: String,
    value: Ratio,
}

impl Factor {
    /// Reads a plain decimal or `a/b`.
    ///
    /// # Errors
    /// [`MoneyError`] names what is wrong.
    pub fn parse(text: &str) -> Result<Factor, MoneyError> {
        Ok(Factor { value: Ratio::factor(text)?, text: text.to_owned() })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number.
    pub fn value(&self) -> Ratio {
        self.value
    }
}

impl TryFrom<String> for Factor {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        Factor::parse(&text)
    }
}

impl From<Factor> for String {
    fn from(factor: Factor) -> Self {
        factor.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(text: &str) -> String {
        Rate::parse(text).unwrap().each().to_string()
    }

    #[test]
    fn a_rate_is_an_exact_quotient() {
        assert_eq!(each("10 / 1000 calls"), "0.01");
        assert_eq!(each("0.03 / session"), "0.03");
        assert_eq!(each("0.50 / 1M token-hours"), "0.0000005");
        assert_eq!(each("15 / 1M characters"), "0.000015");
        assert_eq!(each("0.111 / hour"), "37/1200000");
        assert_eq!(each("0.08 / minute"), "1/750");
        assert_eq!(each("35 / 1k prompts"), "0.035");
        assert_eq!(Rate::per_million("0.20").unwrap().text(), "0.20 / 1M tokens");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(Rate::parse("10"), Err(RateError::NoUnit));
        assert_eq!(Rate::parse("10 /"), Err(RateError::NoUnit));
        assert_eq!(Rate::parse("10 / 1000 bananas"), Err(RateError::UnknownUnit("bananas".into())));
        assert!(matches!(Rate::parse("ten / call"), Err(RateError::Figure(..))));
        assert!(matches!(Rate::parse("10 / 0 calls"), Err(RateError::Figure(_, MoneyError::ZeroDivisor))));
        assert!(matches!(Rate::per_million("1.0_0"), Err(RateError::Figure(_, MoneyError::Underscore))));
        assert!(matches!(Rate::per_million("1e1"), Err(RateError::Figure(_, MoneyError::Exponent))));
    }

    #[test]
    fn a_minimum_and_a_step_are_part_of_the_rate() {
        let text = "0.111 / hour (min 10 seconds, step 1 minute)";
        let rate = Rate::parse(text).unwrap();
        assert_eq!((rate.text(), rate.each().to_string().as_str()), (text, "37/1200000"));
        assert_eq!(rate.billed(1), Some(60));
        assert_eq!(rate.billed(60), Some(60));
        assert_eq!(rate.billed(61), Some(120));
        assert_eq!(rate.billed(u64::MAX), None);
        assert_eq!(Rate::parse("1 / page (min 3 pages)").unwrap().billed(2), Some(3));
        for bad in ["min 3 pages", "least 3 seconds", "min 0 seconds", "min 1.5 seconds", "min 3 seconds)(", ""] {
            let text = format!("0.111 / hour ({bad})");
            assert!(matches!(Rate::parse(&text), Err(RateError::Terms(_))), "{text}");
        }
    }

    #[test]
    fn every_meter_has_a_unit() {
        for meter in Meter::ALL {
            assert!(!Unit::of(*meter).is_empty());
        }
        assert_eq!(Unit::of(Meter::CacheRead), [Unit::Token]);
    }
}
