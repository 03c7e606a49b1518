//! `reconcile`: a provider's own usage or cost report beside what was metered, line by line, with the likeliest cause.

mod as_if;

use super::pricing::{BookArgs, book, bytes, now};
use crate::failure::Failure;
use crate::open;
use crate::out::{self, BAD, BOLD, DIM, GOOD, WARN, styled};
use crate::show::{plain, plural};
use crate::table::{Align, Table};
use clap::Args;
use meter_api::Exit;
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_money::{PicoUsd, usd};
use meter_price::parse_instant;
use meter_reconcile::{Cause, Compared, Export, Grounds, Line, Metered, compare, decode, read};
use meter_store::{MeteredDay, Range, Reconciled, Store, rfc3339};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
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
    first_day: &'a str,
    last_day: &'a str,
    #[serde(flatten)]
    compared: &'a Compared,
    differing: usize,
    unread: &'a [String],
    uncompared: &'a BTreeSet<String>,
}

/// Compares; 3 when something differs.
pub fn run(home: &Home, args: &ReconcileArgs) -> Result<u8, Failure> {
    let unusable =
        |error| Failure::because(format!("cannot use {}", args.file.display()), error).with_code(Exit::Usage);
    let text = decode(bytes(&args.file, REPORT_BYTES_MAX)?).map_err(unusable)?;
    let export = read(&text).map_err(unusable)?;
    let provider = export.format.provider.as_str();
    let range = Range::between(UnixMillis(export.covers.0), UnixMillis(export.covers.1));
    let reader = open::reader(home)?;
    let metered = match &reader {
        Some(reader) => reader.metered_days(provider, range).map_err(open::unreadable)?,
        None => Vec::new(),
    };
    let mut ours: BTreeMap<(String, String), Metered> = metered.into_iter().map(day).collect();
    // A dated snapshot and the model it is of are one model on a bill.
    let book = book(|| Ok(home.clone()), &args.book)?;
    let prices = book.provider_id(provider).unwrap_or(provider);
    let same = |day: &str, model: &str| {
        let at = parse_instant(day).map_or(UnixMillis(export.covers.0), |start| UnixMillis(start.0 + DAY_MS - 1));
        book.view(prices, model, at).map_or_else(|| model.to_owned(), |view| view.id)
    };
    let mut compared = compare(&export, &ours, same);
    let costs = compared.differences().filter(|line| line.what == "cost");
    let costs: BTreeSet<(String, String)> = costs.map(|line| (line.day.clone(), line.model.clone())).collect();
    if let (Some(reader), false) = (&reader, costs.is_empty()) {
        let named = |(day, model): &&(String, String)| {
            costs.contains(&(day.clone(), same(day, model))) || costs.contains(&(day.clone(), String::new()))
        };
        let wanted = ours.keys().filter(named).cloned().collect();
        as_if::fill(reader, &book, (provider, range), &wanted, &mut ours)?;
        compared = compare(&export, &ours, same);
    }
    let differing = compared.differences().count();
    if args.keep {
        keep(home, args, &export, &compared)?;
    }
    if args.json {
        let (first_day, last_day) = &export.days_covered();
        let (unread, uncompared, compared) = (&export.unread, &export.uncompared, &compared);
        let report = &export.format.name;
        out::json(Document { report, provider, first_day, last_day, compared, differing, unread, uncompared })?;
    } else {
        out::print(&self::text(&export, &compared, args.all))?;
    }
    Ok(if differing > 0 || !export.unread.is_empty() { Exit::Found } else { Exit::Ok }.code())
}

fn day(day: MeteredDay) -> ((String, String), Metered) {
    let metered = Metered {
        // A call that failed and told no usage is on no bill.
        calls: day.calls.saturating_sub(day.failed),
        failed: day.failed,
        meters: day.meters,
        charged_pico: day.charged_pico,
        by_meter_pico: day.by_meter_pico,
        unpriced: day.unpriced,
        incomplete: day.incomplete,
        on_plan: day.on_plan,
        plan_pico: day.plan_pico,
        as_if: Vec::new(),
    };
    ((day.day, day.model), metered)
}

fn keep(home: &Home, args: &ReconcileArgs, export: &Export, compared: &Compared) -> Result<(), Failure> {
    let (billed, metered) = compared.totals.get("cost").copied().unwrap_or_default();
    let fits = |pico: i128| i64::try_from(pico).map(PicoUsd::from_pico);
    let (Ok(billed), Ok(metered)) = (fits(billed), fits(metered)) else {
        return Err(Failure::new("the sums are too large to be kept"));
    };
    let lines: Vec<&Line> = compared.differences().collect();
    let detail = serde_json::to_string(&lines)
        .map_err(|error| Failure::because("cannot write the differences", error).with_code(Exit::Bug))?;
    let provider = export.format.provider.clone();
    let (since, until) = (UnixMillis(export.covers.0), UnixMillis(export.covers.1));
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
        // Without any model a line is of all; among models it is of none.
        let nameless = if compared.lines.iter().all(|line| line.model.is_empty()) { "all" } else { "none" };
        for line in shown {
            let cause = because(line);
            let model = if line.model.is_empty() { nameless.to_owned() } else { plain(&line.model) };
            let [there, here, apart] = [line.theirs, line.ours, line.apart()].map(|n| figure(&line.what, n));
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
    if !export.uncompared.is_empty() {
        let keys: Vec<&str> = export.uncompared.iter().map(String::as_str).collect();
        text.push_str(&format!("{} {}\n", styled(WARN, "not compared"), plain(&keys.join(", "))));
    }
    let differing = compared.differences().count() as u64;
    let rounded: i128 = compared.lines.iter().filter(|line| line.cause == Some(Cause::Rounding)).map(Line::apart).sum();
    text.push_str(&match differing {
        0 if !export.unread.is_empty() => format!("{}\n", styled(WARN, "what was read agrees")),
        0 if rounded != 0 => format!("{}, but for {} of rounding\n", styled(GOOD, "everything agrees"), usd(rounded)),
        0 => format!("{}\n", styled(GOOD, "everything agrees")),
        some => format!("{}\n", plural(some, "figure differs", "figures differ")),
    });
    text
}

/// The cause in words. A guess says so, and what would explain the difference as well stands behind it.
fn because(line: &Line) -> String {
    let all: Vec<String> = line.cause.iter().chain(&line.or).map(ToString::to_string).collect();
    let guess = if line.grounds == Grounds::Guess { "a guess: " } else { "" };
    format!("{guess}{}", all.join("; or "))
}

/// Pico-dollars as dollars, anything else as a count.
fn figure(what: &str, number: i128) -> String {
    if what == "cost" {
        return usd(number).to_string();
    }
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", crate::show::grouped(number.unsigned_abs()))
}
