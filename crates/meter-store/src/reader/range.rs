//! A span of time, cut into whole days, whole quarters beside them, and the rows at its ragged ends.

use crate::rfc3339::{self, BUCKET_MS, DAY_MS};
use meter_call::UnixMillis;

/// From `since` (included) to `until` (excluded); `None` is no limit on that side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Range {
    /// First instant.
    pub since: Option<UnixMillis>,
    /// First instant that is not in it.
    pub until: Option<UnixMillis>,
}

/// Texts to compare with: days, quarters before and after those, rows before and after those. `("", "")` is empty.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Cut {
    pub days: (String, String),
    pub quarters: [(String, String); 2],
    pub rows: [(String, String); 2],
}

/// How much of a range may be read from sums.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Grain {
    /// Whole days where possible.
    Days,
    /// Quarters of an hour, for days of another time zone.
    Quarters,
    /// Rows only, for what sums do not know.
    Rows,
}

/// Sorts behind every instant.
const END: &str = "9999-99";

impl Range {
    /// Everything.
    pub const ALL: Range = Range { since: None, until: None };

    /// From `since` on.
    pub fn since(since: UnixMillis) -> Range {
        Range { since: Some(since), until: None }
    }

    /// From `since` to just before `until`.
    pub fn between(since: UnixMillis, until: UnixMillis) -> Range {
        Range { since: Some(since), until: Some(until) }
    }

    pub(super) fn texts(self) -> (String, String) {
        let since = self.since.map_or_else(String::new, rfc3339::text);
        (since, self.until.map_or_else(|| END.to_owned(), rfc3339::text))
    }

    pub(super) fn cut(self, grain: Grain) -> Cut {
        let (since, until) = self.texts();
        let inner = |span| {
            let first = self.since.map_or_else(String::new, |at| rfc3339::text(rfc3339::ceil(at, span)));
            let last = self.until.map_or_else(|| END.to_owned(), |at| rfc3339::text(rfc3339::floor(at, span)));
            (first < last).then_some((first, last))
        };
        let Some((first, last)) = inner(BUCKET_MS).filter(|_| grain != Grain::Rows) else {
            return Cut { rows: [(since, until), Default::default()], ..Cut::default() };
        };
        let rows = [(since, first.clone()), (last.clone(), until)];
        match inner(DAY_MS).filter(|_| grain == Grain::Days) {
            Some(days) => Cut { quarters: [(first, days.0.clone()), (days.1.clone(), last)], days, rows },
            None => Cut { quarters: [(first, last), Default::default()], rows, ..Cut::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> UnixMillis {
        UnixMillis(minute * 60_000)
    }

    fn span(from: i64, to: i64) -> (String, String) {
        (rfc3339::text(at(from)), rfc3339::text(at(to)))
    }

    const DAY: i64 = 24 * 60;

    #[test]
    fn ragged_ends_are_rows_then_quarters_then_days() {
        let cut = Range::between(at(1), at(3 * DAY + 50)).cut(Grain::Days);
        assert_eq!(cut.rows, [span(1, 15), span(3 * DAY + 45, 3 * DAY + 50)]);
        assert_eq!(cut.quarters, [span(15, DAY), span(3 * DAY, 3 * DAY + 45)]);
        assert_eq!(cut.days, span(DAY, 3 * DAY));
    }

    #[test]
    fn without_a_whole_day_there_are_quarters_and_without_one_rows() {
        let cut = Range::between(at(1), at(50)).cut(Grain::Days);
        assert_eq!((cut.quarters, cut.days), ([span(15, 45), Default::default()], Default::default()));
        let cut = Range::between(at(16), at(20)).cut(Grain::Days);
        assert_eq!(cut, Cut { rows: [span(16, 20), Default::default()], ..Cut::default() });
    }

    #[test]
    fn a_coarser_grain_is_never_used() {
        let range = Range::between(at(0), at(2 * DAY));
        assert_eq!(range.cut(Grain::Quarters).quarters[0], span(0, 2 * DAY));
        assert_eq!(range.cut(Grain::Rows), Cut { rows: [span(0, 2 * DAY), Default::default()], ..Cut::default() });
    }

    #[test]
    fn no_limits_is_all_days() {
        let cut = Range::ALL.cut(Grain::Days);
        assert_eq!(cut.days, (String::new(), END.to_owned()));
        assert!(cut.rows.iter().chain(&cut.quarters).all(|(from, to)| from == to));
    }
}
