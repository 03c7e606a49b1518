//! The closed list of meters.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Which part of a bill a meter belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Prompt tokens of any kind: they count for context tiers.
    Input,
    /// Answer tokens of any kind.
    Output,
    /// Anything that is not a token: searches, images, seconds.
    Unit,
}

macro_rules! meters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $side:ident;)*) => {
        /// A count that overlaps no other, by the name that price files and dialects use.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Meter { $($(#[$doc])* $variant,)* }

        impl Meter {
            /// Every meter there is, in the order bills print them.
            pub const ALL: &'static [Meter] = &[$(Meter::$variant,)*];

            /// The name in manifests, rows and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Meter::$variant => $name,)* }
            }

            /// Prompt, answer or neither.
            pub const fn side(self) -> Side {
                match self { $(Meter::$variant => Side::$side,)* }
            }
        }
    };
}

meters! {
    /// Uncached prompt tokens that are in no other prompt bucket.
    Input = "input", Input;
    /// Prompt tokens read from a cache.
    CacheRead = "cache_read", Input;
    /// Prompt tokens written to a cache of the provider's default lifetime.
    CacheWrite = "cache_write", Input;
    /// Written for 5 minutes.
    CacheWrite5m = "cache_write_5m", Input;
    /// Written for 30 minutes.
    CacheWrite30m = "cache_write_30m", Input;
    /// Written for 1 hour.
    CacheWrite1h = "cache_write_1h", Input;
    /// Written for 12 hours.
    CacheWrite12h = "cache_write_12h", Input;
    /// Uncached audio prompt tokens.
    InputAudio = "input_audio", Input;
    /// Uncached image prompt tokens.
    InputImage = "input_image", Input;
    /// Uncached video prompt tokens.
    InputVideo = "input_video", Input;
    /// Audio prompt tokens read from a cache.
    CacheReadAudio = "cache_read_audio", Input;
    /// Image prompt tokens read from a cache.
    CacheReadImage = "cache_read_image", Input;
    /// Video prompt tokens read from a cache.
    CacheReadVideo = "cache_read_video", Input;
    /// Visible answer tokens; all of the answer when reasoning is not reported.
    Output = "output", Output;
    /// Reasoning tokens.
    Reasoning = "reasoning", Output;
    /// Audio answer tokens.
    OutputAudio = "output_audio", Output;
    /// Image answer tokens.
    OutputImage = "output_image", Output;
    /// Video answer tokens.
    OutputVideo = "output_video", Output;
    /// Citation tokens billed beside the answer.
    Citation = "citation", Output;
    /// Web searches.
    WebSearch = "web_search", Unit;
    /// Web pages fetched.
    WebFetch = "web_fetch", Unit;
    /// Searches of the X network.
    XSearch = "x_search", Unit;
    /// Searches of a provider's document collections.
    CollectionsSearch = "collections_search", Unit;
    /// Grounding with web search.
    Grounding = "grounding", Unit;
    /// Grounding with maps.
    MapsGrounding = "maps_grounding", Unit;
    /// File searches.
    FileSearch = "file_search", Unit;
    /// Code interpreter sessions or calls.
    CodeInterpreter = "code_interpreter", Unit;
    /// Token-hours of cache storage.
    CacheStorage = "cache_storage", Unit;
    /// Rerank or search queries.
    Query = "query", Unit;
    /// A flat fee for the request.
    Request = "request", Unit;
    /// Images made.
    Image = "image", Unit;
    /// Seconds of video.
    Video = "video", Unit;
    /// Seconds of audio.
    Audio = "audio", Unit;
    /// Characters.
    Characters = "characters", Unit;
    /// Pages.
    Page = "page", Unit;
    /// Text messages.
    TextMessage = "text_message", Unit;
}

/// The text names no meter.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown meter `{0}`")]
pub struct UnknownMeter(pub String);

impl FromStr for Meter {
    type Err = UnknownMeter;
    fn from_str(text: &str) -> Result<Self, UnknownMeter> {
        Meter::ALL.iter().copied().find(|m| m.name() == text).ok_or_else(|| UnknownMeter(text.to_owned()))
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl TryFrom<String> for Meter {
    type Error = UnknownMeter;
    fn try_from(text: String) -> Result<Self, UnknownMeter> {
        text.parse()
    }
}

impl From<Meter> for String {
    fn from(meter: Meter) -> Self {
        meter.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        for meter in Meter::ALL {
            assert_eq!(meter.name().parse::<Meter>(), Ok(*meter));
        }
    }
}
