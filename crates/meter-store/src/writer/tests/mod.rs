//! The ledger's promises: every call once, sums that agree, traffic that never waits.

mod model;

use super::*;
use crate::{AuditEvent, Kept, Store, journal::files, rollup, samples};
use meter_call::{CallId, Reservation};
use meter_money::PicoUsd;
use rusqlite::Connection;
use std::{collections::BTreeMap, fs};

const LONG: Duration = Duration::from_secs(30);
const NOW: &str = "2026-11-24T10:00:00.000Z";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn options(&self) -> WriterOptions {
        WriterOptions::new(&self.database(), &self.journal())
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("db.sqlite")
    }

    fn journal(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn start(&self) -> Writer {
        Writer::start(self.options()).unwrap()
    }

    fn sql(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    /// (status, has an end) by call.
    fn rows(&self) -> BTreeMap<CallId, (String, bool)> {
        let db = self.sql();
        let mut statement = db.prepare("SELECT id, status, ended_at IS NOT NULL FROM requests").unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?.parse().unwrap(), (row.get(1)?, row.get(2)?))))
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn count(&self, sql: &str) -> i64 {
        self.sql().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn rollups(&self) -> Vec<String> {
        let db = self.sql();
        let columns: Vec<_> = rollup::SUMS.iter().map(|(name, _)| *name).collect();
        let sql = format!(
            "SELECT bucket || project_id || provider || model || evidence || billing || json_array({columns})
             FROM (SELECT * FROM rollups UNION ALL SELECT * FROM rollup_days) ORDER BY 1",
            columns = columns.join(", ")
        );
        let mut statement = db.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn check_rollups(&self) {
        let kept = self.rollups();
        Store::open(&self.database(), NOW).unwrap().rebuild_rollups().unwrap();
        assert_eq!(kept, self.rollups(), "kept rollups and those summed anew");
    }

    fn journal_files(&self) -> Vec<String> {
        let names =
            fs::read_dir(self.journal()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

#[test]
fn a_call_becomes_a_row_with_lines_price_and_rollup() {
    let home = Home::new();
    let writer = home.start();
    let journal = writer.journal();
    assert_eq!(journal.open(&samples::opened(1, "acme")), Kept::OnDisk);
    writer.flush(LONG).unwrap();
    assert_eq!(home.count("SELECT COUNT(*) FROM open_calls"), 1);
    assert_eq!(journal.close(&samples::closed(1, "acme")), Kept::OnDisk);
    writer.flush(LONG).unwrap();
    assert_eq!(home.count("SELECT COUNT(*) FROM open_calls"), 0);
    assert_eq!(home.count("SELECT COUNT(*) FROM line_items"), 2);
    assert_eq!(home.count("SELECT COUNT(*) FROM price_snapshots"), 1);
    assert_eq!(home.count("SELECT input_tokens FROM requests"), 1001);
    // 1001 × 3 $/M + 200 × 15 $/M = 0.006003 $ = 600.3 millicents
    assert_eq!(home.count("SELECT cost_usd_minor_units FROM requests"), 600);
    assert_eq!(home.count("SELECT charged_rest_pico FROM rollups"), 6_003_000_000);
    assert_eq!(writer.status().pending, 0);
    writer.stop(LONG).unwrap();
    assert_eq!(home.journal_files(), [""; 0], "all of it is in SQLite, so no file stays");
}

#[test]
fn a_released_call_leaves_no_row() {
    let home = Home::new();
    let writer = home.start();
    writer.journal().open(&samples::opened(1, "acme"));
    writer.journal().release(samples::id(1));
    writer.stop(LONG).unwrap();
    home.start().wait_recovered(LONG).unwrap();
    assert!(home.rows().is_empty());
}

#[test]
fn open_calls_of_a_dead_daemon_become_interrupted_and_keep_what_budgets_held() {
    let home = Home::new();
    let writer = home.start();
    let mut open = samples::opened(1, "acme");
    open.reservation = Some(Reservation { rules: vec!["monthly".into()], amount: PicoUsd::from_pico(1_000) });
    writer.journal().open(&open);
    let mut unnamed = samples::opened(2, "acme");
    unnamed.project = None;
    writer.journal().open(&unnamed);
    drop(writer);
    let next = home.start();
    let status = next.wait_recovered(LONG).unwrap();
    assert_eq!(status.interrupted, 2);
    assert_eq!(home.rows().into_values().collect::<Vec<_>>(), vec![("interrupted".to_owned(), false); 2]);
    assert_eq!(home.count("SELECT COUNT(*) FROM requests WHERE cost_usd_minor_units IS NULL AND evidence = 'none'"), 2);
    assert_eq!(
        home.count("SELECT estimated_pico + estimated_bound_pico FROM requests WHERE estimated_pico > 0"),
        1_000
    );
    assert_eq!(home.count("SELECT COUNT(*) FROM projects WHERE slug = 'misc'"), 1);
    // The close was late, not lost.
    next.journal().close(&samples::closed(1, "acme"));
    next.flush(LONG).unwrap();
    assert_eq!(home.rows()[&samples::id(1)], ("success".to_owned(), true));
    home.check_rollups();
}

#[test]
fn open_calls_of_a_living_daemon_are_left_alone() {
    let home = Home::new();
    let old = home.start();
    old.journal().open(&samples::opened(1, "acme"));
    old.flush(LONG).unwrap();
    let new = home.start();
    assert_eq!(new.wait_recovered(LONG).unwrap().interrupted, 0);
    assert!(home.rows().is_empty());
    old.journal().close(&samples::closed(1, "acme"));
    old.stop(LONG).unwrap();
    assert_eq!(home.rows()[&samples::id(1)].0, "success");
    new.stop(LONG).unwrap();
}

#[test]
fn open_calls_whose_journal_was_moved_before_a_clean_end_are_interrupted_at_the_next_start() {
    let home = Home::new();
    let writer = home.start();
    writer.journal().open(&samples::opened(1, "acme"));
    writer.stop(LONG).unwrap();
    assert_eq!(home.journal_files(), [""; 0]);
    assert_eq!(home.start().wait_recovered(LONG).unwrap().interrupted, 1);
}

#[test]
fn replaying_a_whole_journal_changes_nothing() {
    let home = Home::new();
    let lines: Vec<String> = (1..=20)
        .flat_map(|number| {
            let event = AuditEvent {
                id: samples::id(1000 + number),
                at: samples::at(number),
                kind: "policy.warned".into(),
                call: Some(samples::id(number)),
                project: None,
                rule: Some("monthly".into()),
                stage: None,
                verdict: None,
                message: "80 % spent".into(),
                detail: serde_json::Map::from_iter([("spent_pico".to_owned(), 12_345_678_901_234_u64.into())]),
            };
            [
                crate::Record::Open(Box::new(samples::opened(number, "acme"))),
                crate::Record::Audit(Box::new(event)),
                crate::Record::Close(Box::new(samples::closed(number, "acme"))),
            ]
        })
        .map(|record| serde_json::to_string(&record).unwrap() + "\n")
        .collect();
    let mut seen = Vec::new();
    for _ in 0..2 {
        fs::create_dir_all(home.journal()).unwrap();
        fs::write(home.journal().join("0000000000001-9.000000.jsonl"), lines.concat()).unwrap();
        let writer = home.start();
        writer.wait_recovered(LONG).unwrap();
        assert_eq!(writer.status().rejected, 0);
        writer.stop(LONG).unwrap();
        seen.push((home.rows(), home.rollups(), home.count("SELECT COUNT(*) FROM audit_events")));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!((seen[0].0.len(), seen[0].2), (20, 20));
}

#[test]
fn a_line_cut_by_a_kill_is_set_aside_and_the_rest_counts() {
    let home = Home::new();
    let whole = serde_json::to_string(&crate::Record::Close(Box::new(samples::closed(1, "acme")))).unwrap();
    let last = serde_json::to_string(&crate::Record::Close(Box::new(samples::closed(2, "acme")))).unwrap();
    for cut in [1, last.len() / 2, last.len() - 1] {
        fs::create_dir_all(home.journal()).unwrap();
        let path = home.journal().join("0000000000001-9.000000.jsonl");
        fs::write(&path, format!("{whole}\n{}", &last[..cut])).unwrap();
        let writer = home.start();
        assert_eq!(writer.wait_recovered(LONG).unwrap().rejected, 1);
        writer.stop(LONG).unwrap();
        assert!(!path.exists());
        assert_eq!(home.rows().len(), 1);
    }
}

#[test]
fn a_dead_daemons_file_that_cannot_be_read_holds_nothing_up() {
    let home = Home::new();
    // A folder where a file should be: opening works, reading does not.
    fs::create_dir_all(home.journal().join("0000000000001-9.000000.jsonl")).unwrap();
    let writer = home.start();
    writer.journal().close(&samples::closed(1, "acme"));
    writer.flush(LONG).unwrap();
    assert_eq!(home.rows().len(), 1);
    assert!(writer.journal().shared.progress.wait(LONG, |state| state.failures > 0));
    let status = writer.status();
    assert!(!status.recovered && status.last_error.unwrap().contains("cannot read the journal"));
}

#[test]
fn a_record_that_the_schema_refuses_does_not_hold_up_the_others() {
    let home = Home::new();
    Store::open(&home.database(), NOW).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON line_items WHEN NEW.quantity = 1002
        BEGIN SELECT RAISE(ABORT, 'refused'); END";
    home.sql().execute_batch(refuse).unwrap();
    let writer = home.start();
    let journal = writer.journal();
    for number in 1..=3 {
        journal.close(&samples::closed(number, "acme"));
    }
    writer.flush(LONG).unwrap();
    assert_eq!(writer.status().rejected, 1);
    assert_eq!(home.rows().len(), 2);
    let kept = fs::read_to_string(home.journal().join("rejected.jsonl")).unwrap();
    assert!(kept.contains(&samples::id(2).to_string()) && kept.lines().count() == 1);
    home.check_rollups();
}

#[test]
fn a_locked_database_is_waited_for_and_nothing_is_lost() {
    let home = Home::new();
    let writer = home.start();
    writer.wait_recovered(LONG).unwrap();
    let other = home.sql();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let journal = writer.journal();
    for number in 1..=50 {
        assert_eq!(journal.close(&samples::closed(number, "acme")), Kept::OnDisk);
    }
    assert!(matches!(writer.flush(Duration::from_millis(1)), Err(JournalError::Late { pending: 50 })));
    assert!(writer.journal().shared.progress.wait(LONG, |state| state.failures > 0));
    let status = writer.status();
    assert_eq!((status.database, status.pending), (DatabaseState::Failing, 50));
    assert!(status.last_error.unwrap().contains("locked"));
    other.execute_batch("ROLLBACK").unwrap();
    writer.flush(LONG).unwrap();
    assert_eq!(home.rows().len(), 50);
    assert_eq!(writer.status().database, DatabaseState::Ready);
}

#[test]
fn a_corrupt_or_newer_database_is_named_untouched_and_costs_no_record() {
    for newer in [false, true] {
        let home = Home::new();
        if newer {
            let store = Store::open(&home.database(), NOW).unwrap();
            store.db.execute("INSERT INTO _migrations VALUES (77, 'later', 'x', ?1)", [NOW]).unwrap();
        } else {
            fs::write(home.database(), [b'#'; 5000]).unwrap();
        }
        let before = fs::read(home.database()).unwrap();
        let writer = home.start();
        assert_eq!(writer.journal().close(&samples::closed(1, "acme")), Kept::OnDisk);
        assert!(writer.journal().shared.progress.wait(LONG, |state| state.failures > 0));
        let status = writer.status();
        let wanted = if newer { "schema 77" } else { "not a database" };
        assert!(status.last_error.as_deref().unwrap().contains(wanted), "{status:?}");
        assert_eq!((status.pending, status.lost, status.recovered), (1, 0, false));
        drop(writer);
        if !newer {
            assert_eq!(before, fs::read(home.database()).unwrap());
        }
        // The user moves the file away: the next start writes what waited.
        fs::remove_file(home.database()).unwrap();
        home.start().wait_recovered(LONG).unwrap();
        assert_eq!(home.rows().len(), 1);
    }
}

#[test]
fn an_amended_call_has_the_new_bill_once() {
    let home = Home::new();
    let writer = home.start();
    let mut first = samples::closed(1, "acme");
    first.usage = Default::default();
    (first.lines, first.charged, first.list) = (Vec::new(), None, None);
    writer.journal().close(&first);
    writer.journal().amend(&samples::closed(1, "acme"));
    // A read of a call that we hold no row for makes its own.
    writer.journal().amend(&samples::closed(2, "acme"));
    writer.flush(LONG).unwrap();
    assert_eq!(home.count("SELECT COUNT(*) FROM requests WHERE settled_at IS NOT NULL"), 2);
    assert_eq!(home.count("SELECT SUM(requests) FROM rollups"), 2);
    assert_eq!(home.count("SELECT charged_pico FROM requests WHERE response_id = 'msg_1'"), 6_003_000_000);
    home.check_rollups();
}

#[test]
fn files_rotate_and_go_away_once_moved() {
    let home = Home::new();
    let writer = Writer::start(WriterOptions { file_bytes_max: 4000, ..home.options() }).unwrap();
    for number in 1..=100 {
        writer.journal().close(&samples::closed(number, "acme"));
    }
    writer.flush(LONG).unwrap();
    assert!(writer.journal().shared.status().current > 10);
    // The finished ones are removed in the same round, before the last line counts as moved.
    let owner = writer.journal().shared.owner.clone();
    assert_eq!(files::numbers(&home.journal(), &owner).unwrap().len(), 1);
    writer.stop(LONG).unwrap();
    assert_eq!(home.rows().len(), 100);
    assert_eq!(home.count("SELECT COUNT(*) FROM journal_offsets"), 1);
}

#[test]
fn records_wait_in_memory_while_no_file_takes_them() {
    let home = Home::new();
    let writer = home.start();
    writer.wait_recovered(LONG).unwrap();
    let away = home.0.path().join("away");
    fs::rename(home.journal(), &away).unwrap();
    let journal = writer.journal();
    assert_eq!(journal.open(&samples::opened(1, "acme")), Kept::InMemory);
    assert_eq!(journal.close(&samples::closed(1, "acme")), Kept::InMemory);
    let status = writer.status();
    assert_eq!((status.backlog, status.pending, status.lost), (2, 2, 0));
    assert!(status.last_error.unwrap().contains("cannot append"));
    fs::rename(&away, home.journal()).unwrap();
    writer.flush(LONG).unwrap();
    assert_eq!(home.rows()[&samples::id(1)].0, "success");
}

#[test]
fn reading_goes_on_while_writing() {
    let home = Home::new();
    let writer = home.start();
    writer.wait_recovered(LONG).unwrap();
    let reader = home.sql();
    // A reader in the middle of its snapshot does not hold the writer up, nor see half a batch.
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM requests;").unwrap();
    writer.journal().close(&samples::closed(1, "acme"));
    writer.flush(LONG).unwrap();
    let seen: i64 = reader.query_row("SELECT COUNT(*) FROM requests", [], |row| row.get(0)).unwrap();
    reader.execute_batch("COMMIT").unwrap();
    let then: i64 = reader.query_row("SELECT COUNT(*) FROM requests", [], |row| row.get(0)).unwrap();
    assert_eq!((seen, then), (0, 1));
}
