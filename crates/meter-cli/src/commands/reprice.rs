//! `reprice`: stored calls under the prices in force. A preview unless told to apply; the first figure stays beside the new one.

use super::pricing::{BookArgs, book, now};
use crate::failure::Failure;
use crate::out::{self, BOLD, WARN, styled};
use crate::past::past;
use crate::show::{grouped, plain, plural};
use crate::table::{Align, Table};
use crate::{open, when};
use clap::Args;
use jiff::ZonedDateTime;
use meter_api::{Amount, Exit};
use meter_call::{Billing, EndpointClass, Evidence, UsageState};
use meter_daemon::settle::{COST_DRIFT, PARTLY_UNPRICED, TIER_AS_REQUESTED};
use meter_hop::paths::Home;
use meter_money::{PicoUsd, usd};
use meter_price::{Drift, PriceBook, Settled, price_again, settle_billed};
use meter_store::{CallDetail, CallQuery, Reader, Repriced, Store, StoreError, rfc3339};
use serde::Serialize;
use std::collections::BTreeMap;

/// Calls per page and per transaction: the daemon's writer gets its turn in between.
const CHUNK: usize = 500;

/// Arguments of `reprice`.
#[derive(Debug, Args)]
pub struct RepriceArgs {
    /// How far back: `7d`, `24h`, `90m`, or a number of days.
    #[arg(long, default_value = "30d", conflicts_with_all = ["from", "to"])]
    pub since: String,
    /// First day, YYYY-MM-DD.
    #[arg(long, value_name = "DAY", requires = "to")]
    pub from: Option<String>,
    /// Last day, YYYY-MM-DD, included.
    #[arg(long, value_name = "DAY", requires = "from")]
    pub to: Option<String>,
    /// Only this project.
    #[arg(long, value_name = "SLUG")]
    pub project: Option<String>,
    /// Only this provider, as rows name it.
    #[arg(long, value_name = "ID")]
    pub provider: Option<String>,
    /// Write the new figures beside the first ones.
    #[arg(long)]
    pub apply: bool,
    #[command(flatten)]
    pub book: BookArgs,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Document {
    looked_at: u64,
    changed: u64,
    /// Metered before the conditions of their price were kept; they stay as they are.
    left_alone: u64,
    before_usd: Amount,
    after_usd: Amount,
    models: Vec<ModelDocument>,
    applied: bool,
}

#[derive(Serialize)]
struct ModelDocument {
    provider: String,
    model: String,
    calls: u64,
    before_usd: Amount,
    after_usd: Amount,
    newly_priced: u64,
    no_longer_priced: u64,
}

/// Sums of the calls that change, of one model.
#[derive(Clone, Debug, Default)]
struct Changed {
    calls: u64,
    before: i128,
    after: i128,
    newly_priced: u64,
    no_longer_priced: u64,
}

/// By provider and model.
type ByModel = BTreeMap<(String, String), Changed>;

/// What was found on the way through the calls.
#[derive(Debug, Default)]
struct Found {
    looked_at: u64,
    left_alone: u64,
    models: ByModel,
}

/// Shows what would change, and applies it when asked.
pub fn run(home: &Home, args: &RepriceArgs) -> Result<u8, Failure> {
    let zone = open::zone(home);
    let range = match (&args.from, &args.to) {
        (Some(from), Some(to)) => when::days(from, to, &zone)?,
        _ => when::since(&args.since, &ZonedDateTime::now().with_time_zone(zone))?,
    };
    let book = book(|| Ok(home.clone()), &args.book)?;
    let Some(reader) = open::reader(home)? else { return Err(Failure::new("no call was metered yet")) };
    let query = CallQuery {
        range,
        project: args.project.clone(),
        provider: args.provider.clone(),
        limit: CHUNK,
        ..CallQuery::default()
    };
    let mut store = match args.apply {
        true => Some(Store::open(&home.database(), &rfc3339(now())).map_err(unwritable)?),
        false => None,
    };
    let found = walk(&reader, query, &book, store.as_mut())?;
    let models = &found.models;
    let changed = models.values().map(|model| model.calls).sum();
    let sum = |part: fn(&Changed) -> i128| models.values().map(part).sum::<i128>();
    if args.json {
        let document = |((provider, model), changed): (&(String, String), &Changed)| ModelDocument {
            provider: provider.clone(),
            model: model.clone(),
            calls: changed.calls,
            before_usd: Amount::of(changed.before),
            after_usd: Amount::of(changed.after),
            newly_priced: changed.newly_priced,
            no_longer_priced: changed.no_longer_priced,
        };
        out::json(Document {
            looked_at: found.looked_at,
            changed,
            left_alone: found.left_alone,
            before_usd: Amount::of(sum(|one| one.before)),
            after_usd: Amount::of(sum(|one| one.after)),
            models: models.iter().map(document).collect(),
            applied: args.apply,
        })?;
    } else {
        out::print(&text(&found, args.apply))?;
    }
    Ok(Exit::Ok.code())
}

/// Looks at every call, sums what changes by model, and writes the new bills where there is a store. Page by page, so that
/// years of calls need no more memory than one page; a bill that changes moves no call to another page.
fn walk(
    reader: &Reader,
    mut query: CallQuery,
    book: &PriceBook,
    mut store: Option<&mut Store>,
) -> Result<Found, Failure> {
    let mut found = Found::default();
    loop {
        let page = reader.calls(&query).map_err(open::unreadable)?;
        let mut new = Vec::new();
        for row in page.items {
            let Some(detail) = reader.call(row.id).map_err(open::unreadable)? else { continue };
            found.looked_at += 1;
            match again(book, &detail) {
                Again::Same => {}
                Again::Unsaid => found.left_alone += 1,
                Again::Other(bill) => {
                    count(&mut found.models, &detail, &bill);
                    new.push(*bill);
                }
            }
        }
        if let (Some(store), false) = (store.as_deref_mut(), new.is_empty()) {
            store.reprice(&new, now()).map_err(unwritable)?;
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            return Ok(found);
        }
    }
}

fn unwritable(error: StoreError) -> Failure {
    Failure::because("cannot write the new bills", error)
}

/// What another book makes of a call.
enum Again {
    /// It costs the same, or there is nothing to price.
    Same,
    /// It was metered before the conditions of its price were kept: nobody can say what it would cost.
    Unsaid,
    /// Another bill.
    Other(Box<Repriced>),
}

fn again(book: &PriceBook, detail: &CallDetail) -> Again {
    let row = &detail.row;
    if row.class != EndpointClass::Costed || detail.lines.is_empty() || row.evidence == Evidence::None {
        return Again::Same;
    }
    let Some(past) = past(book, detail) else { return Again::Unsaid };
    let costing = price_again(book, &past);
    let Ok(settled) = settle_billed(book, past.provider, &costing, row.provider_cost) else { return Again::Same };
    let floor = match row.usage_state {
        UsageState::Partial => Evidence::PartialStream,
        _ if row.usage_flags.iter().any(|flag| flag == TIER_AS_REQUESTED) => Evidence::Estimated,
        _ => Evidence::None,
    };
    let (evidence, charged) = match (row.evidence, row.billing) {
        // The provider's own figure is no price of ours and stays.
        (Evidence::ProviderCost, _) => (row.evidence, row.charged),
        (_, Billing::Plan) => (settled.evidence.max(floor), settled.cost.map(|_| PicoUsd::ZERO)),
        (_, Billing::Api) => (settled.evidence.max(floor), settled.cost),
    };
    let same = costing.list == row.list && costing.contract == row.contract && charged == row.charged;
    // A meter that is free now leaves the amounts as they are, and the call is priced.
    if same && (evidence == Evidence::Unpriced) == (row.evidence == Evidence::Unpriced) {
        return Again::Same;
    }
    let model = row.model.as_deref().or(row.model_requested.as_deref()).unwrap_or_default();
    let partly_unpriced = costing.is_partly_unpriced();
    Again::Other(Box::new(Repriced {
        id: row.id,
        rates_source: book.rates_source(past.provider, model, past.at),
        lines: costing.lines,
        prices: costing.prices,
        list: costing.list,
        contract: costing.contract,
        charged,
        evidence,
        usage_flags: marks(&row.usage_flags, &settled, partly_unpriced),
    }))
}

/// The marks of a call, those that speak of its bill as the new one has them.
fn marks(old: &[String], settled: &Settled, partly_unpriced: bool) -> Vec<String> {
    let mut marks = old.to_vec();
    for (mark, holds) in [(COST_DRIFT, settled.drift == Drift::Over), (PARTLY_UNPRICED, partly_unpriced)] {
        match marks.iter().position(|known| known == mark) {
            Some(at) if !holds => _ = marks.remove(at),
            None if holds => marks.push(mark.to_owned()),
            _ => {}
        }
    }
    marks
}

fn count(models: &mut ByModel, detail: &CallDetail, bill: &Repriced) {
    let row = &detail.row;
    let model = row.model.clone().or_else(|| row.model_requested.clone()).unwrap_or_default();
    let changed = models.entry((row.provider.clone(), model)).or_default();
    // As in every report, the part of an unpriced call that is known is no cost of it.
    let pico = |evidence: Evidence, amount: Option<PicoUsd>| match evidence {
        Evidence::Unpriced => 0,
        _ => amount.map_or(0, i128::from),
    };
    changed.calls += 1;
    changed.before += pico(row.evidence, row.charged);
    changed.after += pico(bill.evidence, bill.charged);
    let (was, is) = (row.evidence == Evidence::Unpriced, bill.evidence == Evidence::Unpriced);
    changed.newly_priced += u64::from(was && !is);
    changed.no_longer_priced += u64::from(is && !was);
}

fn text(found: &Found, applied: bool) -> String {
    let Found { looked_at, left_alone, models } = found;
    let old = match left_alone {
        0 => String::new(),
        count => format!(
            "{} metered before what its price depends on was kept: left as it is.\n",
            plural(*count, "call was", "calls were")
        ),
    };
    let calls: u64 = models.values().map(|changed| changed.calls).sum();
    if calls == 0 {
        return format!("{} looked at, none would cost anything else.\n{old}", plural(*looked_at, "call", "calls"));
    }
    let mut table = Table::new(&[
        ("provider", Align::Left),
        ("model", Align::Left),
        ("calls", Align::Right),
        ("before", Align::Right),
        ("after", Align::Right),
        ("", Align::Left),
    ]);
    for ((provider, model), changed) in models {
        let mut notes = Vec::new();
        if changed.newly_priced > 0 {
            notes.push(format!("{} priced now", grouped(changed.newly_priced)));
        }
        if changed.no_longer_priced > 0 {
            notes.push(format!("{} without a price now", grouped(changed.no_longer_priced)));
        }
        table.row([
            plain(provider),
            plain(model),
            grouped(changed.calls),
            usd(changed.before).to_string(),
            usd(changed.after).to_string(),
            notes.join(", "),
        ]);
    }
    let (before, after): (i128, i128) =
        models.values().fold((0, 0), |sum, one| (sum.0 + one.before, sum.1 + one.after));
    let verdict = if applied {
        "Applied. The first figures stay: `report --as first`.".to_owned()
    } else {
        styled(WARN, "Nothing was changed: --apply writes the new figures beside the first.").to_string()
    };
    let tense = if applied { "changed" } else { "would change" };
    format!(
        "{}\n{}{} of {} {tense}: {} becomes {}\n{old}{verdict}\n",
        styled(BOLD, "Calls under the prices in force"),
        table.text(),
        grouped(calls),
        plural(*looked_at, "call", "calls"),
        usd(before),
        usd(after),
    )
}
