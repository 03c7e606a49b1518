//! Call ids.

use crate::UnixMillis;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The id of one row: a UUIDv7, so ids sort by the time the call began.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(Uuid);

impl CallId {
    /// An id from the milliseconds since 1970 and ten random bytes (RFC 9562 section 5.7).
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        CallId(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The id of a further row of the exchange whose first row has this id; `number` counts from 1. Rows of one millisecond
    /// sort by their number.
    pub fn further(self, at: UnixMillis, number: u64) -> Self {
        // Behind version and variant lie the random bits; a carry out of the last 62 is as good as random again.
        const COUNTED: u128 = (1 << 62) - 1;
        let first = self.0.as_u128();
        let counted = (first & COUNTED).wrapping_add(u128::from(number)) & COUNTED;
        let random = first & !COUNTED & ((1 << 80) - 1);
        let unix_ms = u128::try_from(at.0).unwrap_or(0) & ((1 << 48) - 1);
        CallId(Uuid::from_u128(unix_ms << 80 | random | counted))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for CallId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(CallId)
    }
}

impl TryFrom<String> for CallId {
    type Error = uuid::Error;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CallId> for String {
    fn from(id: CallId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_version_7_and_sort_by_time() {
        let early = CallId::new(1_800_000_000_000, [0xff; 10]);
        let late = CallId::new(1_800_000_000_001, [0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().as_bytes()[14], b'7');
        assert_eq!(early.to_string().parse::<CallId>(), Ok(early));
    }

    #[test]
    fn further_rows_follow_the_first() {
        let (at, after) = (UnixMillis(1_800_000_000_000), UnixMillis(1_800_000_000_001));
        let first = CallId::new(1_800_000_000_000, [7; 10]);
        assert_eq!(first.further(at, 0), first);
        assert!(first < first.further(at, 1) && first.further(at, 1) < first.further(at, 2));
        assert_eq!(first.further(at, 2), first.further(at, 1).further(at, 1));
        let later = first.further(after, 1);
        assert!(first.further(at, 9) < later && later.to_string().as_bytes()[14] == b'7');
        let full = CallId::new(1_800_000_000_000, [0xff; 10]).further(at, 1).to_string();
        assert_eq!(full.as_bytes()[14..20], *b"7fff-8", "version and variant stay");
    }
}
