//! Query parameters, checked. A parameter nobody knows is ignored; one that makes no sense is an error.

use crate::answer::Failure;
use axum::{extract::FromRequestParts, http::request::Parts};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use meter_call::{Status, UnixMillis};
use meter_store::{Cursor, Months};
use std::{collections::BTreeMap, fmt::Display, str::FromStr};

/// What lists give when nothing is asked for.
const LIMIT_DEFAULT: usize = 50;
/// One page at most.
const LIMIT_MAX: usize = 500;

/// The parameters of a request, decoded; of repeated ones the last.
#[derive(Debug)]
pub(crate) struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Params, Failure> {
        let query = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let pairs = query.map_err(|error| Failure::parameter(error.body_text()))?;
        Ok(Params(pairs.0.into_iter().collect()))
    }
}

impl Params {
    pub fn text(&self, name: &str) -> Option<String> {
        // An empty parameter is what a form sends for "any".
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.text(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|error| Failure::parameter(format!("`{name}`: {error}")))
    }

    pub fn limit(&self) -> Result<usize, Failure> {
        match self.parsed("limit")? {
            None => Ok(LIMIT_DEFAULT),
            Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
            Some(_) => Err(Failure::parameter(format!("`limit` is 1 to {LIMIT_MAX}"))),
        }
    }

    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.text(name).as_deref() {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(_) => Err(Failure::parameter(format!("`{name}` is true or false"))),
        }
    }

    pub fn cursor(&self) -> Result<Option<Cursor>, Failure> {
        self.parsed("cursor")
    }

    pub fn status(&self) -> Result<Option<Status>, Failure> {
        let Some(word) = self.text("status") else { return Ok(None) };
        Status::from_word(&word).map(Some).ok_or_else(|| {
            let words: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
            Failure::parameter(format!("`status` is one of {}", words.join(", ")))
        })
    }

    /// `since=YYYY-MM-DD`: the first instant of that day in the zone.
    pub fn since(&self, zone: &TimeZone) -> Result<Option<UnixMillis>, Failure> {
        let Some(text) = self.text("since") else { return Ok(None) };
        let day = |text: &str| -> Option<Date> {
            let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            text.parse().ok().filter(|_| shaped)
        };
        day(&text)
            .and_then(|date| start_of(date, zone))
            .map(Some)
            .ok_or_else(|| Failure::parameter("`since` is a day, YYYY-MM-DD"))
    }
}

/// Not always midnight: a zone may skip it.
fn start_of(date: Date, zone: &TimeZone) -> Option<UnixMillis> {
    let start = date.to_zoned_datetime(zone.clone()).and_then(|day| day.start_of_day()).ok()?;
    Some(UnixMillis(start.timestamp().as_millisecond()))
}

/// Where this month and the one before begin in the zone; the beginning of time for a clock beyond any calendar.
pub(crate) fn months(now: UnixMillis, zone: &TimeZone) -> Months {
    let months = || {
        let first = Timestamp::from_millisecond(now.0).ok()?.to_zoned_datetime(zone.clone()).date().first_of_month();
        let previous = first.yesterday().ok()?.first_of_month();
        Some(Months { previous: start_of(previous, zone)?, this: start_of(first, zone)? })
    };
    months().unwrap_or(Months { previous: UnixMillis(0), this: UnixMillis(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(text: &str, zone: &str) -> Option<i64> {
        let params = Params(BTreeMap::from([("since".to_owned(), text.to_owned())]));
        params.since(&TimeZone::get(zone).unwrap()).ok()?.map(|at| at.0)
    }

    #[test]
    fn a_day_begins_in_its_zone() {
        assert_eq!(since("2026-11-24", "UTC"), Some(1_795_478_400_000));
        assert_eq!(since("2026-11-24", "America/New_York"), Some(1_795_478_400_000 + 5 * 3_600_000));
        // Midnight did not exist in Beirut on that day: clocks went from 00:00 to 01:00.
        assert_eq!(since("2026-03-29", "Asia/Beirut"), Some(1_774_735_200_000));
        for bad in ["today", "2026-02-30", "2026-11-24T10:00", "20261124", "24.11.2026"] {
            assert_eq!(since(bad, "UTC"), None, "{bad}");
        }
    }

    #[test]
    fn months_begin_in_the_zone() {
        // 2027-01-01T03:00Z is still December in New York.
        let months = months(UnixMillis(1_798_772_400_000), &TimeZone::get("America/New_York").unwrap());
        let text = |at| meter_store::rfc3339(at);
        assert_eq!(
            (text(months.previous), text(months.this)),
            ("2026-11-01T04:00:00.000Z".into(), "2026-12-01T05:00:00.000Z".into())
        );
    }
}
