//! Any text as a dialect's expressions, over any document: compiling finds mistakes or not, reading never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meter_fuzz::read;
use meter_wire::{Dialect, DialectSource, HeadCondition, Written, WrittenEntry, WrittenTable, WrittenValue};
use std::sync::Arc;

fn text(text: &str) -> Written {
    Written { position: 0, value: WrittenValue::Text(text.to_owned()) }
}

fn entry(key: &str, value: Written) -> WrittenEntry {
    WrittenEntry { key: key.to_owned(), position: 0, value }
}

fn table(entries: Vec<WrittenEntry>) -> Written {
    Written { position: 0, value: WrittenValue::Table(WrittenTable(entries)) }
}

// Lines are expressions; what comes after an empty line is the document.
fuzz_target!(|input: &[u8]| {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (lines, body) = input.split_once("\n\n").unwrap_or((input, "{}"));
    let mut lines = lines.lines();
    let mut next = || text(lines.next().unwrap_or("/a"));
    let variant = Written {
        position: 0,
        value: WrittenValue::List(vec![table(vec![entry("when", next()), entry("output", next())])]),
    };
    let tables = vec![
        entry("request", table(vec![entry("model", next()), entry("k", next())])),
        entry("response", table(vec![entry("at", next()), entry("model", next()), entry("finish", next())])),
        entry(
            "usage",
            table(vec![
                entry("at", next()),
                entry("input", next()),
                entry("cache_read", next()),
                entry("output", next()),
                entry("total", next()),
                entry("variant", variant),
                entry("lines", table(vec![entry("each", next()), entry("model", next())])),
            ]),
        ),
        entry("beside", table(vec![entry("input", next()), entry("model", next())])),
        entry("rows", table(vec![entry("key", next())])),
        entry("end", table(vec![entry("when", next())])),
        entry("error", table(vec![entry("code", next())])),
        entry("refusal", table(vec![entry("body", table(Vec::new()))])),
    ];
    let _ = HeadCondition::parse(body);
    let Ok(dialect) = Dialect::compile(&DialectSource { id: "x".to_owned(), table: WrittenTable(tables) }) else {
        return;
    };
    let dialect = Arc::new(dialect);
    let whole = read(&dialect, "application/json", "", body.as_bytes(), usize::MAX);
    if body.len() < 64 {
        assert_eq!(whole, read(&dialect, "application/json", "", body.as_bytes(), 1));
    }
});
