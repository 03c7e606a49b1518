//! Turns TOML manifests into a checked model.
//!
//! Text in, values and findings out: no files, no clock, no environment. Everything that is wrong is collected with its
//! place; whoever calls decides what stays in force.
//!
//! Reading order: [`load`] takes both layers' files, [`layers`] says which are in force, [`table`] reads TOML, and one
//! module for each kind of file turns it into values. [`Model`] is the result, [`Model::route`] its first question.
//! [`config`] reads settings, [`snapshot`] freezes all of it.

mod authority;
mod bundled;
pub mod clients;
pub mod config;
pub mod dialects;
pub mod eject;
mod file;
pub mod layers;
mod model;
mod policies;
pub mod prices;
pub mod providers;
pub mod quote;
mod route;
pub mod schema;
pub mod services;
pub mod snapshot;
pub mod table;
mod tagging;

#[cfg(test)]
mod check;

pub use authority::outside_authority;
pub use bundled::{bundled, bundled_file};
pub use clients::{ClientPaths, ClientVariable};
pub use config::Config;
pub use file::{FILE_BYTES_MAX, ManifestFile};
pub use model::{Model, load, load_in};
pub use providers::{Endpoint, Provider, Unmatched};
pub use route::{Route, Routed};
pub use services::{Role, Service, Services};
pub use snapshot::Snapshot;
