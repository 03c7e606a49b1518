//! Call ids.

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
}
