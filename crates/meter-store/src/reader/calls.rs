//! Rows, newest first, page by page.

use super::{Cursor, Range, Reader, totals::Filter};
use crate::{
    error::{Act, StoreError},
    rfc3339, rollup,
};
use meter_call::{
    Billing, CallId, Conditions, EndpointClass, ErrorClass, Evidence, Mode, Status, UnixMillis, UsageState,
};
use meter_money::PicoUsd;
use rusqlite::{OptionalExtension, Row, ToSql, types::FromSql};

/// A row of `requests`. Columns with the meaning of [`meter_call::CallRecord`] have its names.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs)] // documented once, on the record and in the migration
pub struct CallRow {
    pub id: CallId,
    pub project: String,
    pub requested_at: UnixMillis,
    /// `None`: lost with the daemon that carried it.
    pub ended_at: Option<UnixMillis>,
    pub provider: String,
    pub endpoint: String,
    pub class: EndpointClass,
    pub request_kind: String,
    pub host: String,
    pub method: String,
    pub path: String,
    pub http_status: Option<u16>,
    pub status: Status,
    pub mode: Mode,
    pub billing: Billing,
    pub provider_request_id: Option<String>,
    pub response_id: Option<String>,
    pub model_requested: Option<String>,
    pub model: Option<String>,
    pub service_tier: Option<String>,
    pub speed: Option<String>,
    pub geo: Option<String>,
    pub upstream: Option<String>,
    /// `None`: metered before they were kept.
    pub conditions: Option<Conditions>,
    pub finish: Option<String>,
    pub usage_state: UsageState,
    pub tokens_complete: bool,
    /// Uncached prompt tokens; this and the other counts are `None` when unknown.
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub thinking_tokens: Option<u64>,
    pub cache_read_tokens: Option<u64>,
    pub cache_write_tokens: Option<u64>,
    pub cache_write_tokens_5m: Option<u64>,
    pub cache_write_tokens_1h: Option<u64>,
    pub cache_write_tokens_other: Option<u64>,
    pub cache_write_other_lifetime: Option<String>,
    pub evidence: Evidence,
    pub usage_flags: Vec<String>,
    pub list: Option<PicoUsd>,
    pub contract: Option<PicoUsd>,
    pub charged: Option<PicoUsd>,
    pub provider_cost: Option<PicoUsd>,
    pub estimated: Option<PicoUsd>,
    pub estimated_bound: Option<PicoUsd>,
    /// Millicents; `None` when unpriced.
    pub cost_usd_minor_units: Option<i64>,
    pub rates_source: Option<String>,
    pub manifest_digest: String,
    pub error_class: Option<ErrorClass>,
    pub provider_error_code: Option<String>,
    pub retry_after_ms: Option<u64>,
    pub retry_of: Option<CallId>,
    pub run_id: Option<String>,
    pub process: Option<String>,
    pub process_id: Option<u32>,
    pub process_exe: Option<String>,
    pub source: String,
    pub reason: String,
    pub branch: Option<String>,
    pub workdir: Option<String>,
    pub latency_ms: Option<u64>,
    pub ttfb_ms: Option<u64>,
    pub added_us: Option<u64>,
    pub frames_up: Option<u64>,
    pub frames_down: Option<u64>,
    pub policy_rule: Option<String>,
    /// A later read brought the usage.
    pub settled_at: Option<UnixMillis>,
    pub repriced_at: Option<UnixMillis>,
    /// The first bill, when a reprice changed it.
    pub first_evidence: Option<Evidence>,
    pub first_list: Option<PicoUsd>,
    pub first_contract: Option<PicoUsd>,
    pub first_charged: Option<PicoUsd>,
}

/// Which rows, and how many at a time.
#[derive(Clone, Debug, Default)]
pub struct CallQuery {
    /// By `requested_at`.
    pub range: Range,
    /// Only this project's.
    pub project: Option<String>,
    /// Only this provider's.
    pub provider: Option<String>,
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those of this `run`.
    pub run_id: Option<String>,
    /// Also exchanges that were only observed; they are no calls, so no sum counts them.
    pub observed: bool,
    /// At most so many; 0 gives none.
    pub limit: usize,
    /// Behind this one; `None` = from the newest.
    pub cursor: Option<Cursor>,
}

/// One page.
#[derive(Clone, Debug)]
pub struct CallPage {
    /// Newest first.
    pub items: Vec<CallRow>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<Cursor>,
    /// Rows that the query matches, on all pages.
    pub total: u64,
}

pub(super) const FROM: &str = "FROM requests r JOIN projects p ON p.id = r.project_id";

impl Reader {
    /// One page of calls, newest first. Rows added meanwhile neither repeat nor hide others.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn calls(&self, query: &CallQuery) -> Result<CallPage, StoreError> {
        self.snapshot(|reader| {
            let project_id = match &query.project {
                None => None,
                Some(slug) => match reader.project_id(slug)? {
                    None => return Ok(CallPage { items: Vec::new(), next: None, total: 0 }),
                    id => id,
                },
            };
            reader.page(query, project_id.as_deref())
        })
    }

    fn page(&self, query: &CallQuery, project_id: Option<&str>) -> Result<CallPage, StoreError> {
        let (since, until) = query.range.texts();
        let status = query.status.map(Status::as_str);
        let mut wheres = String::from("r.requested_at >= ?1 AND r.requested_at < ?2");
        let mut values: Vec<&dyn ToSql> = vec![&since, &until];
        if !query.observed {
            wheres.push_str(&format!(" AND r.{}", rollup::COUNTED));
        }
        let filters: [(&str, &dyn ToSql, bool); 4] = [
            ("r.project_id", &project_id, project_id.is_some()),
            ("r.provider", &query.provider, query.provider.is_some()),
            ("r.status", &status, status.is_some()),
            ("r.run_id", &query.run_id, query.run_id.is_some()),
        ];
        for (column, value, wanted) in filters {
            if wanted {
                values.push(value);
                wheres.push_str(&format!(" AND {column} = ?{}", values.len()));
            }
        }
        let total = if status.is_none() && query.run_id.is_none() && !query.observed && !self.was_purged()? {
            // Rollups know the number without counting rows.
            let filter = Filter { project_id, provider: query.provider.as_deref(), run_id: None, ..Filter::default() };
            self.total(query.range, filter)?.requests
        } else {
            let sql = format!("SELECT COUNT(*) FROM requests r WHERE {wheres}");
            let count: i64 = self
                .db
                .prepare_cached(&sql)
                .and_then(|mut statement| statement.query_row(&*values, |row| row.get(0)))
                .act("count calls")?;
            count.unsigned_abs()
        };
        let place = query.cursor.map(|cursor| cursor.texts());
        if let Some((at, id)) = &place {
            values.push(at);
            values.push(id);
            wheres.push_str(&format!(" AND (r.requested_at, r.id) < (?{}, ?{})", values.len() - 1, values.len()));
        }
        // One more than asked for tells whether there is a next page.
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1;
        values.push(&limit);
        let sql = format!(
            "SELECT r.*, p.slug AS project {FROM} WHERE {wheres} ORDER BY r.requested_at DESC, r.id DESC LIMIT ?{}",
            values.len()
        );
        let mut statement = self.db.prepare_cached(&sql).act("prepare a page of calls")?;
        let mut rows = statement.query(&*values).act("read a page of calls")?;
        let mut items = Vec::new();
        while let Some(row) = rows.next().act("read a page of calls")? {
            items.push(CallRow::read(row)?);
        }
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = items.last().filter(|_| more).map(|row| Cursor { at: row.requested_at, id: row.id });
        Ok(CallPage { items, next, total })
    }

    /// Sums reach further back than rows.
    fn was_purged(&self) -> Result<bool, StoreError> {
        let sql = "SELECT COALESCE((SELECT MIN(bucket) FROM rollup_days)
            < (SELECT COALESCE(MIN(substr(requested_at, 1, 10)), '9999') FROM requests), FALSE)";
        self.db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .act("look for purged rows")
    }

    pub(super) fn project_id(&self, slug: &str) -> Result<Option<String>, StoreError> {
        self.db
            .prepare_cached("SELECT id FROM projects WHERE slug = ?1")
            .and_then(|mut statement| statement.query_row([slug], |row| row.get(0)).optional())
            .act("look for a project")
    }
}

fn get<T: FromSql>(row: &Row<'_>, column: &'static str) -> Result<T, StoreError> {
    row.get(column).act("read a row")
}

fn count(row: &Row<'_>, column: &'static str) -> Result<Option<u64>, StoreError> {
    Ok(get::<Option<i64>>(row, column)?.map(i64::unsigned_abs))
}

fn pico(row: &Row<'_>, column: &'static str) -> Result<Option<PicoUsd>, StoreError> {
    Ok(get::<Option<i64>>(row, column)?.map(PicoUsd::from_pico))
}

/// A text column as a value of ours; a text that is none is an error that names the column.
fn word<T>(row: &Row<'_>, column: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let value: String = get(row, column)?;
    read(&value).ok_or(StoreError::Value { column, value })
}

fn word_or_none<T>(
    row: &Row<'_>,
    column: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let Some(value) = get::<Option<String>>(row, column)? else { return Ok(None) };
    read(&value).map(Some).ok_or(StoreError::Value { column, value })
}

impl CallRow {
    /// From `requests.*` and `project`.
    pub(super) fn read(row: &Row<'_>) -> Result<CallRow, StoreError> {
        Ok(CallRow {
            id: word(row, "id", |text| text.parse().ok())?,
            project: get(row, "project")?,
            requested_at: word(row, "requested_at", rfc3339::parse)?,
            ended_at: word_or_none(row, "ended_at", rfc3339::parse)?,
            provider: get(row, "provider")?,
            endpoint: get(row, "endpoint")?,
            class: word(row, "class", EndpointClass::from_word)?,
            request_kind: get(row, "request_kind")?,
            host: get(row, "host")?,
            method: get(row, "method")?,
            path: get(row, "path")?,
            http_status: get(row, "http_status")?,
            status: word(row, "status", Status::from_word)?,
            mode: word(row, "mode", Mode::from_word)?,
            billing: word(row, "billing", Billing::from_word)?,
            provider_request_id: get(row, "provider_request_id")?,
            response_id: get(row, "response_id")?,
            model_requested: get(row, "model_requested")?,
            model: get(row, "model")?,
            service_tier: get(row, "service_tier")?,
            speed: get(row, "speed")?,
            geo: get(row, "geo")?,
            upstream: get(row, "upstream")?,
            conditions: word_or_none(row, "conditions", |text| serde_json::from_str(text).ok())?,
            finish: get(row, "finish")?,
            usage_state: word(row, "usage_state", UsageState::from_word)?,
            tokens_complete: get(row, "tokens_complete")?,
            input_tokens: count(row, "input_tokens")?,
            output_tokens: count(row, "output_tokens")?,
            thinking_tokens: count(row, "thinking_tokens")?,
            cache_read_tokens: count(row, "cache_read_tokens")?,
            cache_write_tokens: count(row, "cache_write_tokens")?,
            cache_write_tokens_5m: count(row, "cache_write_tokens_5m")?,
            cache_write_tokens_1h: count(row, "cache_write_tokens_1h")?,
            cache_write_tokens_other: count(row, "cache_write_tokens_other")?,
            cache_write_other_lifetime: get(row, "cache_write_other_lifetime")?,
            evidence: word(row, "evidence", Evidence::from_word)?,
            usage_flags: word(row, "usage_flags", |text| serde_json::from_str(text).ok())?,
            list: pico(row, "list_pico")?,
            contract: pico(row, "contract_pico")?,
            charged: pico(row, "charged_pico")?,
            provider_cost: pico(row, "provider_cost_pico")?,
            estimated: pico(row, "estimated_pico")?,
            estimated_bound: pico(row, "estimated_bound_pico")?,
            cost_usd_minor_units: get(row, "cost_usd_minor_units")?,
            rates_source: get(row, "rates_source")?,
            manifest_digest: get(row, "manifest_digest")?,
            error_class: word_or_none(row, "error_class", ErrorClass::from_word)?,
            provider_error_code: get(row, "provider_error_code")?,
            retry_after_ms: count(row, "retry_after_ms")?,
            retry_of: word_or_none(row, "retry_of", |text| text.parse().ok())?,
            run_id: get(row, "run_id")?,
            process: get(row, "process")?,
            process_id: get(row, "process_id")?,
            process_exe: get(row, "process_exe")?,
            source: get(row, "source")?,
            reason: get(row, "reason")?,
            branch: get(row, "branch")?,
            workdir: get(row, "source_workdir")?,
            latency_ms: count(row, "latency_ms")?,
            ttfb_ms: count(row, "ttfb_ms")?,
            added_us: count(row, "added_us")?,
            frames_up: count(row, "frames_up")?,
            frames_down: count(row, "frames_down")?,
            policy_rule: get(row, "policy_rule")?,
            settled_at: word_or_none(row, "settled_at", rfc3339::parse)?,
            repriced_at: word_or_none(row, "repriced_at", rfc3339::parse)?,
            first_evidence: word_or_none(row, "first_evidence", Evidence::from_word)?,
            first_list: pico(row, "first_list_pico")?,
            first_contract: pico(row, "first_contract_pico")?,
            first_charged: pico(row, "first_charged_pico")?,
        })
    }
}
