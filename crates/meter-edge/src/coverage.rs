//! What went past the meter: a bounded ring that the daemon fetches when it is there.

use meter_hop::{CoveragePage, TunnelRecord};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Records kept: with some 200 bytes each, less than a megabyte.
const RECORDS_MAX: usize = 4096;

/// Records of one answer.
const PAGE_MAX: usize = 512;

/// Version of [`CoveragePage`].
const SCHEMA_VERSION: u32 = 1;

/// The last tunnels, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<TunnelRecord>,
    last: u64,
}

impl Ring {
    /// Adds `record` under the next number; its own `seq` is replaced.
    pub(crate) fn add(&self, mut record: TunnelRecord) {
        let mut inner = self.lock();
        inner.last += 1;
        record.seq = inner.last;
        if inner.records.len() == RECORDS_MAX {
            inner.records.pop_front();
        }
        inner.records.push_back(record);
    }

    /// The records after number `after`, at most a page of them.
    pub(crate) fn page(&self, after: u64, instance: &str, boot: &str) -> CoveragePage {
        let inner = self.lock();
        let oldest = inner.records.front().map_or(inner.last + 1, |record| record.seq);
        CoveragePage {
            schema_version: SCHEMA_VERSION,
            instance: instance.to_owned(),
            boot: boot.to_owned(),
            lost: oldest.saturating_sub(after.saturating_add(1)),
            last: inner.last,
            records: inner.records.iter().filter(|record| record.seq > after).take(PAGE_MAX).cloned().collect(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meter_hop::TunnelReason;

    fn record(host: &str) -> TunnelRecord {
        TunnelRecord {
            seq: 0,
            opened_at: String::new(),
            host: host.into(),
            port: 443,
            reason: TunnelReason::NotMetered,
            bytes_up: 0,
            bytes_down: 0,
            duration_ms: 0,
            process: None,
            error: None,
        }
    }

    fn seqs(page: &CoveragePage) -> Vec<u64> {
        page.records.iter().map(|r| r.seq).collect()
    }

    #[test]
    fn a_reader_that_keeps_asking_sees_each_record_once() {
        let ring = Ring::default();
        assert_eq!(seqs(&ring.page(0, "i", "b")), [0u64; 0]);
        (0..PAGE_MAX + 3).for_each(|_| ring.add(record("a")));
        let first = ring.page(0, "i", "b");
        assert_eq!((first.records.len(), first.lost, first.last), (PAGE_MAX, 0, PAGE_MAX as u64 + 3));
        let second = ring.page(first.records.last().unwrap().seq, "i", "b");
        assert_eq!(seqs(&second), (PAGE_MAX as u64 + 1..=PAGE_MAX as u64 + 3).collect::<Vec<_>>());
        assert!(ring.page(second.last, "i", "b").records.is_empty());
    }

    #[test]
    fn a_reader_that_came_late_learns_how_much_it_missed() {
        let ring = Ring::default();
        (0..RECORDS_MAX + 10).for_each(|_| ring.add(record("a")));
        assert_eq!(ring.page(0, "i", "b").lost, 10);
        assert_eq!(ring.page(4, "i", "b").lost, 6);
        assert_eq!(ring.page(10, "i", "b").lost, 0);
        assert_eq!(ring.page(u64::MAX, "i", "b").lost, 0);
    }
}
