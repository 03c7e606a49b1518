//! Opens the database for writing.

use crate::{
    error::{Act, StoreError},
    money, rfc3339, rollup, schema,
    writer::apply,
};
use meter_call::{CallId, CostLine, Evidence, PriceUse, UnixMillis};
use meter_money::PicoUsd;
use rusqlite::{Connection, TransactionBehavior, params};
use std::{path::Path, time::Duration};

/// How long a verb that writes waits for the daemon's transactions.
const BUSY: Duration = Duration::from_secs(10);

/// Rows removed per transaction.
const PURGE_CHUNK: usize = 2000;

/// A call's new bill.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repriced {
    /// The call.
    pub id: CallId,
    /// Every line, unpriced ones included.
    pub lines: Vec<CostLine>,
    /// The price rows that the lines name.
    pub prices: Vec<PriceUse>,
    /// At list prices; `None` when unpriced.
    pub list: Option<PicoUsd>,
    /// At the user's contract.
    pub contract: Option<PicoUsd>,
    /// What is charged; 0 on a plan.
    pub charged: Option<PicoUsd>,
    /// How sure it is.
    pub evidence: Evidence,
    /// Date of the price file.
    pub rates_source: Option<String>,
    /// All marks of the call: what some say of the bill holds for the new one.
    pub usage_flags: Vec<String>,
}

/// A comparison with a provider's own bill.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reconciled {
    /// Provider name in rows.
    pub provider: String,
    /// First instant compared.
    pub since: UnixMillis,
    /// First instant not compared.
    pub until: UnixMillis,
    /// The export, as a person names it.
    pub source: String,
    /// The provider's sum.
    pub billed: PicoUsd,
    /// Ours.
    pub metered: PicoUsd,
    /// The differences, as JSON.
    pub detail: String,
}

/// The database, opened for writing beside the daemon's writer: for verbs that change what is stored.
#[derive(Debug)]
pub struct Store {
    pub(crate) db: Connection,
}

impl Store {
    /// Opens or makes the database and brings its schema up. `now` is the RFC 3339 text that a migration is dated with.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a database of a newer program; what SQLite says otherwise.
    pub fn open(path: &Path, now: &str) -> Result<Store, StoreError> {
        connect(path, BUSY, now).map(|db| Store { db })
    }

    /// Sums all rows anew, in one transaction. Sums of days whose rows were purged stay.
    ///
    /// # Errors
    /// What SQLite says; the old rollups stand then.
    pub fn rebuild_rollups(&mut self) -> Result<(), StoreError> {
        let tx = self.begin()?;
        rollup::rebuild(&tx)?;
        tx.commit().act("commit the rollups")
    }

    /// Gives calls new bills, in one transaction; the first bill of each is kept beside it. Gives how many there were;
    /// ids without a row are left out.
    ///
    /// # Errors
    /// What SQLite says; nothing has changed then.
    pub fn reprice(&mut self, calls: &[Repriced], now: UnixMillis) -> Result<usize, StoreError> {
        let tx = self.begin()?;
        let mut changed = 0;
        for call in calls {
            rollup::subtract(&tx, call.id)?;
            let pico = |amount: Option<PicoUsd>| amount.map(PicoUsd::pico);
            let rows = tx
                .prepare_cached(
                    "UPDATE requests SET
                        first_evidence = CASE WHEN repriced_at IS NULL THEN evidence ELSE first_evidence END,
                        first_list_pico = CASE WHEN repriced_at IS NULL THEN list_pico ELSE first_list_pico END,
                        first_contract_pico = CASE WHEN repriced_at IS NULL THEN contract_pico ELSE first_contract_pico END,
                        first_charged_pico = CASE WHEN repriced_at IS NULL THEN charged_pico ELSE first_charged_pico END,
                        repriced_at = ?2, evidence = ?3, list_pico = ?4, contract_pico = ?5, charged_pico = ?6,
                        cost_usd_minor_units = ?7, rates_source = ?8, usage_flags = ?9
                     WHERE id = ?1",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        call.id.to_string(),
                        rfc3339::text(now),
                        call.evidence.as_str(),
                        pico(call.list),
                        pico(call.contract),
                        pico(call.charged),
                        money::documented_cost(call.evidence, call.charged, call.list),
                        call.rates_source,
                        apply::json(&call.usage_flags),
                    ])
                })
                .act("reprice a call")?;
            if rows == 1 {
                apply::remove_lines(&tx, call.id)?;
                apply::write_lines(&tx, call.id, &call.lines)?;
                apply::keep_prices(&tx, &call.prices, now)?;
                rollup::add(&tx, call.id)?;
                changed += 1;
            }
        }
        tx.commit().act("commit the new bills")?;
        Ok(changed)
    }

    /// Keeps a comparison. The id is made of the instant and a hash of its content: the same one twice in a millisecond is
    /// kept once.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn keep_reconciliation(&mut self, record: &Reconciled, now: UnixMillis) -> Result<(), StoreError> {
        let text = format!("{}{}{}{}", record.provider, record.source, record.billed, record.detail);
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut random = [0; 10];
        random[2..].copy_from_slice(&hash.to_be_bytes());
        let id = CallId::new(now.0.max(0).unsigned_abs(), random).to_string();
        self.db
            .execute(
                "INSERT OR IGNORE INTO reconciliation_records
                    (id, created_at, provider, period_start, period_end, source, billed_pico, metered_pico, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    id,
                    rfc3339::text(now),
                    record.provider,
                    rfc3339::text(record.since),
                    rfc3339::text(record.until),
                    record.source,
                    record.billed.pico(),
                    record.metered.pico(),
                    record.detail,
                ],
            )
            .act("keep a comparison")?;
        Ok(())
    }

    /// Removes calls, audit events and coverage from before the UTC day of `before`, with lines and bodies. Sums stay, so
    /// reports by whole days do too. Gives how many calls went. The daemon's writer gets its turn in between.
    ///
    /// # Errors
    /// What SQLite says; what was removed until then stays removed.
    pub fn purge(&mut self, before: UnixMillis) -> Result<u64, StoreError> {
        let before = rfc3339::text(rfc3339::floor(before, rfc3339::DAY_MS));
        let mut calls = 0;
        for sql in [
            "DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE requested_at < ?1 LIMIT ?2)",
            "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE at < ?1 LIMIT ?2)",
            "DELETE FROM coverage WHERE (edge, seq) IN (SELECT edge, seq FROM coverage WHERE at < ?1 LIMIT ?2)",
        ] {
            loop {
                let tx = self.begin()?;
                let removed = tx.execute(sql, params![before, PURGE_CHUNK as i64]).act("purge old rows")?;
                tx.commit().act("commit a purge")?;
                calls += if sql.contains("FROM requests") { removed as u64 } else { 0 };
                if removed < PURGE_CHUNK {
                    break;
                }
            }
        }
        Ok(calls)
    }

    /// Removes captured bodies from before `before`. Gives how many.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn purge_bodies(&mut self, before: UnixMillis) -> Result<u64, StoreError> {
        let sql = "DELETE FROM request_bodies WHERE captured_at < ?1";
        let removed = self.db.execute(sql, [rfc3339::text(before)]).act("purge old bodies")?;
        Ok(removed as u64)
    }

    fn begin(&mut self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        self.db.transaction_with_behavior(TransactionBehavior::Immediate).act("begin a transaction")
    }
}

/// A writing connection with our settings and the newest schema.
pub(crate) fn connect(path: &Path, busy: Duration, now: &str) -> Result<Connection, StoreError> {
    make_private(path)?;
    let mut db = Connection::open(path).act("open the database")?;
    db.busy_timeout(busy).act("set the busy time of the database")?;
    // A newer schema is told before anything is changed, the journal mode included.
    let found = schema::version(&db)?;
    if found > schema::SCHEMA_VERSION {
        return Err(StoreError::Newer { found, known: schema::SCHEMA_VERSION });
    }
    // NORMAL: in WAL mode a power cut may take the last commits, never the database.
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")
        .act("set up the database")?;
    db.set_prepared_statement_cache_capacity(64);
    schema::migrate(&mut db, now)?;
    Ok(db)
}

/// Makes the file when it is not there, and 0600 in any case. Before SQLite opens it, because the files beside it (`-wal`,
/// `-shm`) take its mode.
#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    made.and_then(|file| file.set_permissions(std::fs::Permissions::from_mode(0o600)))
        .map_err(|source| StoreError::File { path: path.to_owned(), source })
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{By, CallQuery, Range, Reader, ReportQuery, Writer, WriterOptions, samples};

    const LONG: Duration = Duration::from_secs(30);

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_ledger() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db.sqlite");
        std::fs::write(&path, b"").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let _store = Store::open(&path, "2026-11-24T10:00:00.000Z").unwrap();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        }
    }

    fn seeded(dir: &Path, numbers: impl Iterator<Item = u64>) -> Store {
        let path = dir.join("db.sqlite");
        let writer = Writer::start(WriterOptions::new(&path, &dir.join("journal"))).unwrap();
        for number in numbers {
            writer.journal().close(&samples::closed(number, "acme"));
        }
        writer.stop(LONG).unwrap();
        Store::open(&path, "2026-11-24T10:00:00.000Z").unwrap()
    }

    fn charged(dir: &Path) -> i128 {
        let query =
            ReportQuery { range: Range::ALL, by: By::Project, project: None, provider: None, run_id: None, p95: false };
        Reader::open(&dir.join("db.sqlite")).unwrap().report(&query).unwrap().total.charged_pico
    }

    #[test]
    fn a_reprice_keeps_the_first_bill_and_moves_the_sums() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = seeded(dir.path(), 1..=2);
        let before = charged(dir.path());
        let first = samples::closed(1, "acme");
        let bill = |pico: i64| {
            let mut lines = first.lines.clone();
            lines[0].amount = Some(PicoUsd::from_pico(pico));
            lines.truncate(1);
            let amount = Some(PicoUsd::from_pico(pico));
            Repriced {
                id: first.id,
                lines,
                prices: Vec::new(),
                list: amount,
                contract: amount,
                charged: amount,
                evidence: Evidence::Estimated,
                rates_source: Some("override".into()),
                usage_flags: vec!["cost_drift".into()],
            }
        };
        let nobody = Repriced { id: samples::id(77), ..bill(1) };
        assert_eq!(store.reprice(&[bill(5), nobody], samples::at(50)).unwrap(), 1);
        assert_eq!(store.reprice(&[bill(20_000_000)], samples::at(51)).unwrap(), 1);
        let detail = Reader::open(&dir.path().join("db.sqlite")).unwrap().call(first.id).unwrap().unwrap();
        let row = &detail.row;
        assert_eq!((row.charged, row.cost_usd_minor_units), (Some(PicoUsd::from_pico(20_000_000)), Some(2)));
        assert_eq!((row.first_charged, row.first_evidence), (first.charged, Some(Evidence::ProviderUsage)));
        assert_eq!((row.repriced_at, detail.lines.len()), (Some(samples::at(51)), 1));
        assert_eq!(before - charged(dir.path()), i128::from(first.charged.unwrap().pico()) - 20_000_000);
    }

    #[test]
    fn a_purge_takes_rows_and_leaves_sums() {
        let dir = tempfile::tempdir().unwrap();
        // 206 calls a day: days of the 24th, 25th and later.
        let mut store = seeded(dir.path(), 1..=500);
        let before = charged(dir.path());
        let removed = store.purge(samples::at(250)).unwrap();
        assert!(removed > 0 && removed < 250, "whole days only: {removed}");
        assert_eq!(charged(dir.path()), before);
        let (rows, lines): (u64, u64) = store
            .db
            .query_row("SELECT (SELECT COUNT(*) FROM requests), (SELECT COUNT(*) FROM line_items)", [], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
            })
            .unwrap();
        assert_eq!((rows, lines), (500 - removed, 2 * (500 - removed)));
        let page = Reader::open(&dir.path().join("db.sqlite")).unwrap().calls(&CallQuery::default()).unwrap();
        assert_eq!(page.total, rows, "pages count what they can show");
        store.rebuild_rollups().unwrap();
        assert_eq!(charged(dir.path()), before, "summing anew does not forget what was purged");
        assert_eq!(store.purge(samples::at(250)).unwrap(), 0);
        assert_eq!(store.purge_bodies(samples::at(250)).unwrap(), 0);
    }
}
