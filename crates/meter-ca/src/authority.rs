//! All authorities of an instance, and the leaves they sign.

use crate::{
    CaError, Spki, Summary,
    chain::Chain,
    folder,
    host::dns_name,
    mint::{self, LEAF_DAYS, Life},
    pem,
};
use meter_call::UnixMillis;
use rustls::{
    crypto::ring::sign::any_ecdsa_type,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};
use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// How many leaves are kept in memory; with more hosts in use the one minted first goes.
pub const LEAVES_MAX: usize = 512;

/// Days before its end from which an authority is replaced by one more; it signs until then, because it is the one that
/// clients trust.
pub const RENEWAL_DAYS: u32 = 60;

/// The authorities of one instance, oldest first.
///
/// Cheap to ask from many tasks: a known host costs one short lock, a new one a key and a signature (a fraction of a
/// millisecond), never a file.
pub struct Authority {
    chains: Vec<Chain>,
    leaves: Mutex<HashMap<String, Leaf>>,
}

struct Leaf {
    key: Arc<CertifiedKey>,
    fresh: Life,
}

impl Authority {
    /// Opens the authorities in `dir` and makes one more when some of `hosts` are covered by none that lives for another
    /// [`RENEWAL_DAYS`]. Hosts that are covered already are never signed again, so nothing has to be trusted anew for them.
    ///
    /// Safe against another process doing the same, and against a crash at any point.
    ///
    /// # Errors
    /// [`CaError::BadHost`] before anything is written; [`CaError::NoHosts`] when there is no authority and nothing to make
    /// one for; [`CaError::Damaged`] when files were lost or exchanged; [`CaError::File`].
    pub fn open_or_create(dir: &Path, hosts: &[String], now: UnixMillis) -> Result<Authority, CaError> {
        let mut hosts = hosts.iter().map(|host| dns_name(host)).collect::<Result<Vec<_>, _>>()?;
        hosts.sort_unstable();
        hosts.dedup();

        folder::private(dir)?;
        let _held = folder::lock(dir)?;
        let mut authority = Authority::read(dir)?;
        let later = UnixMillis(now.0.saturating_add(i64::from(RENEWAL_DAYS) * 86_400_000));
        let missing: Vec<String> = hosts.into_iter().filter(|host| authority.chain(host, later).is_none()).collect();
        if !missing.is_empty() {
            let folder = place(dir, authority.chains.len());
            let chain = Chain::create(&folder, &missing, now)?;
            tracing::info!(folder = %folder.display(), hosts = missing.len(), "ca.created");
            authority.chains.push(chain);
        } else if authority.chains.is_empty() {
            return Err(CaError::NoHosts);
        }
        Ok(authority)
    }

    /// Opens the authorities in `dir` without making any; `None` when there are none.
    ///
    /// # Errors
    /// As [`Authority::open_or_create`].
    pub fn open(dir: &Path) -> Result<Option<Authority>, CaError> {
        let authority = Authority::read(dir)?;
        Ok(if authority.chains.is_empty() { None } else { Some(authority) })
    }

    /// A leaf for exactly `host` with its intermediate, minted on the first use and kept.
    ///
    /// # Errors
    /// [`CaError::NotCovered`] for a host of no living authority, [`CaError::BadHost`]; in each case the connection is tunnelled.
    pub fn leaf(&self, host: &str, now: UnixMillis) -> Result<Arc<CertifiedKey>, CaError> {
        let host = dns_name(host)?;
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(&host).filter(|leaf| leaf.fresh.holds(now)) {
            return Ok(leaf.key.clone());
        }
        let chain = self.chain(&host, now).ok_or_else(|| CaError::NotCovered(host.clone()))?;
        let (key, life) = sign(chain, &host, now)?;
        if leaves.len() >= LEAVES_MAX && !leaves.contains_key(&host) {
            let first = leaves.iter().min_by_key(|(_, leaf)| leaf.fresh.not_before).map(|(host, _)| host.clone());
            first.map(|first| leaves.remove(&first));
        }
        // Replaced well before it ends: connections made with it may go on for long.
        let half = (life.not_before.0 + life.not_after.0) / 2;
        let fresh = Life { not_before: life.not_before, not_after: UnixMillis(half.max(now.0 + 1)) };
        leaves.insert(host, Leaf { key: key.clone(), fresh });
        Ok(key)
    }

    /// Some authority's constraints allow a leaf for this host.
    pub fn covers(&self, host: &str) -> bool {
        dns_name(host).is_ok_and(|host| self.chains.iter().any(|chain| chain.covers(&host)))
    }

    /// Our roots as PEM text, oldest first: what a client that appends to its own roots is given.
    pub fn roots_pem(&self) -> String {
        self.roots().map(|root| pem::encode(root)).collect()
    }

    /// Our roots, oldest first.
    pub fn roots(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.chains.iter().map(|chain| &chain.root)
    }

    /// The public keys of our roots and intermediates, for [`crate::upstream_roots`] to leave out.
    pub fn public_keys(&self) -> Vec<Spki> {
        self.chains.iter().flat_map(Chain::public_keys).collect()
    }

    /// What `status` and `doctor` tell about each authority, oldest first.
    pub fn summaries(&self) -> impl Iterator<Item = &Summary> {
        self.chains.iter().map(|chain| &chain.summary)
    }

    fn read(dir: &Path) -> Result<Authority, CaError> {
        let mut chains = Vec::new();
        while let Some(chain) = Chain::open(&place(dir, chains.len()))? {
            chains.push(chain);
        }
        Ok(Authority { chains, leaves: Mutex::new(HashMap::new()) })
    }

    /// The oldest living authority for the host: the one most likely to be trusted.
    fn chain(&self, host: &str, now: UnixMillis) -> Option<&Chain> {
        self.chains.iter().find(|chain| now < chain.life.not_after && chain.covers(host))
    }

    #[cfg(test)]
    pub(crate) fn leaf_outside(&self, host: &str, now: UnixMillis) -> CertifiedKey {
        let (key, _) = sign(&self.chains[0], host, now).expect("the test signs a name the authority may not sign");
        Arc::into_inner(key).expect("nobody else holds it")
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.summaries()).finish()
    }
}

/// The folder of the authority with this index: the first in `dir` itself, the next in `dir/2`.
fn place(dir: &Path, index: usize) -> PathBuf {
    if index == 0 { dir.to_owned() } else { dir.join((index + 1).to_string()) }
}

fn sign(chain: &Chain, host: &str, now: UnixMillis) -> Result<(Arc<CertifiedKey>, Life), CaError> {
    let mut life = Life::starting(now, LEAF_DAYS)?;
    life.not_after = life.not_after.min(chain.life.not_after);
    let key = mint::new_key()?;
    let leaf = mint::leaf(host, life)?.signed_by(&key, &chain.issuer)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signing = any_ecdsa_type(&der).map_err(CaError::Key)?;
    Ok((Arc::new(CertifiedKey::new(vec![leaf.into(), chain.intermediate.clone()], signing)), life))
}
