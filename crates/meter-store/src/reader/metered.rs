//! What is laid beside a provider's own figures, and what no price knows.

use super::{Range, Reader, totals::pico};
use crate::{
    error::{Act, StoreError},
    rfc3339, rollup,
};
use meter_call::{Meter, UnixMillis};
use std::collections::BTreeMap;

/// One provider's calls with one model on one day.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MeteredDay {
    /// Day in UTC by `requested_at`, ISO.
    pub day: String,
    /// Model; `""` when none was named on the wire.
    pub model: String,
    /// Calls that the provider could bill: without refused ones.
    pub calls: u64,
    /// Quantities by meter; meters of another version are left out.
    pub meters: BTreeMap<Meter, u64>,
    /// What was charged.
    pub charged_pico: i128,
    /// The part of it by meter, as far as lines have amounts of ours.
    pub by_meter_pico: BTreeMap<Meter, i128>,
    /// Calls that failed and told no usage; they are among `calls`.
    pub failed: u64,
    /// What calls covered by a plan would have cost.
    pub plan_pico: i128,
    /// Calls without a price.
    pub unpriced: u64,
    /// Calls whose stream broke, or whose usage was guessed.
    pub incomplete: u64,
    /// Calls covered by a plan.
    pub on_plan: u64,
}

/// A model that was called and has no price.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnpricedModel {
    /// Provider name in rows.
    pub provider: String,
    /// Its name on the wire; `""` when none was named.
    pub model: String,
    /// How many calls.
    pub calls: u64,
    /// The newest of them.
    pub last: UnixMillis,
}

impl Reader {
    /// A provider's calls by day (UTC) and model.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn metered_days(&self, provider: &str, range: Range) -> Result<Vec<MeteredDay>, StoreError> {
        self.snapshot(|reader| reader.metered_days_now(provider, range))
    }

    fn metered_days_now(&self, provider: &str, range: Range) -> Result<Vec<MeteredDay>, StoreError> {
        let (since, until) = range.texts();
        let values = rusqlite::params![since, until, provider];
        let counted = rollup::COUNTED;
        let rows = format!(
            "SELECT substr(requested_at, 1, 10), COALESCE(model, ''), COUNT(*),
                SUM(COALESCE(charged_pico, list_pico, 0) / 1000000000000),
                SUM(COALESCE(charged_pico, list_pico, 0) % 1000000000000),
                SUM(evidence = 'unpriced'), SUM(evidence IN ('partial_stream', 'estimated')), SUM(billing = 'plan'),
                SUM(status <> 'success' AND evidence = 'none'),
                SUM((billing = 'plan') * COALESCE(contract_pico, list_pico, 0) / 1000000000000),
                SUM((billing = 'plan') * COALESCE(contract_pico, list_pico, 0) % 1000000000000)
             FROM requests WHERE requested_at >= ?1 AND requested_at < ?2 AND provider = ?3 AND {counted}
                AND status <> 'refused' GROUP BY 1, 2"
        );
        let mut days: BTreeMap<(String, String), MeteredDay> = BTreeMap::new();
        let mut statement = self.db.prepare_cached(&rows).act("prepare a sum")?;
        let mut found = statement.query(values).act("sum calls by day")?;
        while let Some(row) = found.next().act("sum calls by day")? {
            let read = || -> rusqlite::Result<MeteredDay> {
                let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                let amount = |at: usize| -> rusqlite::Result<i128> { Ok(pico(row.get(at)?, row.get(at + 1)?)) };
                Ok(MeteredDay {
                    day: row.get(0)?,
                    model: row.get(1)?,
                    calls: count(2)?,
                    meters: BTreeMap::new(),
                    charged_pico: amount(3)?,
                    by_meter_pico: BTreeMap::new(),
                    unpriced: count(5)?,
                    incomplete: count(6)?,
                    on_plan: count(7)?,
                    failed: count(8)?,
                    plan_pico: amount(9)?,
                })
            };
            let day = read().act("read a sum of a day")?;
            days.insert((day.day.clone(), day.model.clone()), day);
        }
        // Counts above 10¹², which no call has, count as that: a sum must not leave 64 bits.
        let lines = format!(
            "SELECT substr(r.requested_at, 1, 10), COALESCE(r.model, ''), l.meter, SUM(MIN(l.quantity, 1000000000000)),
                SUM((r.billing <> 'plan' AND r.evidence <> 'provider_cost') * COALESCE(l.amount_pico, 0) / 1000000000000),
                SUM((r.billing <> 'plan' AND r.evidence <> 'provider_cost') * COALESCE(l.amount_pico, 0) % 1000000000000)
             FROM requests r JOIN line_items l ON l.request_id = r.id
             WHERE r.requested_at >= ?1 AND r.requested_at < ?2 AND r.provider = ?3 AND r.{counted}
                AND r.status <> 'refused' GROUP BY 1, 2, 3"
        );
        let mut statement = self.db.prepare_cached(&lines).act("prepare a sum")?;
        let mut found = statement.query(values).act("sum lines by day")?;
        while let Some(row) = found.next().act("sum lines by day")? {
            let read = || -> rusqlite::Result<(String, String, String, i64, i64, i64)> {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
            };
            let (day, model, meter, quantity, usd, rest) = read().act("read a sum of lines")?;
            if let (Some(day), Ok(meter)) = (days.get_mut(&(day, model)), meter.parse::<Meter>()) {
                day.meters.insert(meter, quantity.unsigned_abs());
                day.by_meter_pico.insert(meter, pico(usd, rest));
            }
        }
        Ok(days.into_values().collect())
    }

    /// Models that were called and have no price, most calls first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn unpriced_models(&self, range: Range) -> Result<Vec<UnpricedModel>, StoreError> {
        let (since, until) = range.texts();
        let sql = format!(
            "SELECT provider, COALESCE(model, model_requested, ''), COUNT(*), MAX(requested_at) FROM requests
             WHERE requested_at >= ?1 AND requested_at < ?2 AND evidence = 'unpriced' AND {counted}
             GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            counted = rollup::COUNTED
        );
        let mut statement = self.db.prepare_cached(&sql).act("prepare a sum")?;
        let read = |row: &rusqlite::Row<'_>| {
            let (calls, last): (i64, String) = (row.get(2)?, row.get(3)?);
            Ok((row.get(0)?, row.get(1)?, calls.unsigned_abs(), last))
        };
        let rows = statement.query_map([since, until], read).act("read unpriced models")?;
        let mut models = Vec::new();
        for row in rows {
            let (provider, model, calls, last) = row.act("read unpriced models")?;
            let last = rfc3339::parse(&last).unwrap_or_default();
            models.push(UnpricedModel { provider, model, calls, last });
        }
        Ok(models)
    }
}
