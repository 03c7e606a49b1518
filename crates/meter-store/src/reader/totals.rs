//! Sums that say what they are made of.

use super::{
    Reader,
    range::{Grain, Range},
};
use crate::{
    error::{Act, StoreError},
    rollup::{self, COUNTED, SUMS},
};
use meter_call::{Billing, Evidence};
use meter_money::PicoUsd;
use rusqlite::{ToSql, types::ValueRef};
use std::collections::BTreeMap;

/// The calls of one grade of evidence within a total.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Part {
    /// How many calls.
    pub requests: u64,
    /// What they were charged, in pico-dollars. Of unpriced calls: the part that is known.
    pub charged_pico: i128,
}

/// What a set of calls used and cost. Amounts are exact sums in pico-dollars.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Calls.
    pub requests: u64,
    /// Of those, with a status other than `success`.
    pub failed: u64,
    /// Uncached prompt tokens.
    pub input_tokens: u64,
    /// Answer tokens, reasoning included.
    pub output_tokens: u64,
    /// The reasoning part of the answer tokens, as far as reported.
    pub thinking_tokens: u64,
    /// Prompt tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Prompt tokens written to a cache.
    pub cache_write_tokens: u64,
    /// What is charged, without calls that have no price.
    pub charged_pico: i128,
    /// The same calls at list prices; differs by contracts and by plans.
    pub list_pico: i128,
    /// The part of `list_pico` that a flat plan covers: an equivalent, not a charge.
    pub plan_list_pico: i128,
    /// Estimate of what cut or lost calls cost beyond what was seen; in no other amount.
    pub estimated_pico: i128,
    /// Half-width of that estimate.
    pub bound_pico: i128,
    /// The calls by how sure their cost is; [`Evidence::Unpriced`] are those whose amount is unknown.
    pub parts: BTreeMap<&'static str, Part>,
    /// Calls with a latency.
    pub timed: u64,
    /// The sum of those latencies, in milliseconds.
    pub latency_ms: u64,
}

impl Totals {
    /// Everything the model read: uncached, read from a cache, written to one.
    pub fn prompt_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.cache_read_tokens).saturating_add(self.cache_write_tokens)
    }

    /// Calls without a price.
    pub fn unpriced(&self) -> u64 {
        self.part(Evidence::Unpriced).requests
    }

    /// The calls with this grade of evidence.
    pub fn part(&self, evidence: Evidence) -> Part {
        self.parts.get(evidence.as_str()).copied().unwrap_or_default()
    }

    /// The mean latency in milliseconds, rounded down; `None` without timed calls.
    pub fn latency_mean_ms(&self) -> Option<u64> {
        self.latency_ms.checked_div(self.timed)
    }

    /// Adds the calls of another total.
    pub fn add(&mut self, other: &Totals) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.thinking_tokens = self.thinking_tokens.saturating_add(other.thinking_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(other.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.charged_pico += other.charged_pico;
        self.list_pico += other.list_pico;
        self.plan_list_pico += other.plan_list_pico;
        self.estimated_pico += other.estimated_pico;
        self.bound_pico += other.bound_pico;
        for (evidence, part) in &other.parts {
            let sum = self.parts.entry(evidence).or_default();
            sum.requests += part.requests;
            sum.charged_pico += part.charged_pico;
        }
        self.timed += other.timed;
        self.latency_ms = self.latency_ms.saturating_add(other.latency_ms);
    }
}

/// Which calls are meant, beside their time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter<'a> {
    pub project_id: Option<&'a str>,
    pub provider: Option<&'a str>,
    /// Not in rollups: with it, rows are summed.
    pub run_id: Option<&'a str>,
    /// The first bill of calls that were repriced. Not in rollups either.
    pub first: bool,
}

/// Stands in for the table of the same name: each row as it was before any reprice.
const FIRST_BILLS: &str = "WITH requests AS (
    SELECT requested_at, project_id, provider, model, class, billing, status, run_id, latency_ms, input_tokens,
        output_tokens, thinking_tokens, cache_read_tokens, cache_write_tokens, estimated_pico, estimated_bound_pico,
        CASE WHEN repriced_at IS NULL THEN evidence ELSE first_evidence END AS evidence,
        CASE WHEN repriced_at IS NULL THEN list_pico ELSE first_list_pico END AS list_pico,
        CASE WHEN repriced_at IS NULL THEN charged_pico ELSE first_charged_pico END AS charged_pico
    FROM main.requests) ";

/// Pico-dollars of a sum that is made in two, so that neither leaves 64 bits: of whole dollars, and of what is below one.
pub(super) fn pico(usd: i64, rest: i64) -> i128 {
    i128::from(usd) * i128::from(PicoUsd::PER_USD) + i128::from(rest)
}

impl Reader {
    /// Totals by the columns `by` (of the rollups' key, comma-separated), which may be empty.
    pub(super) fn grouped(
        &self,
        range: Range,
        filter: Filter<'_>,
        by: &[&str],
    ) -> Result<Vec<(Vec<String>, Totals)>, StoreError> {
        let grain = match filter.run_id {
            Some(_) => Grain::Rows,
            None if filter.first => Grain::Rows,
            None if by.contains(&"bucket") => Grain::Quarters,
            None => Grain::Days,
        };
        let cut = range.cut(grain);
        let spans = [&cut.days, &cut.quarters[0], &cut.quarters[1], &cut.rows[0], &cut.rows[1]];
        let mut wheres = String::new();
        let mut values: Vec<&dyn ToSql> = spans.iter().flat_map(|(from, to)| [from as &dyn ToSql, to]).collect();
        for (column, value) in [("project_id", &filter.project_id), ("provider", &filter.provider)] {
            if value.is_some() {
                values.push(value);
                wheres.push_str(&format!(" AND {column} = ?{}", values.len()));
            }
        }
        let mut row_wheres = format!("{wheres} AND {COUNTED}");
        if filter.run_id.is_some() {
            values.push(&filter.run_id);
            row_wheres.push_str(&format!(" AND run_id = ?{}", values.len()));
        }
        let names = SUMS.map(|(name, _)| name).join(", ");
        let rows = SUMS.map(|(name, value)| format!("{value} AS {name}")).join(", ");
        let key = rollup::named_key_of_row();
        let sums = SUMS.map(|(name, _)| format!("SUM({name})"));
        let group: Vec<&str> = by.iter().copied().chain(["evidence", "billing"]).collect();
        let sql = format!(
            "{first}SELECT {group}, {sums} FROM (
                SELECT {KEY}, {names} FROM rollup_days WHERE bucket >= ?1 AND bucket < ?2{wheres}
                UNION ALL SELECT {KEY}, {names} FROM rollups WHERE bucket >= ?3 AND bucket < ?4{wheres}
                UNION ALL SELECT {KEY}, {names} FROM rollups WHERE bucket >= ?5 AND bucket < ?6{wheres}
                UNION ALL SELECT {key}, {rows} FROM requests WHERE requested_at >= ?7 AND requested_at < ?8{row_wheres}
                UNION ALL SELECT {key}, {rows} FROM requests WHERE requested_at >= ?9 AND requested_at < ?10{row_wheres}
            ) GROUP BY {group} ORDER BY {group}",
            group = group.join(", "),
            sums = sums.join(", "),
            KEY = rollup::KEY,
            first = if filter.first { FIRST_BILLS } else { "" },
        );
        let mut statement = self.db.prepare_cached(&sql).act("prepare a sum")?;
        let mut found = statement.query(&*values).act("sum calls")?;
        let mut groups: Vec<(Vec<String>, Totals)> = Vec::new();
        while let Some(row) = found.next().act("sum calls")? {
            let (key, totals) = take(row, by.len()).act("read a sum")?;
            match groups.last_mut() {
                Some((last, sum)) if *last == key => sum.add(&totals),
                _ => groups.push((key, totals)),
            }
        }
        Ok(groups)
    }

    /// One total over everything that the filter leaves.
    pub(super) fn total(&self, range: Range, filter: Filter<'_>) -> Result<Totals, StoreError> {
        Ok(self.grouped(range, filter, &[])?.pop().map(|(_, totals)| totals).unwrap_or_default())
    }
}

/// One group of calls of one grade of evidence.
fn take(row: &rusqlite::Row<'_>, keys: usize) -> rusqlite::Result<(Vec<String>, Totals)> {
    let key = (0..keys).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<String>>>()?;
    let evidence: String = row.get(keys)?;
    let plan = row.get_ref(keys + 1)? == ValueRef::Text(Billing::Plan.as_str().as_bytes());
    let mut sums = [0_i64; SUMS.len()];
    for (index, sum) in sums.iter_mut().enumerate() {
        *sum = row.get(keys + 2 + index)?;
    }
    let [requests, failed, input, output, thinking, read, write, amounts @ .., timed, latency] = sums;
    let amounts: [i64; 8] = amounts;
    let [list, charged, estimated, bound] = [0, 2, 4, 6].map(|at| pico(amounts[at], amounts[at + 1]));
    let count = |sum: i64| sum.unsigned_abs();
    // A word that this program does not know is counted with those whose cost is unknown.
    let evidence = Evidence::from_word(&evidence).unwrap_or(Evidence::Unpriced);
    let priced = evidence != Evidence::Unpriced;
    let part = Part { requests: count(requests), charged_pico: charged };
    Ok((
        key,
        Totals {
            requests: count(requests),
            failed: count(failed),
            input_tokens: count(input),
            output_tokens: count(output),
            thinking_tokens: count(thinking),
            cache_read_tokens: count(read),
            cache_write_tokens: count(write),
            charged_pico: if priced { charged } else { 0 },
            list_pico: if priced { list } else { 0 },
            plan_list_pico: if priced && plan { list } else { 0 },
            estimated_pico: estimated,
            bound_pico: bound,
            parts: BTreeMap::from([(evidence.as_str(), part)]),
            timed: count(timed),
            latency_ms: count(latency),
        },
    ))
}
