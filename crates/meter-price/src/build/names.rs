//! Ids, aliases, moving names and patterns: each name means one model.

use super::merge::MergedProvider;
use super::span_of;
use crate::book::{Moving, Pattern};
use crate::fault::{FaultKind, Faults};
use crate::written::{Mark, Written};
use std::collections::BTreeMap;

/// What names mean, by index of the model.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub exact: BTreeMap<String, usize>,
    pub moving: Vec<Moving>,
    pub patterns: Vec<(Pattern, usize)>,
}

pub(super) fn names(provider: &MergedProvider, faults: &mut Faults) -> Names {
    let mut names = Names::default();
    let mut marks: BTreeMap<&str, (usize, Mark)> = BTreeMap::new();
    for (index, model) in provider.models.iter().enumerate() {
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            match marks.get(name.value.as_str()) {
                Some((_, first)) => {
                    faults
                        .push(FaultKind::DuplicateName, name.mark, format!("`{}` is taken already", name.value))
                        .other(*first, "first here");
                }
                None => {
                    marks.insert(&name.value, (index, name.mark));
                    names.exact.insert(name.value.clone(), index);
                }
            }
        }
    }
    for (index, model) in provider.models.iter().enumerate() {
        for pattern in &model.patterns {
            let Some(read) = anchored(pattern, faults) else { continue };
            for (name, (owner, mark)) in &marks {
                if *owner != index && read.is_match(name) {
                    let message = format!("the pattern also matches `{name}` of another model");
                    faults.push(FaultKind::PatternClaimsName, pattern.mark, message).other(*mark, "the name");
                }
            }
            names.patterns.push((read, index));
        }
    }
    moving(provider, &mut names, faults);
    names
}

/// Reads a pattern; a bad one is a fault.
fn anchored(pattern: &Written<String>, faults: &mut Faults) -> Option<Pattern> {
    match Pattern::new(&pattern.value) {
        Ok(read) => Some(read),
        Err(error) => {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            faults.push(FaultKind::BadPattern, pattern.mark, format!("no regular expression: {last}"));
            None
        }
    }
}

fn moving(provider: &MergedProvider, names: &mut Names, faults: &mut Faults) {
    for alias in &provider.aliases {
        let Some((from, until)) = span_of(&alias.from, alias.until.as_ref(), faults) else { continue };
        if names.exact.contains_key(&alias.name.value) {
            let message = format!("`{}` is the name of a model already, so it cannot move", alias.name.value);
            faults.push(FaultKind::DuplicateName, alias.name.mark, message);
            continue;
        }
        // The id, not an alias: what a name moved to must not move itself.
        let Some(to) = provider.models.iter().position(|model| model.id.value == alias.to.value) else {
            let message = format!("there is no model `{}`", alias.to.value);
            faults.push(FaultKind::UnknownTarget, alias.to.mark, message);
            continue;
        };
        names.moving.push(Moving { name: alias.name.value.clone(), to, from, until });
    }
    names.moving.sort_by_key(|moving| moving.from);
}
