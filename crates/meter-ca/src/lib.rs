//! The certificate authority of one instance: who a client trusts, and what the daemon itself trusts upstream.
//!
//! Clients trust a root made on this machine. Its key signs one intermediate and is dropped, never written; the
//! intermediate's key stays in the home, readable by its owner only. Both carry critical name constraints on the metered
//! hosts, so even a stolen key cannot speak for any other site. Twice, because Java ignores constraints on an anchor.
//!
//! Authorities only add up: a host outside the constraints gets a second root of its own, and what was trusted before
//! goes on working. Time comes in as a value.

mod authority;
pub mod bundle;
mod chain;
mod error;
mod folder;
mod host;
#[cfg(target_os = "macos")]
mod keychain;
mod mint;
mod pem;
mod roots;
#[cfg(test)]
mod tests;

pub use authority::{Authority, LEAVES_MAX, RENEWAL_DAYS};
pub use chain::Summary;
pub use error::{CaError, RootsError};
pub use mint::{INTERMEDIATE_DAYS, LEAF_DAYS, ROOT_DAYS};
pub use roots::{Spki, SystemRoots, system_roots, upstream_roots};
