//! Follows the calls of one connection, from the tap's events to their records.

mod call;
mod heads;
mod turns;

use crate::admit::{self, Admitted, Answer, Asked, AskedBody, Who};
use crate::connection::Connection;
use crate::fallout::Unmetered;
use crate::intercept::WitnessSource;
use crate::services::{Gate, One, Services};
use crate::settle::Target;
use crate::tapped::{LateVerdicts, Reading, Tapped};
use call::{Call, Stage, Waiting, decided};
use heads::{path_of, retry_after, unmatched};
use meter_call::EndpointClass;
use meter_manifest::{Route, Routed, Unmatched};
use meter_policy::{Rule, Stage::Enforce};
use meter_tap::{Event, ExchangeId, Fault, Finish, HeadVerdict, Observer, RequestHead, ResponseHead, Side, Verdict};
use meter_wire::ExchangeReader;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use turns::Turns;

/// Opcode of a WebSocket's text message (RFC 6455 section 5.2).
const TEXT: u8 = 1;
/// Opcode of a binary one.
const BINARY: u8 = 2;

/// The observer of one connection.
pub struct CallObserver {
    services: Arc<Services>,
    connection: Arc<Connection>,
    late: LateVerdicts,
    guarded: bool,
    calls: HashMap<ExchangeId, Call>,
    /// Under way, metered or not.
    exchanges: usize,
    /// Nobody can tell any more whether something is under way.
    opaque: bool,
    /// Held while nothing is.
    idle: Option<One>,
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

impl CallObserver {
    /// Follows `connection`. Late verdicts go to `late`; `guarded` says that the tap asks for verdicts.
    pub fn new(
        services: Arc<Services>,
        connection: Arc<Connection>,
        late: LateVerdicts,
        guarded: bool,
    ) -> CallObserver {
        let idle = Some(services.idle.one());
        CallObserver { services, connection, late, guarded, calls: HashMap::new(), exchanges: 0, opaque: false, idle }
    }

    /// Keeps count of what is under way, metered or not.
    fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::RequestHead(..) => self.exchanges += 1,
            Event::Finished(..) => self.exchanges = self.exchanges.saturating_sub(1),
            Event::Opaque(_) => self.opaque = true,
            _ => return,
        }
        let idle = self.exchanges == 0 && !self.opaque;
        if idle != self.idle.is_some() {
            self.idle = idle.then(|| self.services.idle.one());
        }
    }

    fn begin(&mut self, id: ExchangeId, head: &RequestHead) {
        let began = Instant::now();
        let loaded = self.services.loaded.load_full();
        let Connection { host, port, .. } = &*self.connection;
        let routed = loaded.model.route(host, *port, &head.method, &head.target, head.upgrade.as_deref());
        let (target, dialect, facts, free_when, settles, upgrade) = match routed {
            Routed::NotMetered | Routed::Unmatched { unmatched: Unmatched::Ignore, .. } => return,
            Routed::Unmatched { provider, unmatched: Unmatched::Observed, .. } => {
                (unmatched(provider), None, None, None, false, false)
            }
            Routed::Endpoint(route) => {
                let Route { provider, prices, endpoint, class, kind, dialect, mut facts, billing, upstream, .. } =
                    *route;
                if route.settles {
                    // What it says of usage belongs to the earlier call, which was a costed one.
                    facts.class = EndpointClass::Costed;
                }
                let target = Target { provider, prices, endpoint, class, kind, billing, upstream };
                (target, dialect, Some(facts), route.free_when, route.settles, route.upgrade)
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
                print: self.services.retries.print(host, &head.method, &head.target, &head.fields),
                http_status: None,
                ttfb: None,
                retry_after_ms: None,
                frames: None,
                free_when,
                free: false,
                settles,
                upgrade,
                turns: Turns::default(),
                ids: 0,
                turned: false,
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
        if call.upgrade && head.status >= 400 {
            // No socket came of it, so no call was made; clients go on without one.
            call.asked.target.class = EndpointClass::Observed;
        }
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
        if call.frames.is_none() || !read {
            call.hand_over(&self.services, &self.connection, finish, None, readings);
            return;
        }
        call.hand_over_turns(&self.services, &self.connection, finish, readings);
        if !call.turned {
            // A socket on which no turn was seen is no call that costs, but what passed on it is told: its frames stand on
            // a row of their own.
            call.asked.target.class = EndpointClass::Observed;
            call.hand_over(&self.services, &self.connection, finish, None, Vec::new());
        }
        for id in call.turns.leftover().into_iter().filter(|id| *id != call.asked.id || call.turned) {
            self.services.journal.release(id);
        }
    }

    /// The rules' answer for a call whose last slice is held.
    fn decide(&mut self, id: ExchangeId) -> Verdict {
        let began = Instant::now();
        let caller = self.connection.caller.now();
        if self.calls.get(&id).is_some_and(|call| self.has_to_wait(call)) {
            return self.wait(id, began);
        }
        let who = caller.as_deref().map_or(Who::Unknown, Who::Known);
        let Some(call) = self.calls.get_mut(&id) else { return Verdict::Allow };
        let answer = admit::ask(&self.services, &call.loaded, call.dialect.as_deref(), &call.asked, who);
        let verdict = call.take(&self.services, &self.connection, answer);
        call.added += began.elapsed();
        verdict
    }

    /// Something that the verdict depends on is not there yet: the budgets after a start, or who calls.
    fn has_to_wait(&self, call: &Call) -> bool {
        if !self.services.budgets.is() {
            return true;
        }
        if !self.connection.caller.is_asked() {
            return false;
        }
        let policies = &call.loaded.model.policies;
        let asked = call.asked.call(&call.loaded.model.prices, Who::Asked);
        let names_process = |rule: &Rule| rule.stage == Enforce && !rule.scope.process.is_any();
        policies.needs_project(&asked) || policies.may_refuse(&asked) && policies.rules().iter().any(names_process)
    }

    /// A task learns what is missing, asks the rules and sends the verdict.
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
            let on_fault = waiting.on_fault();
            let verdict = decided(waiting.decide(), on_fault).await;
            // The connection may be over by now; then nobody waits for it.
            let _ = late.send((id, verdict));
        });
        Verdict::Later
    }
}

impl Observer for CallObserver {
    fn event(&mut self, event: Event<'_>) {
        self.count(&event);
        match event {
            Event::RequestHead(id, head) => self.begin(id, head),
            Event::RequestBody(id, bytes) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.request_bytes += bytes.len() as u64;
                    call.print.body(bytes);
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
        let answer = match self.services.budgets.is() {
            true => admit::ask(&self.services, &call.loaded, call.dialect.as_deref(), &call.asked, who),
            false => Answer::Later,
        };
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
        // Some send their JSON in binary messages; what is no JSON says nothing.
        if opcode != TEXT && opcode != BINARY {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(reader) = &mut call.reader else { return };
        reader.websocket_message(from == Side::Client, payload);
        let (at, now) = ((self.services.now)(), Instant::now());
        let mut ended = Vec::new();
        if from == Side::Client {
            if let Some(forgotten) = call.turns.client(at, now, reader.asked()) {
                self.services.journal.release(forgotten);
            }
        } else {
            ended = reader.take_ended();
            let over = ended.iter().map(|reading| (reading.turn, reading.asked));
            call.turns.server(at, now, reader.begun_since(call.turns.newest()).chain(over));
        }
        call.open_turns(&self.services, &self.connection);
        call.hand_over_turns(&self.services, &self.connection, Finish::Whole, ended);
    }
}
