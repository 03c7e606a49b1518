//! Names inside a home folder, and who may own it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Environment variable that names another home folder. Not a configuration key.
pub const HOME_VARIABLE: &str = "HALTON_METER_HOME";

/// Folder below the user's own home that is used without [`HOME_VARIABLE`].
pub const DEFAULT_NAME: &str = ".halton-meter";

/// A home folder was not usable.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The folder could not be made, read or given its mode.
    #[error("cannot use the home folder {path}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else stands at the path.
    #[error("{path} is not a folder")]
    NotAFolder {
        /// What stands there.
        path: PathBuf,
    },
    /// Everyone may write into the folder, as into /tmp. It is somebody else's, whoever owns it.
    #[error("{path} may be written by everyone; choose a folder of your own")]
    Shared {
        /// The folder.
        path: PathBuf,
    },
    /// Another user owns the folder; its secret would be theirs.
    #[error("{path} belongs to uid {owner}, not to uid {expected}")]
    ForeignOwner {
        /// The folder.
        path: PathBuf,
        /// The uid found.
        owner: u32,
        /// The uid of this process.
        expected: u32,
    },
}

/// One instance's folder. Naming only; [`Home::prepare`] is what touches the disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home at exactly `root`.
    pub fn at(root: impl Into<PathBuf>) -> Home {
        Home { root: root.into() }
    }

    /// The home that `variable` (the value of [`HOME_VARIABLE`]) names, else the default one below `user_home`.
    ///
    /// An empty variable counts as unset.
    pub fn locate(variable: Option<&OsStr>, user_home: &Path) -> Home {
        match variable {
            Some(value) if !value.is_empty() => Home::at(value),
            _ => Home::at(user_home.join(DEFAULT_NAME)),
        }
    }

    /// Creates the folder if it is missing, gives it mode 0700 and checks that `uid` owns it.
    ///
    /// # Errors
    /// [`HomeError`]; nothing of the instance may be read or written then.
    pub fn prepare(&self, uid: u32) -> Result<(), HomeError> {
        let unusable = |source| HomeError::Unusable { path: self.root.clone(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root).map_err(|source| {
            match std::fs::metadata(&self.root) {
                Ok(found) if !found.is_dir() => HomeError::NotAFolder { path: self.root.clone() },
                _ => unusable(source),
            }
        })?;
        let found = std::fs::metadata(&self.root).map_err(unusable)?;
        if found.uid() != uid {
            return Err(HomeError::ForeignOwner { path: self.root.clone(), owner: found.uid(), expected: uid });
        }
        if found.mode() & 0o002 != 0 {
            return Err(HomeError::Shared { path: self.root.clone() });
        }
        if found.mode() & 0o777 != 0o700 {
            std::fs::set_permissions(&self.root, std::fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        }
        Ok(())
    }

    /// What tells this home's service labels from those of the default home: `None` for the default one, else 8 hex
    /// digits derived from the path as written.
    pub fn label_suffix(&self, user_home: &Path) -> Option<String> {
        if self.root == user_home.join(DEFAULT_NAME) {
            return None;
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, self.root.as_os_str().as_encoded_bytes());
        Some(crate::identity::to_hex(&digest.as_ref()[..4]))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Written by `apply`, read by the edge: [`crate::EdgeConfig`].
    pub fn edge_json(&self) -> PathBuf {
        self.root.join("edge.json")
    }

    /// Which ports the running roles hold: [`crate::EffectivePorts`].
    pub fn effective_ports(&self) -> PathBuf {
        self.root.join("effective-ports.json")
    }

    /// Id and secret: [`crate::Identity`].
    pub fn instance_json(&self) -> PathBuf {
        self.root.join("instance.json")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("db.sqlite")
    }

    /// Append-only records on their way into the database.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Compiled snapshots, one folder per digest.
    pub fn applied(&self) -> PathBuf {
        self.root.join("applied")
    }

    /// Certificate authority and trust bundle.
    pub fn ca(&self) -> PathBuf {
        self.root.join("ca")
    }

    /// The file that every client trusts: system roots, the user's earlier extra roots, ours.
    pub fn ca_bundle(&self) -> PathBuf {
        self.ca().join("bundle.pem")
    }

    /// Rendered launchd property lists.
    pub fn launchd(&self) -> PathBuf {
        self.root.join("launchd")
    }

    /// Rendered systemd units.
    pub fn systemd(&self) -> PathBuf {
        self.root.join("systemd")
    }

    /// Log files of services that have no journal of their own.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The user's settings.
    pub fn config_toml(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// What was changed on the system, for an exact way back.
    pub fn system_state(&self) -> PathBuf {
        self.root.join("system_state.json")
    }

    /// Socket over which a new edge takes the listener from the old one (Linux).
    pub fn edge_upgrade_socket(&self) -> PathBuf {
        self.root.join("edge-upgrade.sock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_uid(inside: &Path) -> u32 {
        std::fs::metadata(inside).unwrap().uid()
    }

    #[test]
    fn the_variable_wins_unless_it_is_empty() {
        let user = Path::new("/home/ann");
        assert_eq!(Home::locate(Some(OsStr::new("/srv/m")), user).root(), Path::new("/srv/m"));
        assert_eq!(Home::locate(Some(OsStr::new("")), user).root(), Path::new("/home/ann/.halton-meter"));
        assert_eq!(Home::locate(None, user).edge_json(), Path::new("/home/ann/.halton-meter/edge.json"));
    }

    #[test]
    fn only_another_home_has_a_suffix() {
        let user = Path::new("/home/ann");
        assert_eq!(Home::locate(None, user).label_suffix(user), None);
        let other = Home::at("/srv/m").label_suffix(user).unwrap();
        assert_eq!(other.len(), 8);
        assert_ne!(Some(other), Home::at("/srv/n").label_suffix(user));
    }

    #[test]
    fn a_home_is_made_private_and_a_loose_one_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let uid = own_uid(folder.path());
        let home = Home::at(folder.path().join("a/b"));
        home.prepare(uid).unwrap();
        assert_eq!(std::fs::metadata(home.root()).unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(home.root(), std::fs::Permissions::from_mode(0o755)).unwrap();
        home.prepare(uid).unwrap();
        assert_eq!(std::fs::metadata(home.root()).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_of_everyone_is_not_taken_away_from_them() {
        let folder = tempfile::tempdir().unwrap();
        let uid = own_uid(folder.path());
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(matches!(Home::at(folder.path()).prepare(uid), Err(HomeError::Shared { .. })));
        assert_eq!(std::fs::metadata(folder.path()).unwrap().mode() & 0o7777, 0o1777);
    }

    #[test]
    fn a_foreign_owner_and_a_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let uid = own_uid(folder.path());
        assert!(matches!(Home::at(folder.path()).prepare(uid + 1), Err(HomeError::ForeignOwner { .. })));
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(Home::at(file).prepare(uid), Err(HomeError::NotAFolder { .. })));
    }
}
