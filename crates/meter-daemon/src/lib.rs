//! Intercepts metered hosts to record what each call cost.
//!
//! Read in the order of a call: [`accept`] answers the port, [`intercept`] opens both TLS legs or leaves them closed,
//! [`admit`] asks the rules, [`relay`] carries the bytes, [`settle`] makes the row, [`record`] hands it over.
//! [`observer`] ties the tap's events to the last four; [`fallout`] says what becomes of the bytes when something fails.

pub mod accept;
pub mod admit;
pub mod answered;
pub mod caller;
pub mod connection;
pub mod fallout;
pub mod ids;
pub mod intercept;
pub mod leg;
pub mod observer;
pub mod pinned;
pub mod record;
pub mod relay;
pub mod retries;
pub mod run;
pub mod services;
pub mod settle;
pub mod tapped;
pub mod witness;
