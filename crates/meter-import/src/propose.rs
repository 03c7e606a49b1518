//! Compares a list with the price book.

use crate::figure::Figure;
use crate::guard::{self, Guard, RunGuard};
use crate::ours::per_million;
use crate::read::{Upstream, UpstreamModel};
use meter_call::{Meter, Side, UnixMillis};
use meter_money::Ratio;
use meter_price::{ModelView, PriceBook, parse_instant, per_cent};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything a list would change.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Proposal {
    /// Models whose figures differ, and models that are new.
    pub changes: Vec<Change>,
    /// Where two lists differ.
    pub disagreements: Vec<Disagreement>,
    /// Why nothing of it may be taken.
    pub stops: Vec<RunGuard>,
    /// Models compared.
    pub compared: usize,
    /// Models without any difference.
    pub unchanged: usize,
    /// Figures that are ours, rounded.
    pub rounded: usize,
    /// Share of our (model, meter) pairs that the list still has, in per cent.
    pub retained_per_cent: u64,
}

/// One model.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// Our price id of the provider.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// First day of the new row, ISO.
    pub from: String,
    /// The provider's page that the list cites.
    pub page: Option<String>,
    /// What differs.
    pub figures: Vec<FigureChange>,
    /// Why it waits for a person.
    pub guards: Vec<Guard>,
    /// Lists that say so.
    pub sources: Vec<String>,
    /// Taken: no guard holds it, or a reviewer named it.
    pub taken: bool,
}

/// One price.
#[derive(Clone, Debug, Serialize)]
pub struct FigureChange {
    /// What it is for.
    pub figure: Figure,
    /// Dollars per million tokens today.
    pub old: Option<String>,
    /// In the list.
    pub new: Option<String>,
    /// How much dearer.
    pub per_cent: Option<String>,
}

/// Two lists about one figure.
#[derive(Clone, Debug, Serialize)]
pub struct Disagreement {
    /// Our price id of the provider.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// What it is for.
    pub figure: Figure,
    /// Each list's figure, dollars per million tokens.
    pub says: BTreeMap<String, String>,
    /// Ours.
    pub ours: Option<String>,
}

/// Compares `first` with the book as of `today` (ISO), and with a second list where there is one. `accepted` holds
/// `provider/model` names that a reviewer has looked at: their guards do not stop them.
pub fn propose(
    book: &PriceBook,
    first: &Upstream,
    second: Option<&Upstream>,
    accepted: &BTreeSet<String>,
    today: &str,
) -> Proposal {
    let mut proposal = Proposal::default();
    let Some(at) = parse_instant(today) else { return proposal };
    let (mut pairs, mut kept) = (0u64, 0u64);
    let mut by_provider: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    // A list may have several names of one model: its id speaks for it, else the first of its names.
    let mut spoken: BTreeSet<(&str, String)> = BTreeSet::new();
    let named_by_id = |provider: &str, model: &str| book.view(provider, model, at).is_some_and(|view| view.id == model);
    let mut entries: Vec<_> = first.models.iter().collect();
    entries.sort_by_key(|((provider, model), _)| !named_by_id(provider, model));
    for ((provider, model), theirs) in entries {
        let other = second.and_then(|second| second.models.get(&(provider.clone(), model.clone())));
        if let (Some(second), Some(other)) = (second, other) {
            disagree(book, (provider, model), (first, theirs), (second, other), at, &mut proposal.disagreements);
        }
        let view = book.view(provider, model, at);
        let Some(view) = view.filter(|view| view.row_at(at).is_some()) else {
            proposal.changes.extend(new_model(provider, model, theirs, first, accepted, today));
            continue;
        };
        if !spoken.insert((provider, view.id.clone())) {
            continue;
        }
        proposal.compared += 1;
        let counts = by_provider.entry(provider).or_default();
        counts.1 += 1;
        let figures = in_our_meters(&view, theirs, at);
        for meter in own_meters(&view, at) {
            pairs += 1;
            kept += u64::from(figures.keys().any(|figure| figure.meter == meter));
        }
        let compared = Compared { book, provider, model, at, view: &view };
        match compared.change(&figures, &mut proposal.rounded) {
            None => proposal.unchanged += 1,
            Some((figures, mut guards)) => {
                let mut sources = vec![first.source.name().to_owned()];
                if let (Some(second), Some(other)) = (second, other) {
                    match agrees(&figures, &in_our_meters(&view, other, at)) {
                        Some(true) => sources.push(second.source.name().to_owned()),
                        Some(false) => guards.push(Guard::OtherSourceDisagrees),
                        None => {}
                    }
                }
                let from = theirs.from.clone().unwrap_or_else(|| today.to_owned());
                if days_before(&from, at) > 7 {
                    guards.push(Guard::LongAgo);
                }
                guards.sort();
                guards.dedup();
                let name = format!("{provider}/{model}");
                let taken = guards.is_empty() || accepted.contains(&name);
                counts.0 += 1;
                proposal.changes.push(Change {
                    provider: provider.clone(),
                    model: model.clone(),
                    from,
                    page: theirs.page.clone(),
                    figures,
                    guards,
                    sources,
                    taken,
                });
            }
        }
    }
    proposal.retained_per_cent = (kept * 100).checked_div(pairs).unwrap_or(100);
    if proposal.retained_per_cent < 95 {
        proposal.stops.push(RunGuard::TooLittleRetained { per_cent: proposal.retained_per_cent });
    }
    for (provider, (changed, compared)) in by_provider {
        if changed * 10 > compared {
            let provider = provider.to_owned();
            proposal.stops.push(RunGuard::TooManyChanged { provider, changed, compared });
        }
    }
    let lonely = |change: &&Change| change.taken && change.sources.len() < 2 && change.page.is_none();
    let changes = proposal.changes.iter().filter(lonely).count();
    if changes > 0 {
        proposal.stops.push(RunGuard::NobodyElseSaysSo { changes });
    }
    proposal
}

/// A write of the default lifetime is the 5-minute one where the provider bills lifetimes apart.
fn in_our_meters(view: &ModelView, theirs: &UpstreamModel, at: UnixMillis) -> BTreeMap<Figure, Ratio> {
    let row = view.row_at(at);
    let apart = row
        .is_some_and(|row| row.rates.contains_key(&Meter::CacheWrite5m) && !row.rates.contains_key(&Meter::CacheWrite));
    let ours = |figure: &Figure| match figure.meter {
        Meter::CacheWrite if apart => Figure { meter: Meter::CacheWrite5m, ..figure.clone() },
        _ => figure.clone(),
    };
    theirs.figures.iter().map(|(figure, value)| (ours(figure), *value)).collect()
}

/// Token meters with a price of their own in the row that holds.
fn own_meters(view: &ModelView, at: UnixMillis) -> Vec<Meter> {
    let rates = view.row_at(at).map(|row| row.rates.clone()).unwrap_or_default();
    let own = |(meter, text): &(&Meter, &String)| meter.side() != Side::Unit && text.contains('/');
    rates.iter().filter(own).map(|(meter, _)| *meter).collect()
}

struct Compared<'a> {
    book: &'a PriceBook,
    provider: &'a str,
    model: &'a str,
    at: UnixMillis,
    view: &'a ModelView,
}

impl Compared<'_> {
    /// What differs, with its guards; `None` when nothing does.
    fn change(&self, theirs: &BTreeMap<Figure, Ratio>, rounded: &mut usize) -> Option<(Vec<FigureChange>, Vec<Guard>)> {
        let (mut figures, mut guards) = (Vec::new(), Vec::new());
        for (figure, new) in theirs {
            let old = per_million(self.book, self.provider, self.model, figure, self.at);
            if old == Some(*new) {
                continue;
            }
            if old.is_some_and(|old| rounds_to(old, *new)) {
                *rounded += 1;
                continue;
            }
            guard::of_figure(old, *new, &mut guards);
            if guard::digits(*new) > 6 {
                guards.push(Guard::RoundedFigure);
            }
            figures.push(FigureChange {
                figure: figure.clone(),
                old: old.map(|old| old.to_string()),
                new: Some(new.to_string()),
                per_cent: old.and_then(|old| per_cent(old, *new)),
            });
        }
        if figures.is_empty() {
            return None;
        }
        for meter in own_meters(self.view, self.at) {
            if !theirs.keys().any(|figure| figure.meter == meter) {
                guards.push(Guard::MeterGone);
            }
        }
        if self.other_bounds(theirs) {
            guards.push(Guard::OtherBound);
        }
        if uneven(theirs) {
            guards.push(Guard::UnevenFactor);
        }
        Some((figures, guards))
    }

    /// Whether the list's bounds are not ours, inclusive or not.
    fn other_bounds(&self, theirs: &BTreeMap<Figure, Ratio>) -> bool {
        let tiers = self.view.row_at(self.at).map(|row| row.context.clone()).unwrap_or_default();
        let ours: Vec<[Option<u64>; 3]> =
            tiers.iter().map(|tier| [tier.over, tier.at_least, tier.at_least.map(|bound| bound - 1)]).collect();
        let bounds: BTreeSet<u64> = theirs.keys().filter_map(|figure| figure.over).collect();
        bounds.len() != ours.len() || bounds.iter().any(|bound| !ours.iter().any(|tier| tier.contains(&Some(*bound))))
    }
}

/// Whether a class scales some meters by another factor than others. Rounded figures differ by less than 2 %.
fn uneven(theirs: &BTreeMap<Figure, Ratio>) -> bool {
    let mut factors: BTreeMap<&str, Vec<Ratio>> = BTreeMap::new();
    for (figure, value) in theirs.iter().filter(|(figure, _)| figure.over.is_none()) {
        let Some(class) = figure.class.as_deref() else { continue };
        let base = theirs.get(&Figure { class: None, ..figure.clone() });
        if let Some(factor) = base.and_then(|base| value.div(*base).ok()) {
            factors.entry(class).or_default().push(factor);
        }
    }
    factors.values().any(|factors| {
        factors.iter().any(|factor| {
            let apart = factor.div(factors[0]).ok().and_then(|ratio| per_cent(Ratio::ONE, ratio));
            apart.is_some_and(|text| {
                text.trim_start_matches(['+', '-']).parse::<u32>().unwrap_or_else(|_| whole(&text)) >= 2
            })
        })
    })
}

/// `+12.5` → 12.
fn whole(text: &str) -> u32 {
    text.trim_start_matches(['+', '-']).split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or(u32::MAX)
}

/// Whether `theirs` is `ours` rounded to the decimals that `theirs` has: 1.875 and 1.88. One digit rounds too much away to
/// say so.
fn rounds_to(ours: Ratio, theirs: Ratio) -> bool {
    let text = theirs.to_string();
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let grow = u32::try_from(places).ok().and_then(|places| 10i128.checked_pow(places));
    let apart = || ours.sub(theirs).ok()?.mul(Ratio::whole(grow?)).ok()?.mul(Ratio::whole(2)).ok();
    let within = apart().is_some_and(|apart| apart.numerator().unsigned_abs() <= apart.denominator().unsigned_abs());
    within && guard::digits(theirs) >= 2
}

/// Whether another list has the new figures: `None` when it has none of them.
fn agrees(figures: &[FigureChange], other: &BTreeMap<Figure, Ratio>) -> Option<bool> {
    let known: Vec<bool> =
        figures.iter().filter_map(|change| Some(Some(other.get(&change.figure)?.to_string()) == change.new)).collect();
    (!known.is_empty()).then(|| known.into_iter().all(|same| same))
}

fn new_model(
    provider: &str,
    model: &str,
    theirs: &UpstreamModel,
    first: &Upstream,
    accepted: &BTreeSet<String>,
    today: &str,
) -> Option<Change> {
    let figures: Vec<FigureChange> = theirs
        .figures
        .iter()
        .map(|(figure, new)| FigureChange {
            figure: figure.clone(),
            old: None,
            new: Some(new.to_string()),
            per_cent: None,
        })
        .collect();
    Some(Change {
        provider: provider.to_owned(),
        model: model.to_owned(),
        from: theirs.from.clone().unwrap_or_else(|| today.to_owned()),
        page: theirs.page.clone(),
        figures,
        guards: vec![Guard::NewModel],
        sources: vec![first.source.name().to_owned()],
        taken: accepted.contains(&format!("{provider}/{model}")),
    })
}

fn disagree(
    book: &PriceBook,
    (provider, model): (&str, &str),
    (first, one): (&Upstream, &UpstreamModel),
    (second, other): (&Upstream, &UpstreamModel),
    at: UnixMillis,
    found: &mut Vec<Disagreement>,
) {
    for (figure, value) in &one.figures {
        let Some(there) = other.figures.get(figure).filter(|there| *there != value) else { continue };
        if rounds_to(*there, *value) || rounds_to(*value, *there) {
            continue;
        }
        let says = [(first, value), (second, there)];
        found.push(Disagreement {
            provider: provider.to_owned(),
            model: model.to_owned(),
            figure: figure.clone(),
            says: says.into_iter().map(|(list, value)| (list.source.name().to_owned(), value.to_string())).collect(),
            ours: per_million(book, provider, model, figure, at).map(|ours| ours.to_string()),
        });
    }
}

/// Whole days from a date to an instant.
fn days_before(from: &str, at: UnixMillis) -> i64 {
    parse_instant(from).map_or(0, |from| (at.0 - from.0) / 86_400_000)
}
