//! One call with all that its amount was made of.

use super::{
    Reader,
    calls::{CallRow, FROM},
};
use crate::{
    error::{Act, StoreError},
    journal::AuditEvent,
    rfc3339,
};
use meter_call::{CallId, CostLine, PriceUse};
use meter_money::PicoUsd;
use rusqlite::{Row, params};

/// A call's id may be shortened to so many characters, from either end.
pub const ID_PREFIX_MIN: usize = 6;

/// How many candidates an ambiguous id lists.
const CANDIDATES_MAX: i64 = 10;

/// A row, its bill, the prices that bill used, and what policies said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallDetail {
    /// The row.
    pub row: CallRow,
    /// The bill, in its order. Counts without a price come with no rate and no amount.
    pub lines: Vec<CostLine>,
    /// Every price row that a line names, as it was.
    pub prices: Vec<PriceUse>,
    /// Events about this call, oldest first.
    pub audits: Vec<AuditEvent>,
}

/// What a shortened id means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// One call.
    One(CallId),
    /// None.
    Nothing,
    /// Several: the newest ones.
    Several(Vec<CallId>),
    /// Fewer than [`ID_PREFIX_MIN`] characters, or one that no id has.
    NotAnId,
}

impl Reader {
    /// The call meant by `text`: `last` (the newest), a whole id, or its beginning or end of at least
    /// [`ID_PREFIX_MIN`] characters. Ids begin with their time, so ends tell more.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn find(&self, text: &str) -> Result<Found, StoreError> {
        if text == "last" {
            let ids = self.ids("SELECT id FROM requests ORDER BY requested_at DESC, id DESC LIMIT 1", &[])?;
            return Ok(ids.first().map_or(Found::Nothing, |id| Found::One(*id)));
        }
        let text = text.to_ascii_lowercase();
        if text.len() < ID_PREFIX_MIN || !text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Ok(Found::NotAnId);
        }
        // `g` sorts behind every digit of an id.
        let range = [text.clone(), format!("{text}g")];
        let mut ids = self.ids(
            &format!("SELECT id FROM requests WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT {CANDIDATES_MAX}"),
            &range,
        )?;
        if ids.is_empty() {
            ids = self.ids(
                &format!("SELECT id FROM requests WHERE id LIKE '%' || ?1 ORDER BY id DESC LIMIT {CANDIDATES_MAX}"),
                &range[..1],
            )?;
        }
        Ok(match ids[..] {
            [] => Found::Nothing,
            [id] => Found::One(id),
            _ => Found::Several(ids),
        })
    }

    fn ids(&self, sql: &str, values: &[String]) -> Result<Vec<CallId>, StoreError> {
        let texts: Vec<String> = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.query_map(rusqlite::params_from_iter(values), |row| row.get(0))?.collect()
            })
            .act("look for a call")?;
        let parse = |value: String| value.parse().map_err(|_| StoreError::Value { column: "requests.id", value });
        texts.into_iter().map(parse).collect()
    }

    /// The call with that id.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn call(&self, id: CallId) -> Result<Option<CallDetail>, StoreError> {
        self.snapshot(|reader| reader.detail("r.id = ?1", &[&id.to_string()]))
    }

    /// The newest call of a provider whose answer had that id: the one a later read settles.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn call_by_response(&self, provider: &str, response_id: &str) -> Result<Option<CallDetail>, StoreError> {
        self.snapshot(|reader| {
            reader.detail(
                "r.provider = ?1 AND r.response_id = ?2 AND r.class = 'costed' ORDER BY r.requested_at DESC, r.id DESC LIMIT 1",
                &[provider, response_id],
            )
        })
    }

    fn detail(&self, wheres: &str, values: &[&str]) -> Result<Option<CallDetail>, StoreError> {
        let sql = format!("SELECT r.*, p.slug AS project {FROM} WHERE {wheres}");
        let mut statement = self.db.prepare_cached(&sql).act("prepare a call")?;
        let mut rows = statement.query(rusqlite::params_from_iter(values)).act("read a call")?;
        let Some(row) = rows.next().act("read a call")? else { return Ok(None) };
        let row = CallRow::read(row)?;
        let id = row.id.to_string();
        Ok(Some(CallDetail { lines: self.lines(&id)?, prices: self.prices(&id)?, audits: self.audits_of(&id)?, row }))
    }

    fn lines(&self, id: &str) -> Result<Vec<CostLine>, StoreError> {
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT meter, model, quantity, rate, multipliers, price_id, amount_pico
                 FROM line_items WHERE request_id = ?1 ORDER BY position",
            )
            .act("prepare the lines of a call")?;
        let mut rows = statement.query([id]).act("read the lines of a call")?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next().act("read the lines of a call")? {
            lines.push(line(row)?);
        }
        Ok(lines)
    }

    fn prices(&self, id: &str) -> Result<Vec<PriceUse>, StoreError> {
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT price_id, provider, model, effective_from, source, row FROM price_snapshots WHERE price_id IN
                 (SELECT price_id FROM line_items WHERE request_id = ?1) ORDER BY price_id",
            )
            .act("prepare the prices of a call")?;
        let mut rows = statement.query(params![id]).act("read the prices of a call")?;
        let mut prices = Vec::new();
        while let Some(row) = rows.next().act("read the prices of a call")? {
            prices.push(price(row)?);
        }
        Ok(prices)
    }
}

fn line(row: &Row<'_>) -> Result<CostLine, StoreError> {
    let act = "read a line of a call";
    let meter: String = row.get("meter").act(act)?;
    let multipliers: String = row.get("multipliers").act(act)?;
    Ok(CostLine {
        meter: meter.parse().map_err(|_| StoreError::Value { column: "line_items.meter", value: meter })?,
        model: row.get("model").act(act)?,
        quantity: row.get::<_, i64>("quantity").act(act)?.unsigned_abs(),
        rate: row.get("rate").act(act)?,
        multipliers: serde_json::from_str(&multipliers)
            .map_err(|_| StoreError::Value { column: "line_items.multipliers", value: multipliers })?,
        price_id: row.get("price_id").act(act)?,
        amount: row.get::<_, Option<i64>>("amount_pico").act(act)?.map(PicoUsd::from_pico),
    })
}

fn price(row: &Row<'_>) -> Result<PriceUse, StoreError> {
    let act = "read a price of a call";
    let from: String = row.get("effective_from").act(act)?;
    Ok(PriceUse {
        price_id: row.get("price_id").act(act)?,
        provider: row.get("provider").act(act)?,
        model: row.get("model").act(act)?,
        effective_from: rfc3339::parse(&from)
            .ok_or(StoreError::Value { column: "price_snapshots.effective_from", value: from })?,
        source: row.get("source").act(act)?,
        row: row.get("row").act(act)?,
    })
}
