//! Dates and instants of price files.

use jiff::{Timestamp, civil};
use meter_call::UnixMillis;

/// Reads `2026-03-01` (00:00 UTC) or a UTC instant such as `2026-08-16T16:00:00Z`; `None` for anything else.
pub fn parse(text: &str) -> Option<UnixMillis> {
    let moment = match text.parse::<civil::Date>() {
        Ok(date) if text.len() == 10 => jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?,
        // An offset other than Z would be accepted too and mean the same instant; a local time is refused.
        _ => text.parse::<Timestamp>().ok()?,
    };
    Some(UnixMillis(moment.as_millisecond()))
}

/// The shortest text of a moment that [`parse`] reads back.
pub fn print(at: UnixMillis) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(moment) => {
            let text = moment.to_string();
            text.strip_suffix("T00:00:00Z").map(str::to_owned).unwrap_or(text)
        }
        // Beyond the year 9999 no calendar helps; the number still tells rows apart.
        Err(_) => at.0.to_string(),
    }
}

/// A calendar date, checked, as its ISO text: such texts sort by time.
pub(crate) fn date(text: &str) -> Option<String> {
    let date = text.parse::<civil::Date>().ok().filter(|_| text.len() == 10)?;
    Some(date.to_string())
}

/// Serde as text.
pub(crate) mod text {
    use meter_call::UnixMillis;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &UnixMillis, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&super::print(*at))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixMillis, D::Error> {
        let text = String::deserialize(from)?;
        super::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no date or instant")))
    }
}

/// Serde as text, where there may be none.
pub(crate) mod maybe_text {
    use meter_call::UnixMillis;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(at: &Option<UnixMillis>, out: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => out.serialize_some(&super::print(*at)),
            None => out.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixMillis>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        super::parse(&text).map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is no date or instant")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_midnight_in_utc() {
        assert_eq!(parse("2026-03-13"), Some(UnixMillis(1_773_360_000_000)));
        assert_eq!(parse("2026-03-13T00:00:00Z"), parse("2026-03-13"));
        assert_eq!(parse("2026-08-16T16:00:00Z").map(print).as_deref(), Some("2026-08-16T16:00:00Z"));
        assert_eq!(parse("2026-03-13").map(print).as_deref(), Some("2026-03-13"));
        for bad in ["2026-3-13", "2026-13-01", "2026-03-13T10:00:00", "tomorrow", ""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
