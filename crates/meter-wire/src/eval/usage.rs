//! Disjoint buckets from cells.

use super::message::{element_cells, element_model};
use super::{Came, Scope};
use crate::decimal::Decimal;
use crate::dialect::{FinalWhen, Lines, MeterKey, TableId};
use crate::json::Tree;
use crate::reading::ModelLine;
use meter_call::{Buckets, Meter, Side};
use std::cell::Cell as Mark;
use std::collections::{BTreeMap, BTreeSet};

/// What a row's cells say of usage.
#[derive(Debug, Default)]
pub(crate) struct UsageFound {
    /// Something read from the wire gave a meter.
    pub(crate) seen: bool,
    pub(crate) final_when: FinalWhen,
    pub(crate) buckets: Buckets,
    pub(crate) lines: Vec<ModelLine>,
    /// Not reported, though the dialect names it.
    pub(crate) reasoning_unknown: bool,
    pub(crate) provider_cost: Option<String>,
    pub(crate) flags: BTreeSet<String>,
}

const INCONSISTENT: &str = "usage_inconsistent";

/// Reads usage. `elements` holds what each list of `[usage.lines]` picked.
pub(crate) fn usage(scope: &Scope<'_>, elements: &[Vec<Tree>], model: Option<&str>, text_max: usize) -> UsageFound {
    let dialect = scope.dialect;
    let mut found = UsageFound { final_when: dialect.final_when, ..UsageFound::default() };
    let mut each = 0;
    for (index, variant) in dialect.usage.variants.iter().enumerate() {
        if scope.came.usage && scope.applies(TableId::Usage, index) {
            found.flags.extend(variant.flag.clone());
            found.final_when = variant.final_when.unwrap_or(found.final_when);
            each = variant.each.unwrap_or(each);
        }
    }
    let top = Counted::of(scope, TableId::Usage, &dialect.meters, |_| true);
    found.seen = top.from_wire;
    found.buckets = top.buckets;
    let mut inconsistent = top.inconsistent;
    let names_reasoning = dialect.meters.iter().any(|meter| meter.meter == Meter::Reasoning);
    found.reasoning_unknown = names_reasoning && !top.known.contains(&Meter::Reasoning);
    if let (Some(lines), Some(picked)) = (&dialect.lines, elements.get(each).filter(|list| !list.is_empty())) {
        let split = Split::of(scope, lines, picked, model, text_max);
        if split.from_wire {
            inconsistent |= split.inconsistent;
            found.seen = true;
            inconsistent |= split.replace(&mut found, lines, &top.known, model, names_reasoning);
        }
    }
    if let Some(total) =
        dialect.total.and_then(|key| scope.key(TableId::Usage, key)).and_then(|read| read.value.number())
    {
        let sum = found.buckets.total(Side::Input).saturating_add(found.buckets.total(Side::Output));
        inconsistent |= found.seen && total != Decimal::whole(i128::from(sum));
    }
    if found.seen {
        inconsistent |= beside(scope, &mut found, model, text_max);
    }
    let cost = dialect.provider_cost.and_then(|key| scope.key(TableId::Usage, key)).filter(|read| read.from_wire);
    found.provider_cost = cost
        .and_then(|read| read.value.number().or_else(|| Decimal::literal(&read.value.show(text_max))))
        .filter(|cost| !cost.is_negative())
        .map(|cost| cost.to_string());
    if inconsistent || (found.seen && scope.inconsistent.get()) {
        found.flags.insert(INCONSISTENT.to_owned());
    }
    found
}

/// Adds another model's usage as a line of its own. Returns whether something was odd.
fn beside(scope: &Scope<'_>, found: &mut UsageFound, answered: Option<&str>, text_max: usize) -> bool {
    let beside = &scope.dialect.beside;
    let counted = Counted::of(scope, TableId::Beside, &beside.meters, |_| true);
    if counted.buckets.is_empty() {
        return counted.inconsistent;
    }
    let model = beside.model.and_then(|key| scope.key(TableId::Beside, key)).map(|read| read.value.show(text_max));
    let tokens: Buckets = found.buckets.iter().filter(|(meter, _)| meter.side() != Side::Unit).collect();
    if found.lines.is_empty() && !tokens.is_empty() {
        found.lines.push(ModelLine { model: answered.map(str::to_owned), buckets: tokens });
    }
    for (meter, count) in counted.buckets.iter() {
        found.buckets.add(meter, count);
    }
    found.lines.push(ModelLine { model, buckets: counted.buckets });
    counted.inconsistent
}

/// The meters of one scope.
struct Counted {
    buckets: Buckets,
    known: BTreeSet<Meter>,
    from_wire: bool,
    inconsistent: bool,
}

impl Counted {
    fn of(scope: &Scope<'_>, table: TableId, meters: &[MeterKey], wanted: impl Fn(Meter) -> bool) -> Counted {
        let mut counted =
            Counted { buckets: Buckets::default(), known: BTreeSet::new(), from_wire: false, inconsistent: false };
        for meter in meters.iter().filter(|meter| wanted(meter.meter)) {
            let Some(read) = scope.key(table, meter.key) else { continue };
            let Some(number) = read.value.number().or_else(|| Decimal::literal(&read.value.show(64))) else { continue };
            counted.from_wire |= read.from_wire;
            counted.known.insert(meter.meter);
            let (count, odd) = count(meter.meter, number);
            counted.buckets.set(meter.meter, count);
            counted.inconsistent |= odd;
        }
        counted
    }
}

/// A whole count, and whether the number was none. A fraction of a token is cut off; a fraction of another unit is
/// rounded to the nearest (seconds of audio come with decimals).
fn count(meter: Meter, number: Decimal) -> (u64, bool) {
    match number.to_count() {
        None => (if number.is_negative() { 0 } else { u64::MAX }, true),
        Some((whole, false)) => (whole, false),
        Some((whole, true)) if meter.side() == Side::Unit => {
            let half = Decimal::literal("0.5").unwrap_or(Decimal::ZERO);
            let rounded = number.add(half).and_then(Decimal::to_count).map_or(whole, |(whole, _)| whole);
            (rounded, false)
        }
        Some((whole, true)) => (whole, true),
    }
}

/// The elements of `[usage.lines]`, summed by model; `None` = the answered one.
struct Split {
    lines: Vec<ModelLine>,
    known: BTreeSet<Meter>,
    from_wire: bool,
    inconsistent: bool,
}

impl Split {
    fn of(scope: &Scope<'_>, lines: &Lines, elements: &[Tree], answered: Option<&str>, text_max: usize) -> Split {
        let mut split = Split { lines: Vec::new(), known: BTreeSet::new(), from_wire: false, inconsistent: false };
        for element in elements {
            let cells = element_cells(scope.dialect, scope.wire, element, &lines.at);
            let cut = Mark::new(false);
            let inner =
                Scope { response: &cells, came: Came { usage: true, ..scope.came }, inconsistent: &cut, ..*scope };
            let counted =
                Counted::of(&inner, TableId::Usage, &scope.dialect.meters, |meter| meter.side() != Side::Unit);
            split.from_wire |= counted.from_wire;
            split.inconsistent |= counted.inconsistent || cut.get();
            split.known.extend(counted.known);
            let model = element_model(element, &lines.model, text_max).filter(|model| Some(model.as_str()) != answered);
            let line = match split.lines.iter().position(|line| line.model == model) {
                Some(index) => &mut split.lines[index],
                None => {
                    split.lines.push(ModelLine { model, buckets: Buckets::default() });
                    let last = split.lines.len() - 1;
                    &mut split.lines[last]
                }
            };
            for (meter, count) in counted.buckets.iter() {
                line.buckets.add(meter, count);
            }
        }
        split
    }

    /// Puts the lines in the place of the top level's token meters. Returns whether something did not fit.
    fn replace(
        mut self,
        found: &mut UsageFound,
        lines: &Lines,
        top_known: &BTreeSet<Meter>,
        answered: Option<&str>,
        names_reasoning: bool,
    ) -> bool {
        let mut odd = false;
        for (moved, source) in &lines.from_top {
            if self.known.contains(moved) || !top_known.contains(moved) {
                continue;
            }
            let wanted = found.buckets.count(*moved);
            let index = self.lines.iter().position(|line| line.model.is_none()).unwrap_or(0);
            if let Some(line) = self.lines.get_mut(index) {
                let inside = line.buckets.count(*source);
                odd |= wanted > inside;
                line.buckets.set(*source, inside - wanted.min(inside));
                line.buckets.set(*moved, wanted.min(inside));
                self.known.insert(*moved);
            }
        }
        found.reasoning_unknown = names_reasoning && !self.known.contains(&Meter::Reasoning);
        let mut sums: BTreeMap<Meter, u64> = BTreeMap::new();
        for (meter, count) in self.lines.iter().flat_map(|line| line.buckets.iter()) {
            let sum = sums.entry(meter).or_default();
            *sum = sum.saturating_add(count);
        }
        for meter in Meter::ALL.iter().filter(|meter| meter.side() != Side::Unit) {
            found.buckets.set(*meter, sums.get(meter).copied().unwrap_or(0));
        }
        let one_model = self.lines.iter().all(|line| line.model.is_none());
        for line in &mut self.lines {
            line.model = line.model.take().or_else(|| answered.map(str::to_owned));
        }
        found.lines = if one_model { Vec::new() } else { self.lines };
        odd
    }
}
