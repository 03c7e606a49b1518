//! One journal record into SQLite. Every statement here may run twice for the same record without a second effect.

use super::{
    notes,
    tokens::{TokenColumns, lines_with_rest},
};
use crate::{
    error::{Act, StoreError},
    journal::Record,
    money, rfc3339, rollup,
};
use meter_call::{CallId, CallRecord, CostLine, OpenRecord, PriceUse, ProjectSlug, UnixMillis};
use meter_money::PicoUsd;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

/// Puts a record where it belongs.
pub(super) fn apply(db: &Connection, owner: &str, record: &Record) -> Result<(), StoreError> {
    match record {
        Record::Open(open) => opened(db, owner, open),
        Record::Close(call) => closed(db, call),
        Record::Amend(call) => amended(db, call),
        Record::Release(id) => forget_open(db, *id),
        Record::Audit(event) => notes::audit(db, event),
        Record::Coverage(record) => notes::coverage(db, record),
        Record::Policy(record) => notes::policy(db, record),
    }
}

fn opened(db: &Connection, owner: &str, open: &OpenRecord) -> Result<(), StoreError> {
    // A row that is there already was closed: this is a replay.
    db.prepare_cached(
        "INSERT INTO open_calls (id, owner, record) SELECT ?1, ?2, ?3
         WHERE NOT EXISTS (SELECT 1 FROM requests WHERE id = ?1) ON CONFLICT DO NOTHING",
    )
    .and_then(|mut statement| statement.execute(params![open.id.to_string(), owner, json(open)]))
    .act("write an open call")?;
    Ok(())
}

fn closed(db: &Connection, call: &CallRecord) -> Result<(), StoreError> {
    forget_open(db, call.id)?;
    // A row without an end was made up for a call that seemed lost; the truth replaces it. Any other is a replay.
    let ended: Option<Option<String>> = db
        .prepare_cached("SELECT ended_at FROM requests WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([call.id.to_string()], |row| row.get(0)).optional())
        .act("look for a row")?;
    match ended {
        Some(Some(_)) => Ok(()),
        Some(None) => replace(db, call, None),
        None => insert(db, call, Some(call.ended_at), None),
    }
}

fn amended(db: &Connection, call: &CallRecord) -> Result<(), StoreError> {
    forget_open(db, call.id)?;
    replace(db, call, Some(call.ended_at))
}

fn replace(db: &Connection, call: &CallRecord, settled_at: Option<UnixMillis>) -> Result<(), StoreError> {
    rollup::subtract(db, call.id)?;
    remove_lines(db, call.id)?;
    insert(db, call, Some(call.ended_at), settled_at)
}

pub(super) fn forget_open(db: &Connection, id: CallId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM open_calls WHERE id = ?1")
        .and_then(|mut statement| statement.execute([id.to_string()]))
        .act("remove an open call")?;
    Ok(())
}

/// Inserts the row or overwrites the one with its id, with lines, price snapshots and rollup.
pub(super) fn insert(
    db: &Connection,
    call: &CallRecord,
    ended_at: Option<UnixMillis>,
    settled_at: Option<UnixMillis>,
) -> Result<(), StoreError> {
    let project = project_id(db, &call.project, call.requested_at)?;
    row(db, call, &project, ended_at, settled_at)?;
    write_lines(db, call.id, &lines_with_rest(call))?;
    keep_prices(db, &call.prices, call.requested_at)?;
    rollup::add(db, call.id)
}

/// Writes the lines of a call that has none.
pub(crate) fn write_lines(db: &Connection, id: CallId, lines: &[CostLine]) -> Result<(), StoreError> {
    let id = id.to_string();
    for (position, line) in lines.iter().enumerate() {
        db.prepare_cached(
            "INSERT OR REPLACE INTO line_items
                (request_id, position, meter, model, quantity, rate, multipliers, price_id, amount_pico)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                id,
                position as i64,
                line.meter.name(),
                line.model,
                integer(line.quantity),
                line.rate,
                json(&line.multipliers),
                line.price_id,
                line.amount.map(PicoUsd::pico),
            ])
        })
        .act("write a line of a bill")?;
    }
    Ok(())
}

/// Removes the lines of a call.
pub(crate) fn remove_lines(db: &Connection, id: CallId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM line_items WHERE request_id = ?1")
        .and_then(|mut statement| statement.execute([id.to_string()]))
        .act("replace the lines of a call")?;
    Ok(())
}

/// Keeps price rows as they are now. An id that is there already is the same row.
pub(crate) fn keep_prices(db: &Connection, prices: &[PriceUse], at: UnixMillis) -> Result<(), StoreError> {
    for price in prices {
        db.prepare_cached(
            "INSERT INTO price_snapshots (price_id, provider, model, effective_from, source, row, first_used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                price.price_id,
                price.provider,
                price.model,
                rfc3339::text(price.effective_from),
                price.source,
                price.row,
                rfc3339::text(at),
            ])
        })
        .act("keep a price")?;
    }
    Ok(())
}

/// The project's id, made at its first call.
fn project_id(db: &Connection, slug: &ProjectSlug, since: UnixMillis) -> Result<String, StoreError> {
    let found: Option<String> = db
        .prepare_cached("SELECT id FROM projects WHERE slug = ?1")
        .and_then(|mut statement| statement.query_row([slug.as_str()], |row| row.get(0)).optional())
        .act("look for a project")?;
    if let Some(id) = found {
        return Ok(id);
    }
    // The id's random part comes from the slug: replaying a journal into an empty database gives the same ids.
    let hash = slug.as_str().bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    let mut random = [0; 10];
    random.copy_from_slice(&hash.to_be_bytes()[6..]);
    let id = CallId::new(since.0.max(0) as u64, random).to_string();
    db.execute(
        "INSERT INTO projects (id, slug, name, created_at) VALUES (?1, ?2, ?2, ?3)",
        params![id, slug.as_str(), rfc3339::text(since)],
    )
    .act("make a project")?;
    Ok(id)
}

fn row(
    db: &Connection,
    call: &CallRecord,
    project_id: &str,
    ended_at: Option<UnixMillis>,
    settled_at: Option<UnixMillis>,
) -> Result<(), StoreError> {
    let tokens = TokenColumns::of(call);
    let text = |value: &dyn std::fmt::Display| value.to_string();
    let pico = |amount: Option<PicoUsd>| amount.map(PicoUsd::pico);
    let count = |count: Option<u64>| count.map(integer);
    let (up, down) = call.frames.unzip();
    let columns: [(&str, &dyn ToSql); 68] = [
        ("id", &text(&call.id)),
        ("project_id", &project_id),
        ("requested_at", &rfc3339::text(call.requested_at)),
        ("ended_at", &ended_at.map(rfc3339::text)),
        ("provider", &call.provider),
        ("endpoint", &call.endpoint),
        ("class", &call.class.as_str()),
        ("request_kind", &call.request_kind),
        ("host", &call.host),
        ("method", &call.method),
        ("path", &call.path),
        ("http_status", &call.http_status),
        ("status", &call.status.as_str()),
        ("mode", &call.mode.as_str()),
        ("billing", &call.billing.as_str()),
        ("provider_request_id", &call.provider_request_id),
        ("response_id", &call.response_id),
        ("model_requested", &call.model_requested),
        ("model", &call.model),
        ("service_tier", &call.service_tier),
        ("speed", &call.speed),
        ("geo", &call.geo),
        ("upstream", &call.upstream),
        ("conditions", &call.conditions.as_ref().map(json)),
        ("finish", &call.finish),
        ("usage_state", &call.usage_state.as_str()),
        ("tokens_complete", &call.tokens_complete),
        ("input_tokens", &count(tokens.input)),
        ("output_tokens", &count(tokens.output)),
        ("thinking_tokens", &count(tokens.thinking)),
        ("cache_read_tokens", &count(tokens.cache_read)),
        ("cache_write_tokens", &count(tokens.cache_write)),
        ("cache_write_tokens_5m", &count(tokens.cache_write_5m)),
        ("cache_write_tokens_1h", &count(tokens.cache_write_1h)),
        ("cache_write_tokens_other", &count(tokens.cache_write_other)),
        ("cache_write_other_lifetime", &tokens.other_lifetime),
        ("evidence", &call.evidence.as_str()),
        ("usage_flags", &json(&call.usage_flags)),
        ("list_pico", &pico(call.list)),
        ("contract_pico", &pico(call.contract)),
        ("charged_pico", &pico(call.charged)),
        ("provider_cost_pico", &pico(call.provider_cost)),
        ("estimated_pico", &pico(call.estimated)),
        ("estimated_bound_pico", &pico(call.estimated_bound)),
        ("cost_usd_minor_units", &money::documented_cost(call.evidence, call.charged, call.list)),
        ("rates_source", &call.rates_source),
        ("manifest_digest", &call.manifest_digest),
        ("error_class", &call.error_class.map(|class| class.as_str())),
        ("provider_error_code", &call.provider_error_code),
        ("retry_after_ms", &count(call.retry_after_ms)),
        ("retry_of", &call.retry_of.map(|id| id.to_string())),
        ("run_id", &call.run_id),
        ("process", &call.process.name),
        ("process_id", &call.process.pid),
        ("process_exe", &call.process.exe),
        ("source", &call.source),
        ("reason", &call.reason),
        ("branch", &call.branch),
        ("source_workdir", &call.workdir),
        ("latency_ms", &count(call.latency_ms)),
        ("ttfb_ms", &count(call.ttfb_ms)),
        ("added_us", &count(call.added_us)),
        ("frames_up", &count(up)),
        ("frames_down", &count(down)),
        ("policy_rule", &call.policy_rule),
        ("settled_at", &settled_at.map(rfc3339::text)),
        ("repriced_at", &None::<String>),
        ("fx_rate", &None::<String>),
    ];
    static SQL: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let sql = SQL.get_or_init(|| {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let marks: Vec<_> = (1..=names.len()).map(|number| format!("?{number}")).collect();
        let updates: Vec<_> = names.iter().skip(1).map(|name| format!("{name} = excluded.{name}")).collect();
        let (names, marks, updates) = (names.join(", "), marks.join(", "), updates.join(", "));
        format!("INSERT INTO requests ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}")
    });
    let values: Vec<&dyn ToSql> = columns.iter().map(|(_, value)| *value).collect();
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(&*values)).act("write a row")?;
    Ok(())
}

/// SQLite's integers are signed; a count beyond 9.2 × 10¹⁸ stands as that.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("records have text keys and nothing that fails to serialise")
}
