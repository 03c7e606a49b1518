//! Gives each endpoint its dialect, with what its provider changes in it.

use super::compose::Composed;
use super::source::ProviderSource;
use crate::dialects::{Dialects, Overrides};
use meter_diag::{Diagnostic, Place, codes::providers as codes, nearest};
use meter_wire::Dialect;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one provider changes in dialects.
struct Changes {
    overrides: Overrides,
    /// Where each changed dialect is named.
    places: BTreeMap<String, Place>,
    /// Which of them an endpoint felt.
    felt: BTreeSet<String>,
}

/// Attaches dialects to every endpoint that names one. `parents` says which dialect extends which.
pub(crate) fn attach(
    all: &mut [Composed],
    sources: &[ProviderSource<'_, '_>],
    dialects: &mut Dialects,
    parents: &BTreeMap<String, String>,
    found: &mut Vec<Diagnostic>,
) {
    let mut changes: BTreeMap<String, Changes> = BTreeMap::new();
    for source in sources {
        let Some(table) = &source.overrides else { continue };
        let places = table.entries().iter().map(|(id, _)| (id.value.to_owned(), table.doc().place(id.span))).collect();
        let overrides = dialects.overrides(table);
        changes.insert(source.id.0.clone(), Changes { overrides, places, felt: BTreeSet::new() });
    }
    let mut compiled: BTreeMap<(String, Vec<String>), Option<Arc<Dialect>>> = BTreeMap::new();
    for composed in all {
        let hosts: Vec<BTreeSet<String>> =
            composed.provider.hosts.iter().map(|host| host.captures.keys().cloned().collect()).collect();
        for (endpoint, origin) in composed.provider.endpoints.iter_mut().zip(&composed.origins) {
            let (Some(id), Some(place)) = (&endpoint.dialect_id, &origin.dialect) else { continue };
            if !dialects.knows(id) {
                let finding =
                    Diagnostic::new(codes::UNKNOWN_DIALECT, place.clone(), format!("there is no dialect `{id}`"));
                found.push(match nearest(id, dialects.ids()) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding,
                });
                continue;
            }
            let line = line(id, parents);
            // Only providers that change this dialect or one it extends matter, so that most endpoints share one.
            let lineage: Vec<String> = origin
                .lineage
                .iter()
                .filter(|provider| {
                    changes.get(*provider).is_some_and(|one| line.iter().any(|id| one.overrides.contains_key(*id)))
                })
                .cloned()
                .collect();
            for provider in &lineage {
                if let Some(one) = changes.get_mut(provider) {
                    one.felt.extend(line.iter().map(|id| (*id).to_owned()));
                }
            }
            let dialect = compiled
                .entry((id.clone(), lineage))
                .or_insert_with_key(|(id, lineage)| {
                    let overrides: Vec<&Overrides> =
                        lineage.iter().filter_map(|provider| changes.get(provider)).map(|one| &one.overrides).collect();
                    dialects.compiled(id, &overrides)
                })
                .clone();
            if let Some(dialect) = &dialect {
                let paths: BTreeSet<String> =
                    endpoint.paths.iter().flat_map(|path| path.captures()).map(str::to_owned).collect();
                dialects.used(dialect, &paths);
                for captures in &hosts {
                    dialects.used(dialect, captures);
                }
                if let (Some(true), Some(place)) = (endpoint.stream, &origin.stream)
                    && !dialect.has_end()
                {
                    let message =
                        format!("dialect `{id}` has no `[end]`, so a cut stream could not be told from a whole one");
                    let finding = Diagnostic::new(codes::STREAM_WITHOUT_END, place.clone(), message);
                    // Inherited by many providers, written once.
                    if !found.contains(&finding) {
                        found.push(finding);
                    }
                }
            }
            endpoint.dialect = dialect;
        }
    }
    for (provider, one) in changes {
        for (id, place) in one.places.into_iter().filter(|(id, _)| dialects.knows(id) && !one.felt.contains(id)) {
            let message = format!("no endpoint of `{provider}` uses dialect `{id}`, so this changes nothing");
            found.push(Diagnostic::new(codes::UNUSED_OVERRIDE, place, message));
        }
    }
}

/// A dialect and the ones it extends.
fn line<'a>(id: &'a str, parents: &'a BTreeMap<String, String>) -> Vec<&'a str> {
    let mut line = vec![id];
    while let Some(parent) = parents.get(line[line.len() - 1])
        && !line.contains(&parent.as_str())
    {
        line.push(parent);
    }
    line
}
