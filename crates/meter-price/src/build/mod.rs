//! Makes a book of price files, and says everything that is wrong with them.

mod likes;
mod merge;
mod names;
mod overlaps;
mod overlays;
mod prices;
mod rows;
mod terms;
mod twice;
mod windows;

use crate::book::{Model, PriceBook, Provider};
use crate::fault::Faults;
use crate::row::{FEES, PricedRow};
use crate::written::{PriceFile, Written};
use crate::{FaultKind, PriceFault, instant};
use merge::MergedProvider;
use meter_call::UnixMillis;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Gathers price files of all layers and resolves them into a [`PriceBook`].
///
/// Rows merge by (provider, model, `from`): one of a later layer replaces the whole row of an earlier one, never single keys
/// of it, because a half-old row is worse than an old one.
#[derive(Debug, Default)]
pub struct PriceBookBuilder {
    files: Vec<PriceFile>,
}

impl PriceBookBuilder {
    /// An empty builder.
    pub fn new() -> PriceBookBuilder {
        PriceBookBuilder::default()
    }

    /// Adds one file. The order within a layer does not matter.
    pub fn add(&mut self, file: PriceFile) {
        self.files.push(file);
    }

    /// The book and everything that is wrong. With a fault that is no warning the book lacks something and must not come
    /// into force; the caller keeps its last good one.
    pub fn build(mut self) -> (PriceBook, Vec<PriceFault>) {
        let mut faults = Faults::default();
        // Stable: the user's layer comes last and wins.
        self.files.sort_by_key(|file| file.layer);
        let currencies = terms::currencies(&self.files, &mut faults);
        twice::twice(&self.files, &mut faults);
        let merged = merge::merge(self.files, &mut faults);
        let mut resolved: BTreeMap<String, Vec<ResolvedModel>> = BTreeMap::new();
        let mut windows = BTreeMap::new();
        for (name, provider) in &merged {
            let described = windows::windows(provider, &mut faults);
            let models = provider.models.iter().map(|model| {
                let rows = rows::rows(name, provider, model, &described, &mut faults);
                ResolvedModel { rows, windows: described.clone() }
            });
            resolved.insert(name.clone(), models.collect());
            windows.insert(name.as_str(), described);
        }
        let mut likenesses = likes::finished(&merged, &resolved, &mut faults);
        let mut book = PriceBook { currencies, ..PriceBook::default() };
        for (name, provider) in &merged {
            let own = resolved.remove(name).unwrap_or_default();
            let models: Vec<Model> = (0..)
                .zip(provider.models.iter().zip(own))
                .map(|(index, (model, own))| Model {
                    id: model.id.value.clone(),
                    max_output: model.max_output,
                    rows: likes::priced(likenesses.remove(&(name.as_str(), index)).unwrap_or(own.rows)),
                    shared: rows::shared_conditions(provider, model),
                })
                .collect();
            for (model, written) in models.iter().zip(&provider.models) {
                // Rows that were written and cannot be used are told of themselves.
                if model.rows.is_empty() && written.rows.is_empty() && written.like.is_none() {
                    let message = format!("model `{}` has no rates", model.id);
                    faults.push(FaultKind::NoRows, written.id.mark, message);
                }
            }
            overlaps::overlaps(provider, &mut faults);
            let names = names::names(provider, &mut faults);
            let fees = fees(name, provider, windows.get(name.as_str()), &mut faults);
            let known = Provider {
                also: provider.also.iter().map(|name| name.value.clone()).collect(),
                names: names.exact,
                moving: names.moving,
                patterns: names.patterns,
                tiers: terms::tiers(provider, &models, &mut faults),
                settlement: terms::settlement(provider, &mut faults),
                contracts: terms::contracts(provider, &models, &fees, &mut faults),
                fees,
                plans: terms::plans(provider, &mut faults),
                models,
            };
            book.providers.insert(name.clone(), known);
        }
        faults.0.sort_by_key(|fault| (fault.mark, fault.kind));
        (book, faults.0)
    }
}

/// A model's own rows, before what it takes over from another.
pub(super) struct ResolvedModel {
    pub rows: Vec<rows::ResolvedRow>,
    pub windows: Windows,
}

/// Times of day by name.
type Windows = BTreeMap<String, crate::window::Window>;

fn fees(name: &str, provider: &MergedProvider, windows: Option<&Windows>, faults: &mut Faults) -> Vec<Arc<PricedRow>> {
    let none = Windows::new();
    let windows = windows.unwrap_or(&none);
    let mut fees: Vec<_> = provider
        .fees
        .iter()
        .filter_map(|fee| {
            if let Some(tier) = fee.row.context.first() {
                let message = "fees have no context tiers: a long prompt makes none dearer";
                faults.push(FaultKind::BadTier, tier.mark, message);
            }
            let row = rows::row(name, FEES, provider, fee, (&[], &[]), windows, faults)?;
            Some(Arc::new(PricedRow::new(row.row, row.user)))
        })
        .collect();
    fees.sort_by_key(|row| row.row.from);
    fees
}

/// Reads an instant; a bad one is a fault.
fn instant_of(text: &Written<String>, faults: &mut Faults) -> Option<UnixMillis> {
    let at = instant::parse(&text.value);
    if at.is_none() {
        faults
            .push(FaultKind::BadInstant, text.mark, format!("`{}` is no date or UTC instant", text.value))
            .help("write 2026-03-01 (00:00 UTC) or 2026-08-16T16:00:00Z");
    }
    at
}

/// Reads `from` and `until`; an end that is not after the begin is a fault.
fn span_of(
    from: &Written<String>,
    until: Option<&Written<String>>,
    faults: &mut Faults,
) -> Option<(UnixMillis, Option<UnixMillis>)> {
    let begin = instant_of(from, faults)?;
    let Some(until) = until else { return Some((begin, None)) };
    let end = instant_of(until, faults)?;
    if end <= begin {
        faults.push(FaultKind::EndsBeforeItBegins, until.mark, "`until` is not after `from`");
        return None;
    }
    Some((begin, Some(end)))
}
