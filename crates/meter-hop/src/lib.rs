//! What edge and daemon say to each other: two small files, one header, one health document.
//!
//! Everything here is plain data with its text form. The crate opens no socket and reads no clock; the only files it
//! touches are the small ones inside the home folder. It links nothing heavy, because the edge has to start when every
//! manifest, database and certificate is broken.

mod coverage;
mod document;
mod edge_config;
mod file;
mod health;
mod hosts;
mod identity;
mod link;
pub mod paths;
mod ports;
mod stamp;
pub mod timing;
mod upstream;

pub use coverage::{CoveragePage, TunnelReason, TunnelRecord};
pub use document::{Document, LastGood, ReadError, Refreshed};
pub use edge_config::EdgeConfig;
pub use file::{WriteError, replace};
pub use health::{DaemonHealth, EdgeCounters, EdgeHealth, FileState};
pub use hosts::{BadHost, MeteredHosts, normal_host, split_authority};
pub use identity::{Identity, IdentityError, Nonce, Role};
pub use link::{BadHop, HOP_HEADER, Hop, NONCE_HEADER, PROOF_HEADER};
pub use ports::{
    DEFAULT_API_PORT, DEFAULT_EDGE_PORT, DEFAULT_INTERCEPT_PORT, DaemonSection, EdgeSection, EffectivePorts,
    FORBIDDEN_PORT, Section,
};
pub use stamp::rfc3339;
pub use upstream::{BadUpstream, Dial, ProxyAddress, Upstream};
