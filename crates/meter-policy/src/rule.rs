//! One rule as the user wrote it, valid by construction of its parts.

use crate::{Message, Per, Scope};
use jiff::tz::TimeZone;
use meter_money::PicoUsd;

/// One entry of `policies.d/`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique among all rules in force.
    pub id: String,
    /// How far it goes.
    pub stage: Stage,
    /// Which calls it is about.
    pub scope: Scope,
    /// What it wants.
    pub kind: Kind,
    /// What happens when a fact it needs cannot be known.
    pub on_error: OnError,
    /// What the client is told; `None` = a plain sentence that says the same.
    pub message: Option<Message>,
    /// Zone of its hours, days and periods; `None` = the one of [`crate::Policies`].
    pub zone: Option<TimeZone>,
}

/// How far a rule goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Says in the audit what it would have done.
    Observe,
    /// The call goes on; its row, the log and the audit carry the warning.
    Warn,
    /// It decides.
    Enforce,
}

impl Stage {
    /// The word in manifests and audit events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Observe => "observe",
            Stage::Warn => "warn",
            Stage::Enforce => "enforce",
        }
    }
}

/// What an enforcing rule does when it cannot know. Open is the default: we never break the tool we meter by accident.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnError {
    /// The call goes on, the audit says so.
    #[default]
    Open,
    /// The call is refused.
    Closed,
}

/// What a rule wants.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Ends the search: no later rule refuses.
    Allow,
    /// Refuses, with this text unless the rule has a `message`.
    Deny(Message),
    /// Refuses once a limit is used up.
    Budget(Budget),
}

/// A limit for all matching calls together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Budget {
    /// How much.
    pub limit: Limit,
    /// In which time.
    pub per: Per,
    /// Percentages at which the audit is told, once per period each.
    pub warn_at: Vec<u8>,
}

/// How much, and of what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// Money charged.
    Usd(PicoUsd),
    /// Tokens of both directions, cached ones included.
    Tokens(u64),
    /// Costed calls.
    Calls(u64),
}

impl Limit {
    /// The limit in its own unit: pico-dollars, tokens, calls.
    pub(crate) fn amount(self) -> u128 {
        match self {
            Limit::Usd(usd) => u128::try_from(usd.pico()).unwrap_or(0),
            Limit::Tokens(count) | Limit::Calls(count) => u128::from(count),
        }
    }

    /// An amount in this unit for people.
    pub(crate) fn show(self, amount: u128) -> String {
        match self {
            Limit::Usd(_) => meter_money::usd(i128::try_from(amount).unwrap_or(i128::MAX)).to_string(),
            Limit::Tokens(_) => format!("{amount} tokens"),
            Limit::Calls(_) => format!("{amount} calls"),
        }
    }
}
