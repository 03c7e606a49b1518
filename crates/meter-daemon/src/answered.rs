//! Recognises one call that passes twice: a gateway on this machine asks a provider through us, and is asked through us.
//!
//! Both legs are real traffic, and which of them somebody pays for is not ours to know: both rows stay, and the later one
//! says so.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Answers that are remembered.
const ANSWERS_MAX: usize = 1024;

/// Which host gave which answer lately. Nothing is kept but numbers.
#[derive(Debug, Default)]
pub struct Answered {
    hasher: RandomState,
    seen: Mutex<VecDeque<(u64, u64)>>,
}

impl Answered {
    /// Whether another host than `host` gave an answer with the id `response` before; this one is remembered.
    pub fn elsewhere(&self, host: &str, response: &str) -> bool {
        let (host, response) = (self.hasher.hash_one(host), self.hasher.hash_one(response));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = seen.iter().find(|(answer, _)| *answer == response) {
            return *known != host;
        }
        if seen.len() == ANSWERS_MAX {
            seen.pop_front();
        }
        seen.push_back((response, host));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_two_hosts_give_is_seen() {
        let answered = Answered::default();
        assert!(!answered.elsewhere("api.acme.example", "resp_1"));
        assert!(!answered.elsewhere("api.acme.example", "resp_1"), "read again where it came from");
        assert!(answered.elsewhere("gateway.example", "resp_1"));
        assert!(!answered.elsewhere("gateway.example", "resp_2"));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let answered = Answered::default();
        for number in 0..=ANSWERS_MAX {
            assert!(!answered.elsewhere("api.acme.example", &number.to_string()));
        }
        assert!(answered.elsewhere("gateway.example", "1"));
        assert!(!answered.elsewhere("gateway.example", "0"));
    }
}
