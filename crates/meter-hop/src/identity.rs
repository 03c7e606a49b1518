//! Who we are: an id anybody may know, a secret only this home's processes can read.

use crate::document::{Document, ReadError};
use crate::file::{self, WriteError};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const NONCE_BYTES: usize = 16;
/// Longest nonce that is answered, in characters.
const NONCE_CHARS_MAX: usize = 128;

/// Which role proves itself. Part of what is signed, so that one role's answer is no proof of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// `halton-meter-edge`.
    Edge,
    /// `halton-meter daemon`.
    Daemon,
}

impl Role {
    /// The word in documents and in what is signed.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Edge => "edge",
            Role::Daemon => "daemon",
        }
    }
}

/// The instance of one home folder.
#[derive(Clone)]
pub struct Identity {
    id: String,
    secret: [u8; SECRET_BYTES],
}

/// `instance.json` could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It is there and cannot be used. It is never replaced silently: a running role may still hold the old secret.
    #[error("cannot use instance.json")]
    Read(#[source] ReadError),
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The system gave no randomness.
    #[error("the system gave no random bytes")]
    Random,
}

impl Identity {
    /// The identity in `path`, made there (0600, under a lock) when the file is missing.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn load_or_create(path: &Path) -> Result<Identity, IdentityError> {
        match Identity::load(path) {
            Err(IdentityError::Read(ReadError::Missing)) => {}
            outcome => return outcome,
        }
        file::locked(path, || match Identity::load(path) {
            Err(IdentityError::Read(ReadError::Missing)) => {
                let identity = Identity { id: to_hex(&random::<ID_BYTES>()?), secret: random()? };
                let written = Written {
                    schema_version: Stored::SCHEMA_VERSION,
                    id: identity.id.clone(),
                    secret: to_hex(&identity.secret),
                };
                let mut text = serde_json::to_vec_pretty(&written).expect("text and numbers always serialise");
                text.push(b'\n');
                file::replace(path, &text)?;
                Ok(identity)
            }
            outcome => outcome,
        })
    }

    /// The identity in `path`.
    ///
    /// # Errors
    /// [`IdentityError::Read`].
    pub fn load(path: &Path) -> Result<Identity, IdentityError> {
        let stored = Stored::read(path).map_err(IdentityError::Read)?;
        Ok(stored.0)
    }

    /// The id, 32 hex digits. Public.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What `role` answers to `nonce`: HMAC-SHA256 in 64 hex digits.
    pub fn proof(&self, role: Role, nonce: &str) -> String {
        to_hex(hmac::sign(&self.key(), &signed(role, nonce)).as_ref())
    }

    /// Whether `proof` is `role`'s answer to `nonce`. Takes the same time wherever the first difference stands.
    pub fn verify(&self, role: Role, nonce: &str, proof: &str) -> bool {
        let Some(tag) = from_hex::<32>(proof) else { return false };
        nonce.len() <= NONCE_CHARS_MAX && hmac::verify(&self.key(), &signed(role, nonce), &tag).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.secret)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, Secret(…))", self.id)
    }
}

/// A fresh question: 32 hex digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nonce(String);

impl Nonce {
    /// From the system's randomness.
    ///
    /// # Errors
    /// [`IdentityError::Random`].
    pub fn random() -> Result<Nonce, IdentityError> {
        Ok(Nonce(to_hex(&random::<NONCE_BYTES>()?)))
    }

    /// A nonce that came over the wire: 1 to 128 hex digits.
    pub fn from_wire(text: &str) -> Option<Nonce> {
        let fits = (1..=NONCE_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Nonce(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize, Serialize)]
struct Written {
    schema_version: u32,
    id: String,
    secret: String,
}

struct Stored(Identity);

impl Document for Stored {
    const SCHEMA_VERSION: u32 = 1;

    fn from_json(text: &[u8]) -> Result<Stored, String> {
        let written: Written = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        let id = from_hex::<ID_BYTES>(&written.id).ok_or("id is not 32 hex digits")?;
        let secret = from_hex(&written.secret).ok_or("secret is not 64 hex digits")?;
        Ok(Stored(Identity { id: to_hex(&id), secret }))
    }
}

fn signed(role: Role, nonce: &str) -> Vec<u8> {
    format!("halton-meter 1 {} {nonce}", role.as_str()).into_bytes()
}

fn random<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| IdentityError::Random)?;
    Ok(bytes)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fixture() -> (tempfile::TempDir, Identity) {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::load_or_create(&folder.path().join("instance.json")).unwrap();
        (folder, identity)
    }

    #[test]
    fn the_second_start_finds_the_first_ones_identity() {
        let (folder, first) = fixture();
        let path = folder.path().join("instance.json");
        let second = Identity::load_or_create(&path).unwrap();
        assert_eq!((first.id(), first.secret), (second.id(), second.secret));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(&to_hex(&first.secret)));
    }

    #[test]
    fn racing_starts_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instance.json");
        let ids: Vec<String> = std::thread::scope(|scope| {
            let make = || Identity::load_or_create(&path).unwrap().id().to_owned();
            let started: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            started.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
    }

    #[test]
    fn a_proof_holds_for_its_role_nonce_and_secret_only() {
        let (_folder, ours) = fixture();
        let (_other, theirs) = fixture();
        let proof = ours.proof(Role::Daemon, "00ff");
        assert!(ours.verify(Role::Daemon, "00ff", &proof));
        assert!(!ours.verify(Role::Edge, "00ff", &proof));
        assert!(!ours.verify(Role::Daemon, "00fe", &proof));
        assert!(!theirs.verify(Role::Daemon, "00ff", &proof));
        for bad in ["", "zz", &proof[1..], &format!("{proof}0"), &proof.replace(|c: char| c.is_ascii_digit(), "é")] {
            assert!(!ours.verify(Role::Daemon, "00ff", bad), "{bad}");
        }
    }

    #[test]
    fn a_broken_file_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instance.json");
        for text in ["", r#"{"schema_version":1,"id":"x","secret":"y"}"#, r#"{"schema_version":2}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Identity::load_or_create(&path), Err(IdentityError::Read(_))), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn nonces_differ_and_odd_ones_are_refused() {
        assert_ne!(Nonce::random().unwrap(), Nonce::random().unwrap());
        assert!(Nonce::from_wire(Nonce::random().unwrap().as_str()).is_some());
        assert!(Nonce::from_wire("").is_none() && Nonce::from_wire("x y").is_none());
        assert!(Nonce::from_wire(&"a".repeat(129)).is_none());
    }
}
