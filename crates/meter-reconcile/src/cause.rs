//! What may lie behind a difference, in words.

use meter_money::usd;
use serde::Serialize;
use std::fmt;

/// A cause of a difference.
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
    /// Calls that failed here were billed there, so a call that was made again was billed twice.
    BilledThoughFailed {
        /// How many failed here.
        calls: u64,
    },
    /// The report does not have that day and model.
    NotInReport,
    /// Every figure is there on the same day under another model.
    OtherName {
        /// The name on the other side.
        model: String,
    },
    /// The row names no model though others do.
    NoModel,
    /// What is missing on one day is too much on the next one: booked by another end of the call.
    AnotherDay {
        /// The other day.
        day: String,
    },
    /// The last day of the report, which may have been taken before the day was over.
    LastDay,
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
    /// A credit or refund of the provider.
    Credit {
        /// Pico-dollars, below 0.
        pico: i128,
    },
    /// What was metered costs exactly as much under another condition of its price.
    BilledAs {
        /// The condition's key in price files: `class`, `geo`.
        axis: String,
        /// Its value: `batch`, `us`.
        value: String,
        /// Per cent of the amount it would have to be; `None` = all.
        share: Option<String>,
    },
    /// The price changed within the day, and one of the two for all of it explains the amount.
    PriceChange {
        /// First instant of the price that was billed.
        from: String,
    },
    /// The prices in force now give the amount; other ones were in force when it was metered.
    PricesNow,
    /// The same counts for less.
    Discount {
        /// Per cent off, with one decimal.
        per_cent: String,
    },
    /// The same counts for another price.
    Price,
    /// No more than rounding each row to the decimals of the report makes.
    Rounding,
    /// More here than the report has: it is of one key, workspace or project.
    NarrowReport,
    /// The counts of a prompt are divided otherwise; their sum agrees.
    Split,
    /// Counts differ though all calls are there.
    OtherCounts,
}

/// What speaks for a cause.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grounds {
    /// It is what the figures say, or explains the difference to the last unit.
    #[default]
    Figures,
    /// It fits and is not proved.
    Guess,
}

/// Why a figure differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Why {
    /// The likeliest.
    pub cause: Cause,
    /// What speaks for it.
    pub grounds: Grounds,
    /// What would explain it as well.
    pub or: Vec<Cause>,
}

impl Why {
    pub(crate) fn sure(cause: Cause) -> Why {
        Why { cause, grounds: Grounds::Figures, or: Vec::new() }
    }

    pub(crate) fn guess(cause: Cause, or: impl IntoIterator<Item = Cause>) -> Why {
        Why { cause, grounds: Grounds::Guess, or: or.into_iter().collect() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::NotMetered => {
                f.write_str("nothing of it passed the meter: another machine or key, or the meter was away")
            }
            Cause::CallsPastTheMeter { calls: Some(count) } => write!(f, "{} went past the meter", calls(*count)),
            Cause::CallsPastTheMeter { calls: None } => {
                f.write_str("calls that went past the meter: another machine or key, or the meter was away")
            }
            Cause::BilledThoughFailed { calls: count } => {
                let calls = calls(*count);
                write!(f, "{calls} failed or broke off here and may be billed there: made again, it is billed twice")
            }
            Cause::NotInReport => {
                f.write_str("not in the report: another account or kind of call, or the day is not complete there")
            }
            Cause::OtherName { model } => {
                write!(f, "the same figures stand under `{model}`: another name of the model")
            }
            Cause::NoModel => f.write_str("the report names no model here, so nothing can be laid beside it"),
            Cause::AnotherDay { day } => write!(f, "booked on {day} there: calls around midnight UTC"),
            Cause::LastDay => f.write_str("the report's last day was not over when it was made"),
            Cause::BrokenStreams { calls: count } => {
                write!(f, "{} cut off or guessed: only what was seen is counted", calls(*count))
            }
            Cause::Unpriced { calls: count } => {
                write!(f, "{} without a price here: `pricing check` names the models", calls(*count))
            }
            Cause::Plan { calls: count } => write!(f, "{} covered by a plan here", calls(*count)),
            Cause::Credit { pico } => write!(f, "a credit or refund of {}, which is no call's", usd(*pico)),
            Cause::BilledAs { axis, value, share: None } => {
                write!(f, "billed as {axis} `{value}`, which was not seen here")
            }
            Cause::BilledAs { axis, value, share: Some(share) } => {
                write!(f, "{share} % of it billed as {axis} `{value}`, which was not seen here")
            }
            Cause::PriceChange { from } => {
                write!(f, "the price changed that day: the one from {from} was billed for all of it")
            }
            Cause::PricesNow => f.write_str("the prices now in force give it, older ones were charged: `reprice`"),
            Cause::Discount { per_cent } => write!(f, "billed {per_cent} % below the list: add a `[[contract]]`"),
            Cause::Price => f.write_str("another price was billed: compare `pricing show` with the provider's page"),
            Cause::Rounding => f.write_str("rounding in the report"),
            Cause::NarrowReport => f.write_str("the report is narrower: one key, workspace or project"),
            Cause::Split => f.write_str("the prompt is divided otherwise into read, written and new; the sum agrees"),
            Cause::OtherCounts => f.write_str("counted otherwise, though every call is there"),
        }
    }
}

fn calls(count: u64) -> String {
    format!("{count} {}", if count == 1 { "call" } else { "calls" })
}
