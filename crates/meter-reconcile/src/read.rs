//! Reads an export.

use crate::flat::{self, Row};
use crate::format::{Format, terms};
use jiff::{Timestamp, civil::Date, tz::Offset};
use meter_money::Ratio;
use std::collections::BTreeMap;

/// What a provider says about a day and a model.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reported {
    /// Calls, where the report counts them.
    pub calls: Option<u64>,
    /// Counts by their position in [`Format`].
    pub(crate) counts: Vec<i128>,
    /// Pico-dollars, where the report has amounts.
    pub cost_pico: Option<i128>,
}

/// An export: its format and its rows by day (UTC, ISO) and model.
#[derive(Clone, Debug)]
pub struct Export {
    /// How it is written.
    pub format: &'static Format,
    /// Sums by day and model; the model is empty where a row names none.
    pub days: BTreeMap<(String, String), Reported>,
    /// Rows that could not be read, each with the reason.
    pub unread: Vec<String>,
}

/// Why a text is no export.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnreadableExport {
    /// It looks like JSON and is none.
    #[error("it begins like JSON and is none: {0}")]
    NotJson(String),
    /// No format has these keys.
    #[error("no known report has these keys: {0}")]
    UnknownFormat(String),
    /// A quote of a CSV file is never closed.
    #[error("line {0}: a quote is opened and never closed")]
    OpenQuote(usize),
    /// It has a head and nothing else.
    #[error("the report has no rows")]
    Empty,
}

/// Reads the text of an export; CSV or JSON is seen from its first letter.
///
/// # Errors
/// [`UnreadableExport`] says why it is no report that is known.
pub fn read(text: &str) -> Result<Export, UnreadableExport> {
    let text = text.trim_start_matches('\u{feff}');
    let rows: Vec<(String, Result<Row, String>)> = if text.trim_start().starts_with(['{', '[']) {
        let value = serde_json::from_str(text).map_err(|error| UnreadableExport::NotJson(error.to_string()))?;
        (1..).zip(flat::json(&value)).map(|(number, row)| (format!("row {number}"), Ok(row))).collect()
    } else {
        let rows = flat::csv(text).map_err(UnreadableExport::OpenQuote)?;
        rows.into_iter().map(|(line, row)| (format!("line {line}"), row)).collect()
    };
    let whole = || rows.iter().filter_map(|(_, row)| row.as_ref().ok());
    let first = whole().next().ok_or(UnreadableExport::Empty)?;
    let known = |format: &&Format| whole().any(|row| format.knows(|key| row.contains_key(key)));
    let format = Format::all().iter().find(known).ok_or_else(|| {
        let keys: Vec<&str> = first.keys().map(String::as_str).take(12).collect();
        UnreadableExport::UnknownFormat(keys.join(", "))
    })?;
    let mut export = Export { format, days: BTreeMap::new(), unread: Vec::new() };
    for (place, row) in &rows {
        let added = match row {
            // A bucket without results says that nothing happened.
            Ok(row) if !format.knows(|key| row.contains_key(key)) => continue,
            Ok(row) => export.add(row),
            Err(reason) => Err(reason.clone()),
        };
        if let Err(reason) = added {
            export.unread.push(format!("{place}: {reason}"));
        }
    }
    if whole().next_back().and_then(|row| row.get("has_more")).is_some_and(|more| more == "true") {
        export.unread.push("the report goes on: its next page is not in this file".to_owned());
    }
    Ok(export)
}

impl Export {
    fn add(&mut self, row: &Row) -> Result<(), String> {
        let format = self.format;
        let first = |keys: &[String]| keys.iter().filter_map(|key| row.get(key)).find(|text| !text.is_empty());
        let day = first(&format.day).and_then(|text| day(text)).ok_or("it has no day")?;
        let model = first(&format.model).map_or("", String::as_str);
        let model = match &format.model_until {
            Some(mark) => model.split_once(mark.as_str()).map_or(model, |(model, _)| model),
            None => model,
        };
        let currency = row.iter().find(|(key, text)| key.ends_with("currency") && !text.is_empty());
        if let Some((_, other)) = currency.filter(|(_, text)| !text.eq_ignore_ascii_case("usd")) {
            return Err(format!("its amount is in {other}"));
        }
        let sum = |expression: &str| -> Result<Ratio, String> {
            terms(expression).try_fold(Ratio::ZERO, |sum, (minus, key)| {
                let text = row.get(key).map_or("", String::as_str);
                let value = match text {
                    "" => Ratio::ZERO,
                    text => Ratio::wire(text).map_err(|error| format!("`{key}` = `{text}`: {error}"))?,
                };
                let sum = if minus { sum.sub(value) } else { sum.add(value) };
                sum.map_err(|error| format!("`{key}`: {error}"))
            })
        };
        let whole = |expression: &str| -> Result<i128, String> {
            let value = sum(expression)?;
            (value.denominator() == 1).then_some(value.numerator()).ok_or(format!("`{expression}` is no whole number"))
        };
        let counts = format.counts.iter().map(|count| whole(&count.theirs)).collect::<Result<Vec<_>, _>>()?;
        let calls = match &format.calls {
            Some(key) => Some(u64::try_from(whole(key)?).map_err(|_| format!("`{key}` is below 0"))?),
            None => format.one_row_a_call.then_some(1),
        };
        let cost = match &format.cost {
            Some(expression) => {
                let pico = Ratio::factor(&format.cost_unit)
                    .and_then(|unit| sum_of(sum(expression), unit))
                    .map_err(|error| format!("`{expression}`: {error}"))?;
                Some(pico?)
            }
            None => None,
        };
        let entry = self.days.entry((day, model.to_owned())).or_default();
        entry.counts.resize(format.counts.len(), 0);
        // All or nothing of a row.
        let mut sums = entry.clone();
        let too_large = || "the sum of its day is too large".to_owned();
        for (total, count) in sums.counts.iter_mut().zip(counts) {
            *total = total.checked_add(count).ok_or_else(too_large)?;
        }
        if let Some(calls) = calls {
            sums.calls = Some(sums.calls.unwrap_or(0).checked_add(calls).ok_or_else(too_large)?);
        }
        if let Some(pico) = cost {
            sums.cost_pico = Some(sums.cost_pico.unwrap_or(0).checked_add(pico).ok_or_else(too_large)?);
        }
        *entry = sums;
        Ok(())
    }
}

/// Pico-dollars of an amount in a unit; a sum that could not be read stays what it is.
fn sum_of(amount: Result<Ratio, String>, unit: Ratio) -> Result<Result<i128, String>, meter_money::MoneyError> {
    match amount {
        Ok(amount) => {
            let pico = amount.mul(unit)?.mul(Ratio::whole(1_000_000_000_000))?;
            Ok(Ok(meter_money::half_even(pico)))
        }
        Err(reason) => Ok(Err(reason)),
    }
}

/// The day in UTC: of a date, an instant (with `T` or a blank), or seconds since 1970.
fn day(text: &str) -> Option<String> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return Some(date.to_string());
    }
    let moment = match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok()?,
        Err(_) => match text.parse::<Timestamp>() {
            Ok(moment) => moment,
            // Without an offset: reports are in UTC.
            Err(_) => Offset::UTC.to_timestamp(text.parse::<jiff::civil::DateTime>().ok()?).ok()?,
        },
    };
    Some(Offset::UTC.to_datetime(moment).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_in_many_ways() {
        for text in
            ["2026-11-24", "2026-11-24T23:59:59Z", "2026-11-25T01:00:00+02:00", "2026-11-24 10:00:00.000", "1795514400"]
        {
            assert_eq!(day(text).as_deref(), Some("2026-11-24"), "{text}");
        }
        assert_eq!(day("yesterday"), None);
    }

    #[test]
    fn what_a_report_leaves_out_is_told() {
        let head = "usage_date_utc,model,cost_usd";
        let short = read(&format!("{head}\n2026-11-24,a,1\n2026-11-24,b\n")).unwrap();
        assert_eq!(short.unread, ["line 3: it has 2 fields, the head has 3"]);
        let page = r#"{"data":[{"start_time":1795514400,"results":[{"object":"organization.costs.result","amount":{"value":CUT,"currency":"MONEY"},"line_item":"a"}]}],"has_more":MORE}"#;
        let page = |value: &str, money: &str, more: &str| {
            read(&page.replace("CUT", value).replace("MONEY", money).replace("MORE", more)).unwrap()
        };
        assert_eq!(page("0.5", "usd", "false").unread, Vec::<String>::new());
        assert_eq!(page("0.5", "eur", "false").unread, ["row 1: its amount is in eur"]);
        assert_eq!(page("0.5", "usd", "true").unread, ["the report goes on: its next page is not in this file"]);
    }

    #[test]
    fn what_is_no_report_says_so() {
        assert_eq!(read("").unwrap_err(), UnreadableExport::Empty);
        assert_eq!(read("a,b\n1,2\n").unwrap_err(), UnreadableExport::UnknownFormat("a, b".into()));
        assert!(matches!(read("{").unwrap_err(), UnreadableExport::NotJson(_)));
        assert_eq!(read("a,b\n1,\"2\n").unwrap_err(), UnreadableExport::OpenQuote(2));
    }
}
