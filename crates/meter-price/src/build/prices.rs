//! Reads prices: numbers, units, names of other meters, tiers.

use crate::fault::{FaultKind, Faults};
use crate::rate::{Factor, Rate, RateError, Unit};
use crate::row::{Bound, Price, Rates, Tier, TierEffect, is_token};
use crate::written::{Figure, Mark, RatesText, TierText, Written};
use meter_call::{Meter, Side};

/// The prices of a table; what cannot be read is a fault and left out. `free` is the reason for zeros, if there is one.
pub(super) fn rates(written: &RatesText, free: bool, faults: &mut Faults) -> Rates {
    let mut rates = Rates::default();
    for (meter, figure) in written {
        let Some(price) = price(meter.value, figure, faults) else { continue };
        if let Price::Rate(rate) = &price
            && rate.each().is_zero()
            && !free
        {
            faults
                .push(
                    FaultKind::ZeroWithoutFree,
                    figure.mark,
                    format!("`{}` costs 0 and nothing says why", meter.value),
                )
                .help("if it really is free, add `free = \"why\"` to the table; 0 in a source is often \"no figure\"");
        }
        rates.0.insert(meter.value, price);
    }
    for (meter, figure) in written {
        if let Some(Price::As(target)) = rates.get(meter.value)
            && !matches!(rates.get(*target), Some(Price::Rate(_)))
        {
            let message = format!("`{}` names `{target}`, which has no price of its own here", meter.value);
            faults.push(FaultKind::UnknownTarget, figure.mark, message);
        }
    }
    rates
}

fn price(meter: Meter, figure: &Written<Figure>, faults: &mut Faults) -> Option<Price> {
    let token = is_token(meter);
    let read = match &figure.value {
        Figure::Number(literal) if token => Rate::per_million(literal),
        Figure::Number(_) => Err(RateError::NoUnit),
        Figure::Text(text) if token && text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let target = text.parse::<Meter>().ok().filter(|target| is_token(*target) && *target != meter);
            if target.is_none() {
                let message = format!("`{meter}` cannot cost the same as `{text}`");
                faults.push(FaultKind::UnknownTarget, figure.mark, message).help("write a number or a token meter");
            }
            return target.map(Price::As);
        }
        Figure::Text(text) if token && !text.contains('/') => Rate::per_million(text),
        Figure::Text(text) => Rate::parse(text),
    };
    let units = Unit::of(meter);
    let usual = units.first().map_or("", |unit| unit.plural());
    match read {
        Ok(rate) if units.contains(&rate.unit()) => Some(Price::Rate(rate)),
        Ok(rate) => {
            let message = format!("`{meter}` is not counted in {}", rate.unit().plural());
            faults.push(FaultKind::BadUnit, figure.mark, message).help(format!("it is counted in {usual}"));
            None
        }
        Err(RateError::NoUnit) => {
            let message = format!("the price of `{meter}` has no unit");
            let amount = match &figure.value {
                Figure::Number(text) | Figure::Text(text) => text.trim_end_matches(['/', ' ']),
            };
            faults
                .push(FaultKind::UnitMissing, figure.mark, message)
                .help(format!("write \"{amount} / 1000 {usual}\", or whatever the provider prints"));
            None
        }
        Err(RateError::UnknownUnit(word)) => {
            let message = format!("no unit is called `{word}`");
            let known = units.iter().map(|unit| unit.plural()).collect::<Vec<_>>().join(", ");
            faults.push(FaultKind::BadUnit, figure.mark, message).help(format!("`{meter}` is counted in: {known}"));
            None
        }
        Err(error @ RateError::Figure(..)) => {
            faults.push(FaultKind::BadFigure, figure.mark, error.to_string());
            None
        }
        Err(error @ RateError::Terms(_)) => {
            let help = format!("whole numbers of what the price counts, such as \"10 {usual}\"");
            faults.push(FaultKind::BadUnit, figure.mark, error.to_string()).help(help);
            None
        }
    }
}

/// A factor; a bad one is a fault. Zero is refused: it would be a price of 0 without a reason.
pub(super) fn factor(written: &Written<String>, faults: &mut Faults) -> Option<Factor> {
    match Factor::parse(&written.value) {
        Ok(factor) if !factor.value().is_zero() => Some(factor),
        Ok(_) => {
            faults.push(FaultKind::BadFigure, written.mark, "a factor of 0 makes everything free");
            None
        }
        Err(error) => {
            faults.push(FaultKind::BadFigure, written.mark, format!("`{}`: {error}", written.value));
            None
        }
    }
}

/// The tiers of a table whose prices are `base`: bounds rise, and each prices every token meter that `base` prices.
pub(super) fn tiers(written: &[TierText], base: &Rates, free: bool, faults: &mut Faults) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for tier in written {
        let Some(read) = read_tier(tier, base, free, faults) else { continue };
        if tiers.last().is_some_and(|last| last.bound.first() >= read.bound.first()) {
            faults.push(FaultKind::BadTier, tier.mark, "the bound is not above the one before it");
            continue;
        }
        if tiers.last().is_some_and(|last| last.excess != read.excess) {
            faults.push(FaultKind::BadTier, tier.mark, "tiers are either all for the request or all for the excess");
            continue;
        }
        tiers.push(read);
    }
    tiers
}

fn read_tier(tier: &TierText, base: &Rates, free: bool, faults: &mut Faults) -> Option<Tier> {
    let excess = match &tier.scope {
        Some(scope) if scope.value == "excess" => true,
        Some(scope) if scope.value != "request" => {
            let message = format!("`{}` is no scope", scope.value);
            faults.push(FaultKind::UnknownWord, scope.mark, message).help("`request` or `excess`");
            false
        }
        _ => false,
    };
    let bound = match (tier.over, tier.at_least) {
        (Some(over), None) => Bound::Over(over),
        (None, Some(at_least)) => Bound::AtLeast(at_least),
        _ => {
            let message = "a tier has one bound: `over` (exclusive) or `at_least` (inclusive)";
            faults.push(FaultKind::BadTier, tier.mark, message);
            return None;
        }
    };
    let scales = tier.scale_input.is_some() || tier.scale_output.is_some();
    if scales != tier.rates.is_empty() {
        let message = "a tier has prices, or `scale_input` and `scale_output`";
        faults.push(FaultKind::BadTier, tier.mark, message);
        return None;
    }
    if scales {
        let input = tier.scale_input.as_ref().and_then(|scale| factor(scale, faults));
        let output = tier.scale_output.as_ref().and_then(|scale| factor(scale, faults));
        return Some(Tier { bound, excess, effect: TierEffect::Scale { input, output } });
    }
    let rates = rates(&tier.rates, free || tier.free.is_some(), faults);
    if excess {
        // No part of an answer lies over a bound of the prompt: its prices may stand here, and are never reached.
        let mut prompt = base.clone();
        prompt.0.retain(|meter, _| meter.side() == Side::Input);
        lacks(&prompt, &rates, tier.mark, "the tier", faults);
    } else {
        lacks(base, &rates, tier.mark, "the tier", faults);
    }
    Some(Tier { bound, excess, effect: TierEffect::Rates(rates) })
}

/// A fault for every token meter that `base` prices and `rates` does not.
pub(super) fn lacks(base: &Rates, rates: &Rates, mark: Mark, what: &str, faults: &mut Faults) {
    let missing: Vec<String> =
        base.token_meters().filter(|meter| rates.get(*meter).is_none()).map(|meter| format!("`{meter}`")).collect();
    if !missing.is_empty() {
        let message = format!("{what} has no price for {}, which the row has", missing.join(", "));
        faults.push(FaultKind::LacksMeter, mark, message);
    }
}
