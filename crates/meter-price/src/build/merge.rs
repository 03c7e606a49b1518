//! Lays the files of all layers over each other.

use crate::fault::Faults;
use crate::written::*;
use crate::{FaultKind, instant};
use std::collections::BTreeMap;

/// Everything written about one provider, layers merged.
#[derive(Debug, Default)]
pub(super) struct MergedProvider {
    pub also: Vec<Written<String>>,
    pub fees: Vec<MergedRow>,
    pub profiles: BTreeMap<String, Vec<WhenText>>,
    pub windows: Vec<WindowText>,
    pub holidays: BTreeMap<String, HolidaysText>,
    pub aliases: Vec<AliasText>,
    pub settlement: Option<SettlementText>,
    pub tiers: BTreeMap<String, Written<String>>,
    pub models: Vec<MergedModel>,
    pub contracts: Vec<ContractText>,
    pub plans: Vec<PlanText>,
}

/// A model with its rows of all layers.
#[derive(Debug, Default)]
pub(super) struct MergedModel {
    pub id: Written<String>,
    pub aliases: Vec<Written<String>>,
    pub patterns: Vec<Written<String>>,
    pub like: Option<Written<String>>,
    pub drop: Vec<Written<String>>,
    pub from: Option<Written<String>>,
    pub max_output: Option<u64>,
    pub uses: Vec<Written<String>>,
    pub when: Vec<WhenText>,
    pub rows: Vec<MergedRow>,
}

/// A row with the defaults of its file.
#[derive(Debug)]
pub(super) struct MergedRow {
    pub row: RowText,
    pub source: String,
    pub checked: Option<Written<String>>,
    pub layer: Layer,
}

/// Files sorted by layer → providers.
pub(super) fn merge(files: Vec<PriceFile>, faults: &mut Faults) -> BTreeMap<String, MergedProvider> {
    let mut providers: BTreeMap<String, MergedProvider> = BTreeMap::new();
    for file in files {
        let provider = providers.entry(file.provider.value.clone()).or_default();
        let (source, checked, layer) = (file.source.unwrap_or_default(), file.checked, file.layer);
        let with_defaults = |row: RowText| MergedRow {
            source: row.source.clone().unwrap_or_else(|| source.clone()),
            checked: row.checked.clone().or_else(|| checked.clone()),
            row,
            layer,
        };
        provider.also.extend(file.also);
        for fee in file.fees {
            add_row(&mut provider.fees, with_defaults(fee), faults);
        }
        for (name, when) in file.profiles {
            provider.profiles.insert(name.value, when);
        }
        for window in file.windows {
            let same = |known: &WindowText| {
                known.name.value == window.name.value
                    && instant::parse(&known.from.value) == instant::parse(&window.from.value)
            };
            provider.windows.retain(|known| !same(known));
            provider.windows.push(window);
        }
        for holidays in file.holidays {
            provider.holidays.insert(holidays.name.value.clone(), holidays);
        }
        for alias in file.aliases {
            let same = |known: &AliasText| {
                known.name.value == alias.name.value
                    && instant::parse(&known.from.value) == instant::parse(&alias.from.value)
            };
            provider.aliases.retain(|known| !same(known));
            provider.aliases.push(alias);
        }
        for (word, class) in file.tiers {
            provider.tiers.insert(word.value, class);
        }
        provider.settlement = file.settlement.or(provider.settlement.take());
        for model in file.models {
            add_model(provider, model, layer, &with_defaults, faults);
        }
        for contract in file.contracts {
            let whose = contract.provider.clone().unwrap_or_else(|| file.provider.clone());
            providers.entry(whose.value).or_default().contracts.push(contract);
        }
        for plan in file.plans {
            let whose = plan.provider.clone().unwrap_or_else(|| file.provider.clone());
            providers.entry(whose.value).or_default().plans.push(plan);
        }
    }
    providers.retain(|name, provider| {
        let written = provider.contracts.iter().map(|c| c.provider.as_ref().unwrap_or(&c.name));
        let written = written.chain(provider.plans.iter().map(|p| p.provider.as_ref().unwrap_or(&p.name)));
        let priced = !provider.models.is_empty() || !provider.fees.is_empty();
        for written in written.filter(|_| !priced) {
            faults.push(FaultKind::UnknownTarget, written.mark, format!("no price file speaks of provider `{name}`"));
        }
        // A file that holds nothing but the user's terms is no provider.
        !name.is_empty()
    });
    providers
}

fn add_model(
    provider: &mut MergedProvider,
    model: ModelText,
    layer: Layer,
    with_defaults: &impl Fn(RowText) -> MergedRow,
    faults: &mut Faults,
) {
    let position = provider.models.iter().position(|known| known.id.value == model.id.value);
    let index = position.unwrap_or_else(|| {
        provider.models.push(MergedModel { id: model.id.clone(), ..MergedModel::default() });
        provider.models.len() - 1
    });
    let known = &mut provider.models[index];
    if model.replace {
        known.rows.retain(|row| row.layer == layer);
        // Rows taken over from another model are rows of the lower layer too.
        (known.like, known.from, known.drop) = (None, None, Vec::new());
    }
    let new = |texts: Vec<Written<String>>, known: &[Written<String>]| -> Vec<Written<String>> {
        texts.into_iter().filter(|text| !known.iter().any(|other| other.value == text.value)).collect()
    };
    let aliases = new(model.aliases, &known.aliases);
    known.aliases.extend(aliases);
    let patterns = new(model.patterns, &known.patterns);
    known.patterns.extend(patterns);
    known.like = model.like.or(known.like.take());
    known.from = model.from.or(known.from.take());
    known.max_output = model.max_output.or(known.max_output);
    if !model.drop.is_empty() {
        known.drop = model.drop;
    }
    if !model.uses.is_empty() {
        known.uses = model.uses;
    }
    if !model.when.is_empty() {
        known.when = model.when;
    }
    for row in model.rows {
        add_row(&mut known.rows, with_defaults(row), faults);
    }
}

/// A row of a later layer replaces the one with its `from`; two of one layer are a fault.
fn add_row(rows: &mut Vec<MergedRow>, new: MergedRow, faults: &mut Faults) {
    // An instant that cannot be read is reported where rows are resolved; it equals no other.
    let from = instant::parse(&new.row.from.value);
    let same = rows.iter().position(|known| from.is_some() && instant::parse(&known.row.from.value) == from);
    match same {
        Some(index) if rows[index].layer == new.layer => {
            let first = rows[index].row.from.mark;
            faults
                .push(FaultKind::DuplicateFrom, new.row.from.mark, "another row begins at the same instant")
                .other(first, "first here");
        }
        Some(index) => rows[index] = new,
        None => rows.push(new),
    }
}
