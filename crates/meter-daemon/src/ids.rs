//! Ids of calls, in the order the calls were made.

use meter_call::{CallId, UnixMillis};
use std::sync::{Mutex, PoisonError};

/// The largest number within a millisecond: twelve bits stand between an id's time and its random part.
const SEQ_MAX: u16 = 0xfff;

/// Numbers the calls of one millisecond (RFC 9562 section 6.2, method 1), so that rows sort as they were made.
#[derive(Debug, Default)]
pub struct Ids {
    /// The last millisecond that had a call, and its last number.
    last: Mutex<(i64, u16)>,
}

impl Ids {
    /// The id of a call made at `at`, from ten random bytes.
    pub fn next(&self, at: UnixMillis, mut random: [u8; 10]) -> CallId {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (ms, seq) = *last;
        // Where a millisecond begins is random too, and leaves room for thousands more.
        let seq = if ms == at.0 { seq.saturating_add(1).min(SEQ_MAX) } else { u16::from(random[1]) };
        *last = (at.0, seq);
        [random[0], random[1]] = seq.to_be_bytes();
        CallId::new(u64::try_from(at.0).unwrap_or(0), random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_one_millisecond_sort_as_they_were_made() {
        let (ids, at) = (Ids::default(), UnixMillis(1_800_000_000_000));
        let made: Vec<CallId> = (0..600_u16).map(|number| ids.next(at, [!(number as u8); 10])).collect();
        assert!(made.is_sorted() && made.windows(2).all(|pair| pair[0] != pair[1]));
        let later = ids.next(UnixMillis(at.0 + 1), [0; 10]);
        assert!(made.iter().all(|id| *id < later));
        assert_eq!(later.to_string().as_bytes()[14], b'7', "the version stays");
    }

    #[test]
    fn further_rows_of_a_call_are_no_other_calls() {
        let (ids, at) = (Ids::default(), UnixMillis(1_800_000_000_000));
        let (first, second) = (ids.next(at, [7; 10]), ids.next(at, [7; 10]));
        assert!(first.further(at, 100_000) < second);
    }
}
