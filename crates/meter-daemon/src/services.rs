//! What every connection shares: the snapshot in force, the journal, the budgets, the clock.

use crate::connection::Connection;
use arc_swap::ArcSwap;
use meter_call::{CallId, UnixMillis};
use meter_manifest::Model;
use meter_policy::{Call, Fact, Ledger, OnError};
use meter_store::Journal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

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
    /// What budgets have spent.
    pub ledger: Mutex<Ledger>,
    /// The clock.
    pub now: fn() -> UnixMillis,
    /// Ten random bytes.
    pub random: fn() -> [u8; 10],
    /// Our process id, for open records.
    pub pid: u32,
    /// Rows that are being made.
    pub pending: Pending,
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
        CallId::new(u64::try_from(at.0).unwrap_or(0), (self.random)())
    }

    /// The budgets. A panic while they were held leaves at worst one hold too many, which the settling removes.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Counts rows that are being made, so that a stop can wait for them.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    shared: Arc<(AtomicUsize, Notify)>,
}

/// One row being made; counts until it is dropped.
#[derive(Debug)]
pub struct OnePending(Pending);

impl Pending {
    /// Begins one.
    pub fn one(&self) -> OnePending {
        self.shared.0.fetch_add(1, Ordering::SeqCst);
        OnePending(self.clone())
    }

    /// Waits until none is left.
    pub async fn none(&self) {
        loop {
            let woken = self.shared.1.notified();
            tokio::pin!(woken);
            // Registered before the count is read, so a change in between is not missed.
            woken.as_mut().enable();
            if self.shared.0.load(Ordering::SeqCst) == 0 {
                return;
            }
            woken.await;
        }
    }
}

impl Drop for OnePending {
    fn drop(&mut self) {
        if self.0.shared.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.shared.1.notify_waiters();
        }
    }
}
