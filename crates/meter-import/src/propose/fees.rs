//! Fees that hold for every model of a provider: one entry of a proposal, not one a model.

use super::Run;
use crate::figure::{Figure, Quote};
use crate::read::{Upstream, UpstreamModel};
use meter_call::{Meter, Side, UnixMillis};
use meter_price::{ModelView, PriceBook};
use std::collections::{BTreeMap, BTreeSet};

/// The fees of a list by provider: those it has apart from models, and those that are the same for all models that it has
/// them for, where no row of ours has a fee of its own.
pub(super) fn of_list(book: &PriceBook, list: &Upstream, now: UnixMillis) -> BTreeMap<String, UpstreamModel> {
    let mut fees = list.fees.clone();
    let mut same: BTreeMap<(&str, &Figure), Vec<(&UpstreamModel, &Quote)>> = BTreeMap::new();
    for ((provider, model), theirs) in &list.models {
        let Some(view) = book.view(provider, model, now) else { continue };
        for (figure, quote) in theirs.figures.iter().filter(|(figure, _)| of_a_tool(figure)) {
            if !has_own(&view, figure, now) {
                same.entry((provider, figure)).or_default().push((theirs, quote));
            }
        }
    }
    for ((provider, figure), quotes) in same {
        let (model, first) = quotes[0];
        let known = book.fees(provider).and_then(|fees| fees.row_at(now).cloned());
        let known = known.is_some_and(|row| figure.meter.is_some_and(|meter| row.rates.contains_key(&meter)));
        // One model alone does not speak for a provider.
        if (known || quotes.len() > 2) && quotes.iter().all(|(_, quote)| quote.amount == first.amount) {
            let entry = fees.entry(provider.to_owned()).or_default();
            entry.page = entry.page.take().or_else(|| model.page.clone());
            entry.figures.entry(figure.clone()).or_insert(*first);
        }
    }
    fees
}

/// Whether it is the plain fee of a tool that models share; images, seconds and pages are what a model itself sells.
fn of_a_tool(figure: &Figure) -> bool {
    use Meter::{
        CodeInterpreter, CollectionsSearch, FileSearch, Grounding, MapsGrounding, WebFetch, WebSearch, XSearch,
    };
    let tools =
        [WebSearch, WebFetch, XSearch, CollectionsSearch, Grounding, MapsGrounding, FileSearch, CodeInterpreter];
    figure.is_base() && figure.meter.is_some_and(|meter| tools.contains(&meter))
}

/// Whether the row that holds prices the fee itself.
fn has_own(view: &ModelView, figure: &Figure, at: UnixMillis) -> bool {
    let meter = |row: &meter_price::RowView, meter: Meter| {
        row.rates.contains_key(&meter) || row.when.iter().any(|when| when.rates.contains_key(&meter))
    };
    figure.meter.is_some_and(|wanted| view.row_at(at).is_some_and(|row| meter(row, wanted)))
}

impl Run<'_> {
    /// What is left to compare with the model itself.
    pub(super) fn without_shared_fees(
        &self,
        provider: &str,
        mut figures: BTreeMap<Figure, Quote>,
        view: &ModelView,
        at: UnixMillis,
    ) -> BTreeMap<Figure, Quote> {
        let shared = self.fees.get(provider);
        figures.retain(|figure, quote| {
            let one = shared.and_then(|shared| shared.figures.get(figure));
            one.is_none_or(|one| one.amount != quote.amount) || has_own(view, figure, at)
        });
        figures
    }

    /// Meters that the list prices for any model of a provider: of the others it does not speak.
    pub(super) fn known_meters(&self, provider: &str) -> BTreeSet<Meter> {
        let models = self.first.models.iter().filter(|((one, _), _)| one == provider);
        let figures = models.flat_map(|(_, model)| model.figures.keys());
        figures.filter_map(|figure| figure.meter).filter(|meter| meter.side() == Side::Unit).collect()
    }
}
