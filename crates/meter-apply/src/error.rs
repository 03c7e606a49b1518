//! Why nothing could be put in force.

use meter_hop::{WriteError, paths::HomeError};
use meter_manifest::snapshot::BadSnapshot;
use std::{io, path::PathBuf};

/// What the disk, not the user's text, did wrong. What was in force before still is.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The home folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A file or folder failed.
    #[error("cannot {act} {}", path.display())]
    File {
        /// `read`, `write`, `lock`, …
        act: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// One of the small files that other processes read could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// `applied/current` names nothing that can be a digest.
    #[error("{} does not name a snapshot", path.display())]
    NoDigest {
        /// The file.
        path: PathBuf,
    },
    /// A stored snapshot is not what its name says.
    #[error("the snapshot {} cannot be used", path.display())]
    Snapshot {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        source: BadSnapshot,
    },
    /// A host or an address that the edge could not use.
    #[error("edge.json would be unusable: {0}")]
    Edge(String),
    /// A service file cannot be rendered for this installation.
    #[error("a service file cannot be written")]
    Service(#[from] meter_setup::RenderError),
}

/// Names act and path of a failed system call.
pub(crate) trait Act<T> {
    fn act(self, act: &'static str, path: &std::path::Path) -> Result<T, ApplyError>;
}

impl<T> Act<T> for io::Result<T> {
    fn act(self, act: &'static str, path: &std::path::Path) -> Result<T, ApplyError> {
        self.map_err(|source| ApplyError::File { act, path: path.to_owned(), source })
    }
}
