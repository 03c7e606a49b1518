//! `pricing bundle`: price files as the one file that is signed and that `pricing install` takes.

use super::bundle::Bundle;
use super::{PRICES, bundled_prices, diff, price_file_name};
use crate::failure::Failure;
use crate::out;
use crate::show::plural;
use clap::Args;
use meter_api::Exit;
use meter_apply::UserLayer;
use meter_diag::Diagnostic;
use meter_hop::paths::Home;
use meter_manifest::prices;
use meter_price::parse_instant;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Arguments of `pricing bundle`.
#[derive(Debug, Args)]
pub struct MakeArgs {
    /// The file to write; `-` is standard output.
    pub out: PathBuf,
    /// A folder laid out like a home, in place of your own: its `manifests/prices/*.toml` go into the bundle.
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Day of the bundle (default: the newest `checked` of its files, so that the same files make the same bundle).
    #[arg(long, value_name = "DAY")]
    pub made: Option<String>,
}

/// Writes the bundle; what it would change of the program's own prices goes to standard error.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &MakeArgs) -> Result<u8, Failure> {
    let (layer, folder) = match &args.from {
        Some(folder) if !folder.is_dir() => {
            return Err(Failure::new(format!("{} is no folder", folder.display())).with_code(Exit::Usage));
        }
        Some(folder) => (UserLayer::read_at(folder), folder.clone()),
        None => {
            let home = home()?;
            (UserLayer::read(&home), home.root().to_owned())
        }
    };
    let mut files = BTreeMap::new();
    for file in layer.manifests.iter().filter(|file| !prices::is_installed(&file.path)) {
        let Some(name) = price_file_name(&file.path) else { continue };
        let text = String::from_utf8(file.text.to_vec())
            .map_err(|error| Failure::because(format!("{} is no text", file.path), error))?;
        // Bought terms are a user's own; a bundle is for others.
        let private = ["contract", "plan", "fx"];
        let table: toml::Table = toml::from_str(&text)
            .map_err(|error| Failure::because(format!("cannot read {}", file.path), error).with_code(Exit::Found))?;
        if let Some(word) = private.into_iter().find(|word| table.contains_key(*word)) {
            let hint = "keep such tables in a file of another folder";
            return Err(Failure::new(format!("{} holds `[[{word}]]`, which is yours alone: {hint}", file.path)));
        }
        files.insert(name.to_owned(), text);
    }
    if files.is_empty() {
        let place = folder.join(PRICES);
        return Err(Failure::new(format!("there is no price file in {}", place.display())).with_code(Exit::Usage));
    }
    let made = match &args.made {
        Some(day) if day.len() == 10 && parse_instant(day).is_some() => day.clone(),
        Some(day) => return Err(Failure::new(format!("`{day}` is no day: write 2026-12-01")).with_code(Exit::Usage)),
        None => newest_checked(&files).ok_or_else(|| {
            Failure::new("no file says when it was checked: name a day with --made").with_code(Exit::Usage)
        })?,
    };
    let count = files.len() as u64;
    let bundle = Bundle::of(made, files);
    let text = bundle.text()?;
    // As it will be read: a bundle that cannot be installed is not made.
    let book = Bundle::parse(text.as_bytes(), "the bundle")?.book(Vec::new())?;
    let (before, found) = prices::book(&bundled_prices(), []);
    if let Some(error) = found.iter().find(|one| Diagnostic::is_error(one)) {
        return Err(Failure::new(format!("the program's own prices: {error}")).with_code(Exit::Bug));
    }
    if args.out == std::path::Path::new("-") {
        out::print(&text)?;
    } else {
        super::bundle::put(&args.out, text.as_bytes())?;
    }
    out::say(diff::text(&meter_price::diff(&before, &book)).trim_end());
    let what = plural(count, "price file", "price files");
    out::say(&match args.out.to_str() {
        Some("-") | None => format!("{what} of {}", bundle.made()),
        Some(name) => format!("{what} of {} in {name}; sign it with `minisign -Sm {name}`", bundle.made()),
    });
    Ok(Exit::Ok.code())
}

/// The newest day that any table of the files was checked on.
fn newest_checked(files: &BTreeMap<String, String>) -> Option<String> {
    fn days(value: &toml::Value, found: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                found.extend(table.get("checked").and_then(toml::Value::as_datetime).map(ToString::to_string));
                table.values().for_each(|inner| days(inner, found));
            }
            toml::Value::Array(items) => items.iter().for_each(|inner| days(inner, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for text in files.values() {
        if let Ok(table) = text.parse::<toml::Table>() {
            days(&toml::Value::Table(table), &mut found);
        }
    }
    found.into_iter().max()
}
