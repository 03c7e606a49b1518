//! Sums of rows per quarter of an hour and per day, so that a report over millions of rows reads thousands.

use crate::error::{Act, StoreError};
use meter_call::CallId;
use rusqlite::{Connection, params};

/// The quarter of `requested_at`, from its text `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub(crate) const BUCKET: &str = "substr(requested_at, 1, 14) \
    || printf('%02d', CAST(substr(requested_at, 15, 2) AS INTEGER) / 15 * 15) || ':00.000Z'";

/// The tables, each with how a row finds its bucket.
const TABLES: [(&str, &str); 2] =
    [("rollups", BUCKET), ("rollup_days", "substr(requested_at, 1, 10) || 'T00:00:00.000Z'")];

/// Key columns, in the order of the primary key.
pub(crate) const KEY: &str = "bucket, project_id, provider, model, evidence, billing";

/// Rows that sums count. What an observed exchange says of usage was or will be counted elsewhere: reading a stored answer
/// again repeats its tokens.
pub(crate) const COUNTED: &str = "class <> 'observed'";

/// What a row adds, beside its key. One text for adding, taking away, rebuilding and summing rows at the ragged ends of
/// a report, so that the four cannot disagree. Counts above 10¹², which no call has, count as that: a sum must not leave
/// 64 bits because a provider wrote nonsense.
pub(crate) const SUMS: [(&str, &str); 17] = [
    ("requests", "1"),
    ("failed", "status <> 'success'"),
    ("input_tokens", "MIN(COALESCE(input_tokens, 0), 1000000000000)"),
    ("output_tokens", "MIN(COALESCE(output_tokens, 0), 1000000000000)"),
    ("thinking_tokens", "MIN(COALESCE(thinking_tokens, 0), 1000000000000)"),
    ("cache_read_tokens", "MIN(COALESCE(cache_read_tokens, 0), 1000000000000)"),
    ("cache_write_tokens", "MIN(COALESCE(cache_write_tokens, 0), 1000000000000)"),
    ("list_usd", "COALESCE(list_pico, 0) / 1000000000000"),
    ("list_rest_pico", "COALESCE(list_pico, 0) % 1000000000000"),
    ("charged_usd", "COALESCE(charged_pico, list_pico, 0) / 1000000000000"),
    ("charged_rest_pico", "COALESCE(charged_pico, list_pico, 0) % 1000000000000"),
    ("estimated_usd", "COALESCE(estimated_pico, 0) / 1000000000000"),
    ("estimated_rest_pico", "COALESCE(estimated_pico, 0) % 1000000000000"),
    ("bound_usd", "COALESCE(estimated_bound_pico, 0) / 1000000000000"),
    ("bound_rest_pico", "COALESCE(estimated_bound_pico, 0) % 1000000000000"),
    ("timed", "latency_ms IS NOT NULL"),
    ("latency_ms", "MIN(COALESCE(latency_ms, 0), 1000000000000)"),
];

/// All tokens of a row, read and written, within the same bounds.
pub(crate) const TOKENS: &str = "MIN(COALESCE(input_tokens, 0), 1000000000000) \
    + MIN(COALESCE(cache_read_tokens, 0), 1000000000000) + MIN(COALESCE(cache_write_tokens, 0), 1000000000000) \
    + MIN(COALESCE(output_tokens, 0), 1000000000000)";

fn names() -> String {
    SUMS.map(|(name, _)| name).join(", ")
}

/// The key as a select list over rows, each column under its rollup name.
pub(crate) fn named_key_of_row() -> String {
    format!("{BUCKET} AS bucket, project_id, provider, COALESCE(model, '') AS model, evidence, billing")
}

fn key_of_row(bucket: &str) -> String {
    format!("{bucket}, project_id, provider, COALESCE(model, ''), evidence, billing")
}

fn change(db: &Connection, id: CallId, sign: i64) -> Result<(), StoreError> {
    let values = SUMS.map(|(_, value)| format!("?2 * ({value})")).join(", ");
    let updates = SUMS.map(|(name, _)| format!("{name} = {name} + excluded.{name}")).join(", ");
    let names = names();
    for (table, bucket) in TABLES {
        let key = key_of_row(bucket);
        let sql = format!(
            "INSERT INTO {table} ({KEY}, {names}) SELECT {key}, {values} FROM requests WHERE id = ?1 AND {COUNTED}
             ON CONFLICT ({KEY}) DO UPDATE SET {updates}"
        );
        db.prepare_cached(&sql)
            .and_then(|mut statement| statement.execute(params![id.to_string(), sign]))
            .act("keep a rollup")?;
    }
    Ok(())
}

/// Counts the row of `id` in.
pub(crate) fn add(db: &Connection, id: CallId) -> Result<(), StoreError> {
    change(db, id, 1)
}

/// Takes the row of `id`, as it stands, out again. Nothing happens when there is none.
pub(crate) fn subtract(db: &Connection, id: CallId) -> Result<(), StoreError> {
    change(db, id, -1)?;
    for (table, bucket) in TABLES {
        let key = key_of_row(bucket);
        let sql =
            format!("DELETE FROM {table} WHERE requests = 0 AND ({KEY}) = (SELECT {key} FROM requests WHERE id = ?1)");
        db.prepare_cached(&sql)
            .and_then(|mut statement| statement.execute([id.to_string()]))
            .act("remove an empty rollup")?;
    }
    Ok(())
}

/// Sums the rows anew. Sums from before the oldest row stay: their rows were purged, and nothing else knows them.
pub(crate) fn rebuild(db: &Connection) -> Result<(), StoreError> {
    let sums = SUMS.map(|(_, value)| format!("SUM({value})")).join(", ");
    let names = names();
    for (table, bucket) in TABLES {
        let key = key_of_row(bucket);
        db.execute_batch(&format!(
            "DELETE FROM {table} WHERE bucket >= (SELECT COALESCE(MIN(substr(requested_at, 1, 10)), '') FROM requests);
             INSERT INTO {table} ({KEY}, {names}) SELECT {key}, {sums} FROM requests WHERE {COUNTED} GROUP BY 1, 2, 3, 4, 5, 6"
        ))
        .act("rebuild the rollups")?;
    }
    Ok(())
}
