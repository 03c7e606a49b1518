//! The tables of `sources.toml`.

use crate::figure::{Figure, condition};
use meter_call::Meter;
use meter_money::Ratio;
use meter_price::{Axis, Unit};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::LazyLock;

/// A public price list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// `model_prices_and_context_window.json`: dollars per token, current prices.
    Litellm,
    /// `data.json`: dollars per million tokens, dated rows.
    GenaiPrices,
    /// `snapshot.json`: dollars per million tokens, with the history of every model.
    ModelPrices,
}

impl Source {
    /// Every list that is known.
    pub const ALL: [Source; 3] = [Source::Litellm, Source::GenaiPrices, Source::ModelPrices];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Litellm => "litellm",
            Source::GenaiPrices => "genai-prices",
            Source::ModelPrices => "model-prices",
        }
    }

    pub(crate) fn tables(self) -> &'static Tables {
        match self {
            Source::Litellm => &ALL.litellm,
            Source::GenaiPrices => &ALL.genai_prices,
            Source::ModelPrices => &ALL.model_prices,
        }
    }
}

impl FromStr for Source {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Source::ALL.into_iter().find(|source| source.name() == text);
        found
            .ok_or_else(|| format!("no price list is called `{text}`: litellm, genai-prices and model-prices are read"))
    }
}

/// How one list is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tables {
    /// Token meters by their key.
    pub field: BTreeMap<String, Meter>,
    /// Fees by their key.
    #[serde(default)]
    pub fee: Vec<Fee>,
    /// Multipliers of every token meter.
    #[serde(default)]
    pub factor: Vec<FactorField>,
    /// Word, or `key=word`, → `axis=value`.
    pub condition: BTreeMap<String, String>,
    /// Providers that are read.
    pub provider: Vec<ProviderMap>,
}

/// A fee there and here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fee {
    pub field: String,
    pub meter: Meter,
    /// Unit as price files name it, where the list's is not the usual one.
    unit: Option<String>,
    /// The amount is for this many of the meter's own unit.
    #[serde(default = "one")]
    per: u32,
    /// Only of these providers of theirs; of all without any.
    #[serde(default)]
    pub providers: Vec<String>,
    /// Only of entries of these modes.
    #[serde(default)]
    modes: Vec<String>,
    /// `axis=value` that the field itself says.
    on: Option<String>,
    /// Key of an inner object → `axis=value`.
    #[serde(default)]
    pub by: BTreeMap<String, String>,
}

/// A multiplier there and here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactorField {
    /// Key, or the keys of an object and of what is in it, joined by a point.
    pub field: String,
    on: String,
}

/// A provider there and here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderMap {
    pub theirs: String,
    pub ours: String,
    #[serde(default)]
    pub strip: String,
    /// Prefixes that are regions, not part of the name.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The entry that holds fees of all models.
    pub fees_of: Option<String>,
    /// `axis=value` that holds for all of its models.
    pub on: Option<String>,
    /// Meter of writes that live long.
    pub write_long: Option<Meter>,
    /// A price of reasoning is that of an answer with thinking switched on.
    #[serde(default)]
    pub reasoning_is_thinking: bool,
}

const fn one() -> u32 {
    1
}

impl Tables {
    pub(crate) fn provider(&self, theirs: &str) -> Option<&ProviderMap> {
        self.provider.iter().find(|provider| provider.theirs == theirs)
    }

    /// What a word of the list stands for among our conditions.
    pub(crate) fn condition(&self, word: &str) -> Option<(Axis, &str)> {
        condition(self.condition.get(word)?)
    }
}

impl Fee {
    pub(crate) fn fits(&self, theirs: &str, mode: &str) -> bool {
        let one_of = |list: &[String], word: &str| list.is_empty() || list.iter().any(|one| one == word);
        one_of(&self.providers, theirs) && one_of(&self.modes, mode)
    }

    pub(crate) fn figure(&self) -> Figure {
        let on = self.on.as_deref().and_then(condition);
        on.into_iter().fold(Figure::of(self.meter), Figure::on)
    }

    pub(crate) fn unit(&self) -> Option<Unit> {
        let word = self.unit.as_deref()?;
        Unit::of(self.meter).iter().copied().find(|unit| unit.one() == word)
    }

    /// What makes the amount one for a single unit.
    pub(crate) fn times(&self) -> Ratio {
        Ratio::ONE.div(Ratio::whole(i128::from(self.per))).unwrap_or(Ratio::ONE)
    }
}

impl FactorField {
    pub(crate) fn on(&self) -> (Axis, &str) {
        condition(&self.on).expect("a test reads the bundled tables")
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    litellm: Tables,
    genai_prices: Tables,
    model_prices: Tables,
}

static ALL: LazyLock<All> =
    LazyLock::new(|| toml::from_str(include_str!("../sources.toml")).expect("a test reads the bundled tables"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_read() {
        for source in Source::ALL {
            let tables = source.tables();
            assert!(tables.provider.len() > 10);
            assert_eq!(source.name().parse(), Ok(source));
            for word in tables.condition.keys() {
                assert!(tables.condition(word).is_some(), "{word}");
            }
            for fee in &tables.fee {
                let named = fee.on.iter().chain(fee.by.values());
                assert!(named.into_iter().all(|on| condition(on).is_some()), "{}", fee.field);
                assert_eq!(fee.unit.is_some(), fee.unit().is_some(), "{}: {:?}", fee.field, fee.unit);
                assert!(fee.providers.iter().all(|theirs| tables.provider(theirs).is_some()), "{}", fee.field);
            }
            assert!(tables.factor.iter().all(|factor| condition(&factor.on).is_some()));
            assert!(tables.provider.iter().all(|p| p.on.as_deref().is_none_or(|on| condition(on).is_some())));
        }
        assert!("lite".parse::<Source>().is_err());
    }
}
