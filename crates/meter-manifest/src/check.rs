//! A bad manifest carries its own expectation: a comment under the line, with carets under the columns.

use crate::file::ManifestFile;
use meter_diag::Diagnostic;

/// Compares what `run` finds in a text with what the text's own comments expect.
///
/// An expectation is a comment line whose text is blanks, then carets, then `error[HM0123]` or `warning[HM0123]`; it speaks
/// of the nearest line above that is no expectation. One caret stands for a span of one character or none; `# ^` with the
/// caret in column 3 right behind the `# ` stands for a span that begins in the first three columns. The text is used as
/// it stands, comments included, so positions are real.
pub(crate) fn check_with(path: &str, text: &str, run: impl FnOnce(&ManifestFile) -> Vec<Diagnostic>) {
    let file = ManifestFile::new(path, text);
    let mut expected = Vec::new();
    let mut spoken_of = 0;
    for (at, line) in (1..).zip(text.lines()) {
        match expectation(line) {
            Some((start, end, what)) => expected.push((spoken_of, start, end, what)),
            None => spoken_of = at,
        }
    }
    let found = run(&file);
    let mut left = found.clone();
    let mut missing = Vec::new();
    for (line, start, end, what) in expected {
        let fits = |finding: &Diagnostic| {
            let place = &finding.place;
            let said = format!("{}[{}]", finding.severity.as_str(), finding.code);
            let column = (start == 3 && place.column <= 3) || place.column == start;
            let one = end - start == 1 || place.end_line != place.line;
            said == what && place.line == line && column && (one || start == 3 || place.end_column == end)
        };
        match left.iter().position(fits) {
            Some(at) => drop(left.remove(at)),
            None => missing.push(format!("line {line}, columns {start}..{end}: {what}")),
        }
    }
    let extra: Vec<String> = left.iter().map(ToString::to_string).collect();
    assert!(missing.is_empty() && extra.is_empty(), "not found: {missing:#?}\nnot expected: {extra:#?}\nin:\n{text}");
}

/// Start and end column (from 1, end exclusive) and the text behind the carets.
fn expectation(line: &str) -> Option<(u32, u32, String)> {
    let (before, after) = line.split_once('^')?;
    let comment = before.trim_start().strip_prefix('#')?;
    if !comment.trim().is_empty() {
        return None;
    }
    let start = before.chars().count() + 1;
    let carets = 1 + after.chars().take_while(|c| *c == '^').count();
    let what = after.trim_start_matches('^').trim();
    (what.starts_with("error[") || what.starts_with("warning["))
        .then(|| (start as u32, (start + carets) as u32, what.to_owned()))
}

#[test]
#[should_panic(expected = "not found")]
fn an_expectation_that_is_not_met_fails() {
    check_with("x", "a = 1\n#   ^ error[HM0101]\n", |_| Vec::new());
}

#[test]
#[should_panic(expected = "not expected")]
fn a_finding_that_is_not_expected_fails() {
    use meter_diag::{Place, codes::files};
    check_with("x", "a = 1\n", |_| vec![Diagnostic::new(files::NOT_TOML, Place::whole("x"), "x")]);
}
