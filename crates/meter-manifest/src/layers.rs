//! Which files are in force: the bundled ones with the user's laid over them.
//!
//! A user's file of the same name replaces the bundled one whole, `masked = true` hides it, a new name is added. Price
//! files are the exception: both layers stay, because prices merge by row.

use crate::file::ManifestFile;
use crate::table::Document;
use meter_diag::{Diagnostic, Place, codes::files};
use std::collections::{BTreeMap, BTreeSet};

/// Where a file comes from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Layer {
    /// Compiled into the binary.
    Bundled,
    /// The user's home.
    User,
}

/// What a file is about, by its path.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// `providers.d/*.toml`
    Provider,
    /// `manifests/dialects/*.toml`
    Dialect,
    /// `manifests/prices/*.toml`
    Prices,
    /// `manifests/tagging.toml`
    Tagging,
    /// `manifests/clients.toml`
    Clients,
    /// `manifests/services.toml`
    Services,
    /// `policies.d/*.toml`
    Policies,
    /// `config.toml`: settings, read by [`crate::config`], no manifest.
    Config,
}

impl Kind {
    /// The kind of a relative path; `None` when nothing reads such a file.
    pub fn of(path: &str) -> Option<Kind> {
        match path {
            "manifests/tagging.toml" => return Some(Kind::Tagging),
            "manifests/clients.toml" => return Some(Kind::Clients),
            "manifests/services.toml" => return Some(Kind::Services),
            "config.toml" => return Some(Kind::Config),
            _ => {}
        }
        let (folder, name) = path.rsplit_once('/')?;
        let stem = name.strip_suffix(".toml")?;
        if stem.is_empty() || stem.starts_with('.') {
            return None;
        }
        match folder {
            "providers.d" => Some(Kind::Provider),
            "manifests/dialects" => Some(Kind::Dialect),
            "manifests/prices" => Some(Kind::Prices),
            "policies.d" => Some(Kind::Policies),
            _ => None,
        }
    }

    /// The name in `halton-meter schema KIND` and in listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Provider => "provider",
            Kind::Dialect => "dialect",
            Kind::Prices => "prices",
            Kind::Tagging => "tagging",
            Kind::Clients => "clients",
            Kind::Services => "services",
            Kind::Policies => "policies",
            Kind::Config => "config",
        }
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Bundled and untouched.
    Bundled,
    /// The user's, under a name that no bundled file has.
    Added,
    /// The user's, in place of a bundled one.
    Replaces,
    /// The user's, merged by row with the bundled one.
    Merges,
    /// Bundled, hidden by the user.
    Masked,
}

/// One line of `halton-meter manifests`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Relative path.
    pub path: String,
    /// What it is about.
    pub kind: Kind,
    /// What became of it.
    pub standing: Standing,
}

/// A parsed file in force.
#[derive(Debug)]
pub(crate) struct Loaded<'f> {
    pub doc: Document<'f>,
    pub kind: Kind,
    pub layer: Layer,
}

/// The files in force.
#[derive(Debug)]
pub(crate) struct Layers<'f> {
    /// Parsed, in path order; price files are not among them.
    pub loaded: Vec<Loaded<'f>>,
    /// Every file and what became of it.
    pub listed: Vec<Listed>,
    /// Price files as they came, because both layers merge by row.
    pub bundled_prices: Vec<&'f ManifestFile>,
    /// The user's.
    pub user_prices: Vec<&'f ManifestFile>,
}

/// Lays the user's files over the bundled ones, in path order. Files that cannot be read are left out and reported.
pub(crate) fn effective<'f>(
    bundled: &'f [ManifestFile],
    user: &'f [ManifestFile],
    found: &mut Vec<Diagnostic>,
) -> Layers<'f> {
    let ours: BTreeSet<&str> = bundled.iter().map(|file| file.path.as_str()).collect();
    let mut force = Force::default();
    // Bundled files that are hidden or replaced whole.
    let mut gone: BTreeMap<&str, Standing> = BTreeMap::new();
    for file in user {
        let Some(kind) = Kind::of(&file.path) else {
            found.push(stray(file));
            continue;
        };
        if kind == Kind::Config {
            continue;
        }
        let bundled_too = ours.contains(file.path.as_str());
        if kind == Kind::Prices && !may_mask(file) {
            force.take_prices(file, Layer::User, if bundled_too { Standing::Merges } else { Standing::Added });
            continue;
        }
        // A file that cannot be read changes nothing: its errors keep the whole from coming into force anyhow, and the
        // bundled one in its place spares people the errors that would follow from its absence.
        let doc = match Document::parse(file) {
            Ok(doc) => doc,
            Err(more) => {
                found.extend(more);
                continue;
            }
        };
        if masked(&doc) {
            if !bundled_too {
                let place = doc.place(doc.root().key("masked").unwrap_or_default());
                let message = format!("no bundled file is called `{}`", file.path);
                found.push(Diagnostic::new(files::MASKS_NOTHING, place, message));
            }
            gone.insert(&file.path, Standing::Masked);
            found.extend(doc.findings());
            continue;
        }
        let standing = match (bundled_too, kind) {
            (false, _) => Standing::Added,
            (true, Kind::Prices) => Standing::Merges,
            (true, _) => {
                gone.insert(&file.path, Standing::Replaces);
                Standing::Replaces
            }
        };
        force.take(file, doc, kind, Layer::User, standing);
    }
    for file in bundled {
        let Some(kind) = Kind::of(&file.path) else { continue };
        match gone.get(file.path.as_str()) {
            Some(Standing::Masked) => force.list(file, kind, Layer::Bundled, Standing::Masked),
            Some(_) => {}
            None if kind == Kind::Prices => force.take_prices(file, Layer::Bundled, Standing::Bundled),
            None => match Document::parse(file) {
                Ok(doc) => force.take(file, doc, kind, Layer::Bundled, Standing::Bundled),
                Err(more) => found.extend(more),
            },
        }
    }
    force.layers()
}

/// Gathers the files in force, in path order.
#[derive(Default)]
struct Force<'f> {
    loaded: BTreeMap<(&'f str, Layer), Loaded<'f>>,
    listed: BTreeMap<(&'f str, Layer), Listed>,
    prices: BTreeMap<(Layer, &'f str), &'f ManifestFile>,
}

impl<'f> Force<'f> {
    fn take(&mut self, file: &'f ManifestFile, doc: Document<'f>, kind: Kind, layer: Layer, standing: Standing) {
        if kind == Kind::Prices {
            return self.take_prices(file, layer, standing);
        }
        self.list(file, kind, layer, standing);
        self.loaded.insert((&file.path, layer), Loaded { doc, kind, layer });
    }

    /// The price reader parses by itself.
    fn take_prices(&mut self, file: &'f ManifestFile, layer: Layer, standing: Standing) {
        self.list(file, Kind::Prices, layer, standing);
        self.prices.insert((layer, &file.path), file);
    }

    fn list(&mut self, file: &'f ManifestFile, kind: Kind, layer: Layer, standing: Standing) {
        self.listed.insert((&file.path, layer), Listed { path: file.path.clone(), kind, standing });
    }

    fn layers(self) -> Layers<'f> {
        let of = |layer: Layer| self.prices.iter().filter(|((at, _), _)| *at == layer).map(|(_, file)| *file).collect();
        Layers {
            bundled_prices: of(Layer::Bundled),
            user_prices: of(Layer::User),
            loaded: self.loaded.into_values().collect(),
            listed: self.listed.into_values().collect(),
        }
    }
}

/// Whether a price file could be one that only hides another. Price files are large, and reading each of them twice would be
/// most of the work there is.
fn may_mask(file: &ManifestFile) -> bool {
    file.text.windows(6).any(|word| word == b"masked")
}

fn stray(file: &ManifestFile) -> Diagnostic {
    Diagnostic::new(files::UNKNOWN_FILE, Place::whole(&file.path), format!("nothing reads `{}`", file.path)).help(
        "files stand in `providers.d/`, `policies.d/`, `manifests/`, `manifests/dialects/` or `manifests/prices/` \
         and end in `.toml`",
    )
}

/// Whether the file only hides the bundled one. Reports what else such a file says.
fn masked(doc: &Document<'_>) -> bool {
    let root = doc.root();
    let Some(value) = root.value("masked") else { return false };
    if value.bool().is_none_or(|at| !at.value) {
        return false;
    }
    root.schema();
    for (key, _) in root.entries() {
        if !matches!(key.value, "schema" | "masked") {
            doc.report(
                files::MASKED_AND_MORE,
                key.span,
                format!("a masked file says nothing else, but here is `{}`", key.value),
            );
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standings(bundled: &[ManifestFile], user: &[ManifestFile]) -> (Vec<(String, Standing)>, Vec<String>) {
        let mut found = Vec::new();
        let listed = effective(bundled, user, &mut found).listed;
        let rows = listed.into_iter().map(|row| (row.path, row.standing)).collect();
        (rows, found.iter().map(|finding| finding.code.to_string()).collect())
    }

    fn file(path: &str, text: &str) -> ManifestFile {
        ManifestFile::new(path, text)
    }

    #[test]
    fn a_users_file_replaces_hides_or_adds() {
        let bundled = [
            file("providers.d/a.toml", "schema = 1"),
            file("providers.d/b.toml", "schema = 1"),
            file("manifests/prices/a.toml", "schema = 1"),
        ];
        let user = [
            file("providers.d/a.toml", "schema = 1"),
            file("providers.d/b.toml", "schema = 1\nmasked = true"),
            file("providers.d/c.toml", "schema = 1"),
            file("manifests/prices/a.toml", "schema = 1"),
        ];
        let (rows, found) = standings(&bundled, &user);
        assert_eq!(found, Vec::<String>::new());
        let expected = [
            ("manifests/prices/a.toml", Standing::Bundled),
            ("manifests/prices/a.toml", Standing::Merges),
            ("providers.d/a.toml", Standing::Replaces),
            ("providers.d/b.toml", Standing::Masked),
            ("providers.d/c.toml", Standing::Added),
        ];
        assert_eq!(rows, expected.map(|(path, standing)| (path.to_owned(), standing)));
    }

    #[test]
    fn an_empty_file_is_an_error_and_hides_nothing_silently() {
        let bundled = [file("providers.d/a.toml", "schema = 1")];
        let (_, found) = standings(&bundled, &[file("providers.d/a.toml", "")]);
        assert_eq!(found, ["HM0104"]);
    }

    #[test]
    fn a_mask_must_hide_something_and_say_nothing_else() {
        let (_, found) = standings(&[], &[file("providers.d/a.toml", "schema = 1\nmasked = true\nid = 'x'")]);
        assert_eq!(found, ["HM0113", "HM0114"]);
    }

    #[test]
    fn a_path_that_nothing_reads_is_reported() {
        for path in
            ["manifests/price/a.toml", "providers.d/a.tml", "providers.d/x/a.toml", "providers.d/.a.toml", "a.toml"]
        {
            let (_, found) = standings(&[], &[file(path, "schema = 1")]);
            assert_eq!(found, ["HM0112"], "{path}");
        }
    }
}
