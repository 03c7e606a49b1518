//! A moment.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 00:00 UTC. The rim reads the clock; everything below gets the number.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);
