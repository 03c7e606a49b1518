//! `manifests`: which files are in force and where each comes from; copies of bundled ones for editing.

use crate::args::ManifestsCommand;
use crate::diff;
use crate::failure::Failure;
use crate::out::{self, WARN, styled};
use crate::table::{Align, Table};
use meter_api::Exit;
use meter_apply::UserLayer;
use meter_hop::paths::Home;
use meter_manifest::layers::{Kind, Listed, Standing};
use meter_manifest::schema::{KINDS, text};
use meter_manifest::{ManifestFile, bundled, bundled_file, eject, load};
use serde::Serialize;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// `--json` of the list.
#[derive(Serialize)]
struct Document {
    manifests: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    path: String,
    kind: &'static str,
    /// `bundled`, `added`, `replaces`, `merges` or `masked`.
    standing: &'static str,
    /// The bundled file is another one than the copy was made from.
    moved_on: bool,
}

/// Runs what was asked for; the list without a word.
pub fn run(home: &Home, command: Option<&ManifestsCommand>) -> Result<u8, Failure> {
    let user = UserLayer::read(home);
    match command {
        None => list(&user, false),
        Some(ManifestsCommand::List { json }) => list(&user, *json),
        Some(ManifestsCommand::Show { name, composed }) => show(&user, name, *composed),
        Some(ManifestsCommand::Eject { name, force }) => copy(home, &user, name, *force),
        Some(ManifestsCommand::Diff { name }) => compare(&user, name),
    }
}

fn list(user: &UserLayer, json: bool) -> Result<u8, Failure> {
    let moved = eject::moved_on(&bundled(), &user.manifests);
    let rows = load(&bundled(), &user.manifests).0.files;
    let rows: Vec<Row> = rows
        .into_iter()
        .map(|Listed { path, kind, standing }| Row {
            kind: kind.as_str(),
            standing: match standing {
                Standing::Bundled => "bundled",
                Standing::Added => "added",
                Standing::Replaces => "replaces",
                Standing::Merges => "merges",
                Standing::Masked => "masked",
            },
            moved_on: standing != Standing::Bundled && moved.contains(&path),
            path,
        })
        .collect();
    if json {
        out::json(Document { manifests: rows })?;
        return Ok(Exit::Ok.code());
    }
    let mut table = Table::new(&[("file", Align::Left), ("kind", Align::Left), ("origin", Align::Left)]);
    for row in &rows {
        let origin = match row.standing {
            "added" => "yours",
            "replaces" => "yours, in place of the bundled one",
            "merges" => "yours, merged row by row with the bundled one",
            "masked" => "bundled, hidden by yours",
            other => other,
        };
        table.row([row.path.clone(), row.kind.to_owned(), origin.to_owned()]);
    }
    out::print(&table.text())?;
    for path in &moved {
        out::say(&styled(WARN, told_moved(path)));
    }
    Ok(Exit::Ok.code())
}

/// What is said of a copy whose origin is another one by now.
pub fn told_moved(path: &str) -> String {
    format!("the bundled {path} has changed since yours was copied from it: `halton-meter manifests diff {path}`")
}

/// The paths that a name may mean: a path, the end of one, or a file's name without its end.
fn named<'a>(name: &str, paths: impl Iterator<Item = &'a str>) -> Result<&'a str, Failure> {
    let name = name.trim_start_matches("./");
    let mut all: Vec<&str> = paths.collect();
    all.sort_unstable();
    all.dedup();
    let means = |path: &&&str| {
        let stem = path.strip_suffix(".toml").unwrap_or(path);
        [**path, stem].iter().any(|path| *path == name || path.ends_with(&format!("/{name}")))
    };
    let found: Vec<&str> = all.iter().filter(means).copied().collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let stems = all.iter().filter_map(|path| path.rsplit('/').next()?.strip_suffix(".toml"));
            let near = meter_diag::nearest(name, stems).map(|near| format!("; did you mean `{near}`?"));
            let message = format!("no manifest is called `{name}`{}", near.unwrap_or_default());
            Err(Failure::new(message).with_code(Exit::Usage))
        }
        several => {
            // A name alone means the provider.
            if let [one] = several.iter().filter(|path| path.starts_with("providers.d/")).collect::<Vec<_>>()[..] {
                return Ok(one);
            }
            let message = format!("`{name}` means several files:\n  {}", several.join("\n  "));
            Err(Failure::new(message).with_code(Exit::Usage))
        }
    }
}

fn show(user: &UserLayer, name: &str, composed: bool) -> Result<u8, Failure> {
    let bundled = bundled();
    let own = user.manifests.iter().map(|file| file.path.as_str());
    let path = named(name, bundled.iter().map(|file| file.path.as_str()).chain(own))?;
    if composed {
        return show_composed(&bundled, user, path);
    }
    let text = user.text(path).or_else(|| bundled_file(path));
    let text = text.ok_or_else(|| Failure::new(format!("{path} is no text")))?;
    out::print(text)?;
    Ok(Exit::Ok.code())
}

/// What `extends`, prefixes and mounts come to.
fn show_composed(bundled: &[ManifestFile], user: &UserLayer, path: &str) -> Result<u8, Failure> {
    let stem = path.strip_prefix("providers.d/").and_then(|name| name.strip_suffix(".toml"));
    let not = || Failure::new(format!("{path} is no provider that is in force")).with_code(Exit::Usage);
    let (model, _) = load(bundled, &user.manifests);
    let from_here = |place: &meter_diag::Place| place.file == path;
    let host = model.hosts.iter().find(|(_, place)| from_here(place)).map(|(name, _)| name);
    let claims = |provider: &&meter_manifest::Provider| {
        host.is_some_and(|host| provider.hosts.iter().any(|one| one.name == *host))
    };
    let provider = model.providers.iter().find(claims).filter(|_| stem.is_some()).ok_or_else(not)?;
    out::print(&provider.to_toml())?;
    Ok(Exit::Ok.code())
}

fn copy(home: &Home, user: &UserLayer, name: &str, force: bool) -> Result<u8, Failure> {
    let bundled = bundled();
    let path = named(name, bundled.iter().map(|file| file.path.as_str()))?;
    let place = home.root().join(path);
    // Whatever stands there, readable or not, is the user's.
    if place.symlink_metadata().is_ok() && !force {
        let hint = "`manifests diff` compares it, `--force` starts anew";
        return Err(Failure::new(format!("{} is there already; {hint}", place.display())));
    }
    crate::open::prepared(home)?;
    let file = bundled.iter().find(|file| file.path == path).expect("a path from this list");
    write(&place, &eject::copy(file))?;
    let kind = Kind::of(path);
    for kind in KINDS.into_iter().filter(|one| Some(*one) == kind) {
        // What the copy's first line names, so that editors find it.
        write(&home.root().join(format!("schemas/{}.json", kind.as_str())), &text(kind))?;
    }
    if kind == Some(Kind::Prices) && user.text(path).is_none() {
        out::say("prices merge row by row: a file with the rows you change is enough");
    }
    out::print(&format!("{}\n", place.display()))?;
    out::say("edit it, then `halton-meter validate` and `halton-meter apply`");
    Ok(Exit::Ok.code())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap_or(path))?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|error: std::io::Error| Failure::because(format!("cannot write {}", path.display()), error))
}

fn compare(user: &UserLayer, name: &str) -> Result<u8, Failure> {
    let path = named(name, user.manifests.iter().map(|file| file.path.as_str()))?;
    let theirs = bundled_file(path)
        .ok_or_else(|| Failure::new(format!("no bundled file is called {path}: it is yours alone")))?;
    let ours = user.text(path).ok_or_else(|| Failure::new(format!("{path} is no text")))?;
    let ours = eject::without_mark(ours);
    if theirs == ours {
        out::say("they are the same");
        return Ok(Exit::Ok.code());
    }
    out::print(&diff::unified(path, Some(theirs), Some(&ours)))?;
    Ok(Exit::Found.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_file_or_says_which() {
        let paths = [
            "manifests/dialects/zoo.toml",
            "manifests/prices/zoo.toml",
            "manifests/prices/acme.toml",
            "providers.d/acme.toml",
            "providers.d/zenith.toml",
        ];
        let find = |name: &str| named(name, paths.into_iter()).map_err(|failure| failure.to_string());
        assert_eq!(find("zenith").as_deref(), Ok("providers.d/zenith.toml"));
        assert_eq!(find("prices/acme").as_deref(), Ok("manifests/prices/acme.toml"));
        assert_eq!(find("providers.d/acme.toml").as_deref(), Ok("providers.d/acme.toml"));
        assert_eq!(find("acme").as_deref(), Ok("providers.d/acme.toml"));
        assert!(find("zoo").is_err_and(|text| text.contains("several files")));
        assert!(find("zenit").is_err_and(|text| text.ends_with("did you mean `zenith`?")));
        assert!(find("ith").is_err());
    }
}
