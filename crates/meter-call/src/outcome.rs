//! How a call ended and how sure its cost is.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word in rows, JSON and TOML.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The value of a word; `None` when it is none of ours.
            pub fn from_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// What an endpoint means for the bill.
    EndpointClass {
        /// Priced, one row.
        Costed = "costed",
        /// A row that costs nothing by definition (token counting).
        ZeroCost = "zero_cost",
        /// Seen and counted, no cost.
        Observed = "observed",
    }
}

words! {
    /// How a call ended, for the person who reads the row.
    Status {
        /// The answer came whole.
        Success = "success",
        /// The provider or the network answered with an error.
        Error = "error",
        /// The client left first.
        Cancelled = "cancelled",
        /// We died or the stream broke.
        Interrupted = "interrupted",
        /// A policy of the user's refused it.
        Refused = "refused",
    }
}

words! {
    /// How sure a cost is, from best to worst.
    Evidence {
        /// Nothing was or could be billed.
        None = "none",
        /// The provider named the amount.
        ProviderCost = "provider_cost",
        /// Complete provider usage times a dated rate.
        ProviderUsage = "provider_usage",
        /// Usage seen before the stream broke: a lower bound.
        PartialStream = "partial_stream",
        /// Some count or rate is our own guess, named in the row.
        Estimated = "estimated",
        /// No price: the amount is unknown, never zero.
        Unpriced = "unpriced",
    }
}

words! {
    /// The closed set of error classes.
    ErrorClass {
        /// Throttled: back off.
        RateLimit = "rate_limit",
        /// The provider's fault or overload: wait.
        ServerError = "server_error",
        /// The request's shape, size or model: fix the caller.
        BadRequest = "bad_request",
        /// Credentials, permission or exhausted billing.
        Auth = "auth",
        /// Too slow.
        Timeout = "timeout",
        /// The provider was not reached.
        Network = "network",
        /// Anything else.
        Unknown = "unknown",
    }
}

words! {
    /// How the exchange travelled.
    Mode {
        /// One document.
        Standard = "standard",
        /// A stream of events.
        Streaming = "streaming",
        /// The model reasoned before it answered.
        Thinking = "thinking",
        /// A result of a batch job.
        Batch = "batch",
    }
}

words! {
    /// Who pays how.
    Billing {
        /// Per use.
        Api = "api",
        /// A flat subscription: the list amount is kept as an equivalent, the charge is zero.
        Plan = "plan",
    }
}

words! {
    /// What the wire said about usage.
    #[derive(Default)]
    UsageState {
        /// Nothing.
        #[default]
        None = "none",
        /// Something, but not the last word: a lower bound.
        Partial = "partial",
        /// The final numbers.
        Final = "final",
    }
}
