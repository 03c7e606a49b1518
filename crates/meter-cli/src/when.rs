//! Spans of time as people write them.

use crate::failure::Failure;
use jiff::civil::Date;
use jiff::{Span, ToSpan, ZonedDateTime, tz::TimeZone};
use meter_api::Exit;
use meter_call::UnixMillis;
use meter_store::Range;

/// The instant as rows have it.
pub fn millis(at: &ZonedDateTime) -> UnixMillis {
    UnixMillis(at.timestamp().as_millisecond())
}

/// From midnight of the present day on.
pub fn today(now: &ZonedDateTime) -> Range {
    Range::since(now.start_of_day().map(|start| millis(&start)).unwrap_or_else(|_| millis(now)))
}

/// `7d`, `24h`, `90m`, or a number of days; whole days begin at midnight.
///
/// # Errors
/// A usage failure that shows the forms.
pub fn since(text: &str, now: &ZonedDateTime) -> Result<Range, Failure> {
    let wrong = || {
        let forms = "write a number of days or `7d`, `24h`, `90m`";
        Failure::new(format!("`{text}` is no span of time: {forms}")).with_code(Exit::Usage)
    };
    let (digits, unit) = match text.char_indices().last() {
        Some((at, unit @ ('d' | 'h' | 'm'))) => (&text[..at], unit),
        _ => (text, 'd'),
    };
    let count: i64 = digits.parse().ok().filter(|count| (0..=1_000_000).contains(count)).ok_or_else(wrong)?;
    let span: Span = match unit {
        // Today is one of the days.
        'd' => count.saturating_sub(1).max(0).days(),
        'h' => count.hours(),
        _ => count.minutes(),
    };
    let start = now.checked_sub(span).map_err(|_| wrong())?;
    let start = if unit == 'd' { start.start_of_day().map_err(|_| wrong())? } else { start };
    Ok(Range::since(millis(&start)))
}

/// From the beginning of one day to the end of another.
///
/// # Errors
/// A usage failure that names what is no day, or the wrong order.
pub fn days(from: &str, to: &str, zone: &TimeZone) -> Result<Range, Failure> {
    let usage = |text: String| Failure::new(text).with_code(Exit::Usage);
    let day = |text: &str| -> Result<Date, Failure> {
        text.parse().map_err(|_| usage(format!("`{text}` is no day: write YYYY-MM-DD")))
    };
    let (first, last) = (day(from)?, day(to)?);
    if last < first {
        return Err(usage(format!("{to} lies before {from}")));
    }
    let start = |day: Date| day.to_zoned_datetime(zone.clone()).map(|at| millis(&at));
    let ends = start(first).and_then(|since| Ok((since, start(last.checked_add(1.day())?)?)));
    let (since, until) = ends.map_err(|error| usage(format!("{from} to {to} cannot be reckoned: {error}")))?;
    Ok(Range::between(since, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> ZonedDateTime {
        "2026-11-25T10:30:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    fn starts(text: &str) -> String {
        meter_store::rfc3339(since(text, &now()).unwrap().since.unwrap())
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone_and_hours_do_not() {
        assert_eq!(starts("7d"), "2026-11-18T23:00:00.000Z");
        assert_eq!(starts("7"), starts("7d"));
        assert_eq!(starts("1"), "2026-11-24T23:00:00.000Z");
        assert_eq!(starts("24h"), "2026-11-24T09:30:00.000Z");
        assert_eq!(starts("90m"), "2026-11-25T08:00:00.000Z");
        assert_eq!(today(&now()).since, since("1d", &now()).unwrap().since);
        for wrong in ["", "d", "-1", "week", "7w", "9999999999999"] {
            assert_eq!(since(wrong, &now()).unwrap_err().code(), Exit::Usage.code(), "{wrong}");
        }
    }

    #[test]
    fn the_last_day_is_included() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // The clocks go back on the 25th of October.
        let range = days("2026-10-25", "2026-10-25", &zone).unwrap();
        assert_eq!(range.until.unwrap().0 - range.since.unwrap().0, 25 * 3_600_000);
        assert!(days("2026-10-25", "2026-10-24", &zone).is_err());
        assert!(days("25.10.2026", "2026-10-25", &zone).is_err());
    }
}
