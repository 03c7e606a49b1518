//! Times of day with prices of their own, and the holidays on which they do not hold.

use crate::instant;
use jiff::{Timestamp, tz::Offset};
use meter_call::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Milliseconds of a minute.
const MINUTE: i64 = 60_000;

/// A named window: its rows, by `from`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window(pub Vec<WindowRow>);

/// How a window stands from one instant on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct WindowRow {
    /// First instant.
    #[serde(with = "instant::text")]
    pub from: UnixMillis,
    /// Minutes of the UTC day, start inclusive, end exclusive.
    pub utc: Vec<(u16, u16)>,
    /// Days of the week, Monday = 0.
    pub days: BTreeSet<u8>,
    /// Minutes east of UTC of the calendar that names day and holiday.
    pub zone: i32,
    /// Days on which it does not hold.
    pub not_on: Option<Holidays>,
}

/// A list of days and the years it speaks of.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Holidays {
    /// Its name, for messages.
    pub name: String,
    /// First and last day covered, ISO.
    pub covers: (String, String),
    /// The days, ISO.
    pub dates: BTreeSet<String>,
}

/// Whether an instant lies in a window.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Within {
    Yes,
    No,
    /// The answer is the ordinary one, but something that could change it is not known.
    Guess(bool, String),
}

impl Window {
    /// Whether `at` lies in the window called `name`.
    pub(crate) fn at(&self, name: &str, at: UnixMillis) -> Within {
        let Some(row) = self.0.iter().rev().find(|row| row.from <= at) else {
            return Within::Guess(false, format!("window `{name}` is not known that far back"));
        };
        let minute = u16::try_from((at.0.rem_euclid(24 * 60 * MINUTE)) / MINUTE).unwrap_or(0);
        if !row.utc.iter().any(|(start, end)| (*start..*end).contains(&minute)) {
            return Within::No;
        }
        let offset = Offset::from_seconds(row.zone * 60).unwrap_or(Offset::UTC);
        let Ok(moment) = Timestamp::from_millisecond(at.0) else { return Within::No };
        let day = offset.to_datetime(moment).date();
        let weekday = u8::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
        if !row.days.contains(&weekday) {
            return Within::No;
        }
        let Some(holidays) = &row.not_on else { return Within::Yes };
        let day = day.to_string();
        if holidays.dates.contains(&day) {
            return Within::No;
        }
        if day < holidays.covers.0 || day > holidays.covers.1 {
            return Within::Guess(true, format!("holidays `{}` say nothing of {day}: an ordinary day", holidays.name));
        }
        Within::Yes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(window: &Window, at: &str, expected: Within) {
        assert_eq!(window.at("peak", instant::parse(at).unwrap()), expected, "{at}");
    }

    fn peak() -> Window {
        let row = |from: &str, days: &[u8], not_on| WindowRow {
            from: instant::parse(from).unwrap(),
            utc: vec![(60, 240), (360, 600)],
            days: days.iter().copied().collect(),
            zone: 480,
            not_on,
        };
        let holidays = Holidays {
            name: "cn".into(),
            covers: ("2026-01-01".into(), "2026-12-31".into()),
            dates: ["2026-10-01".to_owned()].into(),
        };
        Window(vec![
            row("2026-08-16T16:00:00Z", &[0, 1, 2, 3, 4, 5, 6], None),
            row("2026-08-23", &[0, 1, 2, 3, 4], Some(holidays)),
        ])
    }

    #[test]
    fn start_is_in_and_end_is_out() {
        check(&peak(), "2026-11-24T00:59:59Z", Within::No);
        check(&peak(), "2026-11-24T01:00:00Z", Within::Yes);
        check(&peak(), "2026-11-24T03:59:59Z", Within::Yes);
        check(&peak(), "2026-11-24T04:00:00Z", Within::No);
    }

    #[test]
    fn days_and_holidays_are_those_of_the_windows_zone() {
        check(&peak(), "2026-11-22T02:00:00Z", Within::No); // a Sunday
        check(&peak(), "2026-08-22T02:00:00Z", Within::Yes); // a Saturday, while the window was daily
        check(&peak(), "2026-10-01T02:00:00Z", Within::No); // a holiday
    }

    #[test]
    fn what_the_list_does_not_cover_is_an_ordinary_day_and_said_to_be_a_guess() {
        assert!(matches!(
            peak().at("peak", instant::parse("2027-01-01T02:00:00Z").unwrap()),
            Within::Guess(true, reason) if reason.contains("2027-01-01")
        ));
        // Outside the hours it makes no difference.
        check(&peak(), "2027-01-01T12:00:00Z", Within::No);
        assert!(matches!(peak().at("peak", instant::parse("2026-08-01T02:00:00Z").unwrap()), Within::Guess(false, _)));
    }
}
