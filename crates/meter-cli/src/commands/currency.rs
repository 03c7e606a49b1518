//! A report's total in another currency, at dated rates of the user's own. Stored amounts stay dollars.

use super::pricing::{BookArgs, book};
use crate::failure::Failure;
use crate::open;
use meter_api::Exit;
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_money::exact;
use meter_price::{FxRate, print_instant};
use meter_store::{By, Range, Reader, ReportQuery};
use serde::Serialize;

/// What stands in the settings when nobody wants another currency.
const STORED: &str = "USD";

/// A total in another currency.
#[derive(Debug, Serialize)]
pub struct Converted {
    /// ISO 4217 code.
    pub currency: String,
    /// What was charged while a rate held, with twelve decimals.
    pub charged: String,
    /// Dollars charged before the first rate: in no other figure here.
    pub without_rate_usd: Option<String>,
    /// The rates that were used.
    pub rates: Vec<RateUsed>,
}

/// A rate and from when it held.
#[derive(Debug, Serialize)]
pub struct RateUsed {
    /// First instant it held.
    pub from: String,
    /// Units of the currency for one dollar.
    pub per_usd: String,
}

/// The total of a report in `wanted`, else in the currency of the settings; `None` for dollars.
///
/// # Errors
/// No `[[fx]]` has rates of that currency, or a sum does not fit.
pub fn converted(
    home: &Home,
    range: Range,
    project: Option<&str>,
    first: bool,
    wanted: Option<&str>,
) -> Result<Option<Converted>, Failure> {
    let settled = match wanted {
        Some(code) => code.to_owned(),
        None => open::current(home)?.map_or(STORED.to_owned(), |loaded| loaded.config.report.currency),
    };
    if settled == STORED {
        return Ok(None);
    }
    let book = book(|| Ok(home.clone()), &BookArgs::default())?;
    let currencies = book.currencies();
    if !currencies.codes().contains(&settled.as_str()) {
        let hint = "write `[[fx]]` with currency, from and per_usd into a file of your own in manifests/prices";
        return Err(Failure::new(format!("no rates of `{settled}`: {hint}")).with_code(Exit::Usage));
    }
    let Some(reader) = open::reader(home)? else { return Ok(None) };
    let (since, until) = (range.since.unwrap_or(UnixMillis(0)), range.until.unwrap_or(UnixMillis(i64::MAX)));
    let mut cuts = currencies.changes(&settled, since, until);
    cuts.insert(0, since);
    let too_large = |error| Failure::because("a sum does not fit", error);
    let (mut sum, mut without, mut rates) = (0i128, 0i128, Vec::new());
    for (index, start) in cuts.iter().enumerate() {
        let end = cuts.get(index + 1).copied().or(range.until);
        let start_of_range = if index == 0 { range.since } else { Some(*start) };
        let charged = charged(&reader, Range { since: start_of_range, until: end }, project, first)?;
        match currencies.rate(&settled, *start) {
            None => without += charged,
            Some(rate) => {
                sum += rate.convert(charged).map_err(too_large)?;
                rates.push(used(rate));
            }
        }
    }
    Ok(Some(Converted {
        currency: settled,
        charged: exact(sum),
        without_rate_usd: (without != 0).then(|| exact(without)),
        rates,
    }))
}

/// One line for people.
pub fn text(converted: &Converted) -> String {
    let rates: Vec<String> =
        converted.rates.iter().map(|rate| format!("{} since {}", rate.per_usd, rate.from)).collect();
    let rest = converted.without_rate_usd.as_ref().map(|usd| format!(", and {usd} USD from before the first rate"));
    let Converted { currency, charged, .. } = converted;
    // Cents and a little more: what is shown is rounded, what is in the document is not.
    let shown = charged
        .split_once('.')
        .map_or(charged.clone(), |(whole, part)| format!("{whole}.{}", &part[..4.min(part.len())]));
    format!("In {currency}: {shown} (at {}){}\n", rates.join(", "), rest.unwrap_or_default())
}

fn used(rate: &FxRate) -> RateUsed {
    RateUsed { from: print_instant(rate.from), per_usd: rate.per_usd.to_string() }
}

fn charged(reader: &Reader, range: Range, project: Option<&str>, first: bool) -> Result<i128, Failure> {
    let query = ReportQuery {
        range,
        by: By::Provider,
        project: project.map(str::to_owned),
        provider: None,
        run_id: None,
        p95: false,
    };
    let report = if first { reader.report_as_first(&query) } else { reader.report(&query) };
    Ok(report.map_err(open::unreadable)?.total.charged_pico)
}
