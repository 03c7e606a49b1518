//! `explain`: how a call's amount came about, derived again from what was stored beside it.

use crate::amounts::grade;
use crate::args::CallArgs;
use crate::bill;
use crate::failure::Failure;
use crate::show::{plain, plural, short};
use crate::{marks, open, out, show};
use jiff::tz::TimeZone;
use meter_api::Exit;
use meter_call::{Billing, Conditions, Evidence};
use meter_hop::paths::Home;
use meter_money::{PicoUsd, usd};
use meter_store::CallDetail;

/// Prints the bill; 1 when deriving it again gives anything else.
pub fn run(home: &Home, args: &CallArgs) -> Result<u8, Failure> {
    let detail = open::call(home, &args.call)?;
    let disagreements = disagreements(&detail);
    if args.json {
        let mut document = meter_api::Call::from(&detail);
        document.bill.verified = verifiable(&detail).then_some(disagreements.is_empty());
        out::json(document)?;
    } else {
        out::print(&text(&detail, &disagreements, &open::zone(home)))?;
    }
    match disagreements.as_slice() {
        [] => Ok(Exit::Ok.code()),
        [first, ..] => Err(Failure::new(format!("the stored amount cannot be derived again: {first}"))),
    }
}

/// Whether the call has an amount that lines were summed to.
fn verifiable(detail: &CallDetail) -> bool {
    detail.lines.iter().any(|line| line.amount.is_some())
}

/// Every way in which the stored amounts are not what their own rates give.
fn disagreements(detail: &CallDetail) -> Vec<String> {
    let mut found = Vec::new();
    for line in &detail.lines {
        let (Some(stored), Some(_)) = (line.amount, &line.price_id) else { continue };
        match meter_price::derive_among(&detail.prices, line) {
            Ok(derived) if derived == stored => {}
            Ok(derived) => found.push(format!("`{}` gives {derived} and the row says {stored}", line.meter)),
            Err(error) => found.push(format!("`{}`: {error}", line.meter)),
        }
    }
    let sum = PicoUsd::sum(detail.lines.iter().filter_map(|line| line.amount));
    match (sum, detail.row.contract) {
        (Ok(sum), Some(stored)) if sum != stored && verifiable(detail) => {
            found.push(format!("the lines add up to {sum} and the row says {stored}"));
        }
        (Err(_), _) => found.push("the lines do not add up to an amount".to_owned()),
        _ => {}
    }
    found
}

fn text(detail: &CallDetail, disagreements: &[String], zone: &TimeZone) -> String {
    let row = &detail.row;
    let model = row.model.as_deref().or(row.model_requested.as_deref()).unwrap_or(meter_api::UNKNOWN);
    let mut text = format!(
        "{}  {}  {}\n{} · {} · project {} · {} · {} {}{}\n\n",
        out::styled(out::BOLD, format_args!("call {}", short(row.id))),
        show::time(row.requested_at, zone),
        row.id,
        plain(&row.provider),
        plain(model),
        plain(&row.project),
        row.status,
        row.method,
        row.host,
        plain(&row.path),
    );
    if detail.lines.is_empty() {
        text.push_str("Nothing was counted.\n");
    } else {
        text.push_str(&bill::table(&detail.lines));
    }
    text.push('\n');
    for (name, value) in facts(detail) {
        text.push_str(&format!("{name:<10} {value}\n"));
    }
    for price in &detail.prices {
        let from = show::time(price.effective_from, &TimeZone::UTC);
        let day = from.split(' ').next().unwrap_or_default();
        text.push_str(&format!(
            "{:<10} {}\n{:<10} in force from {day} (UTC), {}\n",
            "price",
            price.price_id,
            "",
            plain(&price.source)
        ));
    }
    if verifiable(detail) {
        let verdict = match disagreements {
            [] => out::styled(out::GOOD, "derived again from the stored rates: equal to the last unit"),
            _ => out::styled(out::BAD, disagreements.join("; ")),
        };
        text.push_str(&format!("{:<10} {verdict}\n", "checked"));
    }
    text
}

fn facts(detail: &CallDetail) -> Vec<(&'static str, String)> {
    let row = &detail.row;
    let mut facts = Vec::new();
    let charged = match (row.evidence, row.charged.or(row.list)) {
        (Evidence::Unpriced, _) | (_, None) => "unknown".to_owned(),
        (_, Some(amount)) if row.billing == Billing::Plan => format!("{} (covered by a plan)", usd(amount)),
        (_, Some(amount)) => format!("{} ({amount} USD)", usd(amount)),
    };
    facts.push(("charged", charged));
    if row.list.is_some() && row.list != row.charged.or(row.list) {
        facts.push(("list", row.list.map(|amount| usd(amount).to_string()).unwrap_or_default()));
    }
    if let Some(named) = row.provider_cost {
        facts.push(("provider", format!("says {} ({named} USD)", usd(named))));
    }
    if let Some(tail) = row.estimated {
        let bound = usd(row.estimated_bound.unwrap_or_default());
        facts.push(("left out", format!("about {} (± {bound}): what a broken stream did not tell", usd(tail))));
    }
    facts.push(("evidence", format!("{}: {}", row.evidence, grade(row.evidence))));
    facts.extend(row.usage_flags.iter().map(|mark| {
        let meaning = marks::meaning(mark).map(|meaning| format!(": {meaning}")).unwrap_or_default();
        ("mark", format!("{}{meaning}", plain(mark)))
    }));
    let details = [("tier", &row.service_tier), ("speed", &row.speed), ("geography", &row.geo)];
    facts.extend(details.into_iter().filter_map(|(name, value)| Some((name, plain(value.as_deref()?)))));
    let conditions = row.conditions.iter().flat_map(Conditions::stated);
    facts.extend(conditions.map(|(name, value)| (name, plain(value))));
    if let Some(source) = &row.rates_source {
        facts.push(("rates", plain(source)));
    }
    facts.push(("manifests", show::short_digest(&row.manifest_digest).to_owned()));
    if let Some(first) = row.first_charged {
        facts.push(("first", format!("{} before it was repriced", usd(first))));
    }
    if !detail.audits.is_empty() {
        facts.push(("policies", plural(detail.audits.len() as u64, "event", "events")));
    }
    facts
}
