//! Puts a home's manifests in force.
//!
//! The user's files lie in the home and may be broken at any moment. What is in force is a snapshot of them, stored under
//! its digest in `applied/`, together with the binary's own files and the settings; `applied/current` names it. So a restart
//! never activates an edit that was not applied, and a broken edit changes nothing.
//!
//! Reading order: [`UserLayer`] reads the user's files, [`Compiled`] is what they and the bundled ones mean, [`plan`] says
//! what would change, [`put_in_force`] stores it and writes what other processes read (`edge.json`, service files), and
//! [`load_current`] is what a starting daemon asks.

mod compile;
mod current;
mod error;
mod layer;
mod notice;
mod plan;
mod ports;
mod put;
mod rendered;
mod services;
mod shelf;
mod texts;

#[cfg(test)]
mod tests;

pub use compile::{Compiled, VARIABLES, settings_of_environment, zone};
pub use current::{Loaded, load_current, load_current_at, read_current, read_notice, read_settings};
pub use error::ApplyError;
pub use layer::UserLayer;
pub use notice::Notice;
pub use plan::{FileChange, Plan, SettingChange, WhichLayer, plan};
pub use ports::settle_edge_port;
pub use put::{Applied, put_back, put_in_force};
pub use rendered::{Site, edge_config};
pub use services::Supervisor;
pub use texts::{FileText, render_to, texts};
