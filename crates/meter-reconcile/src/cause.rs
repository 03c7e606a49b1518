//! What most likely lies behind a difference.

use meter_money::Ratio;
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt;

/// The likeliest cause of a difference.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// Nothing of that day and model was metered here.
    NotMetered,
    /// Some calls went past the meter.
    CallsPastTheMeter {
        /// How many, where the report counts calls.
        calls: Option<u64>,
    },
    /// The report does not have that day and model.
    NotInReport,
    /// As much is missing on one day as is too much on the next one: booked by another end of the call.
    AnotherDay {
        /// The other day.
        day: String,
    },
    /// Streams that broke, or usage that was guessed.
    BrokenStreams {
        /// How many calls.
        calls: u64,
    },
    /// Calls without a price here.
    Unpriced {
        /// How many calls.
        calls: u64,
    },
    /// Calls covered by a plan are charged 0 here.
    Plan {
        /// How many calls.
        calls: u64,
    },
    /// All counts agree and the amount differs by a factor that batches have.
    Batch,
    /// … by a factor that regions have.
    Region,
    /// … by some other factor below 1: a discount.
    Discount {
        /// Per cent off, with one decimal.
        per_cent: String,
    },
    /// … by another factor: the price here is not the one that was billed.
    Price,
    /// Smaller than what the report prints.
    Rounding,
    /// More here than the report has: it is of one key, workspace or project.
    NarrowReport,
    /// Counts differ though all calls are there.
    OtherCounts,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::NotMetered => {
                f.write_str("nothing of it passed the meter: another machine or key, or the meter was away")
            }
            Cause::CallsPastTheMeter { calls: Some(calls) } => write!(f, "{calls} calls went past the meter"),
            Cause::CallsPastTheMeter { calls: None } => {
                f.write_str("calls that went past the meter: another machine or key, or the meter was away")
            }
            Cause::NotInReport => {
                f.write_str("not in the report: of another account, or the day is not complete there")
            }
            Cause::AnotherDay { day } => write!(f, "booked on {day} there: calls around midnight UTC"),
            Cause::BrokenStreams { calls } => {
                write!(f, "{calls} calls broke off or were guessed: only what was seen is counted")
            }
            Cause::Unpriced { calls } => {
                write!(f, "{calls} calls have no price here: `pricing check` names the models")
            }
            Cause::Plan { calls } => write!(f, "{calls} calls are covered by a plan here"),
            Cause::Batch => f.write_str("billed at half: batches that were not seen as such"),
            Cause::Region => f.write_str("billed at 1.1 times: regional or residency processing that was not seen"),
            Cause::Discount { per_cent } => write!(f, "billed {per_cent} % below the list: add a `[[contract]]`"),
            Cause::Price => f.write_str("another price was billed: compare `pricing show` with the provider's page"),
            Cause::Rounding => f.write_str("rounding in the report"),
            Cause::NarrowReport => f.write_str("the report is narrower: one key, workspace or project"),
            Cause::OtherCounts => f.write_str("counted otherwise, though every call is there"),
        }
    }
}

/// What factor lies between two amounts whose counts agree: `theirs` / `ours`.
pub(crate) fn of_price(theirs: i128, ours: i128) -> Cause {
    let Ok(factor) = Ratio::new(theirs, ours) else { return Cause::Price };
    let near = |numerator, denominator| {
        let wanted = Ratio::new(numerator, denominator).ok()?;
        let apart = factor.sub(wanted).ok()?;
        let apart = if apart.compare(Ratio::ZERO) == Some(Ordering::Less) { apart.negated().ok()? } else { apart };
        (apart.compare(Ratio::new(1, 200).ok()?) != Some(Ordering::Greater)).then_some(())
    };
    if near(1, 2).is_some() {
        return Cause::Batch;
    }
    if near(11, 10).is_some() {
        return Cause::Region;
    }
    let off = Ratio::ONE.sub(factor).and_then(|off| off.mul(Ratio::whole(1000))).map(meter_money::half_even);
    match off {
        Ok(tenths @ 5..=500) => Cause::Discount { per_cent: format!("{}.{}", tenths / 10, tenths % 10) },
        _ => Cause::Price,
    }
}
