//! One call in progress, and where it stands with the rules.

use crate::admit::{self, Admitted, Answer, Asked, Who};
use crate::connection::{CallerFacts, Connection};
use crate::record::{self, Over};
use crate::retries::{Attempt, Print};
use crate::services::{Gate, Loaded, Services};
use crate::settle::Exchange;
use meter_call::{CallId, EndpointClass, UnixMillis};
use meter_tap::{Finish, Refusal, Verdict};
use meter_wire::{CallReading, Dialect, ExchangeReader, HeadCondition};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Flag of a row whose answer was given before, to the same idempotency key.
const REPLAYED: &str = "replayed";

/// How long a verdict waits for budgets that are being rebuilt after a start.
const BUDGETS_PATIENCE: Duration = Duration::from_secs(2);

/// One call in progress.
pub(super) struct Call {
    pub(super) loaded: Arc<Loaded>,
    pub(super) dialect: Option<Arc<Dialect>>,
    pub(super) reader: Option<ExchangeReader>,
    pub(super) asked: Asked,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) began: Instant,
    /// Time the request waited for us.
    pub(super) added: Duration,
    pub(super) request_bytes: u64,
    /// Tells a second attempt.
    pub(super) print: Print,
    pub(super) http_status: Option<u16>,
    pub(super) ttfb: Option<Duration>,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) frames: Option<(u64, u64)>,
    /// Under which an answer costs nothing.
    pub(super) free_when: Option<Arc<HeadCondition>>,
    pub(super) free: bool,
    /// A read of an earlier call.
    pub(super) settles: bool,
    /// It asks for a WebSocket.
    pub(super) upgrade: bool,
    /// Rows of this exchange that were handed over already: turns of a WebSocket.
    pub(super) rows: u64,
    /// The turn under way.
    pub(super) turn: Option<Turn>,
    pub(super) marks: Vec<&'static str>,
    pub(super) opened: bool,
    pub(super) stage: Stage,
}

/// A turn of a WebSocket.
pub(super) struct Turn {
    /// When the client's first message of it came.
    pub(super) at: UnixMillis,
    pub(super) began: Instant,
    /// The id of its open record, which the exchange's own serves for the first turn.
    pub(super) id: Option<CallId>,
}

/// Where a call stands with the rules.
pub(super) enum Stage {
    /// Nothing can refuse it; rules that only watch are asked when it is over.
    Free,
    /// Its last slice waits for the verdict.
    Held,
    /// A task waits to learn who calls, and puts the result here.
    Waiting(Arc<Mutex<Option<Admitted>>>),
    /// Decided.
    Decided(Admitted),
}

impl Call {
    /// Writes the open record, once.
    pub(super) fn open(&mut self, services: &Services, connection: &Connection, admitted: &Admitted) {
        if self.opened {
            return;
        }
        self.opened = true;
        let request = (self.method.as_str(), self.path.as_str());
        if let Err(reason) = record::open(services, &self.loaded, connection, &self.asked, request, admitted) {
            self.marks.push(reason.flag());
        }
    }

    /// Writes an open record for a turn behind the first, as soon as a row is asked for: a daemon that dies leaves evidence.
    pub(super) fn open_turn(&mut self, services: &Services, connection: &Connection) {
        let (Some(turn), Some(reader)) = (&mut self.turn, &self.reader) else { return };
        if self.rows == 0 || turn.id.is_some() || !reader.is_under_way() {
            return;
        }
        let id = self.asked.id.further(turn.at, self.rows);
        turn.id = Some(id);
        let asked = Asked { id, at: turn.at, ..self.asked.clone() };
        let request = (self.method.as_str(), self.path.as_str());
        if let Err(reason) = record::open(services, &self.loaded, connection, &asked, request, &Admitted::default()) {
            self.marks.push(reason.flag());
        }
    }

    /// The exchange so far, to whoever makes its rows.
    pub(super) fn hand_over(
        &mut self,
        services: &Arc<Services>,
        connection: &Arc<Connection>,
        finish: Finish,
        readings: Vec<CallReading>,
    ) {
        let decided = match &self.stage {
            Stage::Decided(admitted) => Some(admitted.clone()),
            Stage::Waiting(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Stage::Free | Stage::Held => None,
        };
        let (requested_at, began) =
            self.turn.as_ref().map_or((self.asked.at, self.began), |turn| (turn.at, turn.began));
        // A row has the id of its open record.
        let id = match self.turn.as_ref().and_then(|turn| turn.id) {
            _ if self.rows == 0 => self.asked.id,
            Some(opened) => opened,
            None => self.asked.id.further(requested_at, self.rows),
        };
        self.rows += readings.len().max(1) as u64;
        let mut exchange = Exchange {
            id,
            target: self.asked.target.clone(),
            host: connection.host.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            requested_at,
            ended_at: (services.now)(),
            latency_ms: millis(began.elapsed()),
            ttfb_ms: self.ttfb.map(millis),
            added_us: u64::try_from(self.added.as_micros()).unwrap_or(u64::MAX),
            asked: self.asked.body.is_some(),
            http_status: self.http_status,
            finish,
            retry_after_ms: self.retry_after_ms,
            frames: self.frames,
            free: self.free,
            marks: self.marks.clone(),
            rule: decided.as_ref().and_then(|admitted| admitted.rule.clone()),
            retry_of: None,
            manifest_digest: self.loaded.digest.clone(),
        };
        let mut settles = self.settles;
        if exchange.frames.is_none() {
            let response = readings.first().and_then(|reading| reading.response_id.as_deref());
            match services.retries.note(&self.print, &exchange, response) {
                Attempt::First => {}
                Attempt::Retry(first) => exchange.retry_of = Some(first),
                Attempt::Replay(first) => {
                    // Paid for with the first. It is read like any later read of that call: where the first was cut, this
                    // says what it left out.
                    exchange.retry_of = Some(first);
                    exchange.target.class = EndpointClass::Observed;
                    exchange.marks.push(REPLAYED);
                    settles = true;
                }
            }
        }
        record::close(Over {
            services: services.clone(),
            loaded: self.loaded.clone(),
            connection: connection.clone(),
            asked: Asked { id, ..self.asked.clone() },
            exchange,
            readings,
            decided: decided.is_some(),
            settles,
        });
    }

    pub(super) fn take(&mut self, services: &Services, connection: &Connection, answer: Answer) -> Verdict {
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
pub(super) struct Waiting {
    pub(super) services: Arc<Services>,
    pub(super) loaded: Arc<Loaded>,
    pub(super) connection: Arc<Connection>,
    pub(super) dialect: Option<Arc<Dialect>>,
    pub(super) asked: Asked,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) slot: Arc<Mutex<Option<Admitted>>>,
}

impl Waiting {
    /// What is answered when a fault of ours leaves no verdict: the call goes on, unless a rule closes what it cannot know.
    pub(super) fn on_fault(&self) -> Verdict {
        match self.services.gate(&self.connection) {
            Gate::Guarded { closed: true } => Verdict::Refuse(Refusal {
                status: 503,
                fields: vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())],
                body: b"halton-meter: the rules could not be asked\n".to_vec(),
            }),
            Gate::Guarded { closed: false } | Gate::Open => Verdict::Allow,
        }
    }

    pub(super) async fn decide(self) -> Verdict {
        self.services.budgets.within(BUDGETS_PATIENCE).await;
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

/// The verdict of `deciding`, or `on_fault` when it panics: a request that is held has to hear something.
pub(super) async fn decided(deciding: impl Future<Output = Verdict> + Send + 'static, on_fault: Verdict) -> Verdict {
    tokio::spawn(deciding).await.unwrap_or_else(|error| {
        tracing::error!(%error, "admit.failed");
        on_fault
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_of_ours_leaves_no_request_waiting() {
        assert_eq!(decided(async { Verdict::Later }, Verdict::Allow).await, Verdict::Later);
        assert_eq!(decided(async { panic!("a fault of ours") }, Verdict::Allow).await, Verdict::Allow);
    }
}
