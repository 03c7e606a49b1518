//! Reads captured bytes with the code that reads live calls: bytes and a route in, readings and rows out.

mod captured;
mod compare;
mod rows;
mod sample;
mod told;

pub use captured::{Captured, Field, named};
pub use compare::differences;
pub use rows::rows;
pub use sample::Sample;
pub use told::told;

use meter_call::{CallId, CallRecord, EndpointClass, UnixMillis};
use meter_daemon::retries::IDEMPOTENCY_KEY;
use meter_daemon::settle::{Exchange, Target, settle};
use meter_manifest::{Model, Route};
use meter_tap::Finish;
use meter_wire::{CallReading, Dialect, ExchangeReader, StreamEnd};
use std::sync::Arc;

/// What one exchange said.
pub struct Decoded {
    /// Where its address leads.
    pub route: Route,
    /// One for each row.
    pub readings: Vec<CallReading>,
    /// What each reading costs, in the same order.
    pub records: Vec<CallRecord>,
    /// The exchange as the daemon would have it.
    pub exchange: Exchange,
    /// Its idempotency key.
    pub key: Option<Box<[u8]>>,
    /// There is a price list for what it calls.
    pub priced: bool,
}

/// Reads and prices an exchange. `at` is the time its price has to hold.
pub fn decode(model: &Model, mut route: Route, captured: &Captured, at: UnixMillis) -> Decoded {
    if route.upgrade && captured.status.is_some_and(|status| status >= 400) {
        // No socket came of it, so no call was made.
        route.class = EndpointClass::Observed;
    }
    let mut readings = route.dialect.clone().map_or_else(Vec::new, |dialect| readings(dialect, &route, captured));
    if readings.is_empty() && (route.dialect.is_none() || route.class != EndpointClass::Costed) {
        // Seen, and nothing of it read: a row all the same.
        readings.push(unread(captured));
    }
    let exchange = exchange(&route, captured, at);
    let nobody = &model.tagging.default_project;
    let records = readings.iter().map(|reading| settle(&model.prices, &exchange, reading, None, nobody)).collect();
    let mut keys = captured.request_fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
    let key = keys.next().map(|(_, key)| key.clone());
    let priced = model.prices.providers().any(|provider| provider == route.prices);
    Decoded { route, readings, records, exchange, key, priced }
}

/// What the head alone tells of an answer that no dialect reads.
fn unread(captured: &Captured) -> CallReading {
    let mut kinds = captured.response_fields.iter().filter(|(name, _)| **name == *b"content-type");
    let stream = kinds.any(|(_, kind)| kind.starts_with(b"text/event-stream"));
    let stream_end = match (stream, captured.clean) {
        (false, _) => StreamEnd::None,
        (true, true) => StreamEnd::Normal,
        (true, false) => StreamEnd::Truncated,
    };
    CallReading { turn: 1, stream, stream_end, ..CallReading::default() }
}

fn readings(dialect: Arc<Dialect>, route: &Route, captured: &Captured) -> Vec<CallReading> {
    let mut facts = route.facts.clone();
    if route.settles {
        facts.class = EndpointClass::Costed;
    }
    let mut reader = ExchangeReader::new(dialect, facts);
    reader.request_head(&captured.request_fields);
    reader.request_body(&captured.request);
    reader.request_end();
    if let Some(status) = captured.status {
        reader.response_head(status, &captured.response_fields);
    }
    let mut readings = Vec::new();
    for (from_client, text) in &captured.messages {
        reader.websocket_message(*from_client, text);
        readings.extend(reader.take_ended());
    }
    reader.response_body(&captured.response);
    if !captured.trailers.is_empty() {
        reader.trailers(&captured.trailers);
    }
    readings.extend(reader.close(captured.clean));
    readings.sort_by_key(|reading| reading.turn);
    readings
}

fn exchange(route: &Route, captured: &Captured, at: UnixMillis) -> Exchange {
    Exchange {
        id: CallId::new(u64::try_from(at.0).unwrap_or(0), [0; 10]),
        target: Target {
            provider: route.provider.clone(),
            prices: route.prices.clone(),
            endpoint: route.endpoint.clone(),
            // What a read settles costs what the call would.
            class: if route.settles { EndpointClass::Costed } else { route.class },
            kind: route.kind.clone(),
            billing: route.billing,
            upstream: route.upstream.clone(),
        },
        host: captured.host.clone(),
        method: captured.method.clone(),
        path: captured.target.split('?').next().unwrap_or_default().to_owned(),
        requested_at: at,
        ended_at: at,
        latency_ms: 0,
        ttfb_ms: None,
        added_us: 0,
        asked: true,
        http_status: captured.status,
        finish: if captured.clean { Finish::Whole } else { Finish::OriginLeft },
        retry_after_ms: None,
        frames: None,
        free: route.free_when.as_ref().is_some_and(|when| when.holds(&captured.response_fields)),
        marks: Vec::new(),
        retry_of: None,
        rule: None,
        manifest_digest: String::new(),
    }
}
