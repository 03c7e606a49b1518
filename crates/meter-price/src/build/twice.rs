//! What one layer says twice: the later one would win in silence, by the order of the files.
//!
//! Rows are told where they are merged, names of different models where names are read.

use crate::fault::Faults;
use crate::written::{Layer, Mark, PriceFile, Written};
use crate::{FaultKind, instant};
use meter_call::UnixMillis;
use std::collections::BTreeMap;

/// Layer, provider, what it is, its name, and from when on where several may follow each other.
type Key<'w> = (Layer, &'w str, &'static str, &'w str, Option<UnixMillis>);

/// Reports models, profiles, holidays and settlements that a layer has twice, and windows and moving names that begin twice
/// at one instant.
pub(super) fn twice(files: &[PriceFile], faults: &mut Faults) {
    let mut first: BTreeMap<Key<'_>, Mark> = BTreeMap::new();
    for file in files {
        let models = file.models.iter().map(|model| ("model", &model.id));
        let profiles = file.profiles.iter().map(|(name, _)| ("profile", name));
        let holidays = file.holidays.iter().map(|list| ("holiday list", &list.name));
        let settlement = file.settlement.iter().map(|_| ("settlement of", &file.provider));
        let undated = models.chain(profiles).chain(holidays).chain(settlement).map(|(what, name)| (what, name, None));
        let windows = file.windows.iter().map(|window| ("window", &window.name, &window.from));
        let aliases = file.aliases.iter().map(|alias| ("alias", &alias.name, &alias.from));
        // An instant that cannot be read is told elsewhere, and equals no other.
        let dated = windows.chain(aliases);
        let dated =
            dated.filter_map(|(what, name, from)| Some((what, name, Some((from, instant::parse(&from.value)?)))));
        for (what, name, from) in undated.chain(dated) {
            let mark = from.map_or(name.mark, |(from, _): (&Written<String>, _)| from.mark);
            let key = (file.layer, file.provider.value.as_str(), what, name.value.as_str(), from.map(|(_, at)| at));
            let Some(other) = first.insert(key, mark) else { continue };
            let fault = match from {
                None => faults.push(FaultKind::DuplicateName, mark, format!("{what} `{}` is there twice", name.value)),
                Some(_) => {
                    let message = format!("another {what} `{}` begins at the same instant", name.value);
                    faults.push(FaultKind::DuplicateFrom, mark, message)
                }
            };
            fault.other(other, "first here").help("keep one of the two");
        }
    }
}
