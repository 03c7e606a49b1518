//! One immutable state of everything that was configured.
//!
//! A snapshot holds the bundled files, the user's files and the effective settings, so that a restart, or a newer binary,
//! finds exactly what was applied. Its digest is made from content alone: equal input, equal digest, on every machine.

use crate::config::Config;
use crate::file::ManifestFile;
use crate::layers::Kind;
use std::collections::BTreeMap;

/// Folder of the bundled files within a snapshot.
const BUNDLED: &str = "bundled/";

/// Folder of the user's files within a snapshot.
const USER: &str = "user/";

/// Name of the effective settings within a snapshot.
const CONFIG: &str = "config.json";

/// A state that can be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// `b3:` and 64 hex digits.
    pub digest: String,
    /// The bundled files of the binary that made it, by path.
    pub bundled: Vec<ManifestFile>,
    /// The user's files, by path; `config.toml` is not among them.
    pub user: Vec<ManifestFile>,
    /// The effective settings.
    pub config: Config,
}

/// Why stored files are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// The settings are missing.
    #[error("the snapshot has no {CONFIG}")]
    NoConfig,
    /// The settings cannot be read.
    #[error("the snapshot's {CONFIG} cannot be read")]
    Config(#[from] serde_json::Error),
    /// A file that no snapshot has.
    #[error("the snapshot has a stray file `{0}`")]
    Stray(String),
    /// The content is not what the name says.
    #[error("the snapshot is called {expected} and its content is {found}")]
    Digest {
        /// By its name.
        expected: String,
        /// By its content.
        found: String,
    },
}

/// What differs for one file between two snapshots.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Only in the new one.
    Added,
    /// Only in the old one.
    Removed,
    /// In both, with another content.
    Changed,
}

impl Snapshot {
    /// The snapshot of two layers and the settings. Files that nothing reads are left out.
    pub fn of(bundled: &[ManifestFile], user: &[ManifestFile], config: Config) -> Snapshot {
        let sorted = |files: &[ManifestFile]| {
            let mut files: Vec<ManifestFile> = files
                .iter()
                .filter(|file| Kind::of(&file.path).is_some_and(|kind| kind != Kind::Config))
                .cloned()
                .collect();
            files.sort();
            files
        };
        let mut snapshot = Snapshot { digest: String::new(), bundled: sorted(bundled), user: sorted(user), config };
        snapshot.digest = digest(&snapshot.files());
        snapshot
    }

    /// The same user's files and settings over another binary's bundled files.
    pub fn rebased(&self, bundled: &[ManifestFile]) -> Snapshot {
        Snapshot::of(bundled, &self.user, self.config.clone())
    }

    /// What is stored: relative names and contents, by name.
    pub fn files(&self) -> Vec<ManifestFile> {
        let mut config = serde_json::to_vec_pretty(&self.config).expect("texts, numbers and lists always serialise");
        config.push(b'\n');
        let inside = |folder: &'static str, files: &[ManifestFile]| -> Vec<ManifestFile> {
            files.iter().map(|file| ManifestFile::new(format!("{folder}{}", file.path), file.text.clone())).collect()
        };
        let mut files = inside(BUNDLED, &self.bundled);
        files.push(ManifestFile::new(CONFIG, config));
        files.extend(inside(USER, &self.user));
        files.sort();
        files
    }

    /// The snapshot of stored files.
    ///
    /// # Errors
    /// [`BadSnapshot`]; nothing of it may come into force then.
    pub fn from_files(expected: &str, files: &[ManifestFile]) -> Result<Snapshot, BadSnapshot> {
        let (mut bundled, mut user, mut config) = (Vec::new(), Vec::new(), None);
        for file in files {
            if let Some(path) = file.path.strip_prefix(BUNDLED) {
                bundled.push(ManifestFile::new(path, file.text.clone()));
            } else if let Some(path) = file.path.strip_prefix(USER) {
                user.push(ManifestFile::new(path, file.text.clone()));
            } else if file.path == CONFIG {
                config = Some(serde_json::from_slice(&file.text)?);
            } else {
                return Err(BadSnapshot::Stray(file.path.clone()));
            }
        }
        let config = config.ok_or(BadSnapshot::NoConfig)?;
        // Over the bytes that are stored: written again, the settings of an older version would have other ones.
        let mut stored = files.to_vec();
        stored.sort();
        let found = digest(&stored);
        if found != expected {
            return Err(BadSnapshot::Digest { expected: expected.to_owned(), found });
        }
        Ok(Snapshot { digest: found, ..Snapshot::of(&bundled, &user, config) })
    }

    /// What another snapshot would change, by name.
    pub fn changes(&self, to: &Snapshot) -> BTreeMap<String, Change> {
        let by_name = |snapshot: &Snapshot| -> BTreeMap<String, Vec<u8>> {
            snapshot.files().into_iter().map(|file| (file.path, file.text)).collect()
        };
        let (old, new) = (by_name(self), by_name(to));
        let mut changes = BTreeMap::new();
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            changes.insert(name.clone(), Change::Removed);
        }
        for (name, text) in &new {
            match old.get(name) {
                None => drop(changes.insert(name.clone(), Change::Added)),
                Some(before) if before != text => drop(changes.insert(name.clone(), Change::Changed)),
                Some(_) => {}
            }
        }
        changes
    }
}

/// Lengths stand before names and contents, so that no two lists of files read the same.
fn digest(files: &[ManifestFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        for part in [file.path.as_bytes(), &file.text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    format!("b3:{}", hasher.finalize().to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> ManifestFile {
        ManifestFile::new(path, text)
    }

    #[test]
    fn equal_input_in_any_order_gives_an_equal_digest() {
        let (a, b) = (file("providers.d/a.toml", "1"), file("providers.d/b.toml", "2"));
        let one = Snapshot::of(&[a.clone(), b.clone()], &[], Config::default());
        let two = Snapshot::of(&[b.clone(), a.clone()], &[], Config::default());
        assert_eq!(one.digest, two.digest);
        assert!(one.digest.starts_with("b3:") && one.digest.len() == 3 + 64);
    }

    #[test]
    fn anything_that_differs_gives_another_digest() {
        let (a, b) = (file("providers.d/a.toml", "1"), file("providers.d/b.toml", "2"));
        let mut config = Config::default();
        config.daemon.edge_port = 9000;
        let digests = [
            Snapshot::of(std::slice::from_ref(&a), std::slice::from_ref(&b), Config::default()),
            Snapshot::of(std::slice::from_ref(&b), std::slice::from_ref(&a), Config::default()),
            Snapshot::of(&[a.clone(), b.clone()], &[], Config::default()),
            Snapshot::of(&[], &[a.clone(), b.clone()], Config::default()),
            Snapshot::of(&[], &[a, b], config),
        ]
        .map(|snapshot| snapshot.digest);
        let different: std::collections::BTreeSet<&String> = digests.iter().collect();
        assert_eq!(different.len(), digests.len());
    }

    #[test]
    fn a_snapshot_of_a_version_with_fewer_settings_reads_with_their_defaults() {
        let snapshot = Snapshot::of(&[file("providers.d/a.toml", "1")], &[], Config::default());
        let mut files = snapshot.files();
        let settings = files.iter_mut().find(|file| file.path == CONFIG).unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(&settings.text).unwrap();
        assert!(document["upstream"].as_object_mut().unwrap().remove("spares").is_some());
        assert!(document.as_object_mut().unwrap().remove("pricing").is_some());
        settings.text = serde_json::to_vec(&document).unwrap();
        let older = digest(&files);
        let read = Snapshot::from_files(&older, &files).unwrap();
        assert_eq!((read.config, read.digest), (Config::default(), older));
    }

    #[test]
    fn what_is_stored_reads_back() {
        let snapshot = Snapshot::of(
            &[file("providers.d/a.toml", "1")],
            &[file("policies.d/x.toml", "2"), file("notes.txt", "3")],
            Config::default(),
        );
        let files = snapshot.files();
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["bundled/providers.d/a.toml", "config.json", "user/policies.d/x.toml"]);
        assert_eq!(Snapshot::from_files(&snapshot.digest, &files).unwrap(), snapshot);

        let mut touched = files.clone();
        touched[0].text.push(b'x');
        assert!(matches!(Snapshot::from_files(&snapshot.digest, &touched), Err(BadSnapshot::Digest { .. })));
        assert!(matches!(Snapshot::from_files(&snapshot.digest, &files[..1]), Err(BadSnapshot::NoConfig)));
    }

    #[test]
    fn changes_are_named_by_file() {
        let old =
            Snapshot::of(&[file("providers.d/a.toml", "1"), file("providers.d/b.toml", "1")], &[], Config::default());
        let new = old.rebased(&[file("providers.d/b.toml", "2"), file("providers.d/c.toml", "1")]);
        let expected = [
            ("bundled/providers.d/a.toml", Change::Removed),
            ("bundled/providers.d/b.toml", Change::Changed),
            ("bundled/providers.d/c.toml", Change::Added),
        ];
        assert_eq!(
            old.changes(&new).into_iter().collect::<Vec<_>>(),
            expected.map(|(name, change)| (name.to_owned(), change))
        );
        assert!(old.changes(&old).is_empty());
    }
}
