//! Calls and rules for tests.

use crate::{Budget, Call, Fact, Globs, HoldPrices, Kind, Limit, OnError, Per, Policies, Rule, Scope, Stage};
use jiff::tz::TimeZone;
use meter_call::{Billing, CallId, EndpointClass, ProjectSlug, UnixMillis};
use meter_money::PicoUsd;
use std::sync::LazyLock;

pub(crate) static ACME: LazyLock<ProjectSlug> = LazyLock::new(|| "acme".parse().expect("a slug"));

/// 300 bytes and a cap of 1000 tokens at $3 and $15 a million: a hold of 1.53 cents.
pub(crate) fn call() -> Call<'static> {
    Call {
        at: ms("2026-11-24T12:00:00Z"),
        provider: "anthropic",
        kind: Fact::Known("chat"),
        class: EndpointClass::Costed,
        billing: Billing::Api,
        project: Fact::Known(&ACME),
        process: Fact::Known("python3"),
        model: Fact::Known("claude-sonnet-4-6"),
        request_bytes: Fact::Known(300),
        max_output: Fact::Known(Some(1000)),
        model_max_output: None,
        prices: Some(HoldPrices { input: usd("3"), output: usd("15") }),
    }
}

pub(crate) fn deny(id: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        stage: Stage::Enforce,
        scope: Scope::default(),
        kind: Kind::Deny("Not today.".parse().expect("a message")),
        on_error: OnError::Open,
        message: None,
        zone: None,
    }
}

pub(crate) fn budget(id: &str, limit: Limit, per: Per) -> Rule {
    Rule { kind: Kind::Budget(Budget { limit, per, warn_at: Vec::new() }), ..deny(id) }
}

pub(crate) fn policies(rules: Vec<Rule>) -> Policies {
    Policies::new(rules, TimeZone::UTC).expect("ids are unique")
}

pub(crate) fn globs(patterns: &[&str]) -> Globs {
    Globs::new(patterns.iter().copied()).expect("globs")
}

pub(crate) fn usd(text: &str) -> PicoUsd {
    text.parse().expect("dollars")
}

pub(crate) fn ms(text: &str) -> UnixMillis {
    UnixMillis(text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond())
}

pub(crate) fn id(n: u8) -> CallId {
    CallId::new(1_800_000_000_000, [n; 10])
}
