//! Dates that contradict each other: a row, or a moving name, that says it still holds when the next one begins.

use super::merge::{MergedModel, MergedProvider, MergedRow};
use crate::fault::{FaultKind, Faults};
use crate::instant;
use crate::written::{Layer, Written};
use meter_call::UnixMillis;

/// A stretch of time as it was written.
struct Stretch<'w> {
    from: &'w Written<String>,
    until: Option<&'w Written<String>>,
    begin: UnixMillis,
    end: Option<UnixMillis>,
    user: bool,
}

impl<'w> Stretch<'w> {
    /// `None` for dates that cannot be read, which are told elsewhere.
    fn of(from: &'w Written<String>, until: Option<&'w Written<String>>, user: bool) -> Option<Stretch<'w>> {
        let begin = instant::parse(&from.value)?;
        let end = until.and_then(|until| instant::parse(&until.value));
        Some(Stretch { from, until, begin, end, user })
    }
}

/// Rows of models and fees, and moving names, of one provider.
pub(super) fn overlaps(provider: &MergedProvider, faults: &mut Faults) {
    for MergedModel { id, rows, .. } in &provider.models {
        among(of_rows(rows), &format!("rates of `{}`", id.value), faults);
    }
    among(of_rows(&provider.fees), "fees", faults);
    let mut names: Vec<&str> = provider.aliases.iter().map(|alias| alias.name.value.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let stretches = provider
            .aliases
            .iter()
            .filter(|alias| alias.name.value == name)
            .filter_map(|alias| Stretch::of(&alias.from, alias.until.as_ref(), false));
        among(stretches.collect(), &format!("meanings of `{name}`"), faults);
    }
}

fn of_rows(rows: &[MergedRow]) -> Vec<Stretch<'_>> {
    rows.iter().filter_map(|row| Stretch::of(&row.row.from, row.row.until.as_ref(), row.layer == Layer::User)).collect()
}

/// One without an `until` ends where the next begins; one with it says so itself, and must not reach beyond.
fn among(mut stretches: Vec<Stretch<'_>>, what: &str, faults: &mut Faults) {
    stretches.sort_by_key(|stretch| stretch.begin);
    for (at, later) in stretches.iter().enumerate() {
        let reaches =
            |earlier: &&Stretch<'_>| earlier.begin < later.begin && earlier.end.is_some_and(|end| later.begin < end);
        let Some(earlier) = stretches[..at].iter().rev().find(reaches) else { continue };
        let Some(until) = earlier.until else { continue };
        let message = format!("two {what} hold from {} on: one from {}", later.from.value, earlier.from.value);
        let help = "the later one is taken while both hold";
        // Told where the user can change it.
        let (mark, other, label) = match earlier.user && !later.user {
            true => (until.mark, later.from.mark, "the next begins here"),
            false => (later.from.mark, until.mark, "the one before ends here"),
        };
        faults.push(FaultKind::Overlaps, mark, message).other(other, label).help(help);
    }
}
