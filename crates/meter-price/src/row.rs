//! A price row with everything resolved: what a bill needs and what is kept beside it.

use crate::window::Window;
use crate::{Factor, Rate, instant};
use meter_call::{Meter, Side, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// One dated row of one model (or the fees of a provider, whose model is [`FEES`]).
///
/// Its JSON is the record of a price: nothing it says depends on another row, so an amount can be derived from it after
/// the manifest has changed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub provider: String,
    pub model: String,
    #[serde(with = "instant::text")]
    pub from: UnixMillis,
    #[serde(with = "instant::maybe_text")]
    pub until: Option<UnixMillis>,
    pub source: String,
    pub checked: Option<String>,
    pub basis: Option<String>,
    pub note: Option<String>,
    pub free: Option<String>,
    /// `provider/model` it was taken over from.
    pub like: Option<String>,
    /// Name of the contract whose fixed prices stand in `rates`.
    pub contract: Option<String>,
    pub rates: Rates,
    pub context: Vec<Tier>,
    pub when: Vec<Overlay>,
    pub windows: BTreeMap<String, Window>,
    /// Fewest tokens that a cache keeps; no price, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_min_tokens: Option<u64>,
    /// What is free to begin with; never taken off an amount, because nobody here sees the whole account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<Quota>,
}

/// A free quota, as information.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// What is free.
    pub meter: Meter,
    /// How many of the meter's unit.
    pub quantity: u64,
    /// `minute`, `day` or `month`.
    pub per: String,
    /// Name of the group of models that share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
}

/// Stands for a model in the id of a row that holds for all models of a provider.
pub const FEES: &str = "[fees]";

/// Prices by meter.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Rates(pub BTreeMap<Meter, Price>);

/// What a meter costs, or which other meter it costs the same as.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Price {
    Rate(Rate),
    As(Meter),
}

/// Prices of long prompts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tier {
    pub bound: Bound,
    /// Only the tokens over the bound pay it, not the whole request.
    #[serde(default, skip_serializing_if = "is_false")]
    pub excess: bool,
    pub effect: TierEffect,
}

/// From which prompt size on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    Over(u64),
    AtLeast(u64),
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TierEffect {
    Rates(Rates),
    Scale { input: Option<Factor>, output: Option<Factor> },
}

/// What changes under conditions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Overlay {
    pub on: BTreeMap<Axis, BTreeSet<String>>,
    pub effect: Effect,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    Scale { by: Factor, keep: BTreeSet<Meter>, only: Option<BTreeSet<Meter>> },
    Rates { rates: Rates, context: Vec<Tier> },
}

/// What a condition can look at, in the order bills print multipliers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Processing class: `batch`, `flex`, `priority`, `fast`, …
    Class,
    /// Time of day.
    Window,
    /// Geography or residency.
    Geo,
    /// Real provider behind a marketplace.
    Route,
    /// Thinking switched on.
    Thinking,
    /// `explicit` or `implicit` cache.
    CacheMode,
    /// Search context size.
    SearchContext,
    /// Image size.
    Size,
    /// Image quality.
    Quality,
    /// Video resolution.
    Resolution,
}

impl Axis {
    /// Every axis by its key in price files.
    pub const ALL: &'static [(&'static str, Axis)] = &[
        ("class", Axis::Class),
        ("window", Axis::Window),
        ("geo", Axis::Geo),
        ("route", Axis::Route),
        ("thinking", Axis::Thinking),
        ("cache_mode", Axis::CacheMode),
        ("search_context", Axis::SearchContext),
        ("size", Axis::Size),
        ("quality", Axis::Quality),
        ("resolution", Axis::Resolution),
    ];

    /// The key in price files.
    pub fn name(self) -> &'static str {
        Axis::ALL.iter().find(|(_, axis)| *axis == self).map_or("", |(name, _)| name)
    }

    /// The axis of that key.
    pub fn named(name: &str) -> Option<Axis> {
        Axis::ALL.iter().find(|(known, _)| *known == name).map(|(_, axis)| *axis)
    }
}

impl Bound {
    pub(crate) fn reached(self, prompt_tokens: u64) -> bool {
        match self {
            Bound::Over(bound) => prompt_tokens > bound,
            Bound::AtLeast(bound) => prompt_tokens >= bound,
        }
    }

    /// The smallest prompt that reaches it.
    pub(crate) fn first(self) -> u64 {
        match self {
            Bound::Over(bound) => bound.saturating_add(1),
            Bound::AtLeast(bound) => bound,
        }
    }

    /// The name of its multiplier.
    pub(crate) fn name(self) -> String {
        match self {
            Bound::Over(bound) => format!("context>{bound}"),
            Bound::AtLeast(bound) => format!("context>={bound}"),
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Row {
    /// Meters with a price under some condition.
    pub(crate) fn priced_meters(&self) -> impl Iterator<Item = Meter> + '_ {
        let overlays = self.when.iter().filter_map(|overlay| match &overlay.effect {
            Effect::Rates { rates, .. } => Some(rates),
            Effect::Scale { .. } => None,
        });
        std::iter::once(&self.rates).chain(overlays).flat_map(|rates| rates.0.keys().copied())
    }

    /// Whether some overlay speaks of a class.
    pub(crate) fn knows_class(&self, class: &str) -> bool {
        self.when.iter().any(|overlay| overlay.on.get(&Axis::Class).is_some_and(|values| values.contains(class)))
    }

    /// Whether some tier is for the excess over its bound only.
    pub(crate) fn graduated(&self) -> bool {
        let overlays = self.when.iter().filter_map(|overlay| match &overlay.effect {
            Effect::Rates { context, .. } => Some(context),
            Effect::Scale { .. } => None,
        });
        std::iter::once(&self.context).chain(overlays).flatten().any(|tier| tier.excess)
    }
}

/// The highest tier that a prompt reaches; tiers rise.
pub(crate) fn reached(tiers: &[Tier], prompt_tokens: u64) -> Option<&Tier> {
    tiers.iter().rev().find(|tier| tier.bound.reached(prompt_tokens))
}

impl Rates {
    pub(crate) fn get(&self, meter: Meter) -> Option<&Price> {
        self.0.get(&meter)
    }

    /// Meters of tokens with a price of their own, not one that names another meter.
    pub(crate) fn token_meters(&self) -> impl Iterator<Item = Meter> + '_ {
        self.0.iter().filter(|(meter, price)| is_token(**meter) && matches!(price, Price::Rate(_))).map(|(m, _)| *m)
    }
}

pub(crate) fn is_token(meter: Meter) -> bool {
    meter.side() != Side::Unit
}

/// Whether a meter counts what a model itself makes or reads, not what a tool or the provider charges beside it.
pub(crate) fn is_own_work(meter: Meter) -> bool {
    let made =
        [Meter::Query, Meter::Image, Meter::Video, Meter::Audio, Meter::Characters, Meter::Page, Meter::TextMessage];
    is_token(meter) || made.contains(&meter)
}

impl TierEffect {
    /// The factor on a bucket; fees have none, whatever the prompt's size.
    pub(crate) fn scales(&self, bucket: Meter) -> Option<&Factor> {
        let TierEffect::Scale { input, output } = self else { return None };
        match bucket.side() {
            Side::Input => input.as_ref(),
            Side::Output => output.as_ref(),
            Side::Unit => None,
        }
    }
}

impl Effect {
    /// Whether the factor (if it is one) touches a bucket that is priced as `priced_as`.
    pub(crate) fn scales(&self, bucket: Meter, priced_as: Meter) -> Option<&Factor> {
        let Effect::Scale { by, keep, only } = self else { return None };
        let named = |set: &BTreeSet<Meter>| set.contains(&bucket) || set.contains(&priced_as);
        let touched = match only {
            Some(only) => named(only),
            None => is_token(bucket) && !named(keep),
        };
        touched.then_some(by)
    }
}

/// A row with its id and its JSON, made once, when a call first uses it: most rows of a book are never used.
#[derive(Clone, Debug)]
pub(crate) struct PricedRow {
    pub row: Row,
    record: OnceLock<(String, String)>,
    /// Came from the user's layer.
    pub user: bool,
}

impl PricedRow {
    pub(crate) fn new(row: Row, user: bool) -> PricedRow {
        PricedRow { row, record: OnceLock::new(), user }
    }

    /// `provider/model@from#hash`.
    pub(crate) fn id(&self) -> &str {
        &self.record().0
    }

    /// The row as it is kept beside a bill.
    pub(crate) fn json(&self) -> &str {
        &self.record().1
    }

    fn record(&self) -> &(String, String) {
        self.record.get_or_init(|| {
            let row = &self.row;
            let json = serde_json::to_string(row).expect("maps with text keys and plain values always serialise");
            let hash = blake3::hash(json.as_bytes()).to_hex();
            (format!("{}/{}@{}#{}", row.provider, row.model, instant::print(row.from), &hash[..8]), json)
        })
    }

    pub(crate) fn holds(&self, at: UnixMillis) -> bool {
        self.row.from <= at && self.row.until.is_none_or(|until| at < until)
    }
}
