//! One line of a bill.

use crate::{Meter, UnixMillis};
use meter_money::PicoUsd;
use serde::{Deserialize, Serialize};

/// A named factor on a line, e.g. `class=batch` by `0.5`. `by` is a plain decimal or `a/b`, exact.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Multiplier {
    /// Condition and value, e.g. `context>272000`.
    pub name: String,
    /// The exact factor as written.
    pub by: String,
}

/// quantity × rate × multipliers = amount, with the price it came from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CostLine {
    /// What was counted.
    pub meter: Meter,
    /// The model this line was priced at; differs from the answered one for sub-steps.
    pub model: String,
    /// How many, in the meter's unit.
    pub quantity: u64,
    /// The rate with its unit, e.g. `3 / 1M tokens`; `None` when unpriced.
    pub rate: Option<String>,
    /// All factors, in the order they are printed.
    pub multipliers: Vec<Multiplier>,
    /// `provider/model@from#hash`; `None` when unpriced.
    pub price_id: Option<String>,
    /// The amount, rounded once; `None` when unpriced.
    pub amount: Option<PicoUsd>,
}

/// A price row that a call used, kept so that the amount can be derived again after the manifest has changed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PriceUse {
    /// `provider/model@from#hash`.
    pub price_id: String,
    /// Provider of the price row.
    pub provider: String,
    /// Model id of the price row.
    pub model: String,
    /// First instant the row holds.
    pub effective_from: UnixMillis,
    /// Page the figures come from.
    pub source: String,
    /// The resolved row as JSON text: every rate, tier and overlay.
    pub row: String,
}
