//! What policies and the daemon noted, and what was not metered.

use super::{Cursor, Range, Reader};
use crate::{
    error::{Act, StoreError},
    journal::AuditEvent,
    rfc3339,
};
use rusqlite::{Row, ToSql};

/// Which events, and how many at a time.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// By their time.
    pub range: Range,
    /// Only this kind.
    pub kind: Option<String>,
    /// Only this rule's.
    pub rule: Option<String>,
    /// Only this project's.
    pub project: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Behind this one; `None` = from the newest.
    pub cursor: Option<Cursor>,
}

/// One page.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// Newest first.
    pub items: Vec<AuditEvent>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<Cursor>,
}

/// Traffic that was not metered, by host, process and reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CoverageRow {
    /// Host of the CONNECT.
    pub host: String,
    /// Executable's file name, when known.
    pub process: Option<String>,
    /// `tunnelled`, `pinned`, `bypassed`, `opaque`, …
    pub outcome: String,
    /// Connections.
    pub connections: u64,
    /// Bytes from clients.
    pub bytes_up: u64,
    /// Bytes to clients.
    pub bytes_down: u64,
    /// How long they were open, summed, in milliseconds.
    pub duration_ms: u64,
}

const COLUMNS: &str = "id, at, kind, request_id, project, rule, stage, verdict, message, detail";

impl Reader {
    /// One page of audit events, newest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn audits(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let (since, until) = query.range.texts();
        let mut wheres = String::from("at >= ?1 AND at < ?2");
        let mut values: Vec<&dyn ToSql> = vec![&since, &until];
        for (column, value) in [("kind", &query.kind), ("rule", &query.rule), ("project", &query.project)] {
            if value.is_some() {
                values.push(value);
                wheres.push_str(&format!(" AND {column} = ?{}", values.len()));
            }
        }
        let place = query.cursor.map(|cursor| cursor.texts());
        if let Some((at, id)) = &place {
            values.push(at);
            values.push(id);
            wheres.push_str(&format!(" AND (at, id) < (?{}, ?{})", values.len() - 1, values.len()));
        }
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1;
        values.push(&limit);
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_events WHERE {wheres} ORDER BY at DESC, id DESC LIMIT ?{}",
            values.len()
        );
        let mut items = self.events(&sql, &values)?;
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = items.last().filter(|_| more).map(|event| Cursor { at: event.at, id: event.id });
        Ok(AuditPage { items, next })
    }

    pub(super) fn audits_of(&self, id: &str) -> Result<Vec<AuditEvent>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM audit_events WHERE request_id = ?1 ORDER BY at, id");
        self.events(&sql, &[&id])
    }

    fn events(&self, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<AuditEvent>, StoreError> {
        let mut statement = self.db.prepare_cached(sql).act("prepare audit events")?;
        let mut rows = statement.query(values).act("read audit events")?;
        let mut events = Vec::new();
        while let Some(row) = rows.next().act("read audit events")? {
            events.push(event(row)?);
        }
        Ok(events)
    }

    /// What was not metered, most bytes first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn coverage(&self, range: Range) -> Result<Vec<CoverageRow>, StoreError> {
        let (since, until) = range.texts();
        self.db
            .prepare_cached(
                "SELECT host, process, outcome, SUM(connections), SUM(bytes_up), SUM(bytes_down), SUM(duration_ms)
                 FROM coverage WHERE at >= ?1 AND at < ?2 GROUP BY host, process, outcome
                 ORDER BY SUM(bytes_up) + SUM(bytes_down) DESC, host, process, outcome",
            )
            .and_then(|mut statement| {
                let rows = statement.query_map([since, until], |row| {
                    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                    Ok(CoverageRow {
                        host: row.get(0)?,
                        process: row.get(1)?,
                        outcome: row.get(2)?,
                        connections: count(3)?,
                        bytes_up: count(4)?,
                        bytes_down: count(5)?,
                        duration_ms: count(6)?,
                    })
                })?;
                rows.collect()
            })
            .act("sum coverage")
    }
}

fn event(row: &Row<'_>) -> Result<AuditEvent, StoreError> {
    let act = "read an audit event";
    let wrong = |column: &'static str| move |value: String| StoreError::Value { column, value };
    let id: String = row.get("id").act(act)?;
    let at: String = row.get("at").act(act)?;
    let call: Option<String> = row.get("request_id").act(act)?;
    let project: Option<String> = row.get("project").act(act)?;
    let detail: String = row.get("detail").act(act)?;
    Ok(AuditEvent {
        id: id.parse().map_err(|_| wrong("audit_events.id")(id))?,
        at: rfc3339::parse(&at).ok_or_else(|| wrong("audit_events.at")(at))?,
        kind: row.get("kind").act(act)?,
        call: call.map(|call| call.parse().map_err(|_| wrong("audit_events.request_id")(call))).transpose()?,
        project: project.map(|slug| slug.parse().map_err(|_| wrong("audit_events.project")(slug))).transpose()?,
        rule: row.get("rule").act(act)?,
        stage: row.get("stage").act(act)?,
        verdict: row.get("verdict").act(act)?,
        message: row.get("message").act(act)?,
        detail: serde_json::from_str(&detail).map_err(|_| wrong("audit_events.detail")(detail))?,
    })
}
