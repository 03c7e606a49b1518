//! What every connection shares: the snapshot in force, the journal, the budgets, the clock.

use crate::answered::Answered;
use crate::connection::Connection;
use crate::ids::Ids;
use crate::retries::Retries;
use arc_swap::ArcSwap;
use meter_call::{CallId, UnixMillis};
use meter_manifest::Model;
use meter_policy::{Call, Fact, Ledger, OnError};
use meter_store::{CoverageRecord, Journal, Kept};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A snapshot in force.
#[derive(Debug)]
pub struct Loaded {
    /// What the manifests say.
    pub model: Model,
    /// `b3:…` of the snapshot.
    pub digest: String,
}

/// Shared by all connections. Time and chance come in as functions, so that a test can set them.
pub struct Services {
    /// Replaced by a reload; a call keeps the one it began with.
    pub loaded: ArcSwap<Loaded>,
    /// Where records go.
    pub journal: Journal,
    /// Where rows end up: reads of earlier calls look their row up there.
    pub database: PathBuf,
    /// What budgets have spent.
    pub ledger: Mutex<Ledger>,
    /// Whether the budgets know what earlier lives spent. Verdicts wait for it, for a while.
    pub budgets: Ready,
    /// The clock.
    pub now: fn() -> UnixMillis,
    /// Ten random bytes.
    pub random: fn() -> [u8; 10],
    /// Numbers calls.
    pub ids: Ids,
    /// Our process id, for open records.
    pub pid: u32,
    /// Rows that are being made.
    pub pending: UnderWay,
    /// Intercepted connections that can be read and on which nothing is under way.
    pub idle: UnderWay,
    /// What was not metered.
    pub coverage: Coverage,
    /// What failed lately and may be tried again.
    pub retries: Retries,
    /// Which host gave which answer lately.
    pub answered: Answered,
}

/// Our own part of the coverage: connections that reached us and were not metered, or not wholly.
#[derive(Debug)]
pub struct Coverage {
    /// Tells this life of the daemon from others.
    pub life: String,
    seq: AtomicU64,
}

impl Coverage {
    /// None yet, in this life.
    pub fn new(life: String) -> Coverage {
        Coverage { life, seq: AtomicU64::new(0) }
    }
}

/// How a connection is read, decided when it opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gate {
    /// No enforcing rule can match anything on this host.
    Open,
    /// Some can. `closed`: one of them refuses what it cannot know.
    Guarded {
        /// Some such rule has `on_error = "closed"`.
        closed: bool,
    },
}

impl Services {
    /// A new row's id.
    pub fn new_id(&self, at: UnixMillis) -> CallId {
        self.ids.next(at, (self.random)())
    }

    /// The budgets. A panic while they were held leaves at worst one hold too many, which the settling removes.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection that was not metered.
    pub fn uncovered(&self, connection: &Connection, outcome: &str, bytes: (u64, u64), duration: Duration) {
        let process = connection.caller.now().and_then(|facts| facts.process.name.clone());
        let (bytes_up, bytes_down) = bytes;
        let kept = self.journal.coverage(&CoverageRecord {
            edge: self.coverage.life.clone(),
            seq: self.coverage.seq.fetch_add(1, Ordering::Relaxed) + 1,
            at: (self.now)(),
            host: connection.host.clone(),
            process,
            outcome: outcome.to_owned(),
            connections: 1,
            bytes_up,
            bytes_down,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        });
        if kept == Kept::Lost {
            tracing::error!(host = %connection.host, outcome, "coverage.lost");
        }
    }

    /// Whether anything on this connection may be refused.
    pub fn gate(&self, connection: &Connection) -> Gate {
        let loaded = self.loaded.load();
        let policies = &loaded.model.policies;
        if policies.is_empty() {
            return Gate::Open;
        }
        let at = (self.now)();
        let here = |provider: &&meter_manifest::Provider| {
            provider.ports.contains(&connection.port) && provider.hosts.iter().any(|host| host.claims(&connection.host))
        };
        let endpoints = loaded.model.providers.iter().filter(here).flat_map(|provider| &provider.endpoints);
        let guarded = endpoints.into_iter().any(|endpoint| {
            policies.may_refuse(&Call {
                at,
                provider: &endpoint.provider,
                kind: Fact::Later,
                class: endpoint.class,
                billing: endpoint.billing,
                project: Fact::Later,
                process: Fact::Later,
                model: Fact::Later,
                request_bytes: Fact::Later,
                max_output: Fact::Later,
                model_max_output: None,
                prices: None,
            })
        });
        if !guarded {
            return Gate::Open;
        }
        let closes =
            |rule: &meter_policy::Rule| rule.on_error == OnError::Closed && rule.stage == meter_policy::Stage::Enforce;
        Gate::Guarded { closed: policies.rules().iter().any(closes) }
    }
}

/// Something that becomes true once.
#[derive(Debug)]
pub struct Ready(watch::Sender<bool>);

impl Ready {
    /// Not yet.
    pub fn not_yet() -> Ready {
        Ready(watch::Sender::new(false))
    }

    /// From the beginning.
    pub fn already() -> Ready {
        Ready(watch::Sender::new(true))
    }

    /// Now.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is.
    pub fn is(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for it, at most so long.
    pub async fn within(&self, limit: Duration) {
        let mut ready = self.0.subscribe();
        // Too late is answered like never: whoever asks goes on.
        let _ = tokio::time::timeout(limit, ready.wait_for(|ready| *ready)).await;
    }
}

/// Things under way, counted, so that a stop or an idle limit can wait for none.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    shared: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    now: AtomicUsize,
    ever: AtomicUsize,
    none: Notify,
}

/// One of them; counts until it is dropped, however it ends.
#[derive(Debug)]
pub struct One(UnderWay);

impl UnderWay {
    /// Begins one.
    pub fn one(&self) -> One {
        self.shared.ever.fetch_add(1, Ordering::SeqCst);
        self.shared.now.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.shared.now.load(Ordering::SeqCst)
    }

    /// How many there have been: unchanged means that none began.
    pub fn ever(&self) -> usize {
        self.shared.ever.load(Ordering::SeqCst)
    }

    /// Waits until none is left.
    pub async fn none(&self) {
        loop {
            let woken = self.shared.none.notified();
            tokio::pin!(woken);
            // Registered before the count is read, so a change in between is not missed.
            woken.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            woken.await;
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        if self.0.shared.now.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.shared.none.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn none_is_awaited_without_missing_the_last() {
        let under_way = UnderWay::default();
        under_way.none().await;
        let (first, second) = (under_way.one(), under_way.one());
        let waiting = tokio::spawn({
            let under_way = under_way.clone();
            async move { under_way.none().await }
        });
        drop(first);
        assert_eq!((under_way.count(), under_way.ever()), (1, 2));
        drop(second);
        waiting.await.unwrap();
    }
}
