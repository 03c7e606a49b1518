//! One model of a list with the row that holds: what differs, and what holds it back.

use super::FigureChange;
use crate::figure::{DIGITS_MAX, Figure, Quote, digits};
use crate::guard::{self, Guard};
use crate::ours::{Ours, own_meters};
use crate::read::UpstreamModel;
use meter_call::{Meter, Side, UnixMillis};
use meter_money::Ratio;
use meter_price::{ModelView, Unit, per_cent};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Compared<'a> {
    pub ours: Ours<'a>,
    pub view: &'a ModelView,
    /// Fees that the list has for some model of the provider.
    pub known: BTreeSet<Meter>,
}

type Changed = Option<(Vec<FigureChange>, Vec<Guard>)>;

impl Compared<'_> {
    /// What differs, with its guards; `None` when nothing does.
    pub fn change(&self, theirs: &BTreeMap<Figure, Quote>, rounded: &mut usize) -> Changed {
        let (figures, mut guards) = fees(self.ours, theirs, rounded)?;
        for meter in own_meters(self.view, self.ours.at) {
            let spoken_of = meter.side() != Side::Unit || self.known.contains(&meter);
            if spoken_of && !theirs.keys().any(|figure| figure.meter == Some(meter)) {
                guards.push(Guard::MeterGone);
            }
        }
        if self.other_bounds(theirs) {
            guards.push(Guard::OtherBound);
        }
        if uneven(theirs, &figures) {
            guards.push(Guard::UnevenFactor);
        }
        Some((figures, guards))
    }

    /// Whether the list's bounds are not ours, inclusive or not.
    fn other_bounds(&self, theirs: &BTreeMap<Figure, Quote>) -> bool {
        let tiers = self.view.row_at(self.ours.at).map(|row| row.context.clone()).unwrap_or_default();
        let ours: Vec<[Option<u64>; 3]> =
            tiers.iter().map(|tier| [tier.over, tier.at_least, tier.at_least.map(|bound| bound - 1)]).collect();
        let bounds: BTreeSet<u64> = theirs.keys().filter_map(|figure| figure.over).collect();
        bounds.len() != ours.len() || bounds.iter().any(|bound| !ours.iter().any(|tier| tier.contains(&Some(*bound))))
    }
}

/// What differs figure by figure, with the guards of figures; `None` when nothing does.
pub(super) fn fees(ours: Ours<'_>, theirs: &BTreeMap<Figure, Quote>, rounded: &mut usize) -> Changed {
    let (mut figures, mut guards) = (Vec::new(), Vec::new());
    for (figure, new) in theirs {
        let old = ours.quote(figure);
        let other_unit = old.is_some_and(|old| other_unit(old.unit, new.unit));
        if let Some(old) = old.filter(|_| !other_unit) {
            if old.amount == new.amount {
                continue;
            }
            if rounds_to(figure, old.amount, new.amount) || printed(figure, old.amount, new.amount) {
                *rounded += 1;
                continue;
            }
        }
        if other_unit {
            guards.push(Guard::OtherUnit);
        }
        let known = ours.knows(figure);
        guard::of_figure(old.filter(|_| known).map(|old| old.amount), new.amount, &mut guards);
        let unit = if other_unit { new.unit } else { old.and_then(|old| old.unit).or(new.unit) };
        if figure.digits(new.amount, unit) > DIGITS_MAX {
            guards.push(Guard::RoundedFigure);
        }
        figures.push(FigureChange {
            figure: figure.clone(),
            old: old.map(|old| figure.text(old.amount, old.unit)),
            new: Some(figure.text(new.amount, unit)),
            per_cent: old.filter(|old| old.amount != new.amount).and_then(|old| per_cent(old.amount, new.amount)),
        });
    }
    (!figures.is_empty()).then_some((figures, guards))
}

/// Whether a list counts something else. Units of time are one; and a list that names none says nothing.
fn other_unit(ours: Option<Unit>, theirs: Option<Unit>) -> bool {
    let timed = |unit: Unit| matches!(unit, Unit::Second | Unit::Minute | Unit::Hour);
    let counted = |unit: Unit| if matches!(unit, Unit::Query | Unit::Search | Unit::Call) { Unit::Query } else { unit };
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => counted(ours) != counted(theirs) && !(timed(ours) && timed(theirs)),
        _ => false,
    }
}

/// A write of the default lifetime is the 5-minute one where the provider bills lifetimes apart.
pub(super) fn in_our_meters(view: &ModelView, theirs: &UpstreamModel, at: UnixMillis) -> BTreeMap<Figure, Quote> {
    let row = view.row_at(at);
    let apart = row
        .is_some_and(|row| row.rates.contains_key(&Meter::CacheWrite5m) && !row.rates.contains_key(&Meter::CacheWrite));
    let ours = |figure: &Figure| match figure.meter {
        Some(Meter::CacheWrite) if apart => Figure { meter: Some(Meter::CacheWrite5m), ..figure.clone() },
        _ => figure.clone(),
    };
    theirs.figures.iter().map(|(figure, value)| (ours(figure), *value)).collect()
}

/// Whether a class or a tier that changes scales some meters by another factor than others. Rounded figures differ by less
/// than 2 %; prompts and answers may have a tier of their own.
fn uneven(theirs: &BTreeMap<Figure, Quote>, changed: &[FigureChange]) -> bool {
    let group = |figure: &Figure| {
        let meter = figure.meter.filter(|meter| meter.side() != Side::Unit)?;
        let answers = figure.over.is_some() && meter.side() == Side::Output;
        (!figure.is_base()).then(|| (figure.over, figure.on.clone(), answers))
    };
    let wanted: BTreeSet<_> = changed.iter().filter_map(|change| group(&change.figure)).collect();
    let mut factors: BTreeMap<_, Vec<Ratio>> = BTreeMap::new();
    for (figure, quote) in theirs {
        let Some(group) = group(figure).filter(|group| wanted.contains(group)) else { continue };
        let base = figure.meter.and_then(|meter| theirs.get(&Figure::of(meter)));
        if let Some(factor) = base.and_then(|base| quote.amount.div(base.amount).ok()) {
            factors.entry(group).or_default().push(factor);
        }
    }
    let apart = |one: &Ratio, other: &Ratio| {
        let text = one.div(*other).ok().and_then(|ratio| per_cent(Ratio::ONE, ratio));
        text.is_some_and(|text| whole(&text) >= 2)
    };
    factors.values().any(|factors| factors.iter().any(|factor| apart(factor, &factors[0])))
}

/// `+12.5` → 12.
fn whole(text: &str) -> u32 {
    text.trim_start_matches(['+', '-']).split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or(u32::MAX)
}

/// Whether `theirs` is `ours` rounded to the decimals that `theirs` has: 1.875 and 1.88. One digit rounds too much away to
/// say so.
pub(crate) fn rounds_to(figure: &Figure, ours: Ratio, theirs: Ratio) -> bool {
    let text = theirs.to_string();
    // A factor is never rounded, and an endless number was not printed as one.
    if figure.meter.is_none() || text.contains('/') {
        return false;
    }
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let grow = u32::try_from(places).ok().and_then(|places| 10i128.checked_pow(places));
    let apart = || ours.sub(theirs).ok()?.mul(Ratio::whole(grow?)).ok()?.mul(Ratio::whole(2)).ok();
    let within = apart().is_some_and(|apart| apart.numerator().unsigned_abs() <= apart.denominator().unsigned_abs());
    within && digits(theirs) >= 2
}

/// Whether a class's figure is ours as a page prints it: to the cent, 0.05 for half of 0.09.
fn printed(figure: &Figure, ours: Ratio, theirs: Ratio) -> bool {
    let cents = theirs.mul(Ratio::whole(100)).is_ok_and(|cents| cents.denominator() == 1);
    let apart = ours.sub(theirs).and_then(|apart| apart.mul(Ratio::whole(200)));
    let near = apart.is_ok_and(|apart| apart.numerator().unsigned_abs() <= apart.denominator().unsigned_abs());
    let share = per_cent(ours, theirs).is_some_and(|text| whole(&text) <= 20);
    figure.is_token() && figure.on.contains_key("class") && cents && near && share
}

/// Whether another list has the new figures: `None` when it has none of them.
pub(super) fn agrees(
    changed: &[FigureChange],
    listed: &BTreeMap<Figure, Quote>,
    other: &BTreeMap<Figure, Quote>,
) -> Option<bool> {
    let same = |figure: &Figure| -> Option<bool> {
        let (one, there) = (listed.get(figure)?.amount, other.get(figure)?.amount);
        Some(one == there || rounds_to(figure, one, there) || rounds_to(figure, there, one))
    };
    let known: Vec<bool> = changed.iter().filter_map(|change| same(&change.figure)).collect();
    (!known.is_empty()).then(|| known.into_iter().all(|same| same))
}
