//! Exact US money with one rounding.
//!
//! No floating point anywhere: text goes in through [`std::str::FromStr`], amounts are whole pico-dollars, and the only
//! rounding stands in one function.

mod pico;

pub use pico::{MoneyError, PicoUsd};
