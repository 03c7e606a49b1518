//! The tables of `sources.toml`.

use meter_call::Meter;
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
}

impl Source {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Litellm => "litellm",
            Source::GenaiPrices => "genai-prices",
        }
    }

    pub(crate) fn tables(self) -> &'static Tables {
        match self {
            Source::Litellm => &ALL.litellm,
            Source::GenaiPrices => &ALL.genai_prices,
        }
    }
}

impl FromStr for Source {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Source::Litellm, Source::GenaiPrices];
        all.into_iter().find(|source| source.name() == text).ok_or_else(|| format!("no price list is called `{text}`"))
    }
}

/// How one list is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tables {
    pub field: BTreeMap<String, Meter>,
    pub class: BTreeMap<String, String>,
    pub provider: Vec<ProviderMap>,
}

/// A provider there and here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderMap {
    pub theirs: String,
    pub ours: String,
    #[serde(default)]
    pub strip: String,
}

impl Tables {
    pub(crate) fn provider(&self, theirs: &str) -> Option<&ProviderMap> {
        self.provider.iter().find(|provider| provider.theirs == theirs)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    litellm: Tables,
    genai_prices: Tables,
}

static ALL: LazyLock<All> =
    LazyLock::new(|| toml::from_str(include_str!("../sources.toml")).expect("a test reads the bundled tables"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_read() {
        for source in [Source::Litellm, Source::GenaiPrices] {
            assert!(source.tables().provider.len() > 10);
            assert_eq!(source.name().parse(), Ok(source));
        }
        assert!("lite".parse::<Source>().is_err());
    }
}
