//! Sums of rows per quarter of an hour, so that a report over millions of rows reads thousands.

use crate::error::{Act, StoreError};
use meter_call::CallId;
use rusqlite::{Connection, params};

/// The quarter of `requested_at`, from its text `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub(crate) const BUCKET: &str = "substr(requested_at, 1, 14) \
    || printf('%02d', CAST(substr(requested_at, 15, 2) AS INTEGER) / 15 * 15) || ':00.000Z'";

/// Key columns, in the order of the primary key.
pub(crate) const KEY: &str = "bucket, project_id, provider, model, evidence, billing";

/// What a row adds, beside its key. One text for adding, taking away, rebuilding and summing rows at the ragged ends of
/// a report, so that the four cannot disagree.
pub(crate) const SUMS: [(&str, &str); 13] = [
    ("requests", "1"),
    ("failed", "status <> 'success'"),
    ("input_tokens", "COALESCE(input_tokens, 0)"),
    ("output_tokens", "COALESCE(output_tokens, 0)"),
    ("thinking_tokens", "COALESCE(thinking_tokens, 0)"),
    ("cache_read_tokens", "COALESCE(cache_read_tokens, 0)"),
    ("cache_write_tokens", "COALESCE(cache_write_tokens, 0)"),
    ("list_pico", "COALESCE(list_pico, 0)"),
    ("charged_pico", "COALESCE(charged_pico, list_pico, 0)"),
    ("estimated_pico", "COALESCE(estimated_pico, 0)"),
    ("bound_pico", "COALESCE(estimated_bound_pico, 0)"),
    ("timed", "latency_ms IS NOT NULL"),
    ("latency_ms", "COALESCE(latency_ms, 0)"),
];

/// The key as a select list over rows, each column under its rollup name.
pub(crate) fn named_key_of_row() -> String {
    format!("{BUCKET} AS bucket, project_id, provider, COALESCE(model, '') AS model, evidence, billing")
}

fn names() -> String {
    SUMS.map(|(name, _)| name).join(", ")
}

fn key_of_row() -> String {
    format!("{BUCKET}, project_id, provider, COALESCE(model, ''), evidence, billing")
}

fn change(db: &Connection, id: CallId, sign: i64) -> Result<(), StoreError> {
    let values = SUMS.map(|(_, value)| format!("?2 * ({value})")).join(", ");
    let updates = SUMS.map(|(name, _)| format!("{name} = {name} + excluded.{name}")).join(", ");
    let (names, key) = (names(), key_of_row());
    // `WHERE` is needed: without it SQLite reads ON as a join.
    let sql = format!(
        "INSERT INTO rollups ({KEY}, {names}) SELECT {key}, {values} FROM requests WHERE id = ?1
         ON CONFLICT ({KEY}) DO UPDATE SET {updates}"
    );
    db.prepare_cached(&sql)
        .and_then(|mut statement| statement.execute(params![id.to_string(), sign]))
        .act("keep a rollup")?;
    Ok(())
}

/// Counts the row of `id` in.
pub(crate) fn add(db: &Connection, id: CallId) -> Result<(), StoreError> {
    change(db, id, 1)
}

/// Takes the row of `id`, as it stands, out again. Nothing happens when there is none.
pub(crate) fn subtract(db: &Connection, id: CallId) -> Result<(), StoreError> {
    change(db, id, -1)?;
    let sql = format!(
        "DELETE FROM rollups WHERE requests = 0
         AND ({KEY}) = (SELECT {} FROM requests WHERE id = ?1)",
        key_of_row()
    );
    db.prepare_cached(&sql)
        .and_then(|mut statement| statement.execute([id.to_string()]))
        .act("remove an empty rollup")?;
    Ok(())
}

/// Throws all rollups away and sums the rows anew.
pub(crate) fn rebuild(db: &Connection) -> Result<(), StoreError> {
    let sums = SUMS.map(|(_, value)| format!("SUM({value})")).join(", ");
    let (names, key) = (names(), key_of_row());
    db.execute_batch(&format!(
        "DELETE FROM rollups; INSERT INTO rollups ({KEY}, {names}) SELECT {key}, {sums} FROM requests GROUP BY 1, 2, 3, 4, 5, 6"
    ))
    .act("rebuild the rollups")
}
