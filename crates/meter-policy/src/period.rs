//! Hours, days, weeks and months as people on the spot count them.

use jiff::{Timestamp, ZonedDateTime, civil::Weekday, tz::TimeZone};
use meter_call::UnixMillis;

/// How long a budget lasts before it starts anew.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Per {
    /// From a full hour to the next.
    Hour,
    /// From midnight to midnight, however many hours that is.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
}

impl Per {
    /// The word in manifests and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Per::Hour => "hour",
            Per::Day => "day",
            Per::Week => "week",
            Per::Month => "month",
        }
    }

    /// The window that holds `at` in `zone`.
    ///
    /// At the two ends of time that a calendar can say the window has no other side: it starts or ends at the instant itself.
    pub fn window(self, at: UnixMillis, zone: &TimeZone) -> Window {
        let Ok(timestamp) = Timestamp::from_millisecond(at.0) else { return Window { start: at, end: at } };
        let zoned = timestamp.to_zoned_datetime(zone.clone());
        let sides = match self {
            Per::Hour => hour(&zoned),
            Per::Day => zoned.start_of_day().ok().zip(zoned.tomorrow().and_then(|next| next.start_of_day()).ok()),
            Per::Week => {
                let monday = zoned.date().checked_sub(since_monday(zoned.weekday())).ok();
                let next = monday.and_then(|monday| monday.checked_add(jiff::Span::new().weeks(1)).ok());
                midnight(monday, zone).zip(midnight(next, zone))
            }
            Per::Month => {
                let first = zoned.date().first_of_month();
                let next = first.checked_add(jiff::Span::new().months(1)).ok();
                midnight(Some(first), zone).zip(midnight(next, zone))
            }
        };
        match sides {
            Some((start, end)) => Window { start: instant(&start), end: instant(&end) },
            None => Window { start: at, end: at },
        }
    }
}

/// One turn of a period: the start is inside, the end is not.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Window {
    /// First instant.
    pub start: UnixMillis,
    /// First instant of the next one.
    pub end: UnixMillis,
}

/// An hour is 60 minutes of real time from the last full hour of the clock on the wall; the hour that a clock repeats in
/// autumn is therefore two hours, not one of double length.
fn hour(zoned: &ZonedDateTime) -> Option<(ZonedDateTime, ZonedDateTime)> {
    let past = jiff::SignedDuration::new(
        i64::from(zoned.minute()) * 60 + i64::from(zoned.second()),
        zoned.subsec_nanosecond(),
    );
    let start = zoned.checked_sub(past).ok()?;
    let end = start.checked_add(jiff::SignedDuration::from_hours(1)).ok()?;
    Some((start, end))
}

fn midnight(date: Option<jiff::civil::Date>, zone: &TimeZone) -> Option<ZonedDateTime> {
    zone.to_zoned_datetime(date?.to_datetime(jiff::civil::Time::midnight())).ok()
}

fn since_monday(day: Weekday) -> jiff::Span {
    jiff::Span::new().days(i64::from(day.to_monday_zero_offset()))
}

fn instant(zoned: &ZonedDateTime) -> UnixMillis {
    UnixMillis(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Berlin's rule of today, so that no time zone database is needed.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a POSIX zone")
    }

    fn ms(text: &str) -> UnixMillis {
        UnixMillis(text.parse::<Timestamp>().expect("an instant").as_millisecond())
    }

    fn check(per: Per, at: &str, start: &str, end: &str) {
        assert_eq!(per.window(ms(at), &berlin()), Window { start: ms(start), end: ms(end) }, "{per:?} of {at}");
    }

    #[test]
    fn windows_follow_the_wall_clock() {
        check(Per::Hour, "2026-11-24T10:59:59.999Z", "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z");
        check(Per::Day, "2026-11-24T23:30:00Z", "2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z");
        check(Per::Week, "2026-11-25T12:00:00Z", "2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z");
        check(Per::Month, "2026-11-30T23:30:00Z", "2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z");
    }

    #[test]
    fn days_are_23_or_25_hours_when_the_clocks_change() {
        check(Per::Day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        check(Per::Day, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        check(Per::Hour, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z");
        check(Per::Hour, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
    }

    proptest! {
        #[test]
        fn every_instant_is_inside_its_window_and_the_next_one_follows(at in 0i64..4_000_000_000_000) {
            for per in [Per::Hour, Per::Day, Per::Week, Per::Month] {
                let window = per.window(UnixMillis(at), &berlin());
                prop_assert!(window.start.0 <= at && at < window.end.0);
                prop_assert_eq!(per.window(window.start, &berlin()), window);
                prop_assert_eq!(per.window(window.end, &berlin()).start, window.end);
            }
        }
    }
}
