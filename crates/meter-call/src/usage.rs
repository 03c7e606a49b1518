//! Disjoint counts.

use crate::meter::{Meter, Side};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one call used, in buckets that never overlap, so a bill is a plain sum.
///
/// Providers disagree whether "input" contains cached tokens and "output" contains reasoning. The dialects settle it;
/// nobody above asks again. A bucket that is not there is 0, unless the reading says it is unknown.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Buckets(BTreeMap<Meter, u64>);

impl Buckets {
    /// The count, 0 when absent.
    pub fn count(&self, meter: Meter) -> u64 {
        self.0.get(&meter).copied().unwrap_or(0)
    }

    /// Sets a count; 0 removes the bucket.
    pub fn set(&mut self, meter: Meter, count: u64) {
        if count == 0 {
            self.0.remove(&meter);
        } else {
            self.0.insert(meter, count);
        }
    }

    /// Adds to a count; saturates.
    pub fn add(&mut self, meter: Meter, count: u64) {
        self.set(meter, self.count(meter).saturating_add(count));
    }

    /// The buckets above 0, in the order of [`Meter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Meter, u64)> + '_ {
        self.0.iter().map(|(meter, count)| (*meter, *count))
    }

    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of one side; what people read as "in" is `total(Side::Input)`.
    pub fn total(&self, side: Side) -> u64 {
        self.iter().filter(|(meter, _)| meter.side() == side).fold(0, |sum, (_, count)| sum.saturating_add(count))
    }
}

impl FromIterator<(Meter, u64)> for Buckets {
    fn from_iter<I: IntoIterator<Item = (Meter, u64)>>(counts: I) -> Self {
        let mut buckets = Buckets::default();
        for (meter, count) in counts {
            buckets.add(meter, count);
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_is_input_plus_reads_plus_writes() {
        let usage: Buckets = [(Meter::Input, 7), (Meter::CacheRead, 10), (Meter::CacheWrite1h, 5), (Meter::Output, 99)]
            .into_iter()
            .collect();
        assert_eq!(usage.total(Side::Input), 22);
        assert_eq!(usage.total(Side::Output), 99);
        assert_eq!(usage.count(Meter::Audio), 0);
    }
}
