//! Remembers clients that do not accept our certificate, so that they break once and then work.

use meter_call::UnixMillis;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long such a client is tunnelled before it is tried again.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;
/// Closes in a row, right after our certificate and without a word, that count as distrust.
const SILENT_CLOSES: u8 = 3;
/// Clients times hosts; a machine has a handful.
const KEYS_MAX: usize = 1024;

/// Who, as far as it is known, and where to. Clients of which nothing is known share one key per host.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PinKey {
    /// Path of the executable.
    pub exe: Option<String>,
    /// Path of the script it runs.
    pub script: Option<String>,
    /// Host of the CONNECT.
    pub host: String,
}

#[derive(Clone, Copy, Debug)]
enum Sign {
    Closed(u8),
    Distrusts { since: UnixMillis },
}

/// The memory. It lives as long as the daemon.
#[derive(Debug, Default)]
pub struct Pins {
    signs: Mutex<HashMap<PinKey, Sign>>,
}

impl Pins {
    /// Whether any client distrusts us for `host`: only then is it worth waiting to learn who calls.
    pub fn concern(&self, host: &str) -> bool {
        self.lock().iter().any(|(key, sign)| key.host == host && matches!(sign, Sign::Distrusts { .. }))
    }

    /// Whether this client is to be tunnelled.
    pub fn holds(&self, key: &PinKey, now: UnixMillis) -> bool {
        let mut signs = self.lock();
        match signs.get(key) {
            Some(Sign::Distrusts { since }) if now.0 - since.0 < REMEMBERED_MS => true,
            Some(Sign::Distrusts { .. }) => {
                signs.remove(key);
                false
            }
            Some(Sign::Closed(_)) | None => false,
        }
    }

    /// The client said so. True when that is news.
    pub fn distrusted(&self, key: PinKey, now: UnixMillis) -> bool {
        let mut signs = self.lock();
        let news = !matches!(signs.get(&key), Some(Sign::Distrusts { .. }));
        if signs.len() < KEYS_MAX || signs.contains_key(&key) {
            signs.insert(key, Sign::Distrusts { since: now });
        }
        news
    }

    /// The client left right after our certificate. True when that makes it one that distrusts us.
    pub fn left_silently(&self, key: PinKey, now: UnixMillis) -> bool {
        let mut signs = self.lock();
        let closes = match signs.get(&key) {
            Some(Sign::Distrusts { .. }) => return false,
            Some(Sign::Closed(closes)) => closes + 1,
            None => 1,
        };
        if closes >= SILENT_CLOSES {
            drop(signs);
            return self.distrusted(key, now);
        }
        if signs.len() < KEYS_MAX || signs.contains_key(&key) {
            signs.insert(key, Sign::Closed(closes));
        }
        false
    }

    /// The client sent an application byte: whatever was counted is void.
    pub fn trusted(&self, key: &PinKey) {
        self.lock().remove(key);
    }

    /// Forgets everybody (`halton-meter trust retry`).
    pub fn retry(&self) {
        self.lock().clear();
    }

    /// Everybody who is tunnelled, for `status`, with the moment it was noticed.
    pub fn list(&self) -> Vec<(PinKey, UnixMillis)> {
        let signs = self.lock();
        let mut list: Vec<_> = signs
            .iter()
            .filter_map(|(key, sign)| match sign {
                Sign::Distrusts { since } => Some((key.clone(), *since)),
                Sign::Closed(_) => None,
            })
            .collect();
        list.sort();
        list
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PinKey, Sign>> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn key(exe: &str) -> PinKey {
        PinKey { exe: Some(exe.into()), script: None, host: "api.acme.example".into() }
    }

    #[test]
    fn one_word_is_enough_and_concerns_one_client_only() {
        let pins = Pins::default();
        assert!(pins.distrusted(key("/bin/pinned"), NOW));
        assert!(!pins.distrusted(key("/bin/pinned"), NOW), "told once");
        assert!(pins.holds(&key("/bin/pinned"), NOW));
        assert!(!pins.holds(&key("/bin/other"), NOW));
        assert!(pins.concern("api.acme.example") && !pins.concern("other.example"));
        assert_eq!(pins.list(), [(key("/bin/pinned"), NOW)]);
    }

    #[test]
    fn three_silent_closes_in_a_row_are_a_word() {
        let pins = Pins::default();
        let close = || pins.left_silently(key("/bin/x"), NOW);
        assert_eq!((close(), close()), (false, false));
        pins.trusted(&key("/bin/x"));
        assert_eq!((close(), close(), close()), (false, false, true));
        assert!(pins.holds(&key("/bin/x"), NOW));
    }

    #[test]
    fn a_day_later_it_is_tried_again() {
        let pins = Pins::default();
        pins.distrusted(key("/bin/x"), NOW);
        assert!(pins.holds(&key("/bin/x"), UnixMillis(NOW.0 + REMEMBERED_MS - 1)));
        assert!(!pins.holds(&key("/bin/x"), UnixMillis(NOW.0 + REMEMBERED_MS)));
        assert!(pins.list().is_empty());
    }
}
