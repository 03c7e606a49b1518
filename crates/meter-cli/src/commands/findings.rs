//! Findings of manifests, as text and as documents.

use crate::out;
use meter_api::{Finding, Findings, OtherPlace, Severity};
use meter_apply::UserLayer;
use meter_diag::{Diagnostic, render};

/// As a document.
pub fn document(findings: &[Diagnostic]) -> Findings {
    let finding = |found: &Diagnostic| Finding {
        code: found.code.to_string(),
        slug: found.code.slug().to_owned(),
        severity: match found.severity {
            meter_diag::Severity::Error => Severity::Error,
            meter_diag::Severity::Warning => Severity::Warning,
        },
        message: found.message.clone(),
        file: found.place.file.clone(),
        line: found.place.line,
        column: found.place.column,
        end_line: found.place.end_line,
        end_column: found.place.end_column,
        other: found.other.as_ref().map(|other| OtherPlace {
            file: other.place.file.clone(),
            line: other.place.line,
            column: other.place.column,
            label: other.label.clone(),
        }),
        help: found.help.clone(),
    };
    Findings::of(findings.iter().map(finding).collect())
}

/// Each with its line form; on a terminal with the line it points at.
pub fn text(findings: &[Diagnostic], user: &UserLayer, snippets: bool, colour: bool) -> String {
    let texts = texts(findings, user);
    let one = |found: &Diagnostic| match snippets {
        true => render::terminal(found, &texts, colour) + "\n",
        false => match &found.help {
            Some(help) => format!("{found}\n  help: {help}\n"),
            None => format!("{found}\n"),
        },
    };
    findings.iter().map(one).collect()
}

/// The texts that findings point into: the user's file, else the bundled one of that name.
fn texts<'a>(findings: &'a [Diagnostic], user: &'a UserLayer) -> render::Texts<'a> {
    let named = findings.iter().flat_map(|found| {
        [Some(&found.place.file), found.other.as_ref().map(|other| &other.place.file)].into_iter().flatten()
    });
    named
        .filter_map(|file| Some((file.as_str(), user.text(file).or_else(|| meter_manifest::bundled_file(file))?)))
        .collect()
}

/// `2 errors, 1 warning`.
pub fn counted(findings: &[Diagnostic]) -> String {
    let errors = findings.iter().filter(|found| found.is_error()).count() as u64;
    let warnings = findings.len() as u64 - errors;
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(out::styled(out::BAD, crate::show::plural(errors, "error", "errors")));
    }
    if warnings > 0 {
        parts.push(out::styled(out::WARN, crate::show::plural(warnings, "warning", "warnings")));
    }
    parts.join(", ")
}
