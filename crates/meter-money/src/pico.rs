//! The stored amount.

use serde::{Deserialize, Serialize};

/// US money in whole pico-dollars (10⁻¹² USD); negative for credits.
///
/// Why pico: $0.01 per million tokens is 10 000 pico-dollars a token, so list prices are whole numbers and sums never
/// round. Range: ±9.2 million dollars. No `From<f64>` on purpose.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicoUsd(i64);

/// Why an amount could not be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// Beyond ±9.2 million dollars.
    #[error("the amount does not fit (more than 9.2 million dollars)")]
    Overflow,
    /// Not a plain decimal.
    #[error("not a plain decimal number")]
    NotDecimal,
}

impl PicoUsd {
    /// Nothing.
    pub const ZERO: PicoUsd = PicoUsd(0);

    /// An amount of `pico` × 10⁻¹² USD.
    pub const fn from_pico(pico: i64) -> Self {
        PicoUsd(pico)
    }

    /// The amount in pico-dollars.
    pub const fn pico(self) -> i64 {
        self.0
    }

    /// The sum, or [`MoneyError::Overflow`].
    pub fn checked_add(self, other: PicoUsd) -> Result<PicoUsd, MoneyError> {
        self.0.checked_add(other.0).map(PicoUsd).ok_or(MoneyError::Overflow)
    }
}
