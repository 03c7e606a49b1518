//! Turns public price data into reviewable manifest changes.
//!
//! Reading order: [`read`] takes a list apart by an explicit table of ids and fields (`sources.toml`), [`propose`] compares
//! its figures with what the price book charges today and lets nothing pass a guard unseen, [`edit`] writes a proposal as
//! TOML. Text in, text out: nothing is fetched, and nothing is written here.

mod edit;
mod figure;
mod guard;
mod ours;
mod propose;
mod read;
mod sources;

pub use edit::edit;
pub use figure::{Figure, Quote};
pub use guard::{Guard, RunGuard};
pub use propose::{Change, Disagreement, FigureChange, Proposal, propose};
pub use read::{Conflict, ImportError, Upstream, UpstreamModel, read};
pub use sources::Source;
