//! What is asked and what is answered.

use meter_call::{Buckets, Conditions, CostLine, Evidence, PriceUse, UnixMillis};
use meter_money::PicoUsd;
use std::fmt;

/// Conditions of a call that overlays of a price row may depend on. `None` = not known or not stated.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attributes {
    /// `batch`, `flex`, `priority`, `fast`, … or the wire's own word for the served tier, which the price file's `[tiers]`
    /// translates ([`crate::PriceBook::class`] picks it); `None` = standard.
    pub class: Option<String>,
    /// No served tier was named; `class` is what was asked for, so the amount is an estimate.
    pub class_requested: bool,
    /// Inference geography or residency.
    pub geo: Option<String>,
    /// Real provider behind a marketplace.
    pub route: Option<String>,
    /// Search context size.
    pub search_context: Option<String>,
    /// Image size.
    pub size: Option<String>,
    /// Image quality.
    pub quality: Option<String>,
    /// Video resolution.
    pub resolution: Option<String>,
    /// `explicit` or `implicit` cache.
    pub cache_mode: Option<String>,
    /// Thinking switched on.
    pub thinking: Option<bool>,
}

/// What the wire said of a call besides its counts: all that [`Attributes`] are made of, in the wire's own words.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// Result of a batch.
    pub batched: bool,
    /// `speed` of the answer.
    pub speed: Option<&'a str>,
    /// Tier that was served.
    pub service_tier: Option<&'a str>,
    /// Inference geography or residency.
    pub geo: Option<&'a str>,
    /// Real provider behind a marketplace.
    pub route: Option<&'a str>,
    /// Whether there was any reasoning; `None` = not reported.
    pub thinking: Option<bool>,
    /// The rest.
    pub conditions: &'a Conditions,
}

/// One call (or one sub-step of it at its own model) to price.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Price file's provider id, from the route.
    pub provider: &'a str,
    /// Exact model name, as on the wire.
    pub model: &'a str,
    /// When the answer ended, or when the provider says it did.
    pub at: UnixMillis,
    /// Disjoint counts.
    pub usage: &'a Buckets,
    /// Conditions.
    pub attributes: &'a Attributes,
}

/// Why (part of) a call has no amount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WhyUnpriced {
    /// No price file of that provider.
    NoProvider,
    /// No id, alias or pattern matches; the nearest ids.
    NoModel(Vec<String>),
    /// The model has no row that holds at that instant.
    NoRow,
    /// Served from capacity that is not billed per token; the wire's word for it.
    NoClass(String),
    /// The row has no rate for this meter.
    NoMeter(meter_call::Meter),
    /// The amount does not fit.
    Overflow,
}

/// One sentence without a full stop, for `status` and reports.
impl fmt::Display for WhyUnpriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyUnpriced::NoProvider => f.write_str("no price file speaks of this provider"),
            WhyUnpriced::NoModel(near) if near.is_empty() => f.write_str("no price knows this model"),
            WhyUnpriced::NoModel(near) => write!(f, "no price knows this model; near names: {}", near.join(", ")),
            WhyUnpriced::NoRow => f.write_str("the model has no price that holds at that time"),
            WhyUnpriced::NoClass(word) => write!(f, "`{word}` is capacity that is not billed per use"),
            WhyUnpriced::NoMeter(meter) => write!(f, "the model has no price for `{meter}`"),
            WhyUnpriced::Overflow => f.write_str("the amount is too large to be kept"),
        }
    }
}

/// The bill of one query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Costing {
    /// One line per bucket above 0, at the contract where there is one; unpriced ones included, with no amount.
    pub lines: Vec<CostLine>,
    /// Sum of the list amounts; `None` when nothing is priced. With [`Costing::unpriced`] not empty it is incomplete.
    pub list: Option<PicoUsd>,
    /// Sum of `lines`: at the user's contract; equals `list` without one.
    pub contract: Option<PicoUsd>,
    /// [`Evidence::ProviderUsage`], [`Evidence::Estimated`] or [`Evidence::Unpriced`]: the worst of the lines.
    pub evidence: Evidence,
    /// The rows used.
    pub prices: Vec<PriceUse>,
    /// Why something has no amount; empty when all is priced.
    pub unpriced: Vec<WhyUnpriced>,
    /// Reasons for [`Evidence::Estimated`], for people.
    pub guesses: Vec<String>,
}

impl Costing {
    /// Some of it has no price and some has: the sums are lower bounds.
    pub fn is_partly_unpriced(&self) -> bool {
        !self.unpriced.is_empty() && self.list.is_some()
    }
}
