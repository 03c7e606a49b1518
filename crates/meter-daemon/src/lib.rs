//! Intercepts metered hosts to record what each call cost.

pub mod accept;
pub mod connection;
pub mod fallout;
pub mod intercept;
pub mod leg;
pub mod pinned;
pub mod relay;
pub mod tapped;
pub mod witness;
