//! One call in progress, and where it stands with the rules.

use super::turns::{Turn, Turns};
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
/// Flag of a row whose answer another host gave before: one leg of two.
const ANOTHER_HOST: &str = "seen_on_another_host";

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
    /// Those of a WebSocket that have no row yet.
    pub(super) turns: Turns,
    /// Ids that were given to turns.
    pub(super) ids: u64,
    /// Some turn has its row.
    pub(super) turned: bool,
    pub(super) marks: Vec<&'static str>,
    pub(super) opened: bool,
    pub(super) stage: Stage,
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

    /// Writes an open record for each turn as soon as it is asked for or begins: a daemon that dies leaves evidence.
    pub(super) fn open_turns(&mut self, services: &Services, connection: &Connection) {
        for turn in self.turns.unopened() {
            let id = turn_id(&self.asked, &mut self.ids, turn.at);
            turn.id = Some(id);
            if id == self.asked.id {
                continue;
            }
            let asked = Asked { id, at: turn.at, ..self.asked.clone() };
            let request = (self.method.as_str(), self.path.as_str());
            if let Err(reason) = record::open(services, &self.loaded, connection, &asked, request, &Admitted::default())
            {
                self.marks.push(reason.flag());
            }
        }
    }

    /// The rows of a WebSocket, each with the times of its own turn.
    pub(super) fn hand_over_turns(
        &mut self,
        services: &Arc<Services>,
        connection: &Arc<Connection>,
        finish: Finish,
        readings: Vec<CallReading>,
    ) {
        for reading in readings {
            self.turned = true;
            let mut turn = self.turns.take(&reading, (services.now)(), Instant::now());
            turn.id.get_or_insert_with(|| turn_id(&self.asked, &mut self.ids, turn.at));
            self.hand_over(services, connection, finish, Some(turn), vec![reading]);
        }
    }

    /// The exchange so far, or a turn of it, to whoever makes its rows.
    pub(super) fn hand_over(
        &mut self,
        services: &Arc<Services>,
        connection: &Arc<Connection>,
        finish: Finish,
        turn: Option<Turn>,
        readings: Vec<CallReading>,
    ) {
        let decided = match &self.stage {
            Stage::Decided(admitted) => Some(admitted.clone()),
            Stage::Waiting(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Stage::Free | Stage::Held => None,
        };
        let whole = Turn { at: self.asked.at, began: self.began, ttfb: self.ttfb, id: None };
        let Turn { at: requested_at, began, ttfb, id } = turn.unwrap_or(whole);
        let id = id.unwrap_or(self.asked.id);
        let mut exchange = Exchange {
            id,
            target: self.asked.target.clone(),
            host: connection.host.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            requested_at,
            ended_at: (services.now)(),
            latency_ms: millis(began.elapsed()),
            ttfb_ms: ttfb.map(millis),
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
        let response = readings.first().and_then(|reading| reading.response_id.as_deref());
        if exchange.target.class == EndpointClass::Costed
            && response.is_some_and(|response| services.answered.elsewhere(&exchange.host, response))
        {
            exchange.marks.push(ANOTHER_HOST);
        }
        if exchange.frames.is_none() {
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

/// The id of a turn's row and of its open record; the exchange's own serves the first one.
fn turn_id(asked: &Asked, given: &mut u64, at: UnixMillis) -> CallId {
    let id = if *given == 0 { asked.id } else { asked.id.further(at, *given) };
    *given += 1;
    id
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
