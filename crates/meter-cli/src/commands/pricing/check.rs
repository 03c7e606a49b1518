//! `pricing check`.

use super::{BookArgs, at, book};
use crate::failure::Failure;
use crate::out::{self, GOOD, WARN, styled};
use crate::show::{plain, plural};
use crate::table::{Align, Table};
use crate::{open, show};
use clap::Args;
use jiff::tz::TimeZone;
use meter_api::{Amount, Exit};
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_money::PicoUsd;
use meter_price::{Age, Notice, NoticeKind, PriceBook, ages, balances, notices, parse_instant, print_instant};
use meter_store::{Range, Reader, UnpricedModel};
use serde::Serialize;

/// Models that a notice names before it says how many more there are.
const NAMED_MAX: usize = 4;

/// Arguments of `pricing check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// As of this day (UTC).
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
    ages: Vec<Age>,
    notices: Vec<Notice>,
    unpriced: Vec<Unpriced>,
    credits: Vec<Credit>,
}

/// What is left of a credit.
#[derive(Serialize)]
struct Credit {
    provider: String,
    name: String,
    amount_usd: Amount,
    drawn_usd: Amount,
    left_usd: Amount,
    until: Option<String>,
}

/// A model that was called and has no price.
#[derive(Serialize)]
struct Unpriced {
    provider: String,
    model: String,
    calls: u64,
    last_at: String,
    near: Vec<String>,
    priced_by: String,
}

/// Prints what someone should look at; 3 when there is anything.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &CheckArgs) -> Result<u8, Failure> {
    let today = at(args.at.as_deref())?;
    let home = home()?;
    let book = book(|| Ok(home.clone()), &args.book)?;
    let reader = open::reader(&home)?;
    let seen = match &reader {
        Some(reader) => reader.unpriced_models(Range::ALL).map_err(open::unreadable)?,
        None => Vec::new(),
    };
    let unpriced: Vec<Unpriced> = seen.into_iter().map(|seen| unpriced(&book, seen)).collect();
    let document = Document {
        ages: ages(&book, today),
        notices: notices(&book, today),
        credits: credits(&book, reader.as_ref(), today)?,
        unpriced,
    };
    let ended = |notice: &&Notice| notice.kind != NoticeKind::Ended;
    let found = !document.unpriced.is_empty() || document.notices.iter().any(|notice| ended(&notice));
    if args.json {
        out::json(document)?;
    } else {
        out::print(&text(&document))?;
    }
    Ok(if found { Exit::Found } else { Exit::Ok }.code())
}

fn unpriced(book: &PriceBook, seen: UnpricedModel) -> Unpriced {
    let provider = book.provider_id(&seen.provider).unwrap_or(&seen.provider).to_owned();
    Unpriced {
        near: book.near(&provider, &seen.model),
        priced_by: format!(
            "[[model]]\nid = {}\n[[model.rates]]\nfrom = {}\ninput = 0.00   # dollars per million tokens\noutput = 0.00\n",
            quoted(&seen.model),
            show::time(seen.last, &TimeZone::UTC).split(' ').next().unwrap_or_default()
        ),
        provider: seen.provider,
        model: seen.model,
        calls: seen.calls,
        last_at: meter_store::rfc3339(seen.last),
    }
}

/// Every credit of the user's contracts after the spend of all days, each day's at its noon.
fn credits(book: &PriceBook, reader: Option<&Reader>, today: UnixMillis) -> Result<Vec<Credit>, Failure> {
    let mut all = Vec::new();
    for provider in book.providers() {
        let credits: Vec<meter_price::Credit> = book.credits(provider).cloned().collect();
        if credits.is_empty() {
            continue;
        }
        let days = match reader {
            Some(reader) => reader.metered_days(provider, Range::ALL).map_err(open::unreadable)?,
            None => Vec::new(),
        };
        let spend = days.iter().filter_map(|day| {
            let noon = parse_instant(&format!("{}T12:00:00Z", day.day))?;
            Some((noon, PicoUsd::from_pico(i64::try_from(day.charged_pico).ok()?)))
        });
        let unusable = |error| Failure::because(format!("cannot sum what was spent at `{provider}`"), error);
        let (balances, _) = balances(&credits, spend, today).map_err(unusable)?;
        all.extend(balances.into_iter().map(|balance| Credit {
            provider: provider.to_owned(),
            name: balance.credit.name,
            amount_usd: balance.credit.amount.into(),
            drawn_usd: balance.drawn.into(),
            left_usd: balance.left.into(),
            until: balance.credit.until.map(print_instant),
        }));
    }
    Ok(all)
}

/// A TOML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn text(document: &Document) -> String {
    let mut table = Table::new(&[
        ("provider", Align::Left),
        ("models", Align::Right),
        ("checked", Align::Left),
        ("days ago", Align::Right),
    ]);
    for age in &document.ages {
        let checked = match (&age.oldest, &age.newest) {
            (Some(oldest), Some(newest)) if oldest != newest => format!("{oldest} … {newest}"),
            (Some(oldest), _) => oldest.clone(),
            (None, _) => "never".to_owned(),
        };
        let days = age.days.map(|days| days.to_string()).unwrap_or_default();
        table.row([plain(&age.provider), age.models.to_string(), checked, days]);
    }
    let mut text = table.text();
    for credit in &document.credits {
        let until = credit.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        text.push_str(&format!(
            "credit {} at {}: {} USD of {} left{until}\n",
            plain(&credit.name),
            plain(&credit.provider),
            credit.left_usd.as_str(),
            credit.amount_usd.as_str()
        ));
    }
    for notice in &document.notices {
        let models = match notice.models.len() {
            0 => String::new(),
            many if many > NAMED_MAX => {
                format!(": {} and {} more", notice.models[..NAMED_MAX].join(", "), many - NAMED_MAX)
            }
            _ => format!(": {}", notice.models.join(", ")),
        };
        text.push_str(&format!(
            "{} {}: {}{}\n",
            styled(WARN, "look"),
            plain(&notice.provider),
            notice.message,
            plain(&models)
        ));
    }
    for model in &document.unpriced {
        let near =
            if model.near.is_empty() { String::new() } else { format!("; near names: {}", model.near.join(", ")) };
        text.push_str(&format!(
            "{} {}/{}: {} without a price{}\n",
            styled(WARN, "unpriced"),
            plain(&model.provider),
            plain(&model.model),
            plural(model.calls, "call", "calls"),
            plain(&near)
        ));
        let indented: String = model.priced_by.lines().map(|line| format!("    {}\n", plain(line))).collect();
        text.push_str(&format!(
            "  to price it, in manifests/prices/{}.toml of your own:\n{indented}",
            plain(&model.provider)
        ));
    }
    if document.notices.is_empty() && document.unpriced.is_empty() {
        text.push_str(&format!("{}\n", styled(GOOD, "every model that was called has a price, none is old")));
    }
    text
}
