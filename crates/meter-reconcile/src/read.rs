//! Reads an export.

use crate::flat::{self, Row, Rows};
use crate::format::Format;
use crate::reported::{Reported, decimals};
use jiff::{Timestamp, civil::Date, tz::Offset};
use meter_money::Ratio;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// An export: its format and its rows by day (UTC, ISO) and model.
#[derive(Clone, Debug)]
pub struct Export {
    /// How it is written.
    pub format: &'static Format,
    /// Sums by day and model; the model is empty where a row names none.
    pub days: BTreeMap<(String, String), Reported>,
    /// Sums by day and fee, of rows that are no model's.
    pub fees: BTreeMap<(String, String), Reported>,
    /// Other names that rows give a model.
    pub names: BTreeMap<String, BTreeSet<String>>,
    /// The time it speaks of in milliseconds since 1970, end excluded: buckets without results count, and a bucket may end
    /// within a day.
    pub covers: (i64, i64),
    /// Rows that could not be read or are there twice, and pages that are missing, each with the reason.
    pub unread: Vec<String>,
    /// Keys with figures that nothing here is compared with.
    pub uncompared: BTreeSet<String>,
    /// Every key of a row.
    pub(crate) has: BTreeSet<String>,
    /// Decimals of the finest amount.
    pub(crate) decimals: u32,
    /// Whether rows tell fees from tokens.
    pub(crate) by_kind: bool,
}

/// Why a text is no export.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnreadableExport {
    /// It is not UTF-8.
    #[error("line {line}, column {column}: this is no UTF-8 text; export it again, or save it as UTF-8")]
    NotText {
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
    },
    /// It looks like JSON and is none.
    #[error("it begins like JSON and is none: {0}")]
    NotJson(String),
    /// No format has these keys.
    #[error("no known report has these keys: {0}")]
    UnknownFormat(String),
    /// A quote of a CSV file is never closed.
    #[error("line {0}, column {1}: a quote is opened and never closed")]
    OpenQuote(usize, usize),
    /// It has a head or buckets of time and nothing else.
    #[error("the report has no rows: nothing was used in its time, or not by what it was asked for")]
    Empty,
    /// There are rows and none can be read.
    #[error("no row can be read; {0}")]
    NoRow(String),
}

/// The text of a file.
///
/// # Errors
/// [`UnreadableExport::NotText`] names the first byte that is none.
pub fn decode(bytes: Vec<u8>) -> Result<String, UnreadableExport> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + good.iter().rev().take_while(|byte| **byte != b'\n').count();
        UnreadableExport::NotText { line, column }
    })
}

/// Reads the text of an export; CSV or JSON is seen from its first letter.
///
/// # Errors
/// [`UnreadableExport`] says why it is no report that is known.
pub fn read(text: &str) -> Result<Export, UnreadableExport> {
    let text = text.trim_start_matches('\u{feff}');
    let mut buckets = Rows::default();
    let rows: Vec<(String, Result<Row, String>)> = if text.trim_start().starts_with(['{', '[']) {
        let pages: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
        buckets = flat::json(&pages.map_err(|error| UnreadableExport::NotJson(error.to_string()))?);
        let rows = std::mem::take(&mut buckets.rows);
        (1..).zip(rows).map(|(number, row)| (format!("row {number}"), Ok(row))).collect()
    } else {
        let rows = flat::csv(text).map_err(|(line, column)| UnreadableExport::OpenQuote(line, column))?;
        rows.into_iter().map(|(line, row)| (format!("line {line}"), row)).collect()
    };
    let whole = || rows.iter().filter_map(|(_, row)| row.as_ref().ok());
    let known = |format: &&Format| whole().any(|row| format.knows(|key| row.contains_key(key)));
    let Some(format) = Format::all().iter().find(known) else {
        let reason = rows.iter().find_map(|(place, row)| Some(format!("{place}: {}", row.as_ref().err()?)));
        return Err(match (whole().next(), reason) {
            (Some(row), _) => {
                let keys: Vec<&str> = row.keys().map(String::as_str).take(12).collect();
                UnreadableExport::UnknownFormat(keys.join(", "))
            }
            (None, Some(reason)) => UnreadableExport::NoRow(reason),
            (None, None) => UnreadableExport::Empty,
        });
    };
    let mut export = Export::new(format);
    let mut seen: BTreeMap<Vec<(&str, &str)>, &str> = BTreeMap::new();
    let mut groups: BTreeMap<Vec<(&str, &str)>, &str> = BTreeMap::new();
    for (place, row) in &rows {
        let added = row.as_ref().map_err(Clone::clone).and_then(|row| match seen.get(&identity(format, row)) {
            Some(first) => Err(format!("it is {first} once more, and counted once")),
            None => {
                seen.insert(identity(format, row), place);
                export.add(row)
            }
        });
        // One bucket has one row for a grouping: two of them are an older and a newer page.
        if let (Ok(()), Ok(row), true) = (&added, row, format.until.is_some())
            && let Some(first) = groups.insert(grouping(format, row), place)
        {
            export.unread.push(format!("{place}: it is {first} with other figures, and counted as well"));
        }
        if let Err(reason) = added {
            export.unread.push(format!("{place}: {reason}"));
        }
    }
    if export.days.is_empty() && export.fees.is_empty() {
        return Err(UnreadableExport::NoRow(export.unread.swap_remove(0)));
    }
    export.look(whole());
    export.cover(whole().chain(&buckets.empty), &buckets.pages);
    Ok(export)
}

/// What no other row has: its id, or else all of it.
fn identity<'a>(format: &Format, row: &'a Row) -> Vec<(&'a str, &'a str)> {
    let id = format.row_id.as_deref().and_then(|key| row.get_key_value(key)).filter(|(_, id)| !id.is_empty());
    let pair = |(key, text): (&'a String, &'a String)| (key.as_str(), text.as_str());
    match id {
        Some(id) => vec![pair(id)],
        None => row.iter().map(pair).collect(),
    }
}

/// What a row is of: all of it but its figures.
fn grouping<'a>(format: &Format, row: &'a Row) -> Vec<(&'a str, &'a str)> {
    let figure =
        |key: &str| format.beside.iter().any(|beside| beside == key) || format.figures().any(|known| known == key);
    row.iter().map(|(key, text)| (key.as_str(), text.as_str())).filter(|(key, _)| !figure(key)).collect()
}

impl Export {
    fn new(format: &'static Format) -> Export {
        Export {
            format,
            days: BTreeMap::new(),
            fees: BTreeMap::new(),
            names: BTreeMap::new(),
            covers: (0, 0),
            unread: Vec::new(),
            uncompared: BTreeSet::new(),
            has: BTreeSet::new(),
            decimals: 0,
            by_kind: false,
        }
    }

    /// First and last day it speaks of, ISO.
    pub fn days_covered(&self) -> (String, String) {
        let date = |ms: i64| Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), date);
        (date(self.covers.0), date(self.covers.1 - 1))
    }

    /// How precise its amounts are, and which figures of it nobody compares.
    fn look<'a>(&mut self, rows: impl Iterator<Item = &'a Row>) {
        let format = self.format;
        let costs: Vec<&str> =
            format.cost.iter().flat_map(|cost| crate::format::terms(cost)).map(|(_, key)| key).collect();
        let named = format.day.iter().chain(&format.model).chain(&format.beside);
        let named = named
            .chain(&format.until)
            .chain(&format.list)
            .chain(&format.kind)
            .chain(&format.class)
            .chain(&format.row_id);
        let known: BTreeSet<&str> = named.map(String::as_str).chain(format.figures()).collect();
        for (key, text) in rows.flatten() {
            if costs.contains(&key.as_str()) {
                self.decimals = self.decimals.max(decimals(text));
            }
            let figure = || Ratio::wire(text).is_ok_and(|number| !number.is_zero());
            if !known.contains(key.as_str()) && !self.uncompared.contains(key) && figure() {
                self.uncompared.insert(key.clone());
            }
        }
    }

    /// The time its buckets cover, and whether all of them are there.
    fn cover<'a>(&mut self, buckets: impl Iterator<Item = &'a Row>, pages: &[bool]) {
        let format = self.format;
        let mut days: BTreeSet<String> = self.days.keys().chain(self.fees.keys()).map(|(day, _)| day.clone()).collect();
        let midnight = |day: Option<&String>| day.and_then(|day| moment(day)).map_or(0, Timestamp::as_millisecond);
        let (first, last) = (midnight(days.first()), midnight(days.last()));
        let mut time: Option<(Timestamp, Timestamp)> = None;
        for bucket in buckets {
            let at = |key: &String| moment(bucket.get(key)?);
            let (Some(begin), Some(end)) = (format.day.iter().find_map(at), format.until.as_ref().and_then(at)) else {
                continue;
            };
            days.insert(date(begin));
            let (from, to) = time.unwrap_or((begin, end));
            time = Some((from.min(begin), to.max(end)));
        }
        let exact = time.map(|(from, to)| (from.as_millisecond(), to.as_millisecond()));
        self.covers = exact.unwrap_or((first, last + DAY_MS));
        // Buckets in which nothing happened are there too: a day without any is on a page that is not.
        let dates: Vec<Date> = days.iter().filter_map(|day| day.parse().ok()).collect();
        for pair in dates.windows(2).filter(|_| time.is_some()) {
            if let (Ok(from), Ok(to)) = (pair[0].tomorrow(), pair[1].yesterday())
                && from <= to
            {
                self.unread.push(format!("nothing is said of {from} to {to}: a page is missing"));
            }
        }
        if !pages.is_empty() && pages.iter().all(|more| *more) {
            self.unread.push("the report goes on: its next page is not in this file".to_owned());
        }
    }
}

/// The day in UTC: of a date, an instant (with `T` or a blank), or seconds since 1970.
pub(crate) fn day(text: &str) -> Option<String> {
    moment(text).map(date)
}

fn date(moment: Timestamp) -> String {
    Offset::UTC.to_datetime(moment).date().to_string()
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    // Without an offset: reports are in UTC.
    let civil = || text.parse::<jiff::civil::DateTime>().ok().and_then(|time| Offset::UTC.to_timestamp(time).ok());
    text.parse().ok().or_else(civil)
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
}
