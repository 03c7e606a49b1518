//! Numbers and names for people.

use jiff::{Timestamp, tz::TimeZone};
use meter_call::{CallId, UnixMillis};

/// `12410` → `12,410`.
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 call`, `3 calls`.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// The end of an id: ids begin with their time, so ends tell calls apart.
pub fn short(id: CallId) -> String {
    let text = id.to_string();
    text[text.len() - 8..].to_owned()
}

/// `b3:` and the first hex digits: enough to tell two apart.
pub fn short_digest(digest: &str) -> &str {
    digest.get(..11).unwrap_or(digest)
}

/// `850 ms`, `12.3 s`, `4 min 5 s`, `3 h 12 min`, `5 d 3 h`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `900 B`, `12 KB`, `3.4 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{} KB", count / 1000),
        1_000_000..1_000_000_000 => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", count / 1_000_000_000, count % 1_000_000_000 / 100_000_000),
    }
}

/// `2026-11-25 02:14:03` in a time zone.
pub fn time(at: UnixMillis, zone: &TimeZone) -> String {
    let stamp = Timestamp::from_millisecond(at.0).unwrap_or_default();
    stamp.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A name that came from outside, without what could steer a terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(0_u64), "0");
        assert_eq!(grouped(999_u64), "999");
        assert_eq!(grouped(12_410_u64), "12,410");
        assert_eq!(grouped(1_000_000_u64), "1,000,000");
        assert_eq!(plural(1, "call", "calls"), "1 call");
    }

    #[test]
    fn durations_and_sizes_have_two_figures() {
        let texts = [0, 999, 1000, 12_345, 245_000, 11_520_000, 442_800_000].map(duration);
        assert_eq!(texts, ["0 ms", "999 ms", "1.0 s", "12.3 s", "4 min 5 s", "3 h 12 min", "5 d 3 h"]);
        assert_eq!([999, 12_800, 3_450_000, 7_000_000_000].map(bytes), ["999 B", "12 KB", "3.4 MB", "7.0 GB"]);
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(time(UnixMillis(1_795_000_000_120), &zone), "2026-11-18 12:06:40");
    }

    #[test]
    fn ids_are_shortened_to_their_end() {
        let id = CallId::new(1_800_000_000_000, [0xab; 10]);
        assert_eq!(short(id), "abababab");
        assert_eq!(short_digest("b3:0123456789abcdef"), "b3:01234567");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
