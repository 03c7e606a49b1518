//! A place in a list that stays right while rows are added.

use crate::rfc3339;
use meter_call::{CallId, UnixMillis};
use std::{fmt, str::FromStr};

/// The last item of a page: the next page begins behind it, newest first. Opaque to clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    pub(super) at: UnixMillis,
    pub(super) id: CallId,
}

/// The text is no cursor of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a cursor that this program gave out")]
pub struct BadCursor;

impl Cursor {
    pub(super) fn texts(&self) -> (String, String) {
        (rfc3339::text(self.at), self.id.to_string())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1{:x}_{}", self.at.0.max(0), self.id.to_string().replace('-', ""))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;
    fn from_str(text: &str) -> Result<Cursor, BadCursor> {
        let (at, id) = text.strip_prefix('1').and_then(|rest| rest.split_once('_')).ok_or(BadCursor)?;
        let at = i64::from_str_radix(at, 16).map_err(|_| BadCursor)?;
        if id.len() != 32 || at < 0 {
            return Err(BadCursor);
        }
        Ok(Cursor { at: UnixMillis(at), id: id.parse().map_err(|_| BadCursor)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_cursor_reads_back_and_others_are_refused() {
        let cursor = Cursor { at: samples::at(3), id: samples::id(3) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "1", "1_", "2ff_00", "1ff_zz", "1-5_019aa0000000700000000000000000000", "1ff_019aa", "é"] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }
}
