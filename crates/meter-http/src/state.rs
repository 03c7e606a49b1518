//! What the daemon gives the API to work with.

use crate::Token;
use jiff::tz::TimeZone;
use meter_api::{Health, Ledger};
use meter_call::UnixMillis;
use std::{fmt, path::PathBuf, sync::Arc};

/// What the API answers from. The functions are asked for every request, so they must be quick.
#[derive(Clone)]
pub struct ApiState {
    /// The database. While it does not exist, lists are empty.
    pub database: PathBuf,
    /// Days and months are those of this zone.
    pub zone: TimeZone,
    /// Web origins that may read answers, e.g. `http://localhost:3000`.
    pub allow_origins: Vec<String>,
    /// When set, every route but `/health` wants it.
    pub token: Option<Token>,
    /// How the daemon is doing; [`meter_api::HealthWord::Stalled`] is answered with 503.
    pub health: Arc<dyn Fn() -> Health + Send + Sync>,
    /// How the ledger is doing.
    pub ledger: Arc<dyn Fn() -> Option<Ledger> + Send + Sync>,
    /// The time.
    pub clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("database", &self.database)
            .field("allow_origins", &self.allow_origins)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
