//! `calls`: the latest calls, or calls as they end.

use crate::amounts::of_row;
use crate::args::CallsArgs;
use crate::failure::Failure;
use crate::out::Reading;
use crate::show::{duration, grouped, plain, short, time};
use crate::table::{Align, Table};
use crate::{open, out};
use jiff::tz::TimeZone;
use meter_api::{CallList, Document, Exit, Request};
use meter_call::{CallId, Status, UnixMillis};
use meter_hop::paths::Home;
use meter_store::{CallPage, CallQuery, CallRow, Range, Reader};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// How often new calls are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// A call is stored when it ends, under the time it began; longer ones than this are missed by `--follow`.
const LONGEST_MS: i64 = 6 * 3_600_000;

/// How many calls one look takes.
const LOOK_MAX: usize = 1000;

/// Prints the calls.
pub fn run(home: &Home, args: &CallsArgs) -> Result<u8, Failure> {
    let zone = open::zone(home);
    if args.follow {
        return follow(home, args, &zone);
    }
    let page = match open::reader(home)? {
        Some(reader) => reader.calls(&query(args, Range::ALL, args.limit as usize)).map_err(open::unreadable)?,
        None => CallPage { items: Vec::new(), next: None, total: 0 },
    };
    if args.json {
        out::json(CallList { calls: page.items.iter().map(Into::into).collect(), total: page.total })?;
    } else if page.items.is_empty() {
        out::say("no calls yet");
    } else {
        // The newest last: where the prompt is.
        let rows: Vec<&CallRow> = page.items.iter().rev().collect();
        out::print(&table(&rows, &zone).text())?;
        if page.total > page.items.len() as u64 {
            let (shown, all) = (page.items.len() as u64, grouped(page.total));
            out::say(&format!("the latest {} of {all} calls", grouped(shown)));
        }
    }
    Ok(Exit::Ok.code())
}

fn query(args: &CallsArgs, range: Range, limit: usize) -> CallQuery {
    CallQuery {
        range,
        project: args.project.clone(),
        provider: args.provider.clone(),
        status: None,
        run_id: None,
        observed: false,
        limit,
        cursor: None,
    }
}

/// Prints calls as they end, until interrupted or nobody reads any more.
fn follow(home: &Home, args: &CallsArgs, zone: &TimeZone) -> Result<u8, Failure> {
    let started = now();
    let mut reader: Option<Reader> = None;
    let mut seen: Option<BTreeSet<CallId>> = None;
    let mut widths = table(&[], zone).widths();
    if !args.json && out::write(&table(&[], zone).head(&widths))? == Reading::HasEnded {
        return Ok(Exit::Ok.code());
    }
    loop {
        if reader.is_none() {
            reader = open::reader(home)?;
        }
        let recent = Range::since(UnixMillis(started.0.max(now().0 - LONGEST_MS) - LONGEST_MS));
        let look = |reader: &Reader| {
            let recent = reader.calls(&query(args, recent, LOOK_MAX))?.items;
            // What there was already is shown once, however old.
            let before = match seen {
                None => Some(reader.calls(&query(args, Range::ALL, args.limit as usize))?.items),
                Some(_) => None,
            };
            Ok((recent, before))
        };
        let (recent, before) = match &reader {
            Some(reader) => reader.snapshot(look).map_err(open::unreadable)?,
            None => (Vec::new(), None),
        };
        let mut new: Vec<&CallRow> = match (&before, &seen) {
            (Some(before), _) => before.iter().collect(),
            (None, Some(seen)) => recent.iter().filter(|row| !seen.contains(&row.id)).collect(),
            (None, None) => Vec::new(),
        };
        new.reverse();
        seen = Some(recent.iter().map(|row| row.id).collect());
        if !new.is_empty() {
            let text = if args.json { json_lines(&new)? } else { grown(&new, zone, &mut widths) };
            if out::write(&text)? == Reading::HasEnded {
                return Ok(Exit::Ok.code());
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Rows in columns that only ever grow, so that what was printed stays in line.
fn grown(rows: &[&CallRow], zone: &TimeZone, widths: &mut [usize]) -> String {
    let table = table(rows, zone);
    for (width, needed) in widths.iter_mut().zip(table.widths()) {
        *width = needed.max(*width);
    }
    table.body(widths)
}

fn json_lines(rows: &[&CallRow]) -> Result<String, Failure> {
    let mut text = String::new();
    for row in rows {
        let document = Document::new(Request::from(*row));
        let line = serde_json::to_string(&document)
            .map_err(|error| Failure::because("cannot write a call", error).with_code(Exit::Bug))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// One line a call.
pub fn table(rows: &[&CallRow], zone: &TimeZone) -> Table {
    let mut table = Table::new(&[
        ("time", Align::Left),
        ("id", Align::Left),
        ("project", Align::Left),
        ("provider", Align::Left),
        ("model", Align::Left),
        ("status", Align::Left),
        ("in", Align::Right),
        ("cached", Align::Right),
        ("out", Align::Right),
        ("cost", Align::Right),
        ("took", Align::Right),
    ]);
    for row in rows {
        let model = row.model.as_deref().or(row.model_requested.as_deref()).unwrap_or("-");
        let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), grouped);
        let prompt = row
            .input_tokens
            .map(|input| input + row.cache_read_tokens.unwrap_or(0) + row.cache_write_tokens.unwrap_or(0));
        let status = match (row.status, row.error_class, row.http_status) {
            (Status::Error, Some(class), Some(http)) => format!("{http} {class}"),
            (Status::Error, Some(class), None) => class.to_string(),
            (status, _, _) => status.to_string(),
        };
        table.row([
            time(row.requested_at, zone),
            short(row.id),
            plain(&row.project),
            plain(&row.provider),
            plain(model),
            status,
            count(prompt),
            count(row.cache_read_tokens),
            count(row.output_tokens),
            of_row(row),
            row.latency_ms.map_or_else(|| "-".to_owned(), duration),
        ]);
    }
    table
}
