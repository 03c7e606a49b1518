//! A span of time, cut into whole rollup buckets and the rows at its ragged ends.

use crate::rfc3339::{self, BUCKET_MS};
use meter_call::UnixMillis;

/// From `since` (included) to `until` (excluded); `None` is no limit on that side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Range {
    /// First instant.
    pub since: Option<UnixMillis>,
    /// First instant that is not in it.
    pub until: Option<UnixMillis>,
}

/// Texts to compare with: buckets in `whole`, rows in each of `edges`. An empty span is `("", "")`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Cut {
    pub whole: (String, String),
    pub edges: [(String, String); 2],
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

    /// The whole span as rows, for what rollups do not know.
    pub(super) fn rows_only(self) -> Cut {
        let none = || (String::new(), String::new());
        Cut { whole: none(), edges: [self.texts(), none()] }
    }

    pub(super) fn cut(self) -> Cut {
        let (since, until) = self.texts();
        let first = match self.since {
            Some(at) => rfc3339::text(rfc3339::bucket_of(UnixMillis(at.0.saturating_add(BUCKET_MS - 1)))),
            None => String::new(),
        };
        let last = self.until.map_or_else(|| END.to_owned(), |at| rfc3339::text(rfc3339::bucket_of(at)));
        let none = || (String::new(), String::new());
        if first >= last {
            return Cut { whole: none(), edges: [(since, until), none()] };
        }
        Cut { whole: (first.clone(), last.clone()), edges: [(since, first), (last, until)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> UnixMillis {
        UnixMillis(minute * 60_000)
    }

    #[test]
    fn ragged_ends_are_rows_and_the_middle_is_buckets() {
        let cut = Range::between(at(1), at(50)).cut();
        assert_eq!(cut.whole, (rfc3339::text(at(15)), rfc3339::text(at(45))));
        assert_eq!(cut.edges[0], (rfc3339::text(at(1)), rfc3339::text(at(15))));
        assert_eq!(cut.edges[1], (rfc3339::text(at(45)), rfc3339::text(at(50))));
    }

    #[test]
    fn a_span_within_one_bucket_is_rows_only() {
        let cut = Range::between(at(16), at(20)).cut();
        assert_eq!(cut.whole, (String::new(), String::new()));
        assert_eq!(cut.edges[0], (rfc3339::text(at(16)), rfc3339::text(at(20))));
        assert_eq!(cut.edges[1], (String::new(), String::new()));
    }

    #[test]
    fn no_limits_is_all_buckets() {
        let cut = Range::ALL.cut();
        assert_eq!(cut.whole, (String::new(), END.to_owned()));
        assert!(cut.edges.iter().all(|(from, to)| from == to));
    }
}
