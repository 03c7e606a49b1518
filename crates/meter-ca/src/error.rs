//! What can go wrong with our own authority, and with the trust of others.

use std::{io, path::PathBuf};

/// Why the authority could not be opened, extended or asked for a leaf. None of these stops traffic: without a leaf
/// the connection is tunnelled.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file or folder of the authority could not be read or written.
    #[error("cannot {act} {}", path.display())]
    File {
        /// `read`, `write`, `lock`, …
        act: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The files of an authority do not belong together. It is not made anew by itself, because clients trust the old root:
    /// whoever wants that moves the folder away first.
    #[error("the authority in {} is damaged: {what}; move the folder away to have a new one made, which has to be trusted again", folder.display())]
    Damaged {
        /// Its folder.
        folder: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// Not a lower-case DNS name that a certificate may carry.
    #[error("`{0}` is not a host name a certificate can be made for")]
    BadHost(String),
    /// No authority was asked to cover this name.
    #[error("no authority of this instance covers `{0}`")]
    NotCovered(String),
    /// There was nothing to make an authority for.
    #[error("an authority needs at least one host")]
    NoHosts,
    /// The instant cannot stand in a certificate.
    #[error("the clock says {0} ms since 1970, which no certificate can carry")]
    Clock(i64),
    /// Encoding or signing failed.
    #[error("cannot make a certificate")]
    Mint(#[from] rcgen::Error),
    /// The TLS library refused a key that we made.
    #[error("cannot use the key of a leaf")]
    Key(#[source] rustls::Error),
}

/// Why there is no list of roots to verify providers with.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file that the user named could not be read.
    #[error("cannot read the root certificates in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file that the user named holds no certificate.
    #[error("{} holds no certificate in PEM form", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The system's roots were in none of the known places.
    #[error("no root certificates found; looked at {}", tried.join(", "))]
    None {
        /// Every place that was looked at, with what it gave.
        tried: Vec<String>,
    },
}
