//! Follows the calls of one connection, from the tap's events to their records.

use crate::admit::{self, Admitted, Answer, Asked, AskedBody, Who};
use crate::connection::{CallerFacts, Connection};
use crate::fallout::Unmetered;
use crate::intercept::WitnessSource;
use crate::record::{self, Over};
use crate::services::{Gate, Loaded, Services};
use crate::settle::{Exchange, Target};
use crate::tapped::{LateVerdicts, Reading, Tapped};
use meter_call::{Billing, EndpointClass, UnixMillis};
use meter_manifest::{Route, Routed, Unmatched};
use meter_tap::{
    Event, ExchangeId, Fault, Fields, Finish, HeadVerdict, Observer, RequestHead, ResponseHead, Side, Verdict,
};
use meter_wire::{CallReading, Dialect, ExchangeReader, HeadCondition};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Opcode of a WebSocket's text message (RFC 6455 section 5.2).
const TEXT: u8 = 1;
/// Longest path that is kept.
const PATH_BYTES_MAX: usize = 1024;

/// The observer of one connection.
pub struct CallObserver {
    services: Arc<Services>,
    connection: Arc<Connection>,
    late: LateVerdicts,
    guarded: bool,
    calls: HashMap<ExchangeId, Call>,
}

/// Readers for connections: a tap each, gated where some rule may refuse something there.
pub fn witness_source(services: Arc<Services>) -> WitnessSource {
    Arc::new(move |connection: &Arc<Connection>, protocol| {
        let (late, verdicts) = mpsc::unbounded_channel();
        let (reading, guarded) = match services.gate(connection) {
            Gate::Open => (Reading::Passive, false),
            Gate::Guarded { closed: true } => (Reading::Gated(Fault::Close), true),
            Gate::Guarded { closed: false } => (Reading::Gated(Fault::Pass), true),
        };
        let observer = CallObserver::new(services.clone(), connection.clone(), late, guarded);
        Box::new(Tapped::new(protocol, reading, observer, verdicts))
    })
}

/// One call in progress.
struct Call {
    loaded: Arc<Loaded>,
    dialect: Option<Arc<Dialect>>,
    reader: Option<ExchangeReader>,
    asked: Asked,
    method: String,
    path: String,
    began: Instant,
    /// Time the request waited for us.
    added: Duration,
    request_bytes: u64,
    http_status: Option<u16>,
    ttfb: Option<Duration>,
    retry_after_ms: Option<u64>,
    frames: Option<(u64, u64)>,
    /// Under which an answer costs nothing.
    free_when: Option<Arc<HeadCondition>>,
    free: bool,
    /// A read of an earlier call.
    settles: bool,
    /// Rows of this exchange that were handed over already: turns of a WebSocket.
    turns: u64,
    /// When the turn under way began.
    turn: Option<(UnixMillis, Instant)>,
    marks: Vec<&'static str>,
    opened: bool,
    stage: Stage,
}

/// Where a call stands with the rules.
enum Stage {
    /// Nothing can refuse it; rules that only watch are asked when it is over.
    Free,
    /// Its last slice waits for the verdict.
    Held,
    /// A task waits to learn who calls, and puts the result here.
    Waiting(Arc<Mutex<Option<Admitted>>>),
    /// Decided.
    Decided(Admitted),
}

impl CallObserver {
    /// Follows `connection`. Late verdicts go to `late`; `guarded` says that the tap asks for verdicts.
    pub fn new(
        services: Arc<Services>,
        connection: Arc<Connection>,
        late: LateVerdicts,
        guarded: bool,
    ) -> CallObserver {
        CallObserver { services, connection, late, guarded, calls: HashMap::new() }
    }

    fn begin(&mut self, id: ExchangeId, head: &RequestHead) {
        let began = Instant::now();
        let loaded = self.services.loaded.load_full();
        let Connection { host, port, .. } = &*self.connection;
        let routed = loaded.model.route(host, *port, &head.method, &head.target, head.upgrade.as_deref());
        let (target, dialect, facts, free_when, settles) = match routed {
            Routed::NotMetered | Routed::Unmatched { unmatched: Unmatched::Ignore, .. } => return,
            Routed::Unmatched { provider, unmatched: Unmatched::Observed, .. } => {
                (unmatched(provider), None, None, None, false)
            }
            Routed::Endpoint(route) => {
                let Route { provider, prices, endpoint, class, kind, dialect, mut facts, billing, upstream, .. } =
                    *route;
                if route.settles {
                    // What it says of usage belongs to the earlier call, which was a costed one.
                    facts.class = EndpointClass::Costed;
                }
                let target = Target { provider, prices, endpoint, class, kind, billing, upstream };
                (target, dialect, Some(facts), route.free_when, route.settles)
            }
        };
        let reader = dialect.clone().zip(facts).map(|(dialect, facts)| {
            let mut reader = ExchangeReader::new(dialect, facts);
            reader.request_head(&head.fields);
            reader
        });
        let at = (self.services.now)();
        let asked = Asked { id: self.services.new_id(at), at, target, body: None };
        self.calls.insert(
            id,
            Call {
                loaded,
                dialect,
                reader,
                asked,
                method: head.method.clone(),
                path: path_of(&head.target),
                began,
                added: began.elapsed(),
                request_bytes: 0,
                http_status: None,
                ttfb: None,
                retry_after_ms: None,
                frames: None,
                free_when,
                free: false,
                settles,
                turns: 0,
                turn: None,
                marks: Vec::new(),
                opened: false,
                stage: Stage::Free,
            },
        );
    }

    fn request_end(&mut self, id: ExchangeId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let began = Instant::now();
        let read = call.reader.as_mut().map(ExchangeReader::request_end);
        call.asked.body = Some(AskedBody {
            model: read.as_ref().and_then(|read| read.model.clone()),
            bytes: call.request_bytes,
            max_output: read.as_ref().and_then(|read| read.max_output),
            readable: read.as_ref().is_none_or(|read| read.readable),
        });
        if matches!(call.stage, Stage::Free) {
            call.open(&self.services, &self.connection, &Admitted::default());
        }
        call.added += began.elapsed();
    }

    fn response_head(&mut self, id: ExchangeId, head: &ResponseHead) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        // An answer to a request that is not whole yet: a stream in both directions, or an early refusal.
        if matches!(call.stage, Stage::Free) {
            call.open(&self.services, &self.connection, &Admitted::default());
        }
        call.http_status = Some(head.status);
        call.retry_after_ms = retry_after(&head.fields);
        call.free = call.free_when.as_ref().is_some_and(|condition| condition.holds(&head.fields));
        if let Some(reader) = &mut call.reader {
            reader.response_head(head.status, &head.fields);
        }
    }

    fn response_body(&mut self, id: ExchangeId, bytes: &[u8]) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.ttfb.get_or_insert_with(|| call.began.elapsed());
        if let Some(reader) = &mut call.reader {
            reader.response_body(bytes);
        }
    }

    fn finish(&mut self, id: ExchangeId, finish: Finish) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        if finish == Finish::Opaque {
            call.marks.push(Unmetered::Opaque("").flag());
        }
        let reader = call.reader.take();
        let read = reader.is_some();
        let readings = reader.map(|mut reader| reader.close(finish == Finish::Whole)).unwrap_or_default();
        if call.frames.is_some() && read && readings.is_empty() {
            // Every turn has its row already; a socket that nothing was asked on is no call.
            if call.turns == 0 {
                record::release(&self.services, call.asked.id);
            }
            return;
        }
        self.hand_over(&mut call, finish, readings);
    }

    /// Turns of a WebSocket that have ended, while the socket lives on.
    fn turns(&mut self, id: ExchangeId) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        let ended = call.reader.as_mut().map(ExchangeReader::take_ended).unwrap_or_default();
        if !ended.is_empty() {
            self.hand_over(&mut call, Finish::Whole, ended);
            call.turn = None;
        }
        self.calls.insert(id, call);
    }

    /// The exchange so far, to whoever makes its rows.
    fn hand_over(&self, call: &mut Call, finish: Finish, readings: Vec<CallReading>) {
        let decided = match &call.stage {
            Stage::Decided(admitted) => Some(admitted.clone()),
            Stage::Waiting(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Stage::Free | Stage::Held => None,
        };
        let (requested_at, began) = call.turn.unwrap_or((call.asked.at, call.began));
        // The first row has the id of the open record.
        let id = if call.turns == 0 { call.asked.id } else { self.services.new_id(requested_at) };
        call.turns += 1;
        let exchange = Exchange {
            id,
            target: call.asked.target.clone(),
            host: self.connection.host.clone(),
            method: call.method.clone(),
            path: call.path.clone(),
            requested_at,
            ended_at: (self.services.now)(),
            latency_ms: millis(began.elapsed()),
            ttfb_ms: call.ttfb.map(millis),
            added_us: u64::try_from(call.added.as_micros()).unwrap_or(u64::MAX),
            asked: call.asked.body.is_some(),
            http_status: call.http_status,
            finish,
            retry_after_ms: call.retry_after_ms,
            frames: call.frames,
            free: call.free,
            marks: call.marks.clone(),
            rule: decided.as_ref().and_then(|admitted| admitted.rule.clone()),
            manifest_digest: call.loaded.digest.clone(),
        };
        record::close(Over {
            services: self.services.clone(),
            loaded: call.loaded.clone(),
            connection: self.connection.clone(),
            asked: Asked { id, ..call.asked.clone() },
            exchange,
            readings,
            decided: decided.is_some(),
            settles: call.settles,
        });
    }

    /// The rules' answer for a call whose last slice is held.
    fn decide(&mut self, id: ExchangeId) -> Verdict {
        let began = Instant::now();
        let caller = self.connection.caller.now();
        let who = match (&caller, self.calls.get(&id)) {
            (Some(facts), _) => Who::Known(facts),
            (None, Some(call)) if self.waits_for_caller(call) => return self.wait(id, began),
            (None, _) => Who::Unknown,
        };
        let Some(call) = self.calls.get_mut(&id) else { return Verdict::Allow };
        let answer = admit::ask(&self.services, &call.loaded, call.dialect.as_deref(), &call.asked, who);
        let verdict = call.take(&self.services, &self.connection, answer);
        call.added += began.elapsed();
        verdict
    }

    fn waits_for_caller(&self, call: &Call) -> bool {
        let model = &call.loaded.model;
        self.connection.caller.is_asked() && model.policies.needs_project(&call.asked.call(&model.prices, Who::Asked))
    }

    /// A task learns who calls, asks the rules and sends the verdict.
    fn wait(&mut self, id: ExchangeId, began: Instant) -> Verdict {
        let Some(call) = self.calls.get_mut(&id) else { return Verdict::Allow };
        let slot = Arc::new(Mutex::new(None));
        call.stage = Stage::Waiting(slot.clone());
        call.added += began.elapsed();
        let waiting = Waiting {
            services: self.services.clone(),
            loaded: call.loaded.clone(),
            connection: self.connection.clone(),
            dialect: call.dialect.clone(),
            asked: call.asked.clone(),
            method: call.method.clone(),
            path: call.path.clone(),
            slot,
        };
        // The task writes the open record itself, before the verdict lets the request go on.
        call.opened = true;
        let late = self.late.clone();
        tokio::spawn(async move {
            let verdict = waiting.decide().await;
            // The connection may be over by now; then nobody waits for it.
            let _ = late.send((id, verdict));
        });
        Verdict::Later
    }
}

impl Call {
    /// Writes the open record, once.
    fn open(&mut self, services: &Services, connection: &Connection, admitted: &Admitted) {
        if self.opened {
            return;
        }
        self.opened = true;
        let request = (self.method.as_str(), self.path.as_str());
        if let Err(reason) = record::open(services, &self.loaded, connection, &self.asked, request, admitted) {
            self.marks.push(reason.flag());
        }
    }

    fn take(&mut self, services: &Services, connection: &Connection, answer: Answer) -> Verdict {
        match answer {
            // With everything known or never to be known, no rule can wait; if one did, waiting for ever is no answer.
            Answer::Later => {
                self.stage = Stage::Decided(Admitted::default());
                self.open(services, connection, &Admitted::default());
                Verdict::Allow
            }
            Answer::Go(admitted) => {
                self.open(services, connection, &admitted);
                self.stage = Stage::Decided(admitted);
                Verdict::Allow
            }
            Answer::Refuse(refusal, admitted) => {
                self.stage = Stage::Decided(admitted);
                Verdict::Refuse(refusal)
            }
        }
    }
}

/// What a task needs to decide on a call alone.
struct Waiting {
    services: Arc<Services>,
    loaded: Arc<Loaded>,
    connection: Arc<Connection>,
    dialect: Option<Arc<Dialect>>,
    asked: Asked,
    method: String,
    path: String,
    slot: Arc<Mutex<Option<Admitted>>>,
}

impl Waiting {
    async fn decide(self) -> Verdict {
        let caller: Option<Arc<CallerFacts>> = self.connection.caller.soon().await;
        let who = caller.as_deref().map_or(Who::Unknown, Who::Known);
        let answer = admit::ask(&self.services, &self.loaded, self.dialect.as_deref(), &self.asked, who);
        let (admitted, verdict) = match answer {
            Answer::Later => (Admitted::default(), Verdict::Allow),
            Answer::Go(admitted) => (admitted, Verdict::Allow),
            Answer::Refuse(refusal, admitted) => (admitted, Verdict::Refuse(refusal)),
        };
        if verdict == Verdict::Allow {
            let request = (self.method.as_str(), self.path.as_str());
            // Lost records are logged and counted there; the call goes on.
            let _ = record::open(&self.services, &self.loaded, &self.connection, &self.asked, request, &admitted);
        }
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(admitted);
        verdict
    }
}

impl Observer for CallObserver {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::RequestHead(id, head) => self.begin(id, head),
            Event::RequestBody(id, bytes) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.request_bytes += bytes.len() as u64;
                    if let Some(reader) = &mut call.reader {
                        reader.request_body(bytes);
                    }
                }
            }
            Event::RequestEnd(id) => self.request_end(id),
            Event::Interim(..) => {}
            Event::ResponseHead(id, head) => self.response_head(id, head),
            Event::ResponseBody(id, bytes) => self.response_body(id, bytes),
            Event::Trailers(id, fields) => {
                if let Some(reader) = self.calls.get_mut(&id).and_then(|call| call.reader.as_mut()) {
                    reader.trailers(fields);
                }
            }
            Event::Finished(id, finish) => self.finish(id, finish),
            Event::WebSocketFrame(id, side, ..) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    let (up, down) = call.frames.get_or_insert((0, 0));
                    match side {
                        Side::Client => *up += 1,
                        Side::Origin => *down += 1,
                    }
                }
            }
            Event::Opaque(reason) => {
                tracing::warn!(host = %self.connection.host, reason, "connection.opaque");
                self.services.uncovered(&self.connection, "opaque", (0, 0), Duration::ZERO);
            }
        }
    }

    fn head(&mut self, id: ExchangeId, _head: &RequestHead) -> HeadVerdict {
        let Some(call) = self.calls.get_mut(&id) else { return HeadVerdict::Pass };
        let began = Instant::now();
        let caller = self.connection.caller.now();
        let who = caller.as_deref().map_or(Who::Asked, Who::Known);
        let model = &call.loaded.model;
        if !self.guarded || !model.policies.may_refuse(&call.asked.call(&model.prices, who)) {
            return HeadVerdict::Pass;
        }
        let answer = admit::ask(&self.services, &call.loaded, call.dialect.as_deref(), &call.asked, who);
        let verdict = match answer {
            Answer::Later => {
                call.stage = Stage::Held;
                HeadVerdict::Hold
            }
            answer => match call.take(&self.services, &self.connection, answer) {
                Verdict::Refuse(refusal) => HeadVerdict::Refuse(refusal),
                Verdict::Allow | Verdict::Later => HeadVerdict::Pass,
            },
        };
        call.added += began.elapsed();
        verdict
    }

    fn complete(&mut self, id: ExchangeId) -> Verdict {
        self.decide(id)
    }

    fn wants_messages(&mut self, id: ExchangeId) -> bool {
        self.calls.get(&id).is_some_and(|call| call.reader.is_some())
    }

    fn websocket_message(&mut self, id: ExchangeId, from: Side, opcode: u8, payload: &[u8]) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if opcode != TEXT {
            return;
        }
        if from == Side::Client {
            call.turn.get_or_insert_with(|| ((self.services.now)(), Instant::now()));
        }
        if let Some(reader) = &mut call.reader {
            reader.websocket_message(from == Side::Client, payload);
        }
        self.turns(id);
    }
}

fn unmatched(provider: String) -> Target {
    Target {
        prices: provider.clone(),
        provider,
        endpoint: "unmatched".to_owned(),
        class: EndpointClass::Observed,
        kind: "unknown".to_owned(),
        billing: Billing::Api,
        upstream: None,
    }
}

/// The path of a request target: no scheme, no authority, no query (it may hold a key), and not for ever.
fn path_of(target: &str) -> String {
    let rest = ["http://", "https://"].iter().find_map(|scheme| target.strip_prefix(scheme));
    let target = rest.map_or(target, |rest| rest.find('/').map_or("/", |slash| &rest[slash..]));
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut end = path.len().min(PATH_BYTES_MAX);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    path[..end].to_owned()
}

/// `retry-after-ms`, else `retry-after` in seconds. A date is left alone: it would need the provider's clock.
fn retry_after(fields: &Fields) -> Option<u64> {
    let number = |name: &[u8]| {
        let (_, value) = fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()?.trim().parse::<u64>().ok()
    };
    number(b"retry-after-ms").or_else(|| number(b"retry-after")?.checked_mul(1000))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_without_its_query() {
        assert_eq!(path_of("/v1/messages?key=secret"), "/v1/messages");
        assert_eq!(path_of("https://api.acme.example/v1/x#y"), "/v1/x");
        assert_eq!(path_of("https://api.acme.example"), "/");
        assert_eq!(path_of("*"), "*");
        assert_eq!(path_of(&"é".repeat(600)).len(), PATH_BYTES_MAX);
    }

    #[test]
    fn retry_after_is_read_in_milliseconds() {
        let field = |name: &str, value: &str| (Box::from(name.as_bytes()), Box::from(value.as_bytes()));
        assert_eq!(retry_after(&vec![field("Retry-After", "7")]), Some(7000));
        assert_eq!(retry_after(&vec![field("retry-after", "7"), field("Retry-After-Ms", "250")]), Some(250));
        assert_eq!(retry_after(&vec![field("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]), None);
        assert_eq!(retry_after(&Vec::new()), None);
    }
}
