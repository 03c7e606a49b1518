//! What stops an entry, or a whole run, until a person looks.

use meter_money::Ratio;
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt;

/// Why an entry is not taken unless a reviewer names it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// A figure changes by more than 20 %.
    LargeChange,
    /// The ratio is near 10³ or 10⁶: a price per token, or per thousand, was taken for one per million.
    UnitSlip,
    /// A figure that was not there before.
    NewMeter,
    /// A figure that is no longer there.
    MeterGone,
    /// Other bounds of long prompts.
    OtherBound,
    /// The same fee for something else: by the query, not by the prompt.
    OtherUnit,
    /// It began more than 7 days ago.
    LongAgo,
    /// The factor of a class, a write or a tier is not the same for all meters.
    UnevenFactor,
    /// More than 6 significant digits: a rounded figure of another unit.
    RoundedFigure,
    /// The other list says something else.
    OtherSourceDisagrees,
    /// The model has no price here yet.
    NewModel,
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guard::LargeChange => "changes by more than 20 %",
            Guard::UnitSlip => "looks like another unit",
            Guard::NewMeter => "a price that was not there",
            Guard::MeterGone => "a price is gone",
            Guard::OtherBound => "other bounds for long prompts",
            Guard::OtherUnit => "counted in another unit",
            Guard::LongAgo => "began more than 7 days ago",
            Guard::UnevenFactor => "factors differ between meters",
            Guard::RoundedFigure => "more than 6 digits",
            Guard::OtherSourceDisagrees => "the other list disagrees",
            Guard::NewModel => "a new model",
        })
    }
}

/// Why a whole run is not taken.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunGuard {
    /// Less than 95 % of our (model, meter) pairs are still in the list.
    TooLittleRetained {
        /// Pairs that are still there, in per cent.
        per_cent: u64,
    },
    /// More than 10 % of a provider's models change.
    TooManyChanged {
        /// The provider.
        provider: String,
        /// Models that change.
        changed: usize,
        /// Models that were compared.
        compared: usize,
    },
    /// One list only, and no page of the provider's cited for some change.
    NobodyElseSaysSo {
        /// Changes without a page.
        changes: usize,
    },
}

impl fmt::Display for RunGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunGuard::TooLittleRetained { per_cent } => {
                write!(f, "only {per_cent} % of our prices are still in the list (95 % are wanted)")
            }
            RunGuard::TooManyChanged { provider, changed, compared } => {
                write!(f, "{changed} of {compared} models of `{provider}` change (10 % are expected at most)")
            }
            RunGuard::NobodyElseSaysSo { changes } => {
                write!(f, "{changes} changes come from one list that cites no page of the provider's")
            }
        }
    }
}

/// The guards of a figure that goes from `old` to `new`.
pub(crate) fn of_figure(old: Option<Ratio>, new: Ratio, guards: &mut Vec<Guard>) {
    let Some(old) = old else { return guards.push(Guard::NewMeter) };
    let Ok(ratio) = new.div(old) else { return guards.push(Guard::LargeChange) };
    let within = |low: (i128, i128), high: (i128, i128)| {
        let at_least = |(n, d)| Ratio::new(n, d).is_ok_and(|low| ratio.compare(low) != Some(Ordering::Less));
        let at_most = |(n, d)| Ratio::new(n, d).is_ok_and(|high| ratio.compare(high) != Some(Ordering::Greater));
        at_least(low) && at_most(high)
    };
    if !within((8, 10), (12, 10)) {
        guards.push(Guard::LargeChange);
    }
    for power in [1_000, 1_000_000] {
        if within((99 * power, 100), (101 * power, 100)) || within((100, 101 * power), (100, 99 * power)) {
            guards.push(Guard::UnitSlip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards(old: &str, new: &str) -> Vec<Guard> {
        let mut guards = Vec::new();
        of_figure(Ratio::literal(old).ok(), Ratio::literal(new).unwrap(), &mut guards);
        guards
    }

    #[test]
    fn a_figure_may_move_by_a_fifth() {
        assert_eq!(guards("5", "4"), []);
        assert_eq!(guards("5", "6"), []);
        assert_eq!(guards("5", "3.99"), [Guard::LargeChange]);
        assert_eq!(guards("5", "6.01"), [Guard::LargeChange]);
        assert_eq!(guards("5", "0.005"), [Guard::LargeChange, Guard::UnitSlip]);
        assert_eq!(guards("3", "3000000"), [Guard::LargeChange, Guard::UnitSlip]);
        assert_eq!(guards("3", "3100"), [Guard::LargeChange]);
    }
}
