//! What a dialect read of one call.

use meter_call::{Buckets, Conditions, ErrorClass, Meter, UsageState};
use std::collections::BTreeSet;

/// Whether a stream ended as its dialect says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StreamEnd {
    /// Not a stream.
    #[default]
    None,
    /// The terminal marker was seen.
    Normal,
    /// It was not.
    Truncated,
    /// An error ended it.
    Error,
}

impl StreamEnd {
    /// The word used in samples and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            StreamEnd::None => "none",
            StreamEnd::Normal => "normal",
            StreamEnd::Truncated => "truncated",
            StreamEnd::Error => "error",
        }
    }
}

/// Token buckets of one sub-step that has a model of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ModelLine {
    /// Its model: where none is named the answered one, else the requested; `None` = no message names any.
    pub model: Option<String>,
    /// Token buckets of this model.
    pub buckets: Buckets,
}

/// An error the provider reported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WireError {
    /// Class of the closed set.
    pub class: ErrorClass,
    /// The provider's own code, cut at a `:`.
    pub code: Option<String>,
    /// Status stated inside the message (WebSocket).
    pub status: Option<u16>,
}

/// Everything the wire said about one call. Texts are at most 512 bytes each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallReading {
    /// The request asked for a stream, or the answer was one.
    pub stream: bool,
    /// Model asked for.
    pub model_requested: Option<String>,
    /// Model that answered.
    pub model_answered: Option<String>,
    /// The name in the price list, where the dialect says that it is not the answered one.
    pub model_billed: Option<String>,
    /// Request id.
    pub request_id: Option<String>,
    /// Answer id.
    pub response_id: Option<String>,
    /// Served tier.
    pub service_tier: Option<String>,
    /// Served speed.
    pub speed: Option<String>,
    /// Where it was computed.
    pub geo: Option<String>,
    /// Azure deployment.
    pub deployment: Option<String>,
    /// Real provider behind a gateway.
    pub upstream: Option<String>,
    /// Stop reason.
    pub finish: Option<String>,
    /// What else a price may depend on.
    pub conditions: Conditions,
    /// The request's output cap in tokens.
    pub max_output: Option<u64>,
    /// Kind named by the dialect; `None` = the endpoint's.
    pub kind: Option<String>,
    /// How the stream ended.
    pub stream_end: StreamEnd,
    /// What is known of usage.
    pub usage: UsageState,
    /// Counts of the whole call: tokens and units.
    pub buckets: Buckets,
    /// Buckets that must be NULL, not 0.
    pub unknown: BTreeSet<Meter>,
    /// When the call was served by several models: token buckets by model; they sum to `buckets`. Empty = one model.
    pub lines: Vec<ModelLine>,
    /// The provider's own amount in USD, exact decimal text.
    pub provider_cost: Option<String>,
    /// The provider's error.
    pub error: Option<WireError>,
    /// `usage_inconsistent`, `cache_write_split_from_start`, `undecodable`, `body_limit`, …
    pub flags: BTreeSet<String>,
    /// Row key within the exchange (`[rows] key`), when the dialect has one.
    pub row_key: Option<String>,
    /// Number of the row within the exchange, from 1, in the order rows were opened.
    pub turn: u32,
    /// Number of the client's message that asked for the row, from 1; `None` where no message of its own did.
    pub asked: Option<u64>,
    /// Answer bytes after content decoding, for estimates.
    pub answer_bytes: u64,
    /// Request bytes after content decoding, for estimates.
    pub request_bytes: u64,
}

impl CallReading {
    /// A read of an earlier call says its last word: final numbers, or nothing but what it cost. A cost of 0 before any
    /// number may be that of a call that runs.
    pub fn is_last_word(&self) -> bool {
        let costs =
            || self.provider_cost.as_deref().is_some_and(|usd| usd.bytes().any(|digit| matches!(digit, b'1'..=b'9')));
        self.usage == UsageState::Final || (self.usage == UsageState::None && self.error.is_none() && costs())
    }

    /// The model that is priced and named in rows: the billed one, else the one that answered, else the one asked for.
    pub fn model(&self) -> Option<&str> {
        self.model_billed.as_deref().or(self.model_answered.as_deref()).or(self.model_requested.as_deref())
    }
}
