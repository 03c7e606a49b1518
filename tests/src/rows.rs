//! Rows as they stand in SQLite.

use rusqlite::{Connection, OpenFlags, types::Value};
use std::collections::BTreeMap;
use std::path::Path;

/// One row of `requests`, columns by name.
#[derive(Clone, Debug)]
pub struct Row {
    /// The call's id.
    pub id: String,
    columns: BTreeMap<String, Value>,
}

impl Row {
    /// A text column; `None` when NULL.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.column(column) {
            Value::Text(text) => Some(text),
            Value::Null => None,
            other => panic!("{column} is no text: {other:?}"),
        }
    }

    /// A number column; `None` when NULL.
    pub fn number(&self, column: &str) -> Option<i64> {
        match self.column(column) {
            Value::Integer(number) => Some(*number),
            Value::Null => None,
            other => panic!("{column} is no number: {other:?}"),
        }
    }

    fn column(&self, column: &str) -> &Value {
        self.columns.get(column).unwrap_or_else(|| panic!("requests has no column {column}"))
    }
}

/// One row of `line_items`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Meter's name.
    pub meter: String,
    /// How many.
    pub quantity: i64,
    /// Pico-dollars; `None` when unpriced.
    pub pico: Option<i64>,
}

fn open(path: &Path) -> Option<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).ok()
}

/// Every row, oldest first; none while there is no database yet.
pub fn read(path: &Path) -> Vec<Row> {
    let Some(connection) = open(path) else { return Vec::new() };
    let Ok(mut statement) = connection.prepare("SELECT * FROM requests ORDER BY id") else { return Vec::new() };
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        let mut columns = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            columns.insert(name.clone(), row.get::<_, Value>(index)?);
        }
        let id: String = row.get("id")?;
        Ok(Row { id, columns })
    });
    rows.and_then(Iterator::collect).unwrap_or_default()
}

/// The line items of one call.
pub fn lines(path: &Path, id: &str) -> Vec<Line> {
    let connection = open(path).expect("the database is there");
    let mut statement = connection
        .prepare("SELECT meter, quantity, amount_pico FROM line_items WHERE request_id = ?1 ORDER BY position")
        .expect("line_items has these columns");
    statement
        .query_map([id], |row| Ok(Line { meter: row.get(0)?, quantity: row.get(1)?, pico: row.get(2)? }))
        .and_then(Iterator::collect)
        .expect("line items can be read")
}
