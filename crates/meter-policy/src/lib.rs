//! Decides whether a call may go on.
//!
//! Rules are read in order. Each says which calls it is about ([`Scope`]), what it wants ([`Kind`]) and how far it goes
//! ([`Stage`]). The first decisive one answers; every budget that matches counts, also behind it. Budgets live in a [`Ledger`]: a
//! call *reserves* what it may cost at most before it starts, *settles* what it did cost when it ends, and *releases* its hold
//! when it never started. So two calls at the same moment cannot spend the same last dollar.
//!
//! Nothing here reads a clock: instants and time zones come in as values. What is not known about a call is said to be so
//! ([`Fact`]), because "not yet" waits, and "never" follows the rule's own `on_error`.

mod call;
mod cases;
mod cover;
mod decide;
mod hold;
mod ledger;
mod message;
mod period;
mod policies;
mod rule;
#[cfg(test)]
mod sample;
mod scope;

pub use call::{Call, Fact};
pub use cases::{Failure, Given, PolicyTest, run_tests};
pub use decide::{Audit, Decision, Outcome, Verdict, decide};
pub use hold::{Hold, HoldPrices, OUTPUT_DEFAULT};
pub use ledger::{Ledger, Spend, Standing};
pub use message::{BadMessage, Message};
pub use period::{Per, Window};
pub use policies::{DuplicateRule, Policies};
pub use rule::{Budget, Kind, Limit, OnError, Rule, Stage};
pub use scope::{BadScope, Days, Globs, Hours, Scope};
