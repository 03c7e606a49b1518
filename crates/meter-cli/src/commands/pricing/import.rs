//! `pricing import`.

use super::{BookArgs, book, bytes, now, today};
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
use meter_price::{ModelView, PriceBook};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Largest list that is read; the largest known has 4 MB.
const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Arguments of `pricing import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Which list: `litellm` or `genai-prices`.
    #[arg(long, value_name = "LIST")]
    pub from: Source,
    /// The list's file, as published.
    pub file: PathBuf,
    /// A second list to hold the first one against: `genai-prices=FILE`.
    #[arg(long, value_name = "LIST=FILE")]
    pub with: Option<String>,
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
    let second = match &args.with {
        None => None,
        Some(pair) => {
            let usage = || Failure::new(format!("`{pair}` is not LIST=FILE")).with_code(Exit::Usage);
            let (name, file) = pair.split_once('=').ok_or_else(usage)?;
            Some(list(name.parse().map_err(|_| usage())?, Path::new(file), &today)?)
        }
    };
    if let Some(name) = &args.provider {
        let id = book.provider_id(name).unwrap_or(name).to_owned();
        first.models.retain(|(provider, _), _| *provider == id);
    }
    let accepted: BTreeSet<String> = args.accept.iter().cloned().collect();
    let proposal = propose(&book, &first, second.as_ref(), &accepted, &today);
    let root = args.book.manifests.clone().unwrap_or_else(|| home.root().to_owned());
    let files = files(&book, &proposal, &root, &today)?;
    let stopped = !proposal.stops.is_empty() && !args.accept_run;
    let written = args.write && !stopped && !files.is_empty();
    if written {
        for (path, _, text) in &files {
            write(&root.join(path), text)?;
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
        out::print(&text(&first, &proposal, &files, stopped, written))?;
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

/// Path, old and new text of every file that taken changes touch. A text that does not load, or charges something else, is
/// a fault of ours and is refused here.
type Edited = (String, Option<String>, String);

fn files(book: &PriceBook, proposal: &Proposal, root: &Path, today: &str) -> Result<Vec<Edited>, Failure> {
    let at = now();
    let mut by_provider: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in proposal.changes.iter().filter(|change| change.taken) {
        by_provider.entry(&change.provider).or_default().push(change);
    }
    let mut files = Vec::new();
    for (provider, changes) in by_provider {
        let path = format!("manifests/prices/{provider}.toml");
        let existing = match fs::read_to_string(root.join(&path)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::because(format!("cannot read {path}"), error)),
        };
        let views = changes.iter().filter_map(|change| {
            let view = book.view(provider, &change.model, at)?;
            Some((change.model.clone(), view))
        });
        let views: BTreeMap<String, ModelView> = views.collect();
        let text = edit(existing.as_deref(), provider, &changes, &views, today, at);
        let file = ManifestFile::new(path.clone(), text.as_str());
        let (_, found) = prices::book(&super::bundled_prices(), [&file]);
        if let Some(first) = found.iter().find(|one| Diagnostic::is_error(one) && one.place.file == path) {
            return Err(Failure::new(format!("the change to {path} would not load: {first}")).with_code(Exit::Bug));
        }
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

fn text(list: &Upstream, proposal: &Proposal, files: &[Edited], stopped: bool, written: bool) -> String {
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
        text.push_str(&changes(&changed));
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
        text.push_str(&format!("\n{}\n{}", styled(BOLD, "The two lists disagree"), disagreements(proposal)));
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

fn changes(changes: &[&Change]) -> String {
    let mut table = Table::new(&[
        ("model", Align::Left),
        ("price", Align::Left),
        ("old", Align::Right),
        ("new", Align::Right),
        ("%", Align::Right),
        ("sources", Align::Left),
        ("held back because", Align::Left),
    ]);
    for change in changes {
        let why: Vec<String> = change.guards.iter().map(ToString::to_string).collect();
        let why = if change.taken { String::new() } else { why.join("; ") };
        for (index, figure) in change.figures.iter().enumerate() {
            let first = |text: String| if index == 0 { text } else { String::new() };
            table.row([
                first(plain(&format!("{}/{}", change.provider, change.model))),
                figure.figure.to_string(),
                figure.old.clone().unwrap_or_else(|| "-".to_owned()),
                figure.new.clone().unwrap_or_else(|| "-".to_owned()),
                figure.per_cent.clone().unwrap_or_default(),
                first(change.sources.join(", ")),
                first(why.clone()),
            ]);
        }
    }
    table.text()
}

fn disagreements(proposal: &Proposal) -> String {
    let lists: BTreeSet<&String> = proposal.disagreements.iter().flat_map(|one| one.says.keys()).collect();
    let mut columns = vec![("model", Align::Left), ("price", Align::Left)];
    columns.extend(lists.iter().map(|list| (list.as_str(), Align::Right)));
    columns.push(("ours", Align::Right));
    let mut table = Table::new(&columns);
    for one in &proposal.disagreements {
        let mut cells = vec![plain(&format!("{}/{}", one.provider, one.model)), one.figure.to_string()];
        cells.extend(lists.iter().map(|list| one.says.get(*list).cloned().unwrap_or_default()));
        cells.push(one.ours.clone().unwrap_or_else(|| "-".to_owned()));
        table.row(cells);
    }
    table.text()
}
