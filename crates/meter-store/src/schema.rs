//! The numbered migrations, each frozen once released.

use crate::error::{Act, StoreError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// Number, name, text. Append only: a change is a new file. The hashes stand in the test below.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "ledger", include_str!("../migrations/0001_ledger.sql")),
    (2, "conditions", include_str!("../migrations/0002_conditions.sql")),
];

/// The schema this program writes and reads.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Brings a database up to [`SCHEMA_VERSION`]. Does nothing to one that is there already, or newer.
///
/// # Errors
/// [`StoreError::Newer`] when a newer program has written it, [`StoreError::Foreign`] when an applied migration is not ours,
/// else what SQLite says. The database is unchanged then.
pub fn migrate(connection: &mut Connection, now: &str) -> Result<(), StoreError> {
    // IMMEDIATE: two processes that start together must not both find an empty file.
    let tx =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).act("lock the database to migrate it")?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS _migrations (
            number INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at TEXT NOT NULL
        ) STRICT",
    )
    .act("create the table of migrations")?;
    let found = version(&tx)?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { found, known: SCHEMA_VERSION });
    }
    for (number, name, text) in MIGRATIONS {
        let applied: Option<String> = tx
            .query_row("SELECT hash FROM _migrations WHERE number = ?1", [number], |row| row.get(0))
            .optional()
            .act("read the table of migrations")?;
        match applied {
            Some(hash) if hash == fingerprint(text) => {}
            Some(_) => return Err(StoreError::Foreign { number: *number }),
            None => {
                tx.execute_batch(text).act("apply a migration")?;
                tx.execute(
                    "INSERT INTO _migrations (number, name, hash, applied_at) VALUES (?1, ?2, ?3, ?4)",
                    (number, name, fingerprint(text), now),
                )
                .act("record a migration")?;
            }
        }
    }
    tx.commit().act("commit the migrations")
}

/// The highest migration recorded; 0 for a database without any.
///
/// # Errors
/// What SQLite says, for instance that the file is no database.
pub fn version(connection: &Connection) -> Result<i64, StoreError> {
    let there: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_migrations')", [], |row| row.get(0))
        .act("read the schema of the database")?;
    if !there {
        return Ok(0);
    }
    connection
        .query_row("SELECT COALESCE(MAX(number), 0) FROM _migrations", [], |row| row.get(0))
        .act("read the table of migrations")
}

/// FNV-1a, 64 bits, as hex. It guards against an edit by mistake, not by malice.
fn fingerprint(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T10:00:00.000Z";

    #[test]
    fn released_migrations_are_frozen() {
        let found: Vec<_> = MIGRATIONS.iter().map(|(number, _, text)| (*number, fingerprint(text))).collect();
        // A new migration adds a line here. An old line never changes: databases out there have that schema.
        assert_eq!(found, [(1, "1549c0233ad66e83".to_owned()), (2, "713a3d3b7b9590a7".to_owned())]);
    }

    #[test]
    fn numbers_rise_by_one() {
        for (index, (number, ..)) in MIGRATIONS.iter().enumerate() {
            assert_eq!(*number, index as i64 + 1);
        }
    }

    #[test]
    fn migrating_twice_is_migrating_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, NOW).unwrap();
        migrate(&mut connection, NOW).unwrap();
        assert_eq!(version(&connection).unwrap(), SCHEMA_VERSION);
        let rows: i64 = connection.query_row("SELECT COUNT(*) FROM _migrations", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, SCHEMA_VERSION);
    }

    #[test]
    fn a_database_of_the_first_schema_keeps_its_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        let (number, name, text) = MIGRATIONS[0];
        connection
            .execute_batch(
                "CREATE TABLE _migrations (
                    number INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at TEXT NOT NULL
                ) STRICT",
            )
            .unwrap();
        connection.execute_batch(text).unwrap();
        connection
            .execute("INSERT INTO _migrations VALUES (?1, ?2, ?3, ?4)", (number, name, fingerprint(text), NOW))
            .unwrap();
        connection
            .execute_batch(
                "INSERT INTO projects VALUES ('p', 'acme', 'acme', 't', NULL);
                 INSERT INTO requests (id, project_id, requested_at, provider, endpoint, class, request_kind, host, method,
                     path, status, mode, billing, usage_state, tokens_complete, evidence, usage_flags, manifest_digest,
                     source, reason)
                 VALUES ('r', 'p', 't', 'x', 'e', 'costed', 'chat', 'h', 'POST', '/', 'success', 'standard', 'api',
                     'final', 1, 'provider_usage', '[]', 'b3:', 'git', 'why')",
            )
            .unwrap();
        migrate(&mut connection, NOW).unwrap();
        let kept: (String, Option<String>) = connection
            .query_row("SELECT id, conditions FROM requests", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(kept, ("r".to_owned(), None));
    }

    #[test]
    fn every_table_is_strict_and_every_documented_one_is_there() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, NOW).unwrap();
        let mut statement =
            connection.prepare("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").unwrap();
        let tables: Vec<(String, bool)> =
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        for (name, strict) in &tables {
            assert!(*strict || name.starts_with("sqlite_"), "{name} is not STRICT");
        }
        for wanted in [
            "projects",
            "project_settings",
            "requests",
            "line_items",
            "price_snapshots",
            "policies",
            "audit_events",
            "request_bodies",
            "coverage",
            "rollups",
            "reconciliation_records",
            "_migrations",
        ] {
            assert!(tables.iter().any(|(name, _)| name == wanted), "{wanted} is missing");
        }
    }

    #[test]
    fn a_newer_schema_is_refused_by_number() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, NOW).unwrap();
        connection.execute("INSERT INTO _migrations VALUES (99, 'later', 'x', ?1)", [NOW]).unwrap();
        let error = migrate(&mut connection, NOW).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, known: SCHEMA_VERSION }), "{error}");
        assert!(error.to_string().contains("schema 99"));
    }

    #[test]
    fn an_edited_migration_is_noticed_at_run_time_too() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, NOW).unwrap();
        connection.execute("UPDATE _migrations SET hash = 'other' WHERE number = 1", []).unwrap();
        assert!(matches!(migrate(&mut connection, NOW), Err(StoreError::Foreign { number: 1 })));
    }
}
