//! A model that a list has once for every region becomes one model with a factor for each.

use super::UpstreamModel;
use crate::figure::{Figure, Quote};
use crate::propose::rounds_to;
use meter_money::Ratio;
use meter_price::Axis;
use std::collections::{BTreeMap, BTreeSet};

/// Puts one factor in the place of figures that it explains, rounded ones too. What it does not explain stays.
pub(super) fn fold(model: &mut UpstreamModel) {
    let geo = Axis::Geo.name();
    let values: BTreeSet<String> = model.figures.keys().filter_map(|figure| figure.on.get(geo)).cloned().collect();
    for value in values {
        let of_region = |figure: &Figure| figure.meter.is_some() && figure.on.get(geo) == Some(&value);
        let pairs: Vec<(Figure, Ratio, Ratio)> = model
            .figures
            .iter()
            .filter(|(figure, _)| of_region(figure) && figure.is_token())
            .filter_map(|(figure, quote)| Some((figure.clone(), elsewhere(model, figure)?, quote.amount)))
            .collect();
        let Some(factor) = usual(&pairs) else { continue };
        for (figure, plain, there) in pairs {
            let Ok(wanted) = plain.mul(factor) else { continue };
            if wanted == there || rounds_to(&figure, wanted, there) {
                model.figures.remove(&figure);
            }
        }
        let figure = Figure { meter: None, over: None, on: BTreeMap::new() }.on((Axis::Geo, &value));
        model.figures.insert(figure, Quote { amount: factor, unit: None });
        // Fees do not follow a factor; those that are the same everywhere need no line.
        let same: Vec<Figure> = model
            .figures
            .iter()
            .filter(|(figure, quote)| {
                of_region(figure) && figure.is_fee() && elsewhere(model, figure) == Some(quote.amount)
            })
            .map(|(figure, _)| figure.clone())
            .collect();
        model.figures.retain(|figure, _| !same.contains(figure));
    }
}

/// The same figure without a region.
fn elsewhere(model: &UpstreamModel, figure: &Figure) -> Option<Ratio> {
    let mut plain = figure.clone();
    plain.on.remove(Axis::Geo.name());
    Some(model.figures.get(&plain)?.amount)
}

/// The factor that most figures have.
fn usual(pairs: &[(Figure, Ratio, Ratio)]) -> Option<Ratio> {
    let factors: Vec<Ratio> = pairs.iter().filter_map(|(_, plain, there)| there.div(*plain).ok()).collect();
    let count = |factor: &Ratio| factors.iter().filter(|other| *other == factor).count();
    factors.iter().copied().max_by_key(count).filter(|factor| count(factor) * 2 >= factors.len())
}
