//! `pricing install` and `pricing rollback`: price files that come apart from the program.
//!
//! A bundle is one JSON document with price files in it, `{"bundle": "halton-meter-prices", "schema": 1, "made": "2026-12-01",
//! "files": {"acme.toml": "…"}}`, and beside it `NAME.minisig`, its detached signature by the key in `[pricing] key`. Its files
//! become `manifests/prices/installed-acme.toml`, over the program's own and under the user's. Nothing is fetched.

use super::{bytes, diff, over_bundled};
use crate::failure::Failure;
use crate::{open, out};
use clap::Args;
use meter_api::Exit;
use meter_hop::paths::Home;
use meter_manifest::{ManifestFile, prices};
use meter_price::PriceBook;
use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Largest bundle that is read.
const BUNDLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What every bundle says it is.
const KIND: &str = "halton-meter-prices";

/// The newest form of a bundle that this program reads.
const SCHEMA: u32 = 1;

/// Arguments of `pricing install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// The bundle.
    pub file: PathBuf,
    /// Its signature, when it is not FILE.minisig.
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// Show what it would change and stop.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `pricing rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {}

/// A bundle's document.
#[derive(Debug, Deserialize, Serialize)]
pub struct Bundle {
    bundle: String,
    schema: u32,
    made: String,
    files: BTreeMap<String, String>,
}

impl Bundle {
    /// Reads a bundle without looking at its signature.
    ///
    /// # Errors
    /// It is none, or a newer one.
    pub fn read(file: &Path) -> Result<Bundle, Failure> {
        Bundle::parse(&bytes(file, BUNDLE_BYTES_MAX)?, &file.display().to_string())
    }

    /// A bundle of files by name.
    pub(super) fn of(made: String, files: BTreeMap<String, String>) -> Bundle {
        Bundle { bundle: KIND.to_owned(), schema: SCHEMA, made, files }
    }

    /// Its day.
    pub(super) fn made(&self) -> &str {
        &self.made
    }

    /// The text that is signed: the same files and the same day give the same bytes.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(super) fn text(&self) -> Result<String, Failure> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| Failure::because("cannot write the bundle", error).with_code(Exit::Bug))?;
        Ok(text + "\n")
    }

    pub(super) fn parse(text: &[u8], name: &str) -> Result<Bundle, Failure> {
        let bundle: Bundle = serde_json::from_slice(text)
            .map_err(|error| Failure::because(format!("{name} is no bundle of prices"), error))?;
        if bundle.bundle != KIND || bundle.files.is_empty() {
            return Err(Failure::new(format!("{name} is no bundle of prices")));
        }
        if bundle.schema > SCHEMA {
            return Err(Failure::new(format!("{name} is for a newer program (schema {})", bundle.schema)));
        }
        let plain = |name: &String| {
            let stem = name.strip_suffix(".toml").unwrap_or_default();
            !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
        };
        // A name with a slash or dots would leave the folder.
        match bundle.files.keys().find(|name| !plain(name)) {
            Some(bad) => Err(Failure::new(format!("{name} holds a file with a name that is not allowed: `{bad}`"))),
            None => Ok(bundle),
        }
    }

    fn manifests(&self) -> Vec<ManifestFile> {
        let name = |stem: &String| format!("{}{stem}", prices::INSTALLED_PREFIX);
        self.files.iter().map(|(stem, text)| ManifestFile::new(name(stem), text.as_str())).collect()
    }

    /// The program's prices with the bundle's over them, and the user's `own` over both.
    ///
    /// # Errors
    /// A file has an error.
    pub fn book(&self, own: Vec<ManifestFile>) -> Result<PriceBook, Failure> {
        let files: Vec<ManifestFile> = self.manifests().into_iter().chain(own).collect();
        over_bundled(&files)
    }
}

/// Where bundles are kept whole.
fn kept(home: &Home, name: &str) -> PathBuf {
    home.root().join("pricing").join(name)
}

/// Verifies and lays down a bundle; the one before is kept.
pub fn install(home: &Home, args: &InstallArgs) -> Result<u8, Failure> {
    let (_, compiled) = open::on_disk(home);
    let key = &compiled.snapshot.config.pricing.key;
    if key.is_empty() {
        let hint = "set `[pricing] key` in config.toml to the minisign public key of whom you trust";
        return Err(Failure::new(format!("no key to verify bundles with: {hint}")));
    }
    let key = PublicKey::from_base64(key).map_err(|error| Failure::because("`[pricing] key` cannot be used", error))?;
    let text = bytes(&args.file, BUNDLE_BYTES_MAX)?;
    let signature = args.signature.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".minisig");
        PathBuf::from(name)
    });
    let signed = String::from_utf8(bytes(&signature, 4096)?).map_err(|_| not_signed(&signature))?;
    let signed = Signature::decode(&signed).map_err(|_| not_signed(&signature))?;
    key.verify(&text, &signed, false).map_err(|error| {
        Failure::because(format!("{} is not signed by the key in your settings", args.file.display()), error)
    })?;
    let bundle = Bundle::parse(&text, &args.file.display().to_string())?;
    // On its own first: what is wrong with it is not the user's doing.
    bundle.book(Vec::new())?;
    let args_of_home = super::BookArgs::default();
    let book = bundle.book(super::own_files(|| Ok(home.clone()), &args_of_home)?)?;
    let before = super::book(|| Ok(home.clone()), &args_of_home)?;
    out::print(&diff::text(&meter_price::diff(&before, &book)))?;
    if args.dry_run {
        return Ok(Exit::Ok.code());
    }
    let current = kept(home, "current.json");
    open::prepared(home)?;
    fs::create_dir_all(kept(home, "")).map_err(|error| Failure::because("cannot make the folder of bundles", error))?;
    match fs::read(&current) {
        // The same bundle again must not push the real one before it out.
        Ok(known) if known == text => {}
        Ok(known) => put(&kept(home, "previous.json"), &known)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => remove(&kept(home, "previous.json"))?,
        Err(error) => return Err(Failure::because(format!("cannot read {}", current.display()), error)),
    }
    put(&current, &text)?;
    lay(home, Some(&bundle))?;
    out::say(&format!("prices of {} are installed; `halton-meter apply` puts them in force", bundle.made));
    Ok(Exit::Ok.code())
}

/// Goes back one step: to the bundle before, else to the program's own prices.
pub fn rollback(home: &Home, _: &RollbackArgs) -> Result<u8, Failure> {
    let (current, previous) = (kept(home, "current.json"), kept(home, "previous.json"));
    if !current.exists() {
        return Err(Failure::new("no bundle of prices is installed"));
    }
    match fs::read(&previous) {
        Ok(text) => {
            let bundle = Bundle::parse(&text, "the bundle before")?;
            put(&current, &text)?;
            remove(&previous)?;
            lay(home, Some(&bundle))?;
            out::say(&format!("back to the prices of {}; `halton-meter apply` puts them in force", bundle.made));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            remove(&current)?;
            lay(home, None)?;
            out::say("back to the program's own prices; `halton-meter apply` puts them in force");
        }
        Err(error) => return Err(Failure::because(format!("cannot read {}", previous.display()), error)),
    }
    Ok(Exit::Ok.code())
}

/// Makes the installed files those of a bundle.
fn lay(home: &Home, bundle: Option<&Bundle>) -> Result<(), Failure> {
    let folder = home.root().join(super::PRICES);
    fs::create_dir_all(&folder).map_err(|error| Failure::because("cannot make the folder of price files", error))?;
    let files = bundle.map(Bundle::manifests).unwrap_or_default();
    for file in &files {
        put(&home.root().join(&file.path), &file.text)?;
    }
    let because = |error| Failure::because(format!("cannot read {}", folder.display()), error);
    for entry in fs::read_dir(&folder).map_err(because)? {
        let name = entry.map_err(because)?.file_name().to_string_lossy().into_owned();
        let path = format!("{}/{name}", super::PRICES);
        if prices::is_installed(&path) && !files.iter().any(|file| file.path == path) {
            remove(&home.root().join(&path))?;
        }
    }
    Ok(())
}

fn not_signed(signature: &Path) -> Failure {
    Failure::new(format!("{} is no minisign signature", signature.display()))
}

/// Writes a file in one step.
pub(super) fn put(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let because = |error| Failure::because(format!("cannot write {}", path.display()), error);
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(because)?;
    io::Write::write_all(&mut file, text).map_err(because)?;
    file.persist(path).map_err(|error| because(error.error))?;
    Ok(())
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::because(format!("cannot remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}
