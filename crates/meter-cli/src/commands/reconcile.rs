//! `reconcile`: a provider's own usage or cost report beside what was metered, line by line, with the likeliest cause.

use super::pricing::{BookArgs, book, bytes, now};
use crate::failure::Failure;
use crate::open;
use crate::out::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::show::{plain, plural};
use crate::table::{Align, Table};
use clap::Args;
use meter_api::Exit;
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_money::{PicoUsd, usd};
use meter_price::parse_instant;
use meter_reconcile::{Compared, Export, Line, Metered, compare, read};
use meter_store::{Range, Reconciled, Store, rfc3339};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Largest report that is read.
const REPORT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Arguments of `reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// A provider's export: Anthropic usage or cost (CSV or JSON), OpenAI usage or costs (JSON), OpenRouter activity (CSV or
    /// JSON); `-` is standard input.
    pub file: PathBuf,
    /// Also the figures that agree.
    #[arg(long)]
    pub all: bool,
    /// Keep the comparison in the database.
    #[arg(long)]
    pub keep: bool,
    #[command(flatten)]
    pub book: BookArgs,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    report: &'a str,
    provider: &'a str,
    first_day: Option<&'a str>,
    last_day: Option<&'a str>,
    #[serde(flatten)]
    compared: &'a Compared,
    differing: usize,
    unread: &'a [String],
}

/// Compares; 3 when something differs.
pub fn run(home: &Home, args: &ReconcileArgs) -> Result<u8, Failure> {
    let text = bytes(&args.file, REPORT_BYTES_MAX)?;
    let text = String::from_utf8(text)
        .map_err(|error| Failure::because(format!("{} is no text", args.file.display()), error))?;
    let export = read(&text).map_err(|error| {
        Failure::because(format!("cannot use {}", args.file.display()), error).with_code(Exit::Usage)
    })?;
    let provider = export.format.provider.clone();
    let days: Vec<&String> = export.days.keys().map(|(day, _)| day).collect();
    let (first, last) = (days.first().map(|day| day.as_str()), days.last().map(|day| day.as_str()));
    let start = |day: Option<&str>| day.and_then(parse_instant);
    let (Some(since), Some(last_start)) = (start(first), start(last)) else {
        return Err(Failure::new(format!("{} has no rows that can be compared", args.file.display())));
    };
    let until = UnixMillis(last_start.0 + DAY_MS);
    let metered = match open::reader(home)? {
        Some(reader) => reader.metered_days(&provider, Range::between(since, until)).map_err(open::unreadable)?,
        None => Vec::new(),
    };
    let ours: BTreeMap<(String, String), Metered> = metered
        .into_iter()
        .map(|day| {
            let metered = Metered {
                calls: day.calls,
                meters: day.meters,
                charged_pico: day.charged_pico,
                unpriced: day.unpriced,
                incomplete: day.incomplete,
                on_plan: day.on_plan,
            };
            ((day.day, day.model), metered)
        })
        .collect();
    // A dated snapshot and the model it is of are one model on a bill.
    let book = book(|| Ok(home.clone()), &args.book)?;
    let prices = book.provider_id(&provider).unwrap_or(&provider).to_owned();
    let same = |model: &str| book.view(&prices, model, since).map_or_else(|| model.to_owned(), |view| view.id);
    let compared = compare(&export, &ours, same);
    let differing = compared.differences().count();
    if args.keep {
        keep(home, args, &export, &compared, (since, until))?;
    }
    if args.json {
        let unread = &export.unread;
        let report = &export.format.name;
        let document = Document {
            report,
            provider: &provider,
            first_day: first,
            last_day: last,
            compared: &compared,
            differing,
            unread,
        };
        out::json(document)?;
    } else {
        out::print(&self::text(&export, &compared, args.all))?;
    }
    Ok(if differing > 0 || !export.unread.is_empty() { Exit::Found } else { Exit::Ok }.code())
}

fn keep(
    home: &Home,
    args: &ReconcileArgs,
    export: &Export,
    compared: &Compared,
    (since, until): (UnixMillis, UnixMillis),
) -> Result<(), Failure> {
    let (billed, metered) = compared.totals.get("cost").copied().unwrap_or_default();
    let fits = |pico: i128| i64::try_from(pico).map(PicoUsd::from_pico);
    let (Ok(billed), Ok(metered)) = (fits(billed), fits(metered)) else {
        return Err(Failure::new("the sums are too large to be kept"));
    };
    let lines: Vec<&Line> = compared.differences().collect();
    let detail = serde_json::to_string(&lines)
        .map_err(|error| Failure::because("cannot write the differences", error).with_code(Exit::Bug))?;
    let provider = export.format.provider.clone();
    let source = format!("{}: {}", export.format.name, args.file.display());
    let failed = |error| Failure::because("cannot keep the comparison", error);
    let mut store = Store::open(&home.database(), &rfc3339(now())).map_err(failed)?;
    store
        .keep_reconciliation(&Reconciled { provider, since, until, source, billed, metered, detail }, now())
        .map_err(failed)
}

fn text(export: &Export, compared: &Compared, all: bool) -> String {
    let format = export.format;
    let mut text = format!("{}\n", styled(BOLD, format_args!("{} of {}", format.name, format.provider)));
    let shown: Vec<&Line> = if all { compared.lines.iter().collect() } else { compared.differences().collect() };
    if !shown.is_empty() {
        let mut table = Table::new(&[
            ("day (UTC)", Align::Left),
            ("model", Align::Left),
            ("what", Align::Left),
            ("there", Align::Right),
            ("here", Align::Right),
            ("difference", Align::Right),
            ("likely because", Align::Left),
        ]);
        for line in shown {
            let cause = line.cause.as_ref().map(ToString::to_string).unwrap_or_default();
            let model = if line.model.is_empty() { "all".to_owned() } else { plain(&line.model) };
            let [there, here, apart] = [line.theirs, line.ours, line.theirs - line.ours].map(|n| figure(&line.what, n));
            table.row([line.day.clone(), model, line.what.clone(), there, here, apart, plain(&cause)]);
        }
        text.push_str(&table.text());
    }
    for (what, (theirs, ours)) in &compared.totals {
        let apart = figure(what, theirs - ours);
        let line = format!("{what}: {} there, {} here, {apart} apart", figure(what, *theirs), figure(what, *ours));
        text.push_str(&format!("{}\n", styled(DIM, line)));
    }
    for row in &export.unread {
        text.push_str(&format!("{} {}\n", styled(BAD, "not read"), plain(row)));
    }
    let differing = compared.differences().count() as u64;
    text.push_str(&match differing {
        0 => format!("{}\n", styled(GOOD, "everything agrees")),
        some => format!("{}\n", plural(some, "figure differs", "figures differ")),
    });
    text
}

/// Pico-dollars as dollars, anything else as a count.
fn figure(what: &str, number: i128) -> String {
    if what == "cost" {
        return usd(number).to_string();
    }
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", crate::show::grouped(u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX)))
}
