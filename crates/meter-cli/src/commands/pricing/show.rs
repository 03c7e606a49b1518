//! `pricing show`.

use super::{BookArgs, at, book};
use crate::failure::Failure;
use crate::out::{self, BOLD, DIM, styled};
use crate::show::{grouped, plain};
use clap::Args;
use meter_api::Exit;
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_price::{ModelView, PriceBook, RowView, TierView, WhenView};
use serde::Serialize;
use std::fmt::Write as _;

/// Arguments of `pricing show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A model's name, as on the wire; `provider/model` where several providers have it.
    pub model: String,
    /// Which row is marked as the one that holds.
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
    models: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    in_force: Option<String>,
    #[serde(flatten)]
    model: ModelView,
}

/// Prints the model of every provider that has it.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &ShowArgs) -> Result<u8, Failure> {
    let at = at(args.at.as_deref())?;
    let book = book(home, &args.book)?;
    let models = find(&book, &args.model, at);
    if models.is_empty() {
        let near: Vec<String> =
            book.providers().flat_map(|provider| book.near(provider, &args.model)).take(3).collect();
        let hint = if near.is_empty() { String::new() } else { format!("; near names: {}", near.join(", ")) };
        return Err(Failure::new(format!("no price knows the model `{}`{hint}", args.model)));
    }
    if args.json {
        let shown = |model: ModelView| Shown { in_force: model.row_at(at).map(|row| row.price_id.clone()), model };
        out::json(Document { models: models.into_iter().map(shown).collect() })?;
    } else {
        let texts: Vec<String> = models.iter().map(|model| text(&book, model, at)).collect();
        out::print(&texts.join("\n"))?;
    }
    Ok(Exit::Ok.code())
}

fn find(book: &PriceBook, name: &str, at: UnixMillis) -> Vec<ModelView> {
    let of_one = name.split_once('/').and_then(|(provider, model)| book.view(book.provider_id(provider)?, model, at));
    match of_one {
        Some(model) => vec![model],
        None => book.providers().filter_map(|provider| book.view(provider, name, at)).collect(),
    }
}

fn text(book: &PriceBook, model: &ModelView, at: UnixMillis) -> String {
    let mut text = format!("{}\n", styled(BOLD, format_args!("{}/{}", plain(&model.provider), plain(&model.id))));
    if !model.aliases.is_empty() {
        let _ = writeln!(text, "also     {}", plain(&model.aliases.join(", ")));
    }
    if !model.patterns.is_empty() {
        let _ = writeln!(text, "pattern  {}", plain(&model.patterns.join(", ")));
    }
    if let Some(max) = model.max_output {
        let _ = writeln!(text, "answers  up to {} tokens", grouped(max));
    }
    let in_force = model.row_at(at).map(|row| row.price_id.clone());
    for row in model.rows.iter().rev() {
        let marked = in_force.as_ref() == Some(&row.price_id);
        text.push('\n');
        text.push_str(&row_text(row, marked));
    }
    if let Some(fees) = book.fees(&model.provider).and_then(|fees| fees.row_at(at).cloned()) {
        let _ = writeln!(text, "\nfees of the provider since {}", fees.from);
        for (meter, price) in &fees.rates {
            let _ = writeln!(text, "  {meter:<18} $ {price}");
        }
        quotas(&mut text, &fees);
    }
    text
}

fn row_text(row: &RowView, in_force: bool) -> String {
    let until = row.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    let head = format!("since {}{until}{}", row.from, if in_force { ", in force" } else { "" });
    let mut text = format!("{}\n", if in_force { styled(BOLD, head) } else { styled(DIM, head) });
    for (meter, price) in &row.rates {
        let price = if price.contains('/') { format!("$ {price}") } else { format!("as {price}") };
        let _ = writeln!(text, "  {meter:<18} {price}");
    }
    for tier in &row.context {
        let _ = writeln!(text, "  {}", tier_text(tier));
    }
    for when in &row.when {
        let _ = writeln!(text, "  {}", when_text(when));
    }
    quotas(&mut text, row);
    if let Some(tokens) = row.cache_min_tokens {
        let _ = writeln!(text, "  caches from {} tokens on", grouped(tokens));
    }
    let facts = [
        ("like", row.like.as_deref()),
        ("free", row.free.as_deref()),
        ("note", row.note.as_deref()),
        ("basis", row.basis.as_deref()),
        ("source", Some(row.source.as_str())),
        ("checked", row.checked.as_deref()),
        ("id", Some(row.price_id.as_str())),
    ];
    for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        let _ = writeln!(text, "  {}", styled(DIM, format_args!("{name:<8} {}", plain(value))));
    }
    if row.user {
        let _ = writeln!(text, "  {}", styled(DIM, "from your own files"));
    }
    text
}

fn quotas(text: &mut String, row: &RowView) {
    for quota in &row.quotas {
        let shared = quota.shared.as_ref().map(|name| format!(", shared by {}", plain(name))).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {} {} a {} are free to the account{shared}",
            grouped(quota.quantity),
            quota.meter,
            quota.per
        );
    }
}

fn rates(rates: &std::collections::BTreeMap<meter_call::Meter, String>) -> String {
    let one = |(meter, price): (&meter_call::Meter, &String)| format!("{meter} $ {price}");
    rates.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn tier_text(tier: &TierView) -> String {
    let bound = match (tier.over, tier.at_least) {
        (Some(over), _) => format!("over {}", grouped(over)),
        (_, Some(at_least)) => format!("from {} on", grouped(at_least)),
        (None, None) => String::new(),
    };
    let whole = if tier.scope == "excess" { "only what lies above" } else { "the whole request" };
    let mut parts = Vec::new();
    parts.extend(tier.scale_input.as_ref().map(|by| format!("prompt × {by}")));
    parts.extend(tier.scale_output.as_ref().map(|by| format!("answer × {by}")));
    if !tier.rates.is_empty() {
        parts.push(rates(&tier.rates));
    }
    format!("prompts {bound} tokens, {whole}: {}", parts.join(", "))
}

fn when_text(when: &WhenView) -> String {
    let on: Vec<String> = when.on.iter().map(|(axis, values)| format!("{axis} {}", several(values))).collect();
    let effect = match &when.scale {
        Some(by) => {
            let names = |meters: &[meter_call::Meter]| meters.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ");
            let keep = if when.keep.is_empty() { String::new() } else { format!(", not {}", names(&when.keep)) };
            let only = when.only.as_ref().map(|only| format!(", only {}", names(only))).unwrap_or_default();
            format!("× {by}{keep}{only}")
        }
        None => rates(&when.rates),
    };
    let tiers: Vec<String> = when.context.iter().map(tier_text).collect();
    let tiers = if tiers.is_empty() { String::new() } else { format!("; {}", tiers.join("; ")) };
    format!("{}: {effect}{tiers}", on.join(" and "))
}

/// A long list of values shortened: regions have forty.
fn several(values: &[String]) -> String {
    match values {
        [first, second, .., last] if values.len() > 5 => format!("{first}, {second} … {last} ({})", values.len()),
        values => values.join("|"),
    }
}
