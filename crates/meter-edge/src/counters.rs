//! Counts since the start, and how many connections are being proxied.

use meter_hop::EdgeCounters;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Counters that many connections raise at once. Only sums are read, so no order between them is needed.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) chained: AtomicU64,
    pub(crate) bypassed: AtomicU64,
    pub(crate) tunnelled: AtomicU64,
    pub(crate) relayed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) bad_heads: AtomicU64,
    pub(crate) probes: AtomicU64,
}

pub(crate) fn raise(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn read(&self, open: u64) -> EdgeCounters {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EdgeCounters {
            connections: of(&self.connections),
            open,
            chained: of(&self.chained),
            bypassed: of(&self.bypassed),
            tunnelled: of(&self.tunnelled),
            relayed: of(&self.relayed),
            failed: of(&self.failed),
            bad_heads: of(&self.bad_heads),
            probes: of(&self.probes),
        }
    }
}

/// Which connections are being proxied now, and since when none is. A health poll is none.
#[derive(Debug)]
pub(crate) struct Activity {
    open: watch::Sender<u64>,
    last: Mutex<Instant>,
}

impl Activity {
    pub(crate) fn new(now: Instant) -> Activity {
        Activity { open: watch::Sender::new(0), last: Mutex::new(now) }
    }

    /// Counts as open until the returned guard is dropped.
    pub(crate) fn begin(&self) -> Open<'_> {
        self.touch();
        self.open.send_modify(|open| *open += 1);
        Open(self)
    }

    pub(crate) fn open(&self) -> u64 {
        *self.open.borrow()
    }

    /// Comes back once nothing is open.
    pub(crate) async fn until_none_is_open(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// How long nothing has been open; `None` while something is.
    pub(crate) fn idle_for(&self, now: Instant) -> Option<Duration> {
        let last = *self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (self.open() == 0).then(|| now.saturating_duration_since(last))
    }

    fn touch(&self) {
        *self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
    }
}

/// One proxied connection.
#[derive(Debug)]
pub(crate) struct Open<'a>(&'a Activity);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.touch();
        self.0.open.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_stands_still_while_something_is_open() {
        let start = Instant::now();
        let activity = Activity::new(start);
        assert_eq!(activity.idle_for(start + Duration::from_secs(5)), Some(Duration::from_secs(5)));
        let open = activity.begin();
        assert_eq!((activity.open(), activity.idle_for(start + Duration::from_secs(9))), (1, None));
        drop(open);
        let later = Instant::now() + Duration::from_secs(60);
        assert!(activity.idle_for(later).is_some_and(|idle| idle >= Duration::from_secs(59)));
    }
}
