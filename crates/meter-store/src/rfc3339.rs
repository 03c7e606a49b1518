//! Instants as the text that stands in the database.

use jiff::Timestamp;
use meter_call::UnixMillis;

/// The last instant that keeps four digits of year, so that text goes on sorting as time: 9999-12-31T23:59:59.999Z less a
/// margin for what jiff can represent.
const LATEST_MS: i64 = 253_402_207_200_000;

/// Width of a rollup bucket. A quarter of an hour divides every present UTC offset, so days of any zone are whole buckets.
pub const BUCKET_MS: i64 = 15 * 60 * 1000;

/// RFC 3339, UTC, milliseconds. Instants before 1970 or after 9999 are moved to the nearest end.
pub fn text(at: UnixMillis) -> String {
    let ms = at.0.clamp(0, LATEST_MS);
    let stamp = Timestamp::from_millisecond(ms).expect("clamped to a range that jiff holds");
    format!("{stamp:.3}")
}

/// The instant of a text of ours; `None` for anything that is not RFC 3339.
pub fn parse(text: &str) -> Option<UnixMillis> {
    text.parse::<Timestamp>().ok().map(|stamp| UnixMillis(stamp.as_millisecond()))
}

/// A day of UTC.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The last multiple of `span` milliseconds that is not after `at`.
pub fn floor(at: UnixMillis, span: i64) -> UnixMillis {
    let ms = at.0.clamp(0, LATEST_MS);
    UnixMillis(ms - ms % span)
}

/// The first multiple of `span` milliseconds that is not before `at`.
pub fn ceil(at: UnixMillis, span: i64) -> UnixMillis {
    floor(UnixMillis(at.0.saturating_add(span - 1)), span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_milliseconds_always_and_reads_back() {
        assert_eq!(text(UnixMillis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(UnixMillis(1_795_000_000_120)), "2026-11-18T11:06:40.120Z");
        assert_eq!(parse(&text(UnixMillis(1_795_000_000_120))), Some(UnixMillis(1_795_000_000_120)));
        assert_eq!(text(UnixMillis(i64::MAX)).len(), 24);
        assert_eq!(text(UnixMillis(i64::MIN)), "1970-01-01T00:00:00.000Z");
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn buckets_begin_at_quarters_and_days() {
        let at = UnixMillis(1_795_000_000_120);
        assert_eq!(text(floor(at, BUCKET_MS)), "2026-11-18T11:00:00.000Z");
        assert_eq!(text(ceil(at, BUCKET_MS)), "2026-11-18T11:15:00.000Z");
        assert_eq!(text(ceil(at, DAY_MS)), "2026-11-19T00:00:00.000Z");
        assert_eq!(ceil(floor(at, DAY_MS), DAY_MS), floor(at, DAY_MS));
    }
}
