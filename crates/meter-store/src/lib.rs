//! Keeps every call in SQLite.
