//! A report in another currency, at dated rates of the user's own. Stored amounts stay dollars.

use super::pricing::{BookArgs, book};
use crate::amounts::{self, Shown};
use crate::failure::Failure;
use crate::open;
use meter_api::Exit;
use meter_call::{Evidence, UnixMillis};
use meter_hop::paths::Home;
use meter_money::{MoneyError, exact};
use meter_price::{Currencies, FxRate, print_instant};
use meter_store::{By, Range, Report, ReportRow, Totals};
use serde::Serialize;
use std::collections::BTreeMap;

/// What stands in the settings when nobody wants another currency.
const STORED: &str = "USD";

/// A currency with its rates.
pub struct Rates {
    code: String,
    all: Currencies,
}

/// Sums in another currency, and in dollars where no rate was in force yet.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    known: Totals,
    before: Totals,
}

/// A report's amounts in another currency.
#[derive(Clone, Debug)]
pub struct Converted {
    code: String,
    used: Vec<FxRate>,
    total: Sums,
    /// By what a row is of, then by its names.
    rows: BTreeMap<(By, Names), Sums>,
}

/// A part of a report: the rate that held, and the sums by each grouping.
pub type Part = (Option<FxRate>, Vec<(By, Report)>);

/// Project, provider and model of a row, as far as it has them.
type Names = [Option<String>; 3];

/// The rates of `wanted`, else of the currency in the settings; `None` for dollars.
///
/// # Errors
/// No `[[fx]]` has rates of that currency.
pub fn rates(home: &Home, wanted: Option<&str>) -> Result<Option<Rates>, Failure> {
    let code = match wanted {
        Some(code) => code.to_owned(),
        None => open::current(home)?.map_or(STORED.to_owned(), |loaded| loaded.config.report.currency),
    };
    if code == STORED {
        return Ok(None);
    }
    let all = book(|| Ok(home.clone()), &BookArgs::default())?.currencies().clone();
    if !all.codes().contains(&code.as_str()) {
        let hint =
            "write `[[fx]]` with currency, from and per_usd into a file of your own in manifests/prices, and apply it";
        return Err(Failure::new(format!("no rates of `{code}`: {hint}")).with_code(Exit::Usage));
    }
    Ok(Some(Rates { code, all }))
}

impl Rates {
    /// The parts of `range` that have one rate each, or none yet.
    pub fn parts(&self, range: Range) -> Vec<(Range, Option<FxRate>)> {
        let (since, until) = (range.since.unwrap_or(UnixMillis(0)), range.until.unwrap_or(UnixMillis(i64::MAX)));
        let mut cuts = self.all.changes(&self.code, since, until);
        cuts.insert(0, since);
        let part = |(index, start): (usize, &UnixMillis)| {
            let since = if index == 0 { range.since } else { Some(*start) };
            let part = Range { since, until: cuts.get(index + 1).copied().or(range.until) };
            (part, self.all.rate(&self.code, *start).cloned())
        };
        cuts.iter().enumerate().map(part).collect()
    }

    /// The sum of what was read of each part.
    ///
    /// # Errors
    /// A sum does not fit.
    pub fn convert(&self, parts: Vec<Part>) -> Result<Converted, Failure> {
        let (code, total) = (self.code.clone(), Sums::default());
        let mut converted = Converted { code, used: Vec::new(), total, rows: BTreeMap::new() };
        for (rate, reports) in parts {
            converted.add(rate.as_ref(), &reports).map_err(|error| Failure::because("a sum does not fit", error))?;
            converted.used.extend(rate);
        }
        Ok(converted)
    }
}

impl Sums {
    fn add(&mut self, totals: &Totals, rate: Option<&FxRate>) -> Result<(), MoneyError> {
        match rate {
            Some(rate) => self.known.add(&at_rate(totals, rate)?),
            None => self.before.add(totals),
        }
        Ok(())
    }

    fn shown(&self, code: &str, show: fn(&Totals, Shown<'_>) -> String) -> String {
        match (self.known.requests, self.before.requests) {
            (_, 0) => show(&self.known, Shown::In(code)),
            (0, _) => show(&self.before, Shown::Dollars),
            _ => format!("{} + {}", show(&self.known, Shown::In(code)), show(&self.before, Shown::Dollars)),
        }
    }
}

/// The same calls with their amounts in the currency. Parts are rounded each, so that they sum to the whole.
fn at_rate(totals: &Totals, rate: &FxRate) -> Result<Totals, MoneyError> {
    let mut converted = totals.clone();
    for amount in [
        &mut converted.list_pico,
        &mut converted.plan_list_pico,
        &mut converted.estimated_pico,
        &mut converted.bound_pico,
    ] {
        *amount = rate.convert(*amount)?;
    }
    converted.charged_pico = 0;
    for (evidence, part) in &mut converted.parts {
        part.charged_pico = rate.convert(part.charged_pico)?;
        if *evidence != Evidence::Unpriced.as_str() {
            converted.charged_pico += part.charged_pico;
        }
    }
    Ok(converted)
}

fn names(row: &ReportRow) -> Names {
    [row.project.clone(), row.provider.clone(), row.model.clone()]
}

impl Converted {
    fn add(&mut self, rate: Option<&FxRate>, reports: &[(By, Report)]) -> Result<(), MoneyError> {
        if let Some((_, report)) = reports.first() {
            self.total.add(&report.total, rate)?;
        }
        for (by, report) in reports {
            for row in &report.rows {
                self.rows.entry((*by, names(row))).or_default().add(&row.totals, rate)?;
            }
        }
        Ok(())
    }

    /// What the total is made of.
    pub fn made_of(&self) -> String {
        self.total.shown(&self.code, amounts::made_of)
    }

    /// Cost cell of a row.
    pub fn cost(&self, by: By, row: &ReportRow) -> String {
        let sums = self.rows.get(&(by, names(row)));
        sums.map_or_else(
            || amounts::of_totals(&row.totals, Shown::Dollars),
            |sums| sums.shown(&self.code, amounts::of_totals),
        )
    }

    /// One line on where the figures come from.
    pub fn note(&self, dollars: &Totals) -> String {
        let rates: Vec<String> =
            self.used.iter().map(|rate| format!("{} since {}", rate.per_usd, print_instant(rate.from))).collect();
        let rates = if rates.is_empty() { "no rate yet".to_owned() } else { rates.join(", ") };
        let dollars = amounts::made_of(dollars, Shown::Dollars);
        format!("{} for a dollar: {rates}. Calls are stored in dollars: {dollars}\n", self.code)
    }

    /// As a document.
    pub fn document(&self) -> Document {
        Document {
            currency: self.code.clone(),
            amounts: Amounts::of(&self.total),
            rates: self
                .used
                .iter()
                .map(|rate| RateUsed { from: print_instant(rate.from), per_usd: rate.per_usd.to_string() })
                .collect(),
            rows: self
                .rows
                .iter()
                .map(|((_, [project, provider, model]), sums)| RowDocument {
                    project: project.clone(),
                    provider: provider.clone(),
                    model: model.clone(),
                    amounts: Amounts::of(sums),
                })
                .collect(),
        }
    }
}

/// A report's amounts in another currency, all with twelve decimals.
#[derive(Debug, Serialize)]
pub struct Document {
    /// ISO 4217 code.
    currency: String,
    #[serde(flatten)]
    amounts: Amounts,
    /// The rates that were used.
    rates: Vec<RateUsed>,
    /// Every row of the report.
    rows: Vec<RowDocument>,
}

#[derive(Debug, Serialize)]
struct RowDocument {
    project: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    #[serde(flatten)]
    amounts: Amounts,
}

#[derive(Debug, Serialize)]
struct Amounts {
    /// What was charged while a rate held.
    charged: String,
    /// Of that, what is a lower bound of cut streams, and what is a guess.
    partial: String,
    estimated: String,
    /// What cut streams cost beyond it, and the half-width of that estimate. In no total.
    tail: String,
    tail_bound: String,
    /// What plan traffic would cost at list prices. In no total.
    plan_equivalent: String,
    /// Calls whose price nobody knows. In no total.
    unpriced_requests: u64,
    /// Dollars charged before the first rate: in no other figure here.
    without_rate_usd: Option<String>,
}

impl Amounts {
    fn of(sums: &Sums) -> Amounts {
        let Sums { known, before } = sums;
        let part = |evidence| exact(known.part(evidence).charged_pico);
        Amounts {
            charged: exact(known.charged_pico),
            partial: part(Evidence::PartialStream),
            estimated: part(Evidence::Estimated),
            tail: exact(known.estimated_pico),
            tail_bound: exact(known.bound_pico),
            plan_equivalent: exact(known.plan_list_pico),
            unpriced_requests: known.unpriced() + before.unpriced(),
            without_rate_usd: (before.charged_pico != 0).then(|| exact(before.charged_pico)),
        }
    }
}

/// A rate and from when it held.
#[derive(Debug, Serialize)]
struct RateUsed {
    /// First instant it held.
    from: String,
    /// Units of the currency for one dollar.
    per_usd: String,
}
