//! Every text that applying would change, as it is and as it would be.

use crate::compile::Compiled;
use crate::error::{Act, ApplyError};
use crate::rendered::{EDGE, Site, edge_config};
use crate::services::{self, Rendered, Supervisor};
use crate::shelf::Shelf;
use meter_hop::paths::Home;
use meter_hop::{Document, EdgeConfig};
use meter_manifest::config::Secret;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Folder in `applied/` where the files that were overwritten last are kept.
const BEFORE: &str = "before";

/// One file that applying writes or removes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileText {
    /// Name within the home; that of a bundled manifest begins with `bundled/`.
    pub name: String,
    /// As it is in force; `None` when it would be new.
    pub before: Option<String>,
    /// As it would be; `None` when it would be removed.
    pub after: Option<String>,
}

/// The files that would change, by name: manifests against the snapshot in force, `edge.json` and the service files against
/// what stands in the home. Settings are not among them, because they hold passwords; [`crate::plan`] names them by key. A
/// password in `edge.json` is left out of both texts.
///
/// # Errors
/// [`ApplyError::Edge`] and [`ApplyError::Service`] when the state could not be applied.
pub fn texts(home: &Home, wanted: &Compiled, site: &Site) -> Result<Vec<FileText>, ApplyError> {
    let shelf = Shelf::of(home);
    let stored = shelf.current().ok().flatten().and_then(|digest| shelf.read(&digest).ok());
    let mut texts = Vec::new();
    // Before the first apply the bundled files are no change: they are what there is.
    let before =
        stored.map_or_else(|| (wanted.snapshot.bundled.clone(), Vec::new()), |stored| (stored.bundled, stored.user));
    for (prefix, old, new) in
        [("bundled/", &before.0, &wanted.snapshot.bundled), ("", &before.1, &wanted.snapshot.user)]
    {
        let mut names: Vec<&str> = old.iter().chain(new).map(|file| file.path.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let text = |files: &[meter_manifest::ManifestFile]| {
                let file = files.iter().find(|file| file.path == name)?;
                Some(String::from_utf8_lossy(&file.text).into_owned())
            };
            texts.push(FileText { name: format!("{prefix}{name}"), before: text(old), after: text(new) });
        }
    }
    let there = EdgeConfig::read(&home.edge_json()).ok().map(|edge| shown(&edge));
    texts.push(FileText { name: EDGE.to_owned(), before: there, after: Some(shown(&edge_config(wanted)?)) });
    let files = services::files(home, wanted, site)?;
    for name in services::left_over(home, site.supervisor, &files)? {
        texts.push(FileText { before: read(&home.root().join(&name)), name, after: None });
    }
    for Rendered { name, text } in files {
        texts.push(FileText { before: read(&home.root().join(&name)), name, after: Some(text) });
    }
    texts.retain(|text| text.before != text.after);
    Ok(texts)
}

fn read(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// The edge's file for people's eyes.
fn shown(edge: &EdgeConfig) -> String {
    let mut edge = edge.clone();
    edge.upstream.proxy = edge.upstream.proxy.map(|proxy| Secret(proxy).to_string());
    let text = serde_json::to_string_pretty(&edge).expect("texts, lists and maps with text keys always serialise");
    text + "\n"
}

/// Keeps a file of the home that is about to be overwritten or removed, in `applied/before/`.
pub(crate) fn keep(home: &Home, name: &str) -> Result<(), ApplyError> {
    let path = home.root().join(name);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).act("read", &path),
    };
    let copy = home.applied().join(BEFORE).join(name);
    let folder = copy.parent().unwrap_or(&copy);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).act("create", folder)?;
    Ok(meter_hop::replace(&copy, &text)?)
}

/// Writes what applying would write for other programs (`edge.json`, and the service files of every supervisor) into
/// another folder; the home is not touched. Gives the names.
///
/// # Errors
/// [`ApplyError`] when a file cannot be rendered or written.
pub fn render_to(folder: &Path, home: &Home, wanted: &Compiled, site: &Site) -> Result<Vec<String>, ApplyError> {
    let mut names = Vec::new();
    for supervisor in [Supervisor::Launchd, Supervisor::Systemd] {
        let site = Site { supervisor, ..site.clone() };
        for Rendered { name, text } in services::files(home, wanted, &site)? {
            let path = folder.join(&name);
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).act("create", parent)?;
            meter_hop::replace(&path, text.as_bytes())?;
            names.push(name);
        }
    }
    edge_config(wanted)?.write(&folder.join(EDGE))?;
    names.push(EDGE.to_owned());
    names.sort();
    Ok(names)
}
