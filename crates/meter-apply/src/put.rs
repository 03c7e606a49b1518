//! Puts a compiled state in force, and back.
//!
//! The order makes every crash harmless: first the snapshot appears, then its name in `current`, then what is derived from
//! it. A daemon that starts in between finds a whole snapshot and writes what is missing.

use crate::compile::Compiled;
use crate::error::ApplyError;
use crate::notice;
use crate::rendered::{self, Site};
use crate::services;
use crate::shelf::{Lock, Shelf};
use meter_hop::paths::Home;

/// What was put in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Applied {
    /// Digest in force now.
    pub digest: String,
    /// Digest before; `None` when this is the first.
    pub before: Option<String>,
}

/// Stores the state, names it as the current one and writes `edge.json` and the service files. The caller has asked
/// [`Compiled::is_valid`], and tells running processes (SIGHUP).
///
/// # Errors
/// [`ApplyError`]; the state before is in force then, unless the disk fails at the very last step.
pub fn put_in_force(home: &Home, compiled: &Compiled, site: &Site) -> Result<Applied, ApplyError> {
    let lock = Lock::take(home)?;
    let before = Shelf::of(home).current().ok().flatten();
    locked(home, compiled, site, &lock)?;
    notice::clear(home)?;
    Ok(Applied { digest: compiled.snapshot.digest.clone(), before })
}

/// Puts an earlier state back in force: the snapshot with this digest, or none at all.
///
/// # Errors
/// [`ApplyError`], for example when that snapshot is not stored any more.
pub fn put_back(home: &Home, digest: Option<&str>, site: &Site) -> Result<(), ApplyError> {
    let lock = Lock::take(home)?;
    let shelf = Shelf::of(home);
    match digest {
        Some(digest) => locked(home, &Compiled::of_snapshot(shelf.read(digest)?), site, &lock),
        None => shelf.point_nowhere(),
    }
}

/// The writes themselves.
pub(crate) fn locked(home: &Home, compiled: &Compiled, site: &Site, _lock: &Lock) -> Result<(), ApplyError> {
    // Before anything is written: what the edge would refuse must not become current.
    let edge = rendered::edge_config(compiled)?;
    let shelf = Shelf::of(home);
    shelf.store(&compiled.snapshot)?;
    services::write(home, compiled, site)?;
    shelf.point(&compiled.snapshot.digest)?;
    rendered::write_edge(home, &edge)?;
    shelf.sweep();
    Ok(())
}
