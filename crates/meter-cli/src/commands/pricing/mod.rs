//! `pricing`: what calls cost, where the figures come from, and how they get here.

mod bundle;
mod check;
mod diff;
mod import;
mod list;
mod make;
mod quote;
mod show;

use crate::failure::Failure;
use crate::open;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use meter_api::Exit;
use meter_apply::UserLayer;
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_manifest::{FILE_BYTES_MAX, ManifestFile, bundled, prices};
use meter_price::{PriceBook, parse_instant};
use std::fs::{DirEntry, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where price files lie in a home.
const PRICES: &str = "manifests/prices";

/// The verbs of `pricing`.
#[derive(Debug, Subcommand)]
pub enum PricingCommand {
    /// Every model with what it costs.
    List(list::ListArgs),
    /// One model with its names, its rows and everything that changes them.
    Show(show::ShowArgs),
    /// What calls would cost; with expectations in the file, whether they do.
    Quote(quote::QuoteArgs),
    /// The age of the figures, prices that are due, models that were called without a price.
    Check(check::CheckArgs),
    /// What differs from another set of price files.
    Diff(diff::DiffArgs),
    /// What a public price list would change. Nothing is written unless asked.
    Import(import::ImportArgs),
    /// Price files as one file to be signed, for others to install.
    Bundle(make::MakeArgs),
    /// Take a signed bundle of price files; the one before is kept.
    Install(bundle::InstallArgs),
    /// Go back to the bundle before, or to the program's own prices.
    Rollback(bundle::RollbackArgs),
}

/// Which price files are meant.
#[derive(Clone, Debug, Default, Args)]
pub struct BookArgs {
    /// Price files over the bundled ones, in place of what is in force: a home, a folder with `prices`, or the files alone.
    #[arg(long, value_name = "DIR")]
    pub manifests: Option<PathBuf>,
}

/// Runs a verb of `pricing`.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, command: &PricingCommand) -> Result<u8, Failure> {
    match command {
        PricingCommand::List(args) => list::run(home, args),
        PricingCommand::Show(args) => show::run(home, args),
        PricingCommand::Quote(args) => quote::run(home, args),
        PricingCommand::Check(args) => check::run(home, args),
        PricingCommand::Diff(args) => diff::run(home, args),
        PricingCommand::Import(args) => import::run(home, args),
        PricingCommand::Bundle(args) => make::run(home, args),
        PricingCommand::Install(args) => bundle::install(&home()?, args),
        PricingCommand::Rollback(args) => bundle::rollback(&home()?, args),
    }
}

/// The price book: of a folder, else what is in force, else what would come into force.
///
/// # Errors
/// The files have an error; a book that lacks something gives wrong answers.
pub fn book(home: impl FnOnce() -> Result<Home, Failure>, args: &BookArgs) -> Result<PriceBook, Failure> {
    let Some(folder) = &args.manifests else {
        let home = home()?;
        return match open::current(&home)? {
            Some(loaded) => Ok(loaded.model.prices),
            None => over_bundled(&price_files(UserLayer::read(&home))),
        };
    };
    of_folder(folder)
}

/// The book of a folder's files over the bundled ones.
///
/// # Errors
/// It is no folder, is no home and holds no price file, or one of them cannot be read or has an error.
pub fn of_folder(folder: &Path) -> Result<PriceBook, Failure> {
    over_bundled(&files_of(folder)?)
}

/// The user's own price files, which lie over those of any bundle.
///
/// # Errors
/// As [`of_folder`].
pub fn own_files(home: impl FnOnce() -> Result<Home, Failure>, args: &BookArgs) -> Result<Vec<ManifestFile>, Failure> {
    let mut files = match &args.manifests {
        Some(folder) => files_of(folder)?,
        None => price_files(UserLayer::read(&home()?)),
    };
    files.retain(|file| !prices::is_installed(&file.path));
    Ok(files)
}

/// The price files of a folder.
fn files_of(folder: &Path) -> Result<Vec<ManifestFile>, Failure> {
    let because = |path: &Path, error| Failure::because(format!("cannot read {}", path.display()), error);
    if is_home(folder) {
        // With its installed bundles.
        return Ok(price_files(UserLayer::read_at(folder)));
    }
    let prices = price_folder(folder);
    let entries = std::fs::read_dir(&prices).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> =
        entries.map_err(|error| because(&prices, error))?.iter().map(DirEntry::path).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::new(format!("there are no price files in {}", prices.display())).with_code(Exit::Usage));
    }
    let file = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = std::fs::read(path).map_err(|error| because(path, error))?;
        Ok(ManifestFile::new(format!("{PRICES}/{name}"), text))
    };
    paths.iter().map(file).collect()
}

fn price_files(layer: UserLayer) -> Vec<ManifestFile> {
    layer.manifests.into_iter().filter(|file| is_price_file(&file.path)).collect()
}

/// Where the price files of a folder lie: it is a home, or the `manifests` of one, or holds them itself.
pub fn price_folder(folder: &Path) -> PathBuf {
    if is_home(folder) {
        folder.join(PRICES)
    } else if folder.join("prices").is_dir() {
        folder.join("prices")
    } else {
        folder.to_owned()
    }
}

fn is_home(folder: &Path) -> bool {
    ["manifests", "providers.d", "policies.d", "config.toml"].iter().any(|part| folder.join(part).exists())
}

/// The book of these files over the bundled ones, when nothing is wrong with it.
fn over_bundled(files: &[ManifestFile]) -> Result<PriceBook, Failure> {
    let (book, found) = prices::book(&bundled_prices(), files);
    let errors: Vec<String> = found.iter().filter(|one| one.is_error()).map(ToString::to_string).collect();
    match errors.first() {
        None => Ok(book),
        Some(first) => {
            let more = if errors.len() > 1 { format!(" (and {} more)", errors.len() - 1) } else { String::new() };
            Err(Failure::new(format!("the price files have an error: {first}{more}")).with_code(Exit::Found))
        }
    }
}

/// The program's own price files.
pub fn bundled_prices() -> Vec<ManifestFile> {
    bundled().into_iter().filter(|file| is_price_file(&file.path)).collect()
}

fn is_price_file(path: &str) -> bool {
    price_file_name(path).is_some()
}

/// The name of a price file within its folder.
fn price_file_name(path: &str) -> Option<&str> {
    path.strip_prefix(PRICES)?.strip_prefix('/').filter(|name| name.ends_with(".toml"))
}

/// An instant that a person names, else now.
pub fn at(text: Option<&str>) -> Result<UnixMillis, Failure> {
    let Some(text) = text else { return Ok(now()) };
    parse_instant(text).ok_or_else(|| {
        let forms = "write 2026-03-01 (00:00 UTC) or 2026-08-16T16:00:00Z";
        Failure::new(format!("`{text}` is no date or instant: {forms}")).with_code(Exit::Usage)
    })
}

/// Now.
pub fn now() -> UnixMillis {
    UnixMillis(Timestamp::now().as_millisecond())
}

/// Today in UTC, ISO.
pub fn today() -> String {
    Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date().to_string()
}

/// A file's bytes, up to the largest manifest; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is larger.
pub fn bytes(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let because = |error| Failure::because(format!("cannot read {}", path.display()), error);
    let mut text = Vec::new();
    let limit = bytes_max as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut text).map_err(because)?;
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text)).map_err(because)?;
    }
    if text.len() > bytes_max {
        return Err(Failure::new(format!("{} is larger than {bytes_max} bytes", path.display())));
    }
    Ok(text)
}

/// Largest file of cases; manifests have the same limit.
pub const CASES_BYTES_MAX: usize = FILE_BYTES_MAX;
