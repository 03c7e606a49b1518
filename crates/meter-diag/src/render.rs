//! Findings as text: with a caret for terminals, as workflow commands for GitHub.

use crate::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::BTreeMap;

/// Texts of the files that findings point into, by the name in [`crate::Place`].
pub type Texts<'a> = BTreeMap<&'a str, &'a str>;

/// The line form followed by a snippet with carets, then the help line.
///
/// A file whose text is not given, or has changed since, is named by its line only.
pub fn terminal(diagnostic: &Diagnostic, texts: &Texts<'_>, color: bool) -> String {
    let mut out = diagnostic.to_string();
    out.push('\n');
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_level(level);
    let mut shown = false;
    let mut snippet_of = |place: &crate::Place, kind: AnnotationKind, label: Option<&String>, named: bool| {
        let text = *texts.get(place.file.as_str())?;
        let (start, end) = (place.span.start, place.span.end);
        text.get(start..end)?;
        // An empty span still wants one caret.
        let annotation = kind.span(start..end).label(label.cloned());
        let snippet = Snippet::source(text.to_owned()).annotation(annotation);
        shown = true;
        Some(if named { snippet.path(place.file.clone()) } else { snippet })
    };
    let label = diagnostic.label.as_ref();
    if let Some(snippet) = snippet_of(&diagnostic.place, AnnotationKind::Primary, label, false) {
        group = group.element(snippet);
    }
    if let Some(other) = &diagnostic.other {
        match snippet_of(&other.place, AnnotationKind::Context, Some(&other.label), true) {
            Some(snippet) => group = group.element(snippet),
            None => {
                let note = format!("{}:{}:{}: {}", other.place.file, other.place.line, other.place.column, other.label);
                group = group.element(Level::NOTE.message(note));
                shown = true;
            }
        }
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.clone()));
        shown = true;
    }
    if shown {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        out.push_str(&renderer.render(&[group]));
        out.push('\n');
    }
    out
}

/// A GitHub workflow command, which puts the finding beside the line in a pull request.
///
/// Escapes as in <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.
pub fn github(diagnostic: &Diagnostic) -> String {
    let place = &diagnostic.place;
    let mut message = diagnostic.message.clone();
    if let Some(other) = &diagnostic.other {
        message.push_str(&format!("\n{}:{}: {}", other.place.file, other.place.line, other.label));
    }
    if let Some(help) = &diagnostic.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    format!(
        "::{} file={},line={},col={},endLine={},endColumn={},title={} {}::{}",
        diagnostic.severity.as_str(),
        escape(&place.file, true),
        place.line,
        place.column,
        place.end_line,
        place.end_column,
        diagnostic.code,
        diagnostic.code.slug(),
        escape(&message, false)
    )
}

fn escape(text: &str, property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LineIndex, Span, codes};

    const TEXT: &str = "schema = 1\n\nhost = [\"ä.example\"]\n";

    fn finding() -> Diagnostic {
        let at = TEXT.find("host").unwrap();
        let place = LineIndex::new(TEXT).place("providers.d/acme.toml", TEXT, Span::new(at, at + 4));
        Diagnostic::new(codes::files::UNKNOWN_KEY, place, "no key `host` here")
            .label("unknown")
            .help("did you mean `hosts`?")
    }

    #[test]
    fn a_terminal_gets_the_line_form_and_a_caret() {
        let texts = Texts::from([("providers.d/acme.toml", TEXT)]);
        let expected = "\
providers.d/acme.toml:3:1: error[HM0107]: no key `host` here
  |
3 | host = [\"ä.example\"]
  | ^^^^ unknown
  |
  = help: did you mean `hosts`?
";
        assert_eq!(terminal(&finding(), &texts, false), expected);
    }

    #[test]
    fn the_other_place_is_named_even_without_its_text() {
        let other = crate::Place::whole("providers.d/b.toml");
        let text = terminal(&finding().other(other, "also here"), &Texts::new(), false);
        assert!(text.contains("providers.d/b.toml:1:1: also here"), "{text}");
    }

    #[test]
    fn a_workflow_command_escapes_what_github_reads() {
        let mut finding = finding();
        finding.place.file = "a,b:c.toml".into();
        finding.message = "50% of\nit".into();
        assert_eq!(
            github(&finding),
            "::error file=a%2Cb%3Ac.toml,line=3,col=1,endLine=3,endColumn=5,title=HM0107 unknown-key\
             ::50%25 of%0Ait%0Ahelp: did you mean `hosts`?"
        );
    }
}
