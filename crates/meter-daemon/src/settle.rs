//! Makes the row of a finished call: what it used, what that cost, and how sure that is.
//!
//! Pure: an exchange, a reading and a price book in, a record out. It runs after the answer, on nobody's way.

mod bill;
mod estimate;

use crate::connection::CallerFacts;
use bill::Bill;
use meter_call::{
    Billing, CallId, CallRecord, Conditions, EndpointClass, ErrorClass, Evidence, Meter, Mode, ProjectSlug, Status,
    UnixMillis, UsageState,
};
use meter_money::PicoUsd;
use meter_price::PriceBook;
use meter_tap::Finish;
use meter_wire::{CallReading, StreamEnd};

/// Kind of the rows that are results of a batch job.
const BATCH_RESULT: &str = "batch_result";
/// Flag of a call that a gateway answered from its own cache.
pub const CACHE_HIT: &str = "gateway_cache_hit";
/// Flag of a bill that differs from the provider's own amount by more than its price file allows.
pub const COST_DRIFT: &str = "cost_drift";
/// Flag of a bill that has no price for some of its lines.
pub const PARTLY_UNPRICED: &str = "partly_unpriced";
/// Flag of a bill at the tier that was asked for, because the answer names none.
pub const TIER_AS_REQUESTED: &str = "tier_as_requested";

/// What the route says of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The name in rows.
    pub provider: String,
    /// Provider id of the price file.
    pub prices: String,
    /// Id of the endpoint.
    pub endpoint: String,
    /// What it means for the bill.
    pub class: EndpointClass,
    /// Kind of call, unless the dialect names another.
    pub kind: String,
    /// Who pays how.
    pub billing: Billing,
    /// The mounted provider behind a gateway.
    pub upstream: Option<String>,
}

/// An exchange that is over, without what its bodies said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// Id of its first row.
    pub id: CallId,
    /// What was called.
    pub target: Target,
    /// Host of the connection.
    pub host: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// When the request's head was complete.
    pub requested_at: UnixMillis,
    /// When the answer ended.
    pub ended_at: UnixMillis,
    /// From head to end, in milliseconds.
    pub latency_ms: u64,
    /// From head to the first byte of the answer's body.
    pub ttfb_ms: Option<u64>,
    /// What we added before the request went on, in microseconds.
    pub added_us: u64,
    /// The request came whole.
    pub asked: bool,
    /// HTTP status of the answer.
    pub http_status: Option<u16>,
    /// How the answer stopped.
    pub finish: Finish,
    /// `retry-after` of the answer, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// WebSocket frames seen, up and down.
    pub frames: Option<(u64, u64)>,
    /// The answer's head says that it cost nothing (a gateway's cache).
    pub free: bool,
    /// Marks of ours: `opaque`, `meter_fault`, …
    pub marks: Vec<&'static str>,
    /// Policy rule that refused or warned.
    pub rule: Option<String>,
    /// First attempt of a request that is made again.
    pub retry_of: Option<CallId>,
    /// Digest of the snapshot the call began with.
    pub manifest_digest: String,
}

impl Exchange {
    /// The real provider behind a gateway: as the answer names it, else as the path does.
    fn upstream<'a>(&'a self, reading: &'a CallReading) -> Option<&'a str> {
        reading.upstream.as_deref().or(self.target.upstream.as_deref())
    }
}

/// The row of one reading of the exchange.
///
/// `caller` is `None` when nobody could say who called: the row goes to `default`.
pub fn settle(
    book: &PriceBook,
    exchange: &Exchange,
    reading: &CallReading,
    caller: Option<&CallerFacts>,
    default: &ProjectSlug,
) -> CallRecord {
    let target = &exchange.target;
    let kind = reading.kind.clone().unwrap_or_else(|| target.kind.clone());
    let status = status(exchange, reading);
    let costed = target.class == EndpointClass::Costed;
    let bill = match status {
        _ if !costed => Bill::nothing(),
        Status::Refused => Bill::nothing(),
        _ if exchange.free => Bill { flags: vec![CACHE_HIT], ..Bill::nothing() },
        _ => bill::of(book, exchange, reading, kind == BATCH_RESULT),
    };
    let charged = match target.billing {
        Billing::Plan => bill.list.map(|_| PicoUsd::default()),
        Billing::Api => bill.charged,
    };
    let model = reading.model().map(str::to_owned);
    let usage_state = if costed { reading.usage } else { UsageState::None };
    let (error_class, provider_error_code) = error(exchange, reading, status);
    // A row without usage of its own has none to doubt.
    let doubts = reading.flags.iter().filter(|_| costed);
    let mut usage_flags: Vec<String> = doubts.cloned().collect();
    usage_flags.extend(bill.flags.iter().chain(&exchange.marks).map(|flag| (*flag).to_owned()));
    CallRecord {
        id: exchange.id,
        requested_at: exchange.requested_at,
        ended_at: exchange.ended_at,
        provider: target.provider.clone(),
        endpoint: target.endpoint.clone(),
        class: target.class,
        mode: mode(reading, &kind, bill.class.as_deref()),
        request_kind: kind,
        host: exchange.host.clone(),
        method: exchange.method.clone(),
        path: exchange.path.clone(),
        http_status: exchange.http_status,
        status,
        billing: target.billing,
        provider_request_id: reading.request_id.clone(),
        response_id: reading.response_id.clone(),
        model_requested: reading.model_requested.clone(),
        rates_source: model.as_deref().and_then(|model| book.rates_source(&target.prices, model, exchange.ended_at)),
        model,
        service_tier: reading.service_tier.clone(),
        speed: reading.speed.clone(),
        geo: reading.geo.clone(),
        upstream: exchange.upstream(reading).map(str::to_owned),
        conditions: Some(reading.conditions.clone()),
        finish: reading.finish.clone(),
        usage_state,
        usage: if usage_state == UsageState::None { Default::default() } else { reading.buckets.clone() },
        reasoning_known: usage_state != UsageState::None && !reading.unknown.contains(&Meter::Reasoning),
        tokens_complete: !costed || reading.usage == UsageState::Final,
        evidence: bill.evidence,
        usage_flags,
        lines: bill.lines,
        prices: bill.prices,
        list: bill.list,
        contract: bill.contract,
        charged,
        provider_cost: bill.provider_cost,
        estimated: bill.estimated.map(|estimate| estimate.amount),
        estimated_bound: bill.estimated.map(|estimate| estimate.bound),
        manifest_digest: exchange.manifest_digest.clone(),
        error_class,
        provider_error_code,
        retry_after_ms: exchange.retry_after_ms,
        retry_of: exchange.retry_of,
        run_id: caller.and_then(|caller| caller.run_id.clone()),
        process: caller.map(|caller| caller.process.clone()).unwrap_or_default(),
        project: caller.map_or_else(|| default.clone(), |caller| caller.project.clone()),
        source: caller.map_or("default", |caller| &caller.source).to_owned(),
        reason: caller.map_or("nobody could say who called", |caller| &caller.reason).to_owned(),
        branch: caller.and_then(|caller| caller.branch.clone()),
        workdir: caller.and_then(|caller| caller.workdir.clone()),
        latency_ms: Some(exchange.latency_ms),
        ttfb_ms: exchange.ttfb_ms,
        added_us: Some(exchange.added_us),
        frames: exchange.frames,
        policy_rule: exchange.rule.clone(),
    }
}

/// What only the request and the first answer of a call say that a later read completes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AskedFor {
    /// Model asked for.
    pub model_requested: Option<String>,
    /// Tier of the first answer.
    pub service_tier: Option<String>,
    /// Speed of the first answer.
    pub speed: Option<String>,
    /// Place of the first answer.
    pub geo: Option<String>,
    /// What else the price depends on.
    pub conditions: Conditions,
    /// Id of the request that was made.
    pub request_id: Option<String>,
}

/// What a later read says, with what only the call's own exchange said.
pub fn as_asked(reading: &CallReading, first: AskedFor) -> CallReading {
    let mut whole = reading.clone();
    whole.model_requested = whole.model_requested.or(first.model_requested);
    whole.service_tier = whole.service_tier.or(first.service_tier);
    whole.speed = whole.speed.or(first.speed);
    whole.geo = whole.geo.or(first.geo);
    whole.conditions = whole.conditions.or(first.conditions);
    whole.request_id = first.request_id.or(whole.request_id);
    whole
}

/// A stream that said its last word is a success, whoever closed the connection after it.
fn status(exchange: &Exchange, reading: &CallReading) -> Status {
    let failed = reading.error.is_some() || exchange.http_status.is_some_and(|status| status >= 400);
    match exchange.finish {
        Finish::Refused => Status::Refused,
        _ if failed => Status::Error,
        _ if reading.stream_end == StreamEnd::Normal => Status::Success,
        Finish::Whole if reading.stream_end == StreamEnd::Truncated => Status::Interrupted,
        Finish::Whole => Status::Success,
        Finish::ClientLeft => Status::Cancelled,
        Finish::OriginLeft if exchange.http_status.is_none() => Status::Error,
        Finish::OriginLeft | Finish::Opaque => Status::Interrupted,
    }
}

fn error(exchange: &Exchange, reading: &CallReading, status: Status) -> (Option<ErrorClass>, Option<String>) {
    if status != Status::Error {
        return (None, None);
    }
    match (&reading.error, exchange.http_status) {
        (Some(error), _) => (Some(error.class), error.code.clone()),
        (None, Some(status)) => (Some(class_of(status)), None),
        (None, None) => (Some(ErrorClass::Network), None),
    }
}

/// What a status says by itself, for answers that no dialect reads.
fn class_of(status: u16) -> ErrorClass {
    match status {
        429 => ErrorClass::RateLimit,
        401..=403 => ErrorClass::Auth,
        408 | 504 | 524 => ErrorClass::Timeout,
        400 | 404 | 405 | 409 | 413 | 415 | 422 => ErrorClass::BadRequest,
        500..=599 => ErrorClass::ServerError,
        _ => ErrorClass::Unknown,
    }
}

fn mode(reading: &CallReading, kind: &str, class: Option<&str>) -> Mode {
    if kind == BATCH_RESULT || class == Some("batch") {
        Mode::Batch
    } else if reading.buckets.count(Meter::Reasoning) > 0 {
        Mode::Thinking
    } else if reading.stream {
        Mode::Streaming
    } else {
        Mode::Standard
    }
}

/// What an evidence below the worst of several parts is.
fn worst(parts: impl IntoIterator<Item = Evidence>) -> Evidence {
    parts.into_iter().max().unwrap_or(Evidence::None)
}

#[cfg(test)]
pub(crate) mod tests;
