//! Recognises a request that is made again because it failed before.
//!
//! No header is asked for: an SDK that tries again sends the same bytes. Only failures that are worth another attempt are
//! remembered, so asking the same thing twice on purpose is no retry. Nothing of a request is kept but a number.

use crate::settle::Exchange;
use meter_call::{CallId, UnixMillis};
use meter_tap::Finish;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Failures that are remembered.
const FAILURES_MAX: usize = 256;
/// For how long: SDKs wait seconds, or as long as `retry-after` says, up to minutes.
const WITHIN_MS: i64 = 5 * 60 * 1000;

/// What failed lately.
#[derive(Debug, Default)]
pub struct Retries {
    /// Its keys differ in every life: the number says nothing to anybody else.
    hasher: RandomState,
    failures: Mutex<VecDeque<Failure>>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    print: u64,
    /// The first attempt.
    first: CallId,
    ended: UnixMillis,
}

/// A request on its way to a number.
#[derive(Clone, Debug)]
pub struct Print {
    hasher: <RandomState as BuildHasher>::Hasher,
    has_body: bool,
}

impl Print {
    /// More of the body. However it is cut, the number is the same.
    pub fn body(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
        self.has_body |= !bytes.is_empty();
    }
}

impl Retries {
    /// A request to `host`; `target` with its query.
    pub fn print(&self, host: &str, method: &str, target: &str) -> Print {
        let mut hasher = self.hasher.build_hasher();
        (host, method, target).hash(&mut hasher);
        Print { hasher, has_body: false }
    }

    /// The first attempt of what `exchange` tried again; what became of it is noted for the next attempt. A request
    /// without a body is a question that may be asked often, and an incomplete one is not known.
    pub fn note(&self, print: &Print, exchange: &Exchange) -> Option<CallId> {
        if !print.has_body || !exchange.asked || exchange.finish == Finish::Refused {
            return None;
        }
        let print = print.hasher.finish();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failures.iter().position(|failure| {
            // What began before the failure was there is a call of its own.
            let since = exchange.requested_at.0 - failure.ended.0;
            failure.print == print && (0..=WITHIN_MS).contains(&since)
        });
        let first = known.and_then(|position| failures.remove(position)).map(|failure| failure.first);
        if is_worth_another(exchange) {
            if failures.len() == FAILURES_MAX {
                failures.pop_front();
            }
            failures.push_back(Failure { print, first: first.unwrap_or(exchange.id), ended: exchange.ended_at });
        }
        first
    }
}

/// Overloaded, out of time, over a limit, broken off: what SDKs repeat by themselves.
fn is_worth_another(exchange: &Exchange) -> bool {
    match exchange.http_status {
        None => true,
        Some(408 | 409 | 425 | 429 | 500..) => true,
        Some(_) => matches!(exchange.finish, Finish::ClientLeft | Finish::OriginLeft),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settle::tests::exchange;

    const AT: i64 = 1_795_000_000_000;

    fn tried(retries: &Retries, body: &[&[u8]], number: u8, at: i64, status: Option<u16>) -> Option<CallId> {
        let mut print = retries.print("api.acme.example", "POST", "/v1/chat");
        body.iter().for_each(|part| print.body(part));
        let finish = if status.is_some() { Finish::Whole } else { Finish::ClientLeft };
        let (requested_at, ended_at) = (UnixMillis(AT + at), UnixMillis(AT + at + 10));
        let id = CallId::new(1, [number; 10]);
        retries.note(&print, &Exchange { id, requested_at, ended_at, http_status: status, finish, ..exchange() })
    }

    #[test]
    fn every_attempt_names_the_first_until_one_is_answered() {
        let retries = Retries::default();
        let first = Some(CallId::new(1, [1; 10]));
        assert_eq!(tried(&retries, &[b"hello"], 1, 0, Some(529)), None);
        assert_eq!(tried(&retries, &[b"hel", b"lo"], 2, 500, None), first, "however it is cut");
        assert_eq!(tried(&retries, &[b"hello", b""], 3, 1500, Some(200)), first);
        assert_eq!(tried(&retries, &[b"hello"], 4, 2000, Some(200)), None, "asked again on purpose");
    }

    #[test]
    fn what_differs_or_failed_for_good_or_ran_beside_is_no_retry() {
        for (body, at, status) in [(&b"other"[..], 100, 429), (b"hello", 5, 429), (b"hello", 100, 400)] {
            let retries = Retries::default();
            tried(&retries, &[b"hello"], 1, 0, Some(status));
            assert_eq!(tried(&retries, &[body], 2, at, Some(200)), None, "{at} {status}");
        }
        let retries = Retries::default();
        assert_eq!(tried(&retries, &[], 1, 0, Some(500)), None);
        assert_eq!(tried(&retries, &[], 2, 100, Some(500)), None, "a question without a body");
    }

    #[test]
    fn failures_are_forgotten_by_age_and_by_number() {
        let retries = Retries::default();
        tried(&retries, &[b"hello"], 1, 0, Some(500));
        assert_eq!(tried(&retries, &[b"hello"], 2, WITHIN_MS + 11, Some(200)), None);
        let retries = Retries::default();
        for number in 0..=FAILURES_MAX {
            tried(&retries, &[number.to_string().as_bytes()], 1, 0, Some(500));
        }
        assert_eq!(tried(&retries, &[b"0"], 2, 100, Some(200)), None);
        assert!(tried(&retries, &[b"1"], 2, 100, Some(200)).is_some());
    }
}
