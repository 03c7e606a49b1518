//! `pricing import`.

use super::{BookArgs, book, bytes, today};
use crate::diff::unified;
use crate::failure::Failure;
use crate::out::{self, BAD, BOLD, WARN, styled};
use crate::show::{plain, plural};
use crate::table::{Align, Table};
use clap::Args;
use meter_api::Exit;
use meter_diag::Diagnostic;
use meter_hop::paths::Home;
use meter_import::{Change, Proposal, Source, Upstream, edit, propose, read};
use meter_manifest::{ManifestFile, prices};
use meter_price::PriceBook;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Largest list that is read; the largest known has 4 MB.
const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Arguments of `pricing import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Which list: `litellm`, `genai-prices` or `model-prices`.
    #[arg(long, value_name = "LIST")]
    pub from: Source,
    /// The list's file, as published.
    pub file: PathBuf,
    /// Another list to hold the first one against: `genai-prices=FILE`; several times for several.
    #[arg(long, value_name = "LIST=FILE")]
    pub with: Vec<String>,
    /// Only this provider.
    #[arg(long, value_name = "ID")]
    pub provider: Option<String>,
    /// Take this entry (`provider/model`) whatever holds it back; you have looked at it.
    #[arg(long, value_name = "NAME")]
    pub accept: Vec<String>,
    /// Go on although the whole run looks wrong; you have looked at it.
    #[arg(long)]
    pub accept_run: bool,
    /// Write the changed files into the folder of `--manifests`, else into your own.
    #[arg(long)]
    pub write: bool,
    #[command(flatten)]
    pub book: BookArgs,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    list: &'static str,
    models_in_list: usize,
    left_out: usize,
    unread: &'a [String],
    #[serde(flatten)]
    proposal: &'a Proposal,
    files: Vec<FileDocument>,
    written: bool,
}

#[derive(Serialize)]
struct FileDocument {
    path: String,
    text: String,
}

/// Shows what would change, and writes it when asked and nothing stops it. 3 when there is anything to look at.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &ImportArgs) -> Result<u8, Failure> {
    let home = home()?;
    let book = book(|| Ok(home.clone()), &args.book)?;
    let today = today();
    let mut first = list(args.from, &args.file, &today)?;
    let others = args.with.iter().map(|pair| {
        let usage = || Failure::new(format!("`{pair}` is not LIST=FILE")).with_code(Exit::Usage);
        let (name, file) = pair.split_once('=').ok_or_else(usage)?;
        list(name.parse().map_err(|_| usage())?, Path::new(file), &today)
    });
    let others: Vec<Upstream> = others.collect::<Result<_, Failure>>()?;
    if let Some(name) = &args.provider {
        let id = book.provider_id(name).unwrap_or(name).to_owned();
        first.models.retain(|(provider, _), _| *provider == id);
        first.later.retain(|((provider, _), _)| *provider == id);
        first.fees.retain(|provider, _| *provider == id);
        first.conflicts.retain(|conflict| conflict.of.0 == id);
    }
    let accepted: BTreeSet<String> = args.accept.iter().cloned().collect();
    let proposal = propose(&book, &first, &others, &accepted, &today);
    let folder = match &args.book.manifests {
        Some(folder) => super::price_folder(folder),
        None => home.root().join(super::PRICES),
    };
    let files = files(&book, &proposal, &folder, &today)?;
    let stopped = !proposal.stops.is_empty() && !args.accept_run;
    let written = args.write && !stopped && !files.is_empty();
    if written {
        for (path, _, text) in &files {
            write(&folder.join(path.rsplit('/').next().unwrap_or(path)), text)?;
        }
    }
    if args.json {
        let documents = files.iter().map(|(path, _, text)| FileDocument { path: path.clone(), text: text.clone() });
        out::json(Document {
            list: first.source.name(),
            models_in_list: first.models.len(),
            left_out: first.left_out,
            unread: &first.unread,
            proposal: &proposal,
            files: documents.collect(),
            written,
        })?;
    } else {
        out::print(&text(&first, &proposal, &files, (stopped, written), &today))?;
    }
    let nothing = proposal.changes.is_empty() && proposal.disagreements.is_empty() && proposal.stops.is_empty();
    Ok(if nothing { Exit::Ok } else { Exit::Found }.code())
}

fn list(source: Source, file: &Path, today: &str) -> Result<Upstream, Failure> {
    let text = bytes(file, LIST_BYTES_MAX)?;
    let unusable = || format!("cannot use {}", file.display());
    let text = String::from_utf8(text).map_err(|error| Failure::because(unusable(), error))?;
    read(source, &text, today).map_err(|error| Failure::because(unusable(), error))
}

/// Path, old and new text of every file that taken changes touch. A text that does not load is a fault of ours and is
/// refused here; what it would charge otherwise than the list stands in it as a comment.
type Edited = (String, Option<String>, String);

fn files(book: &PriceBook, proposal: &Proposal, folder: &Path, today: &str) -> Result<Vec<Edited>, Failure> {
    let mut by_provider: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in proposal.changes.iter().filter(|change| change.taken) {
        by_provider.entry(&change.provider).or_default().push(change);
    }
    let mut files = Vec::new();
    for (provider, changes) in by_provider {
        let path = format!("{}/{provider}.toml", super::PRICES);
        let existing = match fs::read_to_string(folder.join(format!("{provider}.toml"))) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::because(format!("cannot read {path}"), error)),
        };
        let load = |text: &str| {
            let file = ManifestFile::new(path.clone(), text);
            let (book, found) = prices::book(&super::bundled_prices(), [&file]);
            match found.iter().find(|one| Diagnostic::is_error(one) && one.place.file == path) {
                None => Ok(book),
                Some(first) => {
                    Err(Failure::new(format!("the change to {path} would not load: {first}")).with_code(Exit::Bug))
                }
            }
        };
        let text = edit(book, existing.as_deref(), provider, &changes, today, load)?;
        files.push((path, existing, text));
    }
    Ok(files)
}

/// Writes a file in one step: a crash leaves the old one.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let because = |error| Failure::because(format!("cannot write {}", path.display()), error);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(because)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(because)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(because)?;
    file.persist(path).map_err(|error| because(error.error))?;
    Ok(())
}

fn text(
    list: &Upstream,
    proposal: &Proposal,
    files: &[Edited],
    (stopped, written): (bool, bool),
    today: &str,
) -> String {
    let mut text = format!(
        "{}\n{} compared, {} as they are, {} figures that are ours rounded, {} % of our prices still listed\n",
        styled(BOLD, format_args!("{} against the prices in force", list.source.name())),
        plural(proposal.compared as u64, "model", "models"),
        proposal.unchanged,
        proposal.rounded,
        proposal.retained_per_cent,
    );
    let changed: Vec<&Change> = proposal.changes.iter().filter(|change| !is_new(change)).collect();
    if !changed.is_empty() {
        text.push('\n');
        text.push_str(&changes(&changed, today));
    }
    let new: Vec<&Change> = proposal.changes.iter().filter(|change| is_new(change)).collect();
    if !new.is_empty() {
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        new.iter().for_each(|change| *by.entry(change.provider.as_str()).or_default() += 1);
        let by: Vec<String> = by.iter().map(|(provider, count)| format!("{provider} {count}")).collect();
        text.push_str(&format!(
            "\n{} that no price file here has: {}\n",
            plural(new.len() as u64, "model", "models"),
            by.join(", ")
        ));
    }
    if !proposal.disagreements.is_empty() {
        text.push_str(&format!("\n{}\n{}", styled(BOLD, "Where the lists disagree"), disagreements(proposal)));
    }
    for stop in &proposal.stops {
        text.push_str(&format!("\n{} {stop}", styled(if stopped { BAD } else { WARN }, "stop")));
    }
    text.push('\n');
    for (path, before, after) in files {
        text.push_str(&unified(path, before.as_deref(), Some(after)));
    }
    let held = changed.iter().filter(|change| !change.taken).count();
    if held > 0 {
        text.push_str(&format!(
            "{} held back: name one with --accept provider/model\n",
            plural(held as u64, "entry is", "entries are")
        ));
    }
    text.push_str(match (files.is_empty(), stopped, written) {
        (true, ..) => "Nothing to write.\n",
        (_, true, _) => "Nothing was written: look at what stops the run; --accept-run goes on.\n",
        (_, _, false) => "Nothing was written: --write does it.\n",
        (_, _, true) => "Written. `halton-meter apply` puts it in force.\n",
    });
    text
}

fn is_new(change: &Change) -> bool {
    change.guards.contains(&meter_import::Guard::NewModel) && !change.taken
}

/// So many models with one and the same change are one entry of the table.
const ALIKE_MIN: usize = 4;

fn changes(changes: &[&Change], today: &str) -> String {
    let mut table = Table::new(&[
        ("model", Align::Left),
        ("price", Align::Left),
        ("old", Align::Right),
        ("new", Align::Right),
        ("%", Align::Right),
        ("sources", Align::Left),
        ("held back because", Align::Left),
    ]);
    let same = |one: &Change| {
        let figures: Vec<_> = one.figures.iter().map(|f| (f.figure.clone(), f.old.clone(), f.new.clone())).collect();
        (one.provider.clone(), one.from.clone(), figures, one.guards.clone(), one.sources.clone(), one.taken)
    };
    let mut alike: Vec<Vec<&Change>> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for change in changes {
        let at = *index.entry(format!("{:?}", same(change))).or_insert(alike.len());
        if at == alike.len() {
            alike.push(Vec::new());
        }
        alike[at].push(change);
    }
    let mut names = String::new();
    for group in alike {
        let many = group.len() >= ALIKE_MIN;
        if many {
            let list: Vec<String> = group.iter().map(|change| plain(&change.model)).collect();
            names.push_str(&format!("{} of {}: {}\n", group.len(), plain(&group[0].provider), list.join(", ")));
        }
        for change in group.iter().take(if many { 1 } else { group.len() }) {
            let why: Vec<String> = change.guards.iter().map(ToString::to_string).collect();
            let why = if change.taken { String::new() } else { why.join("; ") };
            let name = match many {
                true => format!("{}: {} models", change.provider, group.len()),
                false => format!("{}/{}", change.provider, change.model),
            };
            let name = if change.from.as_str() > today { format!("{name} from {}", change.from) } else { name };
            for (index, figure) in change.figures.iter().enumerate() {
                let first = |text: String| if index == 0 { text } else { String::new() };
                table.row([
                    first(plain(&name)),
                    figure.figure.to_string(),
                    figure.old.clone().unwrap_or_else(|| "-".to_owned()),
                    figure.new.clone().unwrap_or_else(|| "-".to_owned()),
                    figure.per_cent.clone().unwrap_or_default(),
                    first(change.sources.join(", ")),
                    first(why.clone()),
                ]);
            }
        }
    }
    let gap = if names.is_empty() { "" } else { "\n" };
    format!("{}{gap}{names}", table.text())
}

fn disagreements(proposal: &Proposal) -> String {
    let mut table = Table::new(&[
        ("model", Align::Left),
        ("price", Align::Left),
        ("ours", Align::Right),
        ("the lists say", Align::Left),
    ]);
    let mut before = String::new();
    for one in &proposal.disagreements {
        let says: Vec<String> = one.says.iter().map(|(list, figure)| format!("{} {figure}", plain(list))).collect();
        let name = plain(&format!("{}/{}", one.provider, one.model));
        let shown = if name == before { String::new() } else { name.clone() };
        let ours = one.ours.clone().unwrap_or_else(|| "-".to_owned());
        table.row([shown, one.figure.to_string(), ours, says.join(", ")]);
        before = name;
    }
    table.text()
}
