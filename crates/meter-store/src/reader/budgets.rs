//! What budgets are rebuilt from when the daemon starts.

use super::{Range, Reader};
use crate::{
    error::{Act, StoreError},
    rfc3339, rollup,
};
use meter_call::{OpenRecord, UnixMillis};

/// What one kind of caller spent in one quarter of an hour. Periods of budgets begin at quarters in every time zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spend {
    /// First instant of the quarter.
    pub bucket: UnixMillis,
    /// Project slug.
    pub project: String,
    /// Provider name in rows.
    pub provider: String,
    /// Model that answered, else the one asked for.
    pub model: Option<String>,
    /// `chat`, `embedding`, …
    pub request_kind: String,
    /// Executable's file name.
    pub process: Option<String>,
    /// Calls, without observed ones and refused ones: those never went upstream.
    pub calls: u64,
    /// Prompt and answer tokens.
    pub tokens: u64,
    /// Charged, in pico-dollars; the known part where something has no price.
    pub charged_pico: i128,
    /// At list prices; what plan traffic would have cost.
    pub list_pico: i128,
    /// Estimate of what cut and lost calls cost beyond that.
    pub estimated_pico: i128,
    /// Half-width of that estimate.
    pub bound_pico: i128,
}

impl Reader {
    /// What was spent in `range`, by everything that budgets match on.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn spend(&self, range: Range) -> Result<Vec<Spend>, StoreError> {
        let (since, until) = range.texts();
        let sum = |column: &str| format!("SUM({column} / 1000000), SUM({column} % 1000000)");
        let sql = format!(
            "SELECT {bucket} AS quarter, p.slug, provider, model, request_kind, process, COUNT(*),
                SUM({tokens}),
                {charged}, {list}, {estimated}, {bound}
             FROM requests r JOIN projects p ON p.id = r.project_id
             WHERE requested_at >= ?1 AND requested_at < ?2 AND status <> 'refused' AND {counted}
             GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6",
            bucket = rollup::BUCKET,
            tokens = rollup::TOKENS,
            counted = rollup::COUNTED,
            charged = sum("COALESCE(charged_pico, list_pico, 0)"),
            list = sum("COALESCE(list_pico, 0)"),
            estimated = sum("COALESCE(estimated_pico, 0)"),
            bound = sum("COALESCE(estimated_bound_pico, 0)"),
        );
        let mut statement = self.db.prepare_cached(&sql).act("prepare the sum of spend")?;
        let mut rows = statement.query([since, until]).act("sum spend")?;
        let mut spends = Vec::new();
        while let Some(row) = rows.next().act("sum spend")? {
            let act = "read spend";
            let bucket: String = row.get(0).act(act)?;
            let pico = |column: usize| -> Result<i128, StoreError> {
                let (millions, rest): (i64, i64) = (row.get(column).act(act)?, row.get(column + 1).act(act)?);
                Ok(i128::from(millions) * 1_000_000 + i128::from(rest))
            };
            spends.push(Spend {
                bucket: rfc3339::parse(&bucket)
                    .ok_or(StoreError::Value { column: "requests.requested_at", value: bucket })?,
                project: row.get(1).act(act)?,
                provider: row.get(2).act(act)?,
                model: row.get(3).act(act)?,
                request_kind: row.get(4).act(act)?,
                process: row.get(5).act(act)?,
                calls: row.get::<_, i64>(6).act(act)?.unsigned_abs(),
                tokens: row.get::<_, i64>(7).act(act)?.unsigned_abs(),
                charged_pico: pico(8)?,
                list_pico: pico(10)?,
                estimated_pico: pico(12)?,
                bound_pico: pico(14)?,
            });
        }
        Ok(spends)
    }

    /// Calls under way, oldest first: opened, neither closed nor released nor lost.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open_calls(&self) -> Result<Vec<OpenRecord>, StoreError> {
        let texts: Vec<String> = self
            .db
            .prepare_cached("SELECT record FROM open_calls ORDER BY id")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .act("list open calls")?;
        let parse = |value: String| {
            serde_json::from_str(&value).map_err(|_| StoreError::Value { column: "open_calls.record", value })
        };
        texts.into_iter().map(parse).collect()
    }
}
