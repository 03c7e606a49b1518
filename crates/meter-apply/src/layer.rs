//! Reads the user's files. Whatever cannot be read is a finding at its path: absence is meant, failure is not.

use meter_diag::{Diagnostic, Place, codes::files, nearest};
use meter_hop::paths::Home;
use meter_manifest::{FILE_BYTES_MAX, ManifestFile, layers::Kind};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Folders of the home that hold the user's files.
const FOLDERS: [&str; 3] = ["manifests", "policies.d", "providers.d"];

/// The settings.
const SETTINGS: &str = "config.toml";

/// Folders within folders that are looked into; manifests need two.
const DEPTH_MAX: usize = 8;

/// The user's files as they are now, and what could not be read.
#[derive(Clone, Debug, Default)]
pub struct UserLayer {
    /// Manifests by path, relative to the home. Files that nothing reads are here without their text.
    pub manifests: Vec<ManifestFile>,
    /// `config.toml`, when there is one.
    pub settings: Option<ManifestFile>,
    /// What could not be read.
    pub findings: Vec<Diagnostic>,
}

impl UserLayer {
    /// Reads a home. Never fails: a home that is missing has no files, and trouble is in
    /// [`findings`](UserLayer::findings).
    pub fn read(home: &Home) -> UserLayer {
        UserLayer::read_at(home.root())
    }

    /// As [`UserLayer::read`], of any folder laid out like a home.
    pub fn read_at(root: &Path) -> UserLayer {
        let mut layer = UserLayer::default();
        for folder in FOLDERS {
            match fs::metadata(root.join(folder)) {
                Ok(found) if found.is_dir() => layer.folder(&root.join(folder), folder, &mut Vec::new()),
                Ok(_) => layer.unreadable(folder, "something else than a folder stands here"),
                Err(error) if error.kind() == io::ErrorKind::NotFound => layer.dangling(&root.join(folder), folder),
                Err(error) => layer.unreadable(folder, &said(&error)),
            }
        }
        match fs::symlink_metadata(root.join(SETTINGS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => layer.settings = layer.file(&root.join(SETTINGS), SETTINGS),
        }
        layer.beside(root);
        layer.manifests.sort();
        layer
    }

    /// The text of a file by its path; `None` when it is no text or not there.
    pub fn text(&self, path: &str) -> Option<&str> {
        let file = self.manifests.iter().chain(&self.settings).find(|file| file.path == path)?;
        std::str::from_utf8(&file.text).ok()
    }

    /// `above` holds the folders on the way here, with links resolved: meeting one again is a circle.
    fn folder(&mut self, folder: &Path, name: &str, above: &mut Vec<PathBuf>) {
        let real = match fs::canonicalize(folder) {
            Ok(real) => real,
            Err(error) => return self.unreadable(name, &said(&error)),
        };
        if above.contains(&real) {
            return self.unreadable(name, "links lead in a circle");
        }
        if above.len() >= DEPTH_MAX {
            return self.unreadable(name, "folders are nested too deeply");
        }
        let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(name, &said(&error)),
        };
        above.push(real);
        for entry in entries {
            let file_name = entry.file_name();
            if litter(&file_name) {
                continue;
            }
            let Some(text) = file_name.to_str() else {
                self.unreadable(&format!("{name}/{}", file_name.display()), "the name is no UTF-8 text");
                continue;
            };
            let (path, relative) = (folder.join(text), format!("{name}/{text}"));
            match fs::metadata(&path) {
                // A folder with a file's name is a mistake, any other is looked into.
                Ok(found) if found.is_dir() && !text.ends_with(".toml") => self.folder(&path, &relative, above),
                _ if Kind::of(&relative).is_none() && !path.is_dir() => {
                    self.manifests.push(ManifestFile::new(relative, Vec::new()));
                }
                _ => {
                    let file = self.file(&path, &relative);
                    self.manifests.extend(file);
                }
            }
        }
        above.pop();
    }

    fn file(&mut self, path: &Path, relative: &str) -> Option<ManifestFile> {
        let text = fs::metadata(path).map_err(|error| said(&error)).and_then(|found| {
            if found.is_dir() {
                return Err("a folder stands where a file should be".to_owned());
            }
            // Opening a pipe would wait for someone to write into it.
            if !found.is_file() {
                return Err("this is no regular file".to_owned());
            }
            let mut text = Vec::new();
            let limit = FILE_BYTES_MAX as u64 + 1;
            // One byte more than allowed is enough for the finding.
            File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text)).map_err(|error| said(&error))?;
            Ok(text)
        });
        match text {
            Ok(text) => Some(ManifestFile::new(relative, text)),
            Err(why) => {
                self.unreadable(relative, &why);
                None
            }
        }
    }

    /// A link to nowhere is something that was meant to be there.
    fn dangling(&mut self, path: &Path, name: &str) {
        if fs::symlink_metadata(path).is_ok() {
            self.unreadable(name, "the link leads nowhere");
        }
    }

    /// What lies in the home itself and looks like a manifest that was put beside its folder.
    fn beside(&mut self, root: &Path) {
        let Ok(entries) = fs::read_dir(root) else { return };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        for name in names.filter(|name| !name.starts_with('.') && name != SETTINGS) {
            let folder = root.join(&name).is_dir();
            if name.ends_with(".toml") && !folder {
                self.manifests.push(ManifestFile::new(name, Vec::new()));
            } else if folder
                && !FOLDERS.contains(&name.as_str())
                && let Some(near) = nearest(&name, FOLDERS)
            {
                let message = format!("nothing reads the folder `{name}`");
                let finding = Diagnostic::new(files::UNKNOWN_FILE, Place::whole(&name), message);
                self.findings.push(finding.help(format!("did you mean `{near}`?")));
            }
        }
    }

    fn unreadable(&mut self, path: &str, why: &str) {
        let message = format!("cannot read `{path}`: {why}");
        self.findings.push(Diagnostic::new(files::UNREADABLE, Place::whole(path), message));
    }
}

/// What editors and file managers leave behind. A hidden `.toml` is not among it: someone may think it is read.
fn litter(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && !name.ends_with(b".toml")
}

/// The system's sentence without its number.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
