//! `pricing quote`.

use super::{BookArgs, CASES_BYTES_MAX, book, bytes};
use crate::amounts::grade;
use crate::bill;
use crate::failure::Failure;
use crate::out::{self, BAD, BOLD, GOOD, styled};
use crate::show::{plain, plural};
use clap::Args;
use meter_api::{Amount, Exit};
use meter_call::CostLine;
use meter_hop::paths::Home;
use meter_manifest::ManifestFile;
use meter_manifest::quote::{Case, Quoted, differences, quote, read};
use meter_money::{PicoUsd, usd};
use meter_price::{Drift, print_instant};
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `pricing quote`.
#[derive(Debug, Args)]
pub struct QuoteArgs {
    /// A file of `[[case]]` tables: provider, model, at, usage, attributes; `-` is standard input.
    #[arg(default_value = "-")]
    pub file: PathBuf,
    #[command(flatten)]
    pub book: BookArgs,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Document {
    cases: Vec<CaseDocument>,
    differing: usize,
}

#[derive(Serialize)]
struct CaseDocument {
    id: String,
    provider: String,
    model: String,
    at: String,
    lines: Vec<LineDocument>,
    total_pico: Option<i64>,
    total_usd: Option<Amount>,
    list_pico: Option<i64>,
    charged_pico: Option<i64>,
    provider_cost_pico: Option<i64>,
    grade: &'static str,
    drift: Option<bool>,
    unpriced: Vec<String>,
    guesses: Vec<String>,
    differences: Vec<String>,
}

#[derive(Serialize)]
struct LineDocument {
    meter: String,
    quantity: u64,
    rate: Option<String>,
    multipliers: Vec<meter_call::Multiplier>,
    price_id: Option<String>,
    effective_from: Option<String>,
    pico: Option<i64>,
}

/// Prices every case; 3 when one differs from what it expects.
pub fn run(home: impl FnOnce() -> Result<Home, Failure>, args: &QuoteArgs) -> Result<u8, Failure> {
    let name =
        if args.file.as_os_str() == "-" { "(standard input)".to_owned() } else { args.file.display().to_string() };
    let file = ManifestFile::new(name, bytes(&args.file, CASES_BYTES_MAX)?);
    let (cases, found) = read(&file);
    if !found.is_empty() {
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        return Err(Failure::new(format!("the cases cannot be read:\n{}", told.join("\n"))).with_code(Exit::Usage));
    }
    let book = book(home, &args.book)?;
    let mut quoted = Vec::new();
    for case in &cases {
        let answer = quote(&book, case).map_err(|error| {
            Failure::because(format!("case `{}`: the provider's amount cannot be used", case.id), error)
        })?;
        let off = differences(case, &answer);
        quoted.push((case, answer, off));
    }
    let differing = quoted.iter().filter(|(_, _, off)| !off.is_empty()).count();
    if args.json {
        let cases = quoted.into_iter().map(|(case, answer, off)| document(case, &answer, off)).collect();
        out::json(Document { cases, differing })?;
    } else {
        let mut text: String = quoted.iter().map(|(case, answer, off)| text(case, answer, off)).collect();
        let expecting = cases.iter().filter(|case| case.expected.is_some()).count();
        if expecting > 0 {
            text.push_str(&format!(
                "{}, {differing} {}\n",
                plural(cases.len() as u64, "case", "cases"),
                if differing == 1 { "differs" } else { "differ" }
            ));
        }
        out::print(&text)?;
    }
    Ok(if differing > 0 { Exit::Found } else { Exit::Ok }.code())
}

fn document(case: &Case, quoted: &Quoted, differences: Vec<String>) -> CaseDocument {
    let pico = |amount: Option<PicoUsd>| amount.map(PicoUsd::pico);
    let line = |line: &CostLine| {
        let used = quoted.costing.prices.iter().find(|used| Some(&used.price_id) == line.price_id.as_ref());
        LineDocument {
            meter: line.meter.to_string(),
            quantity: line.quantity,
            rate: line.rate.clone(),
            multipliers: line.multipliers.clone(),
            price_id: line.price_id.clone(),
            effective_from: used.map(|used| print_instant(used.effective_from)),
            pico: pico(line.amount),
        }
    };
    CaseDocument {
        id: case.id.clone(),
        provider: case.provider.clone(),
        model: case.model.clone(),
        at: meter_store::rfc3339(case.at),
        lines: quoted.costing.lines.iter().map(line).collect(),
        total_pico: pico(quoted.settled.cost),
        total_usd: quoted.settled.cost.map(Amount::from),
        list_pico: pico(quoted.costing.list),
        charged_pico: pico(quoted.charged),
        provider_cost_pico: pico(quoted.settled.provider_cost),
        grade: quoted.settled.evidence.as_str(),
        drift: match quoted.settled.drift {
            Drift::NotChecked => None,
            Drift::Within => Some(false),
            Drift::Over => Some(true),
        },
        unpriced: quoted.costing.unpriced.iter().map(ToString::to_string).collect(),
        guesses: quoted.costing.guesses.clone(),
        differences,
    }
}

fn text(case: &Case, quoted: &Quoted, off: &[String]) -> String {
    let head = format_args!(
        "{}  {}/{} at {}",
        plain(&case.id),
        plain(&case.provider),
        plain(&case.model),
        print_instant(case.at)
    );
    let mut text = format!("{}\n", styled(BOLD, head));
    text.push_str(&bill::table(&quoted.costing.lines));
    let total = quoted.settled.cost.map_or("unpriced".to_owned(), |cost| format!("{} ({cost} USD)", usd(cost)));
    let evidence = quoted.settled.evidence;
    text.push_str(&format!("total    {total}\ngrade    {evidence}: {}\n", grade(evidence)));
    if let (Some(list), true) = (quoted.costing.list, quoted.costing.list != quoted.settled.cost) {
        text.push_str(&format!("list     {list} USD\n"));
    }
    if let (Some(plan), Some(charged)) = (&case.plan, quoted.charged) {
        text.push_str(&format!("charged  {charged} USD (plan {})\n", plain(plan)));
    }
    for used in &quoted.costing.prices {
        let since = print_instant(used.effective_from);
        text.push_str(&format!("price    {} since {since}, {}\n", plain(&used.price_id), plain(&used.source)));
    }
    for reason in quoted.costing.unpriced.iter().map(ToString::to_string).chain(quoted.costing.guesses.iter().cloned())
    {
        text.push_str(&format!("note     {}\n", plain(&reason)));
    }
    if case.expected.is_some() {
        match off {
            [] => text.push_str(&format!("{}\n", styled(GOOD, "as expected"))),
            off => off.iter().for_each(|one| text.push_str(&format!("{} {}\n", styled(BAD, "differs"), plain(one)))),
        }
    }
    text.push('\n');
    text
}
