//! The tables of a dialect that are not plain keys.

use super::compile::{Compiler, Place};
use super::pointer::{Pointer, Segment};
use super::source::{Position, WrittenTable, WrittenValue};
use super::tables::*;
use super::{DialectError, Mistake, check};
use crate::framing::{Framing, ListPath};
use meter_call::{ErrorClass, Meter, Side};

/// What `[usage]` says beside its meters.
#[derive(Default)]
pub(crate) struct Usage {
    pub(crate) nonzero: bool,
    pub(crate) final_when: FinalWhen,
    /// Lists of `each` of variants, in the order of their index (from 1; 0 is the table's own).
    pub(crate) each: Vec<Vec<Pointer>>,
}

/// Keys of a table that are no fields.
pub(crate) fn is_reserved(id: TableId, key: &str) -> bool {
    match key {
        "at" | "on" | "variant" => true,
        "merge" | "final" | "lines" => id == TableId::Usage,
        "class" | "message_class" => id == TableId::Error,
        _ => false,
    }
}

/// The name of the n-th item of `code`.
pub(crate) fn code_name(key: &str, index: usize) -> String {
    if index == 0 { key.to_owned() } else { format!("{key}#{index}") }
}

/// Every field a table has, those of variants included.
pub(crate) fn key_names(id: TableId, table: &WrittenTable) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for entry in table.0.iter().filter(|entry| !is_reserved(id, &entry.key)) {
        match (&entry.value.value, id, entry.key.as_str()) {
            (WrittenValue::List(items), TableId::Error, "code") => {
                (0..items.len()).for_each(|index| add(code_name("code", index)));
            }
            _ => add(entry.key.clone()),
        }
    }
    for variant in variants_of(table) {
        for entry in &variant.0 {
            if !matches!(entry.key.as_str(), "when" | "flag") && !is_reserved(id, &entry.key) {
                add(entry.key.clone());
            }
        }
    }
    names
}

fn variants_of(table: &WrittenTable) -> Vec<&WrittenTable> {
    let Some(WrittenValue::List(items)) = table.find("variant").map(|entry| &entry.value.value) else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| if let WrittenValue::Table(table) = &item.value { Some(table) } else { None })
        .collect()
}

fn final_word(compiler: &mut Compiler, table: &WrittenTable, name: &str) -> Option<FinalWhen> {
    let (word, position) = compiler.text(table, name, "final")?;
    let found = match word {
        "seen" => Some(FinalWhen::Seen),
        "finish" => Some(FinalWhen::Finish),
        "end" => Some(FinalWhen::End),
        _ => None,
    };
    if found.is_none() {
        unknown_word(compiler, name, "final", position, word, &["seen", "finish", "end"]);
    }
    found
}

fn unknown_word(compiler: &mut Compiler, table: &str, key: &str, position: Position, word: &str, known: &[&str]) {
    let message = format!("`{word}` is none of {}", known.join(", "));
    let error = DialectError::at(table, key, position, None, message).kind(Mistake::Word);
    compiler.errors.push(error.near(check::nearest(word, known.iter().copied())));
}

pub(crate) fn usage_words(compiler: &mut Compiler, table: &WrittenTable, usage: &mut Usage) {
    usage.final_when = final_word(compiler, table, "usage").unwrap_or_default();
    if let Some((word, position)) = compiler.text(table, "usage", "merge") {
        match word {
            "last" => {}
            "nonzero" => usage.nonzero = true,
            _ => unknown_word(compiler, "usage", "merge", position, word, &["last", "nonzero"]),
        }
    }
}

pub(crate) fn variants(
    compiler: &mut Compiler,
    id: TableId,
    name: &str,
    table: &WrittenTable,
    compiled: &mut Table,
    usage: &mut Usage,
) {
    let label = format!("{name}.variant");
    let Some(entry) = table.find("variant") else { return };
    let WrittenValue::List(items) = &entry.value.value else {
        compiler.errors.push(DialectError::at(name, "variant", entry.position, None, "write [[table.variant]]"));
        return;
    };
    for item in items {
        let WrittenValue::Table(written) = &item.value else {
            compiler.errors.push(DialectError::at(name, "variant", item.position, None, "a variant is a table"));
            continue;
        };
        let index = compiled.variants.len();
        let mut variant = Variant::default();
        match written.find("when") {
            Some(when) => {
                let at = compiled.at.clone();
                let place = Place { id, table: &label, key: "when", position: when.value.position, at: &at };
                variant.when = compiler.conditions(place, when);
            }
            None => {
                let error = DialectError::at(&label, "when", item.position, None, "a variant needs a `when`");
                compiler.errors.push(error.kind(Mistake::Missing));
            }
        }
        variant.flag = compiler.text(written, &label, "flag").map(|(flag, _)| flag.to_owned());
        if id == TableId::Usage {
            variant.final_when = final_word(compiler, written, &label);
            if let Some(lines) = compiler.table(written, "lines") {
                compiler.known_keys(lines, "usage.variant.lines", &["each"]);
                if table.find("lines").is_none() {
                    let message = "there is no [usage.lines] whose `each` this could replace";
                    let error = DialectError::at(&label, "lines", item.position, None, message);
                    compiler.errors.push(error.kind(Mistake::Missing));
                }
                let each = pointers(compiler, "usage.variant.lines", lines, "each");
                usage.each.push(each);
                variant.each = Some(usage.each.len());
            }
        }
        let at = compiled.at.clone();
        for entry in &written.0 {
            let words = matches!(entry.key.as_str(), "when" | "flag");
            let own = words || is_reserved(id, &entry.key);
            let here = words || id == TableId::Usage && matches!(entry.key.as_str(), "final" | "lines");
            if own && !here {
                let message = format!("`{}` cannot vary: it belongs to the whole table", entry.key);
                let error = DialectError::at(&label, &entry.key, entry.position, None, message);
                compiler.errors.push(error.kind(Mistake::Key));
            }
            if !own {
                compiler.keys_of(id, &label, entry, &at, &mut |key, expr| {
                    if let Some(key) = compiled.keys.get_mut(key) {
                        key.variants.push((index, expr));
                    }
                });
            }
        }
        compiled.variants.push(variant);
    }
}

/// A pointer or a list of pointers.
fn pointers(compiler: &mut Compiler, name: &str, table: &WrittenTable, key: &str) -> Vec<Pointer> {
    let Some(entry) = table.find(key) else { return Vec::new() };
    let texts: Vec<(String, Position)> =
        compiler.texts(name, entry).into_iter().map(|(text, position)| (text.to_owned(), position)).collect();
    let place = |position| Place { id: TableId::End, table: name, key, position, at: &[] };
    texts.into_iter().filter_map(|(text, position)| compiler.pointer(place(position), &text)).collect()
}

/// The keys of `[usage]` that are meters.
pub(crate) fn meters(compiler: &mut Compiler, usage: &Table) -> Vec<MeterKey> {
    let mut meters = Vec::new();
    for (index, key) in usage.keys.iter().enumerate() {
        let position = compiler.positions.get(&(TableId::Usage, index)).copied().unwrap_or(0);
        match key.name.parse::<Meter>() {
            Ok(meter) => meters.push(MeterKey { meter, key: index, position }),
            Err(_) if matches!(key.name.as_str(), "total" | "provider_cost") => {}
            Err(unknown) => {
                let nearest = check::nearest(&key.name, Meter::ALL.iter().map(|meter| meter.name()));
                let error = DialectError::at("usage", &key.name, position, None, unknown.to_string());
                compiler.errors.push(error.kind(Mistake::Key).near(nearest));
            }
        }
    }
    meters
}

/// `[beside]`: the meters of tokens, and `model`.
pub(crate) fn beside(compiler: &mut Compiler, table: Table) -> Beside {
    let mut beside = Beside { model: table.key("model"), ..Beside::default() };
    for (index, key) in table.keys.iter().enumerate().filter(|(_, key)| key.name != "model") {
        let position = compiler.positions.get(&(TableId::Beside, index)).copied().unwrap_or(0);
        let meter = key.name.parse::<Meter>();
        match meter {
            Ok(meter) if meter.side() != Side::Unit => beside.meters.push(MeterKey { meter, key: index, position }),
            Ok(_) | Err(_) => {
                let tokens = Meter::ALL.iter().filter(|meter| meter.side() != Side::Unit).map(|meter| meter.name());
                let nearest = check::nearest(&key.name, tokens);
                let message = format!("`{}` is no meter of tokens; [beside] has those and `model`", key.name);
                let error = DialectError::at("beside", &key.name, position, None, message);
                compiler.errors.push(error.kind(Mistake::Key).near(nearest));
            }
        }
    }
    beside.table = table;
    beside
}

/// `[usage.lines]`; `variants` are the lists that variants name.
pub(crate) fn lines(
    compiler: &mut Compiler,
    usage: &WrittenTable,
    prefixes: &[Pointer],
    variants: Vec<Vec<Pointer>>,
) -> Option<Lines> {
    let table = compiler.table(usage, "lines")?;
    compiler.known_keys(table, "usage.lines", &["each", "at", "model", "from_top"]);
    let each = pointers(compiler, "usage.lines", table, "each");
    if each.is_empty() {
        let position = usage.find("lines").map_or(0, |entry| entry.position);
        let error = DialectError::at("usage.lines", "each", position, None, "`lines` needs `each`");
        compiler.errors.push(error.kind(Mistake::Missing));
    }
    let under = |pointer: &Pointer| -> Vec<Pointer> {
        if prefixes.is_empty() { vec![pointer.clone()] } else { prefixes.iter().map(|p| pointer.under(p)).collect() }
    };
    let each = std::iter::once(each).chain(variants).map(|list| list.iter().map(under).collect()).collect();
    let mut at = compiler.prefixes(TableId::Usage, "usage.lines", table);
    if at.is_empty() {
        at.push(Pointer::default());
    }
    let model = pointers(compiler, "usage.lines", table, "model");
    let mut from_top = Vec::new();
    for entry in compiler.table(table, "from_top").map(|table| table.0.as_slice()).unwrap_or_default() {
        let source = if let WrittenValue::Text(text) = &entry.value.value { text.as_str() } else { "" };
        match (entry.key.parse::<Meter>(), source.parse::<Meter>()) {
            (Ok(moved), Ok(source)) => from_top.push((moved, source)),
            (Err(unknown), _) | (_, Err(unknown)) => {
                let error = DialectError::at("usage.lines", &entry.key, entry.position, None, unknown.to_string());
                compiler.errors.push(error.kind(Mistake::Word));
            }
        }
    }
    Some(Lines { each, at, model, from_top })
}

pub(crate) fn errors(compiler: &mut Compiler, table: &WrittenTable, compiled: &Table) -> Errors {
    compiler.known_keys(
        table,
        "error",
        &["at", "on", "code", "message", "status", "class", "message_class", "variant"],
    );
    let mut classes = |key: &str| {
        let mut classes = Vec::new();
        for entry in compiler.table(table, key).map(|table| table.0.as_slice()).unwrap_or_default() {
            let word = if let WrittenValue::Text(text) = &entry.value.value { text.as_str() } else { "" };
            match ErrorClass::from_word(word) {
                Some(class) => classes.push((entry.key.to_lowercase(), class)),
                None => {
                    let known: Vec<&str> = ErrorClass::ALL.iter().map(|class| class.as_str()).collect();
                    unknown_word(compiler, "error.class", &entry.key, entry.value.position, word, &known);
                }
            }
        }
        classes
    };
    let class = classes("class");
    let message_class = classes("message_class");
    let codes = (0..compiled.keys.len()).filter(|index| {
        let name = &compiled.keys[*index].name;
        name == "code" || name.starts_with("code#")
    });
    Errors {
        codes: codes.collect(),
        message: compiled.key("message"),
        status: compiled.key("status"),
        class,
        message_class,
    }
}

pub(crate) fn rows(compiler: &mut Compiler, table: &WrittenTable) -> Rows {
    compiler.known_keys(table, "rows", &["key", "lane", "each"]);
    let mut each = Vec::new();
    for pointer in pointers(compiler, "rows", table, "each") {
        match list_path(&pointer) {
            Some(path) => each.push(path),
            None => {
                let position = table.find("each").map_or(0, |entry| entry.value.position);
                let message = "a list is named by the keys that lead to it and a last `/*`, like \"/results/*\"";
                compiler.errors.push(DialectError::at("rows", "each", position, None, message));
            }
        }
    }
    Rows { key: pointers(compiler, "rows", table, "key"), lane: pointers(compiler, "rows", table, "lane"), each }
}

/// The keys of `/a/b/*`.
fn list_path(pointer: &Pointer) -> Option<ListPath> {
    let (Segment::Each, keys) = pointer.0.split_last()? else { return None };
    let keys: Option<Vec<Box<str>>> =
        keys.iter().map(|segment| if let Segment::Key(key) = segment { Some(key.clone()) } else { None }).collect();
    keys.filter(|keys| !keys.is_empty()).map(Into::into)
}

pub(crate) fn end(compiler: &mut Compiler, table: &WrittenTable) -> End {
    compiler.known_keys(table, "end", &["on", "when", "body"]);
    let mut end = End { on: compiler.names("end", table), ..End::default() };
    if let Some(when) = table.find("when") {
        let place = Place { id: TableId::End, table: "end", key: "when", position: when.value.position, at: &[] };
        end.when = compiler.conditions(place, when);
    }
    if let Some(body) = table.find("body") {
        match &body.value.value {
            WrittenValue::Truth(truth) => end.body = *truth,
            _ => {
                compiler.errors.push(DialectError::at("end", "body", body.value.position, None, "write true or false"))
            }
        }
    }
    if end.on.is_empty() && end.when.is_empty() && !end.body {
        let message = "an [end] needs `on`, `when` or `body = true`";
        compiler.errors.push(DialectError::at("end", "on", 0, None, message).kind(Mistake::Missing));
    }
    end
}

pub(crate) fn kinds(compiler: &mut Compiler, table: &WrittenTable) -> Vec<(String, Condition)> {
    let mut kinds = Vec::new();
    for entry in &table.0 {
        let place =
            Place { id: TableId::Kind, table: "kind", key: &entry.key, position: entry.value.position, at: &[] };
        for condition in compiler.conditions(place, entry) {
            kinds.push((entry.key.clone(), condition));
        }
    }
    kinds
}

pub(crate) fn framings(compiler: &mut Compiler, table: &WrittenTable) -> Vec<(String, Framing)> {
    const WORDS: &[&str] = &["json", "sse", "ndjson", "json_array", "aws_eventstream", "grpc", "websocket"];
    let mut framings = Vec::new();
    for entry in &table.0 {
        let word = if let WrittenValue::Text(text) = &entry.value.value { text.as_str() } else { "" };
        match Framing::word(word) {
            Some(framing) => framings.push((entry.key.to_ascii_lowercase(), framing)),
            None => unknown_word(compiler, "framing", &entry.key, entry.value.position, word, WORDS),
        }
    }
    framings
}
