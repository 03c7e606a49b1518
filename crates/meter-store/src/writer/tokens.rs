//! The documented token columns of a row, as sums of its buckets.

use meter_call::{Buckets, CallRecord, CostLine, Meter, Side, UsageState};

/// Columns that overlap no other except where one is named as a part of another.
///
/// `input` + `cache_read` + `cache_write` is everything the model read. All are `None` when nothing is known of usage:
/// unknown is not zero.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct TokenColumns {
    /// Uncached prompt tokens of every modality: text, audio, image and video are all "input" to who reads a bill.
    pub input: Option<u64>,
    /// All answer tokens, reasoning and citations included.
    pub output: Option<u64>,
    /// The reasoning part of `output`; `None` when not reported.
    pub thinking: Option<u64>,
    /// Read from a cache, of every modality.
    pub cache_read: Option<u64>,
    /// Sum of the three below.
    pub cache_write: Option<u64>,
    /// Written for 5 minutes.
    pub cache_write_5m: Option<u64>,
    /// Written for 1 hour.
    pub cache_write_1h: Option<u64>,
    /// Written for any other lifetime.
    pub cache_write_other: Option<u64>,
    /// Those lifetimes, joined by `,`; `default` where the provider names none.
    pub other_lifetime: Option<String>,
}

const READS: [Meter; 4] = [Meter::CacheRead, Meter::CacheReadAudio, Meter::CacheReadImage, Meter::CacheReadVideo];
const INPUTS: [Meter; 4] = [Meter::Input, Meter::InputAudio, Meter::InputImage, Meter::InputVideo];
const OTHER_WRITES: [(Meter, &str); 3] =
    [(Meter::CacheWrite, "default"), (Meter::CacheWrite30m, "30m"), (Meter::CacheWrite12h, "12h")];

impl TokenColumns {
    /// From the record's buckets; from its lines when it has no buckets (an estimate counts on lines only).
    pub fn of(record: &CallRecord) -> TokenColumns {
        let from_lines;
        let usage = if record.usage.is_empty() {
            from_lines = counts(&record.lines);
            &from_lines
        } else {
            &record.usage
        };
        if usage.is_empty() && record.usage_state == UsageState::None {
            return TokenColumns::default();
        }
        let sum = |meters: &[Meter]| meters.iter().fold(0, |sum: u64, meter| sum.saturating_add(usage.count(*meter)));
        let (five, hour) = (usage.count(Meter::CacheWrite5m), usage.count(Meter::CacheWrite1h));
        let other = sum(&OTHER_WRITES.map(|(meter, _)| meter));
        let lifetimes: Vec<&str> =
            OTHER_WRITES.iter().filter(|(meter, _)| usage.count(*meter) > 0).map(|(_, name)| *name).collect();
        TokenColumns {
            input: Some(sum(&INPUTS)),
            output: Some(usage.total(Side::Output)),
            thinking: record.reasoning_known.then(|| usage.count(Meter::Reasoning)),
            cache_read: Some(sum(&READS)),
            cache_write: Some(five.saturating_add(hour).saturating_add(other)),
            cache_write_5m: Some(five),
            cache_write_1h: Some(hour),
            cache_write_other: Some(other),
            other_lifetime: (!lifetimes.is_empty()).then(|| lifetimes.join(",")),
        }
    }
}

/// The record's lines, and one without a price for every count that no line covers: a count we can read is kept even
/// where nobody knows its price.
pub(super) fn lines_with_rest(record: &CallRecord) -> Vec<CostLine> {
    let covered = counts(&record.lines);
    let mut lines = record.lines.clone();
    for (meter, count) in record.usage.iter() {
        let rest = count.saturating_sub(covered.count(meter));
        if rest > 0 {
            let model = record.model.clone().unwrap_or_default();
            lines.push(CostLine {
                meter,
                model,
                quantity: rest,
                rate: None,
                multipliers: Vec::new(),
                price_id: None,
                amount: None,
            });
        }
    }
    lines
}

fn counts(lines: &[CostLine]) -> Buckets {
    lines.iter().map(|line| (line.meter, line.quantity)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn every_prompt_bucket_is_in_exactly_one_column() {
        let mut record = samples::closed(1, "acme");
        record.usage = Meter::ALL.iter().enumerate().map(|(index, meter)| (*meter, 1 << index)).collect();
        record.reasoning_known = true;
        let columns = TokenColumns::of(&record);
        let prompt = columns.input.unwrap() + columns.cache_read.unwrap() + columns.cache_write.unwrap();
        assert_eq!(prompt, record.usage.total(Side::Input));
        assert_eq!(columns.output, Some(record.usage.total(Side::Output)));
        assert_eq!(columns.thinking, Some(record.usage.count(Meter::Reasoning)));
        assert_eq!(columns.other_lifetime.as_deref(), Some("default,30m,12h"));
        let parts = [columns.cache_write_5m, columns.cache_write_1h, columns.cache_write_other];
        assert_eq!(parts.into_iter().flatten().sum::<u64>(), columns.cache_write.unwrap());
    }

    #[test]
    fn unknown_usage_is_not_zero_and_known_zero_is() {
        let mut record = samples::closed(1, "acme");
        record.usage = Buckets::default();
        record.lines = Vec::new();
        record.usage_state = UsageState::None;
        assert_eq!(TokenColumns::of(&record), TokenColumns::default());
        record.usage_state = UsageState::Final;
        record.reasoning_known = false;
        let columns = TokenColumns::of(&record);
        assert_eq!((columns.input, columns.output, columns.thinking), (Some(0), Some(0), None));
    }

    #[test]
    fn counts_that_no_line_covers_become_lines_without_a_price() {
        let mut record = samples::closed(1, "acme");
        record.lines.retain(|line| line.meter == Meter::Input);
        record.usage.set(Meter::WebSearch, 3);
        let lines = lines_with_rest(&record);
        let search = lines.iter().find(|line| line.meter == Meter::WebSearch).unwrap();
        assert_eq!((search.quantity, &search.rate, search.amount), (3, &None, None));
        let inputs: u64 = lines.iter().filter(|line| line.meter == Meter::Input).map(|line| line.quantity).sum();
        assert_eq!(inputs, record.usage.count(Meter::Input));
    }
}
