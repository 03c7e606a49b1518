//! Records that are no calls: each is inserted once, by its own key.

use super::apply::{integer, json};
use crate::{
    error::{Act, StoreError},
    journal::{AuditEvent, CoverageRecord, PolicyRecord},
    rfc3339,
};
use meter_call::ProjectSlug;
use rusqlite::{Connection, params};

/// Writes an audit event, once.
pub(super) fn audit(db: &Connection, event: &AuditEvent) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO audit_events (id, at, kind, request_id, project, rule, stage, verdict, message, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            event.id.to_string(),
            rfc3339::text(event.at),
            event.kind,
            event.call.map(|id| id.to_string()),
            event.project.as_ref().map(ProjectSlug::as_str),
            event.rule,
            event.stage,
            event.verdict,
            event.message,
            json(&event.detail),
        ])
    })
    .act("write an audit event")?;
    Ok(())
}

/// Writes traffic that was not metered, once.
pub(super) fn coverage(db: &Connection, record: &CoverageRecord) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO coverage (edge, seq, at, host, process, outcome, connections, bytes_up, bytes_down, duration_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            record.edge,
            integer(record.seq),
            rfc3339::text(record.at),
            record.host,
            record.process,
            record.outcome,
            integer(record.connections),
            integer(record.bytes_up),
            integer(record.bytes_down),
            integer(record.duration_ms),
        ])
    })
    .act("write coverage")?;
    Ok(())
}

/// Writes a rule as it stands in a snapshot, once.
pub(super) fn policy(db: &Connection, record: &PolicyRecord) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO policies (digest, id, position, stage, rule, applied_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            record.digest,
            record.id,
            record.position,
            record.stage,
            record.rule,
            rfc3339::text(record.applied_at),
        ])
    })
    .act("write a policy")?;
    Ok(())
}
