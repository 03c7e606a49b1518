//! `report`: what was spent, by project, model or provider.

use super::currency::{self, Converted, Rates};
use crate::amounts::{Shown, made_of, of_totals};
use crate::args::{Bills, By, ReportArgs};
use crate::failure::Failure;
use crate::show::{bytes, duration, grouped, plain, plural};
use crate::table::{Align, Table};
use crate::{open, out, when};
use jiff::{ZonedDateTime, tz::TimeZone};
use meter_api::Exit;
use meter_hop::paths::Home;
use meter_store::{CoverageRow, Range, Reader, Report, ReportQuery, StoreError, Totals, rfc3339};
use serde::Serialize;

/// How many hosts that went past the meter are listed.
const PAST_MAX: usize = 5;

/// A report by one thing, and by model too when nothing was chosen.
#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    report: meter_api::Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_model: Option<Vec<meter_api::ReportRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    converted: Option<currency::Document>,
}

/// What is printed.
pub struct Reports {
    range: Range,
    zone: TimeZone,
    first: (By, Report),
    second: Option<(By, Report)>,
    past: Vec<CoverageRow>,
    converted: Option<Converted>,
}

/// Which calls, and how they are shown.
struct Question<'a> {
    range: Range,
    zone: TimeZone,
    by: Option<By>,
    project: Option<&'a str>,
    /// The first bill of calls that were repriced.
    first: bool,
    rates: Option<Rates>,
}

/// Prints the report.
pub fn run(home: &Home, args: &ReportArgs) -> Result<u8, Failure> {
    let zone = open::zone(home);
    let now = ZonedDateTime::now().with_time_zone(zone.clone());
    let range = match (&args.from, &args.to) {
        (Some(from), Some(to)) => when::days(from, to, &zone)?,
        _ => when::since(&args.since, &now)?,
    };
    let (first, rates) = (args.bills == Bills::First, currency::rates(home, args.currency.as_deref())?);
    let question = Question { range, zone, by: args.by, project: args.project.as_deref(), first, rates };
    let reports = answer(home, question)?;
    if args.json {
        out::json(document(&reports))?;
    } else {
        out::print(&text(&reports))?;
    }
    Ok(Exit::Ok.code())
}

/// Sums the calls in `range`.
///
/// # Errors
/// The database is there and cannot be read.
pub fn read(
    home: &Home,
    range: Range,
    zone: TimeZone,
    by: Option<By>,
    project: Option<&str>,
) -> Result<Reports, Failure> {
    answer(home, Question { range, zone, by, project, first: false, rates: None })
}

fn answer(home: &Home, question: Question<'_>) -> Result<Reports, Failure> {
    let Question { range, zone, by, project, first, rates } = question;
    let query = |by: By, range: Range, p95: bool| ReportQuery {
        range,
        by: grouping(by),
        project: project.map(str::to_owned),
        provider: None,
        run_id: None,
        p95,
    };
    let (one, two) = (by.unwrap_or(By::Project), by.is_none().then_some(By::Model));
    let Some(reader) = open::reader(home)? else {
        let empty = || Report { total: Totals::default(), rows: Vec::new(), projects: 0, models: 0 };
        let second = two.map(|by| (by, empty()));
        return Ok(Reports { range, zone, first: (one, empty()), second, past: Vec::new(), converted: None });
    };
    let sums = |reader: &Reader, by, range, p95| match first {
        true => reader.report_as_first(&query(by, range, p95)),
        false => reader.report(&query(by, range, p95)),
    };
    let parts = rates.as_ref().map(|rates| rates.parts(range)).unwrap_or_default();
    let (mut reports, read) = reader
        .snapshot(|reader| {
            let part = |(range, rate)| -> Result<_, StoreError> {
                let all = std::iter::once(one).chain(two);
                let reports = all.map(|by| Ok((grouping(by), sums(reader, by, range, false)?)));
                Ok((rate, reports.collect::<Result<Vec<_>, StoreError>>()?))
            };
            let read = parts.into_iter().map(part).collect::<Result<Vec<_>, StoreError>>()?;
            let reports = Reports {
                range,
                zone,
                first: (one, sums(reader, one, range, true)?),
                second: two.map(|by| sums(reader, by, range, true).map(|report| (by, report))).transpose()?,
                past: if project.is_none() { reader.coverage(range)? } else { Vec::new() },
                converted: None,
            };
            Ok((reports, read))
        })
        .map_err(open::unreadable)?;
    reports.converted = rates.map(|rates| rates.convert(read)).transpose()?;
    Ok(reports)
}

const fn grouping(by: By) -> meter_store::By {
    match by {
        By::Project => meter_store::By::Project,
        By::Model => meter_store::By::Model,
        By::Provider => meter_store::By::Provider,
    }
}

fn document(reports: &Reports) -> Document {
    let (by, report) = &reports.first;
    Document {
        report: meter_api::Report {
            since: reports.range.since.map(rfc3339),
            until: reports.range.until.map(rfc3339),
            zone: reports.zone.iana_name().unwrap_or("local").to_owned(),
            by: word(*by).to_owned(),
            projects: report.projects as u64,
            models: report.models as u64,
            total: (&report.total).into(),
            rows: report.rows.iter().map(Into::into).collect(),
            previous: None,
        },
        by_model: reports.second.as_ref().map(|(_, report)| report.rows.iter().map(Into::into).collect()),
        converted: reports.converted.as_ref().map(Converted::document),
    }
}

const fn word(by: By) -> &'static str {
    match by {
        By::Project => "project",
        By::Model => "model",
        By::Provider => "provider",
    }
}

/// The head with what the total is made of, then a table for each grouping.
pub fn text(reports: &Reports) -> String {
    let (_, report) = &reports.first;
    let total = &report.total;
    let mut text = format!("{}\n", out::styled(out::BOLD, span(reports)));
    if total.requests == 0 {
        text.push_str("No calls.\n");
    } else {
        text.push_str(&head(report, reports.converted.as_ref()));
        for (by, report) in std::iter::once(&reports.first).chain(&reports.second) {
            text.push('\n');
            text.push_str(&table(*by, report, reports.converted.as_ref()));
        }
        if let Some(converted) = &reports.converted {
            text.push_str(&format!("\n{}", converted.note(total)));
        }
    }
    if !reports.past.is_empty() {
        text.push('\n');
        text.push_str(&past(&reports.past));
    }
    text
}

fn span(reports: &Reports) -> String {
    let at = |at| {
        let text = crate::show::time(at, &reports.zone);
        // Seconds help nobody here.
        text[..text.len() - 3].to_owned()
    };
    let since = reports.range.since.map_or_else(|| "the first call".to_owned(), at);
    let until = reports.range.until.map_or_else(|| "now".to_owned(), at);
    let zone = reports.zone.iana_name().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("From {since} until {until}{zone}")
}

fn head(report: &Report, converted: Option<&Converted>) -> String {
    let total = &report.total;
    let failed = match total.failed {
        0 => String::new(),
        some => format!(" ({} failed)", grouped(some)),
    };
    let cached = match total.cache_read_tokens {
        0 => String::new(),
        some => format!(" ({} cached)", grouped(some)),
    };
    format!(
        "{}{failed} · {} · {} · {} in{cached} · {} out\n{}\n",
        plural(total.requests, "call", "calls"),
        plural(report.projects as u64, "project", "projects"),
        plural(report.models as u64, "model", "models"),
        grouped(total.prompt_tokens()),
        grouped(total.output_tokens),
        converted.map_or_else(|| made_of(total, Shown::Dollars), Converted::made_of),
    )
}

fn table(by: By, report: &Report, converted: Option<&Converted>) -> String {
    let mut table = Table::new(&[
        (word(by), Align::Left),
        ("calls", Align::Right),
        ("in", Align::Right),
        ("cached", Align::Right),
        ("out", Align::Right),
        ("cost", Align::Right),
        ("mean", Align::Right),
        ("p95", Align::Right),
    ]);
    for row in &report.rows {
        let name = match by {
            By::Project => row.project.clone(),
            By::Provider => row.provider.clone(),
            By::Model => row.model.clone(),
        };
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| meter_api::UNKNOWN.to_owned());
        let totals = &row.totals;
        let latency = |ms: Option<u64>| ms.map(duration).unwrap_or_default();
        table.row([
            plain(&name),
            grouped(totals.requests),
            grouped(totals.prompt_tokens()),
            grouped(totals.cache_read_tokens),
            grouped(totals.output_tokens),
            converted.map_or_else(|| of_totals(totals, Shown::Dollars), |converted| converted.cost(grouping(by), row)),
            latency(totals.latency_mean_ms()),
            latency(row.latency_p95_ms),
        ]);
    }
    table.text()
}

/// What was not metered: a report that is silent about it would look complete.
fn past(rows: &[CoverageRow]) -> String {
    let connections: u64 = rows.iter().map(|row| row.connections).sum();
    let moved = |row: &CoverageRow| row.bytes_up.saturating_add(row.bytes_down);
    let all = rows.iter().map(moved).fold(0, u64::saturating_add);
    let mut text = format!("Not metered: {}, {}\n", plural(connections, "connection", "connections"), bytes(all));
    for row in rows.iter().take(PAST_MAX) {
        let process = row.process.as_deref().map(|name| format!(" by {}", plain(name))).unwrap_or_default();
        text.push_str(&format!(
            "  {}{process}: {} ({}, {})\n",
            plain(&row.host),
            row.outcome.replace('_', " "),
            plural(row.connections, "connection", "connections"),
            bytes(moved(row))
        ));
    }
    if rows.len() > PAST_MAX {
        text.push_str(&format!("  and {} more\n", rows.len() - PAST_MAX));
    }
    text
}
