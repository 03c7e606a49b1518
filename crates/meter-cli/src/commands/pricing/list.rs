//! `pricing list`.

use super::{BookArgs, at, book};
use crate::failure::Failure;
use crate::out;
use crate::show::{plain, plural};
use crate::table::{Align, Table};
use clap::Args;
use meter_api::Exit;
use meter_call::{Meter, UnixMillis};
use meter_hop::paths::Home;
use meter_price::{PriceBook, RowView};
use serde::Serialize;

/// Arguments of `pricing list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this provider.
    #[arg(long, value_name = "ID")]
    pub provider: Option<String>,
    /// Only models whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    pub model: Option<String>,
    /// Only models with a price for this meter, such as `cache_write_1h` or `web_search`.
    #[arg(long, value_name = "METER")]
    pub meter: Option<Meter>,
    /// As of this day or instant (UTC).
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    #[command(flatten)]
    pub book: BookArgs,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Document {
    at: String,
    models: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    provider: String,
    model: String,
    aliases: Vec<String>,
    patterns: Vec<String>,
    #[serde(flatten)]
    row: RowView,
}

/// Prints the models that have a price.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &ListArgs) -> Result<u8, Failure> {
    let at = at(args.at.as_deref())?;
    let entries = entries(&book(home, &args.book)?, args, at)?;
    if args.json {
        out::json(Document { at: meter_store::rfc3339(at), models: entries })?;
    } else {
        out::print(&text(&entries, args.meter))?;
    }
    Ok(Exit::Ok.code())
}

fn entries(book: &PriceBook, args: &ListArgs, at: UnixMillis) -> Result<Vec<Entry>, Failure> {
    let only = match args.provider.as_deref() {
        None => None,
        Some(name) => Some(book.provider_id(name).ok_or_else(|| {
            let known = book.providers().collect::<Vec<_>>().join(", ");
            Failure::new(format!("no price file speaks of `{name}`: there are {known}")).with_code(Exit::Usage)
        })?),
    };
    let mut entries = Vec::new();
    for provider in book.providers().filter(|provider| only.is_none_or(|only| only == *provider)) {
        for model in book.views(provider) {
            let named = |part: &String| {
                std::iter::once(&model.id).chain(&model.aliases).any(|name| name.contains(part.as_str()))
            };
            let Some(row) = model.row_at(at).cloned() else { continue };
            let priced = |meter: &Meter| row.rates.contains_key(meter);
            if args.model.as_ref().is_none_or(named) && args.meter.as_ref().is_none_or(priced) {
                entries.push(Entry {
                    provider: model.provider,
                    model: model.id,
                    aliases: model.aliases,
                    patterns: model.patterns,
                    row,
                });
            }
        }
    }
    Ok(entries)
}

fn text(entries: &[Entry], meter: Option<Meter>) -> String {
    let mut columns = vec![
        ("provider", Align::Left),
        ("model", Align::Left),
        ("input", Align::Right),
        ("cached", Align::Right),
        ("output", Align::Right),
    ];
    columns.extend(meter.map(|meter| (meter.name(), Align::Right)));
    columns.extend([("more", Align::Left), ("since", Align::Left), ("checked", Align::Left)]);
    let mut table = Table::new(&columns);
    for entry in entries {
        let price = |meter| entry.row.rates.get(&meter).map(|text| short(text)).unwrap_or_default();
        let mut cells = vec![plain(&entry.provider), plain(&entry.model)];
        cells.extend([Meter::Input, Meter::CacheRead, Meter::Output].map(price));
        cells.extend(meter.map(price));
        cells.push(more(&entry.row));
        cells.push(entry.row.from.clone());
        cells.push(entry.row.checked.clone().unwrap_or_else(|| "-".to_owned()));
        table.row(cells);
    }
    format!("{}{}, dollars per million tokens\n", table.text(), plural(entries.len() as u64, "model", "models"))
}

/// `3 / 1M tokens` → `3`.
fn short(price: &str) -> String {
    price.strip_suffix(" / 1M tokens").unwrap_or(price).to_owned()
}

/// What else there is to a row.
fn more(row: &RowView) -> String {
    let mut parts: Vec<String> = row
        .context
        .iter()
        .filter_map(|tier| {
            tier.over.map(|b| format!(">{}k", b / 1000)).or(tier.at_least.map(|b| format!("≥{}k", b / 1000)))
        })
        .collect();
    let mut axes: Vec<String> = row
        .when
        .iter()
        .flat_map(|when| &when.on)
        .flat_map(|(axis, values)| match *axis {
            "class" => values.clone(),
            axis => vec![axis.to_owned()],
        })
        .collect();
    axes.sort();
    axes.dedup();
    parts.extend(axes);
    if row.user {
        parts.push("yours".to_owned());
    }
    parts.join(" ")
}
