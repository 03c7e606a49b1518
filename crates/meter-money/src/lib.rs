//! Exact US money with one rounding.
//!
//! No floating point anywhere: text goes in through [`Ratio::literal`], [`Ratio::wire`] or [`std::str::FromStr`], amounts
//! are whole pico-dollars, and the only rounding stands in [`half_even`].

mod decimal;
mod half_even;
mod pico;
mod ratio;
mod show;

pub use half_even::half_even;
pub use pico::{MoneyError, PicoUsd, millicents};
pub use ratio::Ratio;
pub use show::{Usd, exact, figure, usd};
