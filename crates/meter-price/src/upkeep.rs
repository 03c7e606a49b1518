//! What about a price book someone should look at.

use crate::{PriceBook, instant};
use jiff::{Timestamp, civil::Date, tz::Offset};
use meter_call::UnixMillis;
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows compared with their source longer ago than this may be out of date: prices of a large provider moved every three
/// weeks in 2026.
pub const CHECKED_DAYS_MAX: i64 = 45;

/// Holiday lists that end within this many days need their next year.
pub const HOLIDAY_DAYS_MIN: i64 = 45;

/// Announced prices due within this many days are worth knowing.
pub const DUE_DAYS: i64 = 30;

/// One thing to look at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Notice {
    /// Which kind.
    pub kind: NoticeKind,
    /// Price id of the provider.
    pub provider: String,
    /// The models it is about, in the order of the files; empty when it is about the provider.
    pub models: Vec<String>,
    /// One sentence, no full stop.
    pub message: String,
}

/// The kinds of notice.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Compared with its source too long ago.
    Stale,
    /// A row that nobody ever compared: it has no date.
    NeverChecked,
    /// A holiday list that ends soon, or has ended.
    HolidaysEnd,
    /// A price that begins soon.
    Due,
    /// A model without a price today, though it had one.
    Ended,
}

/// Age of one provider's entries.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Age {
    /// Price id of the provider.
    pub provider: String,
    /// How many models it prices.
    pub models: usize,
    /// Oldest date of comparison among the rows in force.
    pub oldest: Option<String>,
    /// Newest.
    pub newest: Option<String>,
    /// Days from `oldest` to the day asked about.
    pub days: Option<i64>,
}

/// The age of every provider's entries on the day of `today`, by provider.
pub fn ages(book: &PriceBook, today: UnixMillis) -> Vec<Age> {
    let age = |provider: &str| {
        let views = book.views(provider);
        let rows = views.iter().filter_map(|model| model.row_at(today));
        let mut dates: Vec<String> = rows.filter_map(|row| row.checked.clone()).collect();
        dates.sort();
        Age {
            provider: provider.to_owned(),
            models: views.len(),
            days: dates.first().and_then(|date| days_between(date, today)),
            oldest: dates.first().cloned(),
            newest: dates.last().cloned(),
        }
    };
    book.providers().map(age).collect()
}

/// Everything that needs a look on the day of `today`, by provider and kind.
pub fn notices(book: &PriceBook, today: UnixMillis) -> Vec<Notice> {
    let mut notices = Vec::new();
    for provider in book.providers() {
        let mut stale: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut undated = Vec::new();
        let mut due: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut ended = Vec::new();
        let mut holidays: BTreeMap<String, String> = BTreeMap::new();
        for model in book.views(provider) {
            let row = model.row_at(today);
            match row.map(|row| row.checked.as_deref()) {
                Some(Some(checked)) if days_between(checked, today).is_some_and(|days| days > CHECKED_DAYS_MAX) => {
                    stale.entry(checked.to_owned()).or_default().push(model.id.clone());
                }
                Some(None) => undated.push(model.id.clone()),
                Some(Some(_)) => {}
                None if model.rows.iter().any(|row| row.from_ms > today) => {}
                None => ended.push(model.id.clone()),
            }
            for row in model.rows.iter().filter(|row| row.from_ms > today) {
                if days_between(&row.from[..row.from.len().min(10)], today).is_some_and(|days| -days <= DUE_DAYS) {
                    due.entry(row.from.clone()).or_default().push(model.id.clone());
                }
            }
        }
        for (name, last) in book.holidays(provider) {
            if days_between(&last, today).is_some_and(|days| -days < HOLIDAY_DAYS_MIN) {
                holidays.insert(name, last);
            }
        }
        let mut tell = |kind, models: Vec<String>, message: String| {
            notices.push(Notice { kind, provider: provider.to_owned(), models, message });
        };
        for (date, models) in stale {
            tell(NoticeKind::Stale, models, format!("last compared with the source on {date}"));
        }
        if !undated.is_empty() {
            tell(NoticeKind::NeverChecked, undated, "no row says when it was compared with its source".to_owned());
        }
        for (name, last) in holidays {
            tell(NoticeKind::HolidaysEnd, Vec::new(), format!("holidays `{name}` say nothing of days after {last}"));
        }
        for (from, models) in due {
            tell(NoticeKind::Due, models, format!("another price begins on {from}"));
        }
        if !ended.is_empty() {
            tell(NoticeKind::Ended, ended, "the last price has ended, so calls are unpriced".to_owned());
        }
    }
    notices
}

/// Whole days from a date to the day of an instant (UTC); below 0 for a date to come.
fn days_between(date: &str, today: UnixMillis) -> Option<i64> {
    let date: Date = instant::date(date)?.parse().ok()?;
    let today = Offset::UTC.to_datetime(Timestamp::from_millisecond(today.0).ok()?).date();
    let span = date.until((jiff::Unit::Day, today)).ok()?;
    Some(i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_in_utc() {
        let at = instant::parse("2026-11-25T23:59:59Z").unwrap();
        assert_eq!(days_between("2026-11-24", at), Some(1));
        assert_eq!(days_between("2026-12-25", at), Some(-30));
        assert_eq!(days_between("2025-11-25", at), Some(365));
        assert_eq!(days_between("soon", at), None);
    }
}
