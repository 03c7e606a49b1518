//! Makes flat rows of CSV and JSON: keys and texts.

use serde_json::Value;
use std::collections::BTreeMap;

/// One row of an export.
pub(crate) type Row = BTreeMap<String, String>;

/// Deepest nesting that is followed; reports have three levels.
const DEPTH_MAX: usize = 8;

/// Line and column, from 1.
pub(crate) type Place = (usize, usize);

/// A line, and the row that begins there or why there is none.
pub(crate) type Numbered = (usize, Result<Row, String>);

/// Records of a CSV file (RFC 4180), each with the line it begins on: a row by the names of the head, or why it is none.
///
/// # Errors
/// Line and column of a quote that is never closed: all that follows would be one field.
pub(crate) fn csv(text: &str) -> Result<Vec<Numbered>, Place> {
    let mut records = records(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
    let Some((_, head)) = records.next() else { return Ok(Vec::new()) };
    let row = |(line, record): (usize, Vec<String>)| {
        if record.len() != head.len() {
            return (line, Err(format!("it has {} fields, the head has {}", record.len(), head.len())));
        }
        let fields = head.iter().zip(record).map(|(name, field)| (name.trim().to_owned(), field.trim().to_owned()));
        (line, Ok(fields.collect()))
    };
    Ok(records.filter(|(_, record)| record.iter().any(|field| !field.trim().is_empty())).map(row).collect())
}

fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, Place> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut column, mut begun, mut quote) = (1, 0, 1, None);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        (line, column) = if letter == '\n' { (line + 1, 0) } else { (line, column + 1) };
        match (letter, quote) {
            ('"', Some(_)) if letters.peek() == Some(&'"') => {
                letters.next();
                column += 1;
                field.push('"');
            }
            ('"', Some(_)) => quote = None,
            ('"', None) => quote = Some((line, column)),
            (',', None) => record.push(std::mem::take(&mut field)),
            ('\r', None) if letters.peek() == Some(&'\n') => {}
            ('\n', None) => {
                record.push(std::mem::take(&mut field));
                records.push((std::mem::replace(&mut begun, line), std::mem::take(&mut record)));
            }
            (letter, _) => field.push(letter),
        }
    }
    if let Some(place) = quote {
        return Err(place);
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push((begun, record));
    }
    Ok(records)
}

/// What a JSON report is made of.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Rows {
    /// The innermost objects in lists under `data` and `results`, each with the plain keys of the objects around it.
    pub rows: Vec<Row>,
    /// Objects whose list is empty: a bucket of time in which nothing happened.
    pub empty: Vec<Row>,
    /// `has_more` of each page.
    pub pages: Vec<bool>,
}

/// Takes a JSON report apart. Several pages may stand in one list, or behind one another.
pub(crate) fn json(pages: &[Value]) -> Rows {
    let mut found = Rows::default();
    pages.iter().for_each(|page| collect(page, &Row::new(), 0, &mut found));
    found
}

fn collect(value: &Value, around: &Row, depth: usize, found: &mut Rows) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, around, depth + 1, found)),
        Value::Object(object) => {
            let mut row = around.clone();
            flatten(value, "", 0, &mut row);
            // Which page a row stands on is no part of it.
            if let Some(more) = row.remove("has_more") {
                found.pages.push(more == "true");
            }
            row.remove("next_page");
            let lists: Vec<&Value> = ["data", "results"].iter().filter_map(|key| object.get(*key)).collect();
            let lists: Vec<&Value> = lists.into_iter().filter(|list| list.is_array() || list.is_null()).collect();
            let nothing = |list: &&Value| list.as_array().is_none_or(Vec::is_empty);
            match lists.iter().all(nothing) {
                true if lists.is_empty() => found.rows.push(row),
                true => found.empty.push(row),
                false => lists.iter().for_each(|list| collect(list, &row, depth + 1, found)),
            }
        }
        // A page that is a number or a text: told as a row without keys.
        _ => found.rows.push(around.clone()),
    }
}

/// Numbers and texts of an object by their path; lists are left out, null is an empty text.
fn flatten(value: &Value, path: &str, depth: usize, row: &mut Row) {
    let mut put = |text: String| drop(row.insert(path.to_owned(), text));
    match value {
        Value::Object(object) if depth <= DEPTH_MAX => {
            for (key, inner) in object {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(inner, &path, depth + 1, row);
            }
        }
        Value::String(text) => put(text.clone()),
        Value::Number(number) => put(number.to_string()),
        Value::Bool(flag) => put(flag.to_string()),
        Value::Null => put(String::new()),
        Value::Object(_) | Value::Array(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn csv_fields_may_be_quoted() {
        let text = "\u{feff}day,model,note\r\n2026-11-24,\"a, \"\"b\"\"\",\"two\nlines\"\r\n\r\n2026-11-25,c,\n";
        assert_eq!(
            csv(text).unwrap(),
            [
                (2, Ok(row(&[("day", "2026-11-24"), ("model", "a, \"b\""), ("note", "two\nlines")]))),
                (5, Ok(row(&[("day", "2026-11-25"), ("model", "c"), ("note", "")]))),
            ]
        );
        assert_eq!(csv(""), Ok(Vec::new()));
    }

    #[test]
    fn a_short_row_and_a_quote_that_stays_open_are_told_by_their_line() {
        let rows = csv("day,model,cost\n2026-11-24,a\n2026-11-25,b,1\n").unwrap();
        assert_eq!(rows[0], (2, Err("it has 2 fields, the head has 3".to_owned())));
        assert!(rows[1].1.is_ok());
        assert_eq!(csv("day,model\n2026-11-24,\"a\n2026-11-25,b\n"), Err((2, 12)));
    }

    #[test]
    fn a_row_knows_its_bucket_and_numbers_keep_their_text() {
        let text = r#"{"data": [{"start": 1, "results": [{"a": {"b": 0.10}, "m": null}, {"a": {"b": 2}}]},
            {"start": 2, "results": []}, {"start": 3, "results": null}], "has_more": true, "next_page": "x"}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let found = json(&[value]);
        assert_eq!(
            found.rows,
            [row(&[("start", "1"), ("a.b", "0.10"), ("m", "")]), row(&[("start", "1"), ("a.b", "2")])]
        );
        assert_eq!(found.empty.iter().map(|row| row["start"].as_str()).collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(found.pages, [true]);
    }
}
