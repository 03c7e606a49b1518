//! Settlement, classes of the wire, contracts and plans.

use super::merge::MergedProvider;
use super::{instant_of, prices, span_of};
use crate::book::{Contract, Model, Plan, Settlement};
use crate::cost::fallback;
use crate::fault::{FaultKind, Faults};
use crate::rate::Factor;
use crate::row::{Axis, PricedRow};
use crate::written::{ContractText, PriceFile, Written};
use crate::{Credit, Currencies, FxRate};
use meter_call::{Meter, UnixMillis};
use meter_money::{PicoUsd, Ratio};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The classes of the wire; each has to be priced by some row of the provider.
pub(super) fn tiers(provider: &MergedProvider, models: &[Model], faults: &mut Faults) -> BTreeMap<String, String> {
    let overlays = models.iter().flat_map(|model| &model.rows).flat_map(|row| &row.row.when);
    let classes: BTreeSet<&str> =
        overlays.filter_map(|overlay| overlay.on.get(&Axis::Class)).flatten().map(String::as_str).collect();
    for class in provider.tiers.values() {
        if !matches!(class.value.as_str(), "" | "standard" | "unpriced") && !classes.contains(class.value.as_str()) {
            let message = format!("no rates of this provider know a class `{}`", class.value);
            let help = "\"\" is the standard class, \"unpriced\" capacity that is not billed per use";
            faults.push(FaultKind::UnknownClass, class.mark, message).help(help);
        }
    }
    provider.tiers.iter().map(|(word, class)| (word.clone(), class.value.clone())).collect()
}

pub(super) fn settlement(provider: &MergedProvider, faults: &mut Faults) -> Option<Settlement> {
    let text = provider.settlement.as_ref()?;
    let mut number = |written: &Written<String>| {
        let read = Ratio::literal(&written.value);
        read.map_err(|error| {
            faults.push(FaultKind::BadFigure, written.mark, format!("`{}`: {error}", written.value));
        })
        .ok()
    };
    let usd = text.usd.as_ref().map_or(Some(Ratio::ONE), &mut number);
    let check = text.check.as_ref().and_then(&mut number);
    let mut word = |written: &Option<Written<String>>, words: [&str; 2]| {
        let Some(written) = written else { return words[0].to_owned() };
        if !words.contains(&written.value.as_str()) {
            let message = format!("`{}` is none of the words that stand here", written.value);
            let help = words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(", ");
            faults.push(FaultKind::UnknownWord, written.mark, message).help(format!("one of: {help}"));
        }
        written.value.clone()
    };
    let prefer_provider = word(&text.prefer, ["provider_cost", "list"]) == "provider_cost";
    let missing_is_estimate = word(&text.missing, ["", "list"]) == "list";
    if let (Some(unit), None) = (&text.unit, &text.usd) {
        let message = format!("nothing says how many dollars a `{}` is", unit.value);
        faults.push(FaultKind::UnitMissing, unit.mark, message).help("add `usd = 1`");
    }
    Some(Settlement { prefer_provider, usd: usd?, check, missing_is_estimate })
}

pub(super) fn contracts(
    provider: &MergedProvider,
    models: &[Model],
    fees: &[Arc<PricedRow>],
    faults: &mut Faults,
) -> Vec<Contract> {
    let mut contracts: Vec<(Contract, crate::Mark)> = Vec::new();
    for text in &provider.contracts {
        let Some((from, until)) = span_of(&text.from, text.until.as_ref(), faults) else { continue };
        let factor = match &text.discount {
            None => None,
            Some(discount) => match remaining(&discount.value) {
                Some(factor) => Some(factor),
                None => {
                    let message = format!("`{}` is no discount in per cent, from 0 to below 100", discount.value);
                    faults.push(FaultKind::BadFigure, discount.mark, message);
                    continue;
                }
            },
        };
        let except = text.except.iter().map(|meter| meter.value).collect();
        let fixed = fixed(text, models, fees, faults);
        let credits = credits(text, (from, until), faults);
        let contract = Contract { name: text.name.value.clone(), from, until, factor, except, fixed, credits };
        let overlaps = |(other, _): &&(Contract, crate::Mark)| {
            other.until.is_none_or(|end| contract.from < end) && contract.until.is_none_or(|end| other.from < end)
        };
        if let Some((other, mark)) = contracts.iter().find(overlaps) {
            let message = format!("contracts `{}` and `{}` hold at the same time", other.name, contract.name);
            faults.push(FaultKind::SetTwice, text.mark, message).other(*mark, "the other contract");
            continue;
        }
        contracts.push((contract, text.mark));
    }
    contracts.into_iter().map(|(contract, _)| contract).collect()
}

/// The rows of the models with fixed prices, those prices in the place of the row's own.
fn fixed(
    text: &ContractText,
    models: &[Model],
    fees: &[Arc<PricedRow>],
    faults: &mut Faults,
) -> BTreeMap<String, (Arc<PricedRow>, BTreeSet<Meter>)> {
    let mut fixed = BTreeMap::new();
    for (at, terms) in text.rates.iter().enumerate() {
        if let Some(first) = text.rates[..at].iter().find(|first| first.model.value == terms.model.value) {
            let message = format!("`{}` has fixed prices already", terms.model.value);
            faults.push(FaultKind::SetTwice, terms.model.mark, message).other(first.model.mark, "first here");
            continue;
        }
        let Some(model) = models.iter().find(|model| model.id == terms.model.value) else {
            let message = format!("there is no model `{}`", terms.model.value);
            faults.push(FaultKind::UnknownTarget, terms.model.mark, message);
            continue;
        };
        let rates = prices::rates(&terms.rates, terms.free.is_some(), faults);
        let meters: BTreeSet<Meter> = rates.0.keys().copied().collect();
        let listed: BTreeSet<Meter> = model.rows.iter().chain(fees).flat_map(|row| row.row.priced_meters()).collect();
        for (meter, figure) in &terms.rates {
            if !std::iter::once(&meter.value).chain(fallback(meter.value)).any(|meter| listed.contains(meter)) {
                let message =
                    format!("`{}` has no list price for `{}`, so nothing is billed at this one", model.id, meter.value);
                let help = "add a row of prices, or `[[fees]]`, that lists it";
                faults.push(FaultKind::UnknownTarget, figure.mark, message).help(help);
            }
        }
        for list in &model.rows {
            let mut row = list.row.clone();
            row.rates.0.extend(rates.0.clone());
            row.contract = Some(text.name.value.clone());
            fixed.insert(list.id().to_owned(), (Arc::new(PricedRow::new(row, true)), meters.clone()));
        }
    }
    fixed
}

/// The amounts of a contract that spend is drawn from; each holds as long as the contract unless it says otherwise.
fn credits(text: &ContractText, holds: (UnixMillis, Option<UnixMillis>), faults: &mut Faults) -> Vec<Credit> {
    let mut credits = Vec::new();
    for credit in &text.credits {
        let amount = Ratio::literal(&credit.amount.value).and_then(PicoUsd::from_usd);
        let amount = match amount {
            Ok(amount) if amount > PicoUsd::ZERO => amount,
            Ok(_) => {
                faults.push(FaultKind::BadFigure, credit.amount.mark, "a credit is more than 0");
                continue;
            }
            Err(error) => {
                faults.push(FaultKind::BadFigure, credit.amount.mark, format!("`{}`: {error}", credit.amount.value));
                continue;
            }
        };
        let from = match &credit.from {
            Some(from) => instant_of(from, faults).unwrap_or(holds.0),
            None => holds.0,
        };
        let until = match &credit.until {
            Some(until) => instant_of(until, faults),
            None => holds.1,
        };
        if let (Some(end), Some(written)) = (until.filter(|end| *end <= from), &credit.until) {
            let message = format!("`until` is not after `from` ({})", crate::instant::print(end));
            faults.push(FaultKind::EndsBeforeItBegins, written.mark, message);
            continue;
        }
        let name = credit.name.clone().unwrap_or_else(|| text.name.value.clone());
        credits.push(Credit { name, amount, from, until });
    }
    credits
}

/// 12.5 per cent off leaves 0.875.
fn remaining(discount: &str) -> Option<Factor> {
    let per_cent = Ratio::whole(100).sub(Ratio::literal(discount).ok()?).ok()?;
    let left = per_cent.div(Ratio::whole(100)).ok()?;
    // A hundredth may have more decimals than a factor is written with.
    let factor = Factor::parse(&left.to_string()).or_else(|_| Factor::parse(&format!("{per_cent}/100"))).ok()?;
    (left.compare(Ratio::ZERO)? == std::cmp::Ordering::Greater).then_some(factor)
}

/// Rates of other currencies, by currency and `from`.
pub(super) fn currencies(files: &[PriceFile], faults: &mut Faults) -> Currencies {
    let mut rates: Vec<(FxRate, crate::Mark)> = Vec::new();
    for text in files.iter().flat_map(|file| &file.fx) {
        let code = &text.currency.value;
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let message = format!("`{code}` is no code of a currency");
            faults.push(FaultKind::UnknownWord, text.currency.mark, message).help("three capital letters, such as EUR");
            continue;
        }
        let per_usd = match Ratio::literal(&text.per_usd.value) {
            Ok(rate) if !rate.is_zero() => rate,
            Ok(_) => {
                faults.push(FaultKind::BadFigure, text.per_usd.mark, "a dollar is worth more than 0");
                continue;
            }
            Err(error) => {
                faults.push(FaultKind::BadFigure, text.per_usd.mark, format!("`{}`: {error}", text.per_usd.value));
                continue;
            }
        };
        let Some(from) = instant_of(&text.from, faults) else { continue };
        let same = |(rate, _): &&(FxRate, crate::Mark)| rate.currency == *code && rate.from == from;
        if let Some((_, mark)) = rates.iter().find(same) {
            let message = format!("`{code}` has another rate from the same instant on");
            faults.push(FaultKind::DuplicateFrom, text.from.mark, message).other(*mark, "the other rate");
            continue;
        }
        rates.push((FxRate { currency: code.clone(), from, per_usd }, text.from.mark));
    }
    let mut rates: Vec<FxRate> = rates.into_iter().map(|(rate, _)| rate).collect();
    rates.sort_by(|a, b| (&a.currency, a.from).cmp(&(&b.currency, b.from)));
    Currencies(rates)
}

pub(super) fn plans(provider: &MergedProvider, faults: &mut Faults) -> Vec<Plan> {
    let read = |text: &crate::PlanText| {
        let usd = Ratio::literal(&text.usd_month.value).and_then(PicoUsd::from_usd);
        match usd {
            Ok(usd_month) => Some(Plan { name: text.name.value.clone(), usd_month }),
            Err(error) => {
                let message = format!("`{}`: {error}", text.usd_month.value);
                faults.push(FaultKind::BadFigure, text.usd_month.mark, message);
                None
            }
        }
    };
    provider.plans.iter().filter_map(read).collect()
}
