//! What else a price may depend on.

use serde::{Deserialize, Serialize};

/// Conditions of a call that no other field tells and that a price row may ask for, in the wire's own words.
///
/// They are kept with the call, so that another price list finds it as it was. `None` = not stated.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Price class of a surface that has prices of its own, whatever tier served it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Tier that was asked for. It counts where the answer does not say what was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_requested: Option<String>,
    /// Image size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Image quality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// Video resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// Size of the context that a search brings along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_context: Option<String>,
    /// `explicit` or `implicit`: how the prompt cache was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_mode: Option<String>,
}

impl Conditions {
    /// What is stated, as name and value.
    pub fn stated(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Conditions { class, tier_requested, size, quality, resolution, search_context, cache_mode } = self;
        [
            ("price class", class),
            ("tier asked for", tier_requested),
            ("size", size),
            ("quality", quality),
            ("resolution", resolution),
            ("search context", search_context),
            ("cache mode", cache_mode),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// These, and of `others` what is not stated here.
    #[must_use]
    pub fn or(self, others: Conditions) -> Conditions {
        Conditions {
            class: self.class.or(others.class),
            tier_requested: self.tier_requested.or(others.tier_requested),
            size: self.size.or(others.size),
            quality: self.quality.or(others.quality),
            resolution: self.resolution.or(others.resolution),
            search_context: self.search_context.or(others.search_context),
            cache_mode: self.cache_mode.or(others.cache_mode),
        }
    }
}
