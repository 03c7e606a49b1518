//! `pricing diff`.

use super::{BookArgs, book, bundled_prices, of_folder, own_files};
use crate::failure::Failure;
use crate::out;
use crate::show::{plain, plural};
use crate::table::{Align, Table};
use clap::Args;
use meter_api::Exit;
use meter_hop::paths::Home;
use meter_manifest::prices;
use meter_price::{ChangeKind, ModelChange, diff};
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `pricing diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A folder laid out like a home, or a bundle's file, compared with what is in force; the program's own prices if
    /// absent.
    #[arg(value_name = "OTHER")]
    pub other: Option<PathBuf>,
    #[command(flatten)]
    pub book: BookArgs,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Document {
    changes: Vec<ModelChange>,
}

/// Prints what the other set has otherwise; 3 when there is anything.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &DiffArgs) -> Result<u8, Failure> {
    let home = args.book.manifests.is_none().then(home).transpose()?;
    let home = || Ok(home.clone().expect("asked for only where no folder is named"));
    let ours = book(home, &args.book)?;
    let theirs = match &args.other {
        None => prices::book(&bundled_prices(), &[]).0,
        Some(folder) if folder.is_dir() => of_folder(folder)?,
        Some(file) => super::bundle::Bundle::read(file)?.book(own_files(home, &args.book)?)?,
    };
    let changes = diff(&ours, &theirs);
    let code = if changes.is_empty() { Exit::Ok } else { Exit::Found };
    if args.json {
        out::json(Document { changes })?;
    } else {
        out::print(&text(&changes))?;
    }
    Ok(code.code())
}

/// A table of every price that differs, and how many models do.
pub fn text(changes: &[ModelChange]) -> String {
    if changes.is_empty() {
        return "No differences.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("provider", Align::Left),
        ("model", Align::Left),
        ("from", Align::Left),
        ("price", Align::Left),
        ("old", Align::Right),
        ("new", Align::Right),
        ("%", Align::Right),
    ]);
    for change in changes {
        for row in &change.rows {
            let name = || [plain(&change.provider), plain(&change.model), row.from.clone()];
            for rate in &row.rates {
                let cell = |price: &Option<String>| price.as_deref().map_or("-".to_owned(), short);
                let per_cent = rate.per_cent.clone().unwrap_or_default();
                let cells = [rate.meter.to_string(), cell(&rate.old), cell(&rate.new), per_cent];
                table.row(name().into_iter().chain(cells));
            }
            for what in &row.also {
                let cells = [(*what).to_owned(), "differs".to_owned(), String::new(), String::new()];
                table.row(name().into_iter().chain(cells));
            }
        }
    }
    let count = |kind| changes.iter().filter(|change| change.kind == kind).count() as u64;
    format!(
        "{}{}: {} new, {} gone, {} changed\n",
        table.text(),
        plural(changes.len() as u64, "model differs", "models differ"),
        count(ChangeKind::Added),
        count(ChangeKind::Removed),
        count(ChangeKind::Changed)
    )
}

fn short(price: &str) -> String {
    price.strip_suffix(" / 1M tokens").unwrap_or(price).to_owned()
}
