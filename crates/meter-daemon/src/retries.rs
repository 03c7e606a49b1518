//! Recognises a request that is made again because it failed before.
//!
//! An SDK that tries again sends the same idempotency key, or without one the same bytes. Only failures that are worth
//! another attempt are remembered, so asking the same thing twice on purpose is no retry. A provider that has answered a key
//! may give that answer again: it bears the same id, and was paid for. Nothing of a request is kept but a number.

use crate::settle::Exchange;
use meter_call::{CallId, UnixMillis};
use meter_tap::{Fields, Finish};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Names one request through all its attempts (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &[u8] = b"idempotency-key";
/// Failures that are remembered.
const FAILURES_MAX: usize = 256;
/// Answers to requests with a key that are remembered.
const ANSWERS_MAX: usize = 1024;
/// For how long: SDKs wait seconds, or as long as `retry-after` says, up to minutes.
const WITHIN_MS: i64 = 5 * 60 * 1000;

/// What failed lately.
#[derive(Debug, Default)]
pub struct Retries {
    /// Its keys differ in every life: the number says nothing to anybody else.
    hasher: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    failures: VecDeque<Failure>,
    /// A key with the id of its answer, and the call that was answered.
    answers: VecDeque<(u64, CallId)>,
}

/// What a request is to those before it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Attempt {
    /// None of them.
    #[default]
    First,
    /// The same as a first one that failed.
    Retry(CallId),
    /// It got the answer that the first one had got already.
    Replay(CallId),
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
    /// It has an idempotency key, which says all.
    keyed: bool,
    has_body: bool,
}

impl Print {
    /// More of the body. However it is cut, the number is the same.
    pub fn body(&mut self, bytes: &[u8]) {
        if !self.keyed {
            self.hasher.write(bytes);
        }
        self.has_body |= !bytes.is_empty();
    }
}

impl Retries {
    /// A request to `host`; `target` with its query.
    pub fn print(&self, host: &str, method: &str, target: &str, fields: &Fields) -> Print {
        let mut hasher = self.hasher.build_hasher();
        (host, method, target).hash(&mut hasher);
        let key = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
        if let Some((_, key)) = key {
            key.hash(&mut hasher);
        }
        Print { hasher, keyed: key.is_some(), has_body: false }
    }

    /// What `exchange`, whose answer has the id `response`, is to those before it; and it is noted for those to come. A
    /// request without a body is a question that may be asked often, and an incomplete one is not known.
    pub fn note(&self, print: &Print, exchange: &Exchange, response: Option<&str>) -> Attempt {
        if !print.has_body || !exchange.asked || exchange.finish == Finish::Refused {
            return Attempt::First;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, Some(response)) = (print.keyed, response) {
            let mut hasher = print.hasher.clone();
            response.hash(&mut hasher);
            let answer = hasher.finish();
            if let Some((_, first)) = seen.answers.iter().find(|(known, _)| *known == answer) {
                return Attempt::Replay(*first);
            }
            keep(&mut seen.answers, (answer, exchange.id), ANSWERS_MAX);
        }
        let print = print.hasher.finish();
        let known = seen.failures.iter().position(|failure| {
            // What began before the failure was there is a call of its own.
            let since = exchange.requested_at.0 - failure.ended.0;
            failure.print == print && (0..=WITHIN_MS).contains(&since)
        });
        let first = known.and_then(|position| seen.failures.remove(position)).map(|failure| failure.first);
        if is_worth_another(exchange) {
            let failure = Failure { print, first: first.unwrap_or(exchange.id), ended: exchange.ended_at };
            keep(&mut seen.failures, failure, FAILURES_MAX);
        }
        first.map_or(Attempt::First, Attempt::Retry)
    }
}

/// The oldest makes room.
fn keep<T>(kept: &mut VecDeque<T>, one: T, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(one);
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
        match keyed(retries, None, body, number, at, status) {
            Attempt::First => None,
            Attempt::Retry(first) => Some(first),
            Attempt::Replay(_) => panic!("there is no key"),
        }
    }

    /// With a key and the id of the answer.
    fn keyed(
        retries: &Retries,
        key: Option<(&str, &str)>,
        body: &[&[u8]],
        number: u8,
        at: i64,
        status: Option<u16>,
    ) -> Attempt {
        let fields = key.map(|(key, _)| (Box::from(*b"Idempotency-Key"), Box::from(key.as_bytes())));
        let mut print = retries.print("api.acme.example", "POST", "/v1/chat", &Vec::from_iter(fields));
        body.iter().for_each(|part| print.body(part));
        let finish = if status.is_some() { Finish::Whole } else { Finish::ClientLeft };
        let (requested_at, ended_at) = (UnixMillis(AT + at), UnixMillis(AT + at + 10));
        let id = CallId::new(1, [number; 10]);
        let exchange = Exchange { id, requested_at, ended_at, http_status: status, finish, ..exchange() };
        retries.note(&print, &exchange, key.map(|(_, response)| response))
    }

    #[test]
    fn a_key_names_a_request_whatever_its_bytes() {
        let retries = Retries::default();
        let first = CallId::new(1, [1; 10]);
        assert_eq!(keyed(&retries, Some(("k", "")), &[b"at 10:00"], 1, 0, Some(529)), Attempt::First);
        assert_eq!(keyed(&retries, Some(("other", "a")), &[b"at 10:00"], 2, 100, Some(200)), Attempt::First);
        assert_eq!(keyed(&retries, Some(("k", "b")), &[b"at 10:01"], 3, 100, Some(200)), Attempt::Retry(first));
    }

    #[test]
    fn an_answer_that_is_given_again_is_a_replay() {
        let retries = Retries::default();
        let first = CallId::new(1, [1; 10]);
        assert_eq!(keyed(&retries, Some(("k", "msg_1")), &[b"hello"], 1, 0, Some(200)), Attempt::First);
        assert_eq!(keyed(&retries, Some(("k", "msg_1")), &[b"hello"], 2, 900, Some(200)), Attempt::Replay(first));
        assert_eq!(
            keyed(&retries, Some(("k", "msg_2")), &[b"hello"], 3, 950, Some(200)),
            Attempt::First,
            "another answer"
        );
        assert_eq!(
            keyed(&retries, Some(("l", "msg_1")), &[b"hello"], 4, 990, Some(200)),
            Attempt::First,
            "another key"
        );
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
