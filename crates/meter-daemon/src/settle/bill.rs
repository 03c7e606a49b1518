//! The amounts of one reading.

use super::estimate::{self, Estimate};
use super::{COST_DRIFT, Exchange, PARTLY_UNPRICED, TIER_AS_REQUESTED, worst};
use meter_call::{Buckets, CostLine, Evidence, Meter, PriceUse, Side, UsageState};
use meter_money::PicoUsd;
use meter_price::{Attributes, Costing, Drift, PriceBook, Query, Served, price};
use meter_tap::Finish;
use meter_wire::CallReading;

/// Kind of the rows whose usage a later read brings.
const BACKGROUND: &str = "background";

/// What a call costs and how sure that is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bill {
    pub lines: Vec<CostLine>,
    pub prices: Vec<PriceUse>,
    pub list: Option<PicoUsd>,
    pub contract: Option<PicoUsd>,
    pub charged: Option<PicoUsd>,
    pub provider_cost: Option<PicoUsd>,
    pub evidence: Evidence,
    pub estimated: Option<Estimate>,
    /// The price class that was asked for.
    pub class: Option<String>,
    pub flags: Vec<&'static str>,
}

impl Bill {
    /// Nothing was or could be billed.
    pub(super) fn nothing() -> Bill {
        Bill {
            list: Some(PicoUsd::default()),
            contract: Some(PicoUsd::default()),
            charged: Some(PicoUsd::default()),
            ..Bill::unknown(Evidence::None)
        }
    }

    fn unknown(evidence: Evidence) -> Bill {
        Bill {
            lines: Vec::new(),
            prices: Vec::new(),
            list: None,
            contract: None,
            charged: None,
            provider_cost: None,
            evidence,
            estimated: None,
            class: None,
            flags: Vec::new(),
        }
    }
}

/// The bill of a costed call that was not refused.
pub(super) fn of(book: &PriceBook, exchange: &Exchange, reading: &CallReading, batched: bool) -> Bill {
    if reading.usage == UsageState::None && reading.provider_cost.is_none() {
        return without_usage(book, exchange, reading);
    }
    let prices = &exchange.target.prices;
    let attributes = attributes(book, exchange, reading, batched);
    let costing = cost(book, exchange, reading, &attributes);
    let mut flags = Vec::new();
    let settled = match meter_price::settle(book, prices, &costing, reading.provider_cost.as_deref()) {
        Ok(settled) => settled,
        Err(error) => {
            tracing::warn!(%error, "settle.provider_cost_unreadable");
            flags.push("provider_cost_unreadable");
            match meter_price::settle(book, prices, &costing, None) {
                Ok(settled) => settled,
                Err(_) => return Bill { flags, ..Bill::unknown(Evidence::Unpriced) },
            }
        }
    };
    let by_provider = settled.evidence == Evidence::ProviderCost;
    let partial = reading.usage == UsageState::Partial && !by_provider;
    if settled.drift == Drift::Over {
        flags.push(COST_DRIFT);
    }
    let guessed_tier = attributes.class_requested && !by_provider;
    if guessed_tier {
        flags.push(TIER_AS_REQUESTED);
    }
    if costing.is_partly_unpriced() {
        flags.push(PARTLY_UNPRICED);
    }
    Bill {
        evidence: worst([
            settled.evidence,
            if partial { Evidence::PartialStream } else { Evidence::None },
            if guessed_tier { Evidence::Estimated } else { Evidence::None },
        ]),
        estimated: partial.then(|| estimate::of(book, exchange, reading)).flatten(),
        lines: costing.lines,
        prices: costing.prices,
        list: costing.list,
        contract: costing.contract,
        charged: settled.cost,
        provider_cost: settled.provider_cost,
        class: attributes.class,
        flags,
    }
}

/// The wire gave no numbers. A provider that refused bills nothing, and neither does one that never got the whole
/// request; everything else may have been billed.
fn without_usage(book: &PriceBook, exchange: &Exchange, reading: &CallReading) -> Bill {
    let refused = reading.error.is_some() && reading.unknown.is_empty();
    // Sent elsewhere (3xx) is no error, and nothing was made either; what is asked there is another exchange.
    let by_status = exchange.http_status.is_some_and(|status| status >= 300);
    let unasked = !exchange.asked && exchange.http_status.is_none() && exchange.finish != Finish::Opaque;
    if refused || by_status || unasked {
        return Bill::nothing();
    }
    // An answer that comes later: its bytes are not here, and nothing can be told from those of the receipt.
    if reading.kind.as_deref() == Some(BACKGROUND) {
        return Bill { flags: vec!["usage_later"], ..Bill::unknown(Evidence::Unpriced) };
    }
    let estimated = estimate::of(book, exchange, reading);
    let evidence = if estimated.is_some() { Evidence::Estimated } else { Evidence::Unpriced };
    Bill { estimated, flags: vec!["estimated_from_bytes"], ..Bill::unknown(evidence) }
}

/// The conditions of the call.
fn attributes(book: &PriceBook, exchange: &Exchange, reading: &CallReading, batched: bool) -> Attributes {
    let reasoning_known = !reading.unknown.contains(&Meter::Reasoning);
    let served = Served {
        batched,
        speed: reading.speed.as_deref(),
        service_tier: reading.service_tier.as_deref(),
        geo: reading.geo.as_deref(),
        route: exchange.upstream(reading),
        thinking: reasoning_known.then(|| reading.buckets.count(Meter::Reasoning) > 0),
        conditions: &reading.conditions,
    };
    book.attributes(&exchange.target.prices, &served)
}

/// Prices the reading: as a whole, or each sub-step at its own model and the fees at the answered one.
fn cost(book: &PriceBook, exchange: &Exchange, reading: &CallReading, attributes: &Attributes) -> Costing {
    let model = reading.model().unwrap_or_default();
    let at = exchange.ended_at;
    let provider = exchange.target.prices.as_str();
    let one = |model: &str, usage: &Buckets| price(book, &Query { provider, model, at, usage, attributes });
    if reading.lines.is_empty() {
        return one(model, &reading.buckets);
    }
    let fees: Buckets = reading.buckets.iter().filter(|(meter, _)| meter.side() == Side::Unit).collect();
    let steps = reading.lines.iter().map(|line| one(line.model.as_deref().unwrap_or(model), &line.buckets));
    let fees = (!fees.is_empty()).then(|| one(model, &fees));
    Costing::join(steps.chain(fees))
}
