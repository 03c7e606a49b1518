//! `validate --json`, and whatever else finds things in files.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Probably not meant.
    Warning,
    /// Cannot be applied.
    Error,
}

/// One thing found at one place.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Lasting code, `HM0123`.
    pub code: String,
    /// Its second name, `unit-missing`.
    pub slug: String,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
    /// Line of the end.
    #[serde(default)]
    pub end_line: u32,
    /// Column one past the last character.
    #[serde(default)]
    pub end_column: u32,
    /// The other place, when two disagree.
    #[serde(default)]
    pub other: Option<OtherPlace>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place that a finding disagrees with.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OtherPlace {
    /// The file, which may be another one.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
    /// What stands there.
    pub label: String,
}

/// Everything found.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Findings {
    /// Findings that forbid applying.
    pub errors: usize,
    /// Findings that do not.
    pub warnings: usize,
    /// In the order of files and lines.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Counts the findings.
    pub fn of(findings: Vec<Finding>) -> Findings {
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        Findings { errors: count(Severity::Error), warnings: count(Severity::Warning), findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_neither_errors_nor_warnings() {
        let finding = |severity| Finding {
            code: "HM0123".into(),
            slug: "unit-missing".into(),
            severity,
            message: "no unit".into(),
            file: "prices/acme.toml".into(),
            line: 14,
            column: 13,
            end_line: 14,
            end_column: 17,
            other: None,
            help: None,
        };
        let found =
            Findings::of([Severity::Note, Severity::Error, Severity::Warning, Severity::Error].map(finding).into());
        assert_eq!((found.errors, found.warnings, found.findings.len()), (2, 1, 4));
        assert!(serde_json::to_string(&found).unwrap().contains(r#""severity":"error""#));
    }
}
