//! Translates `manifests/tagging.toml` into the settings of `meter-attribution`.

use crate::table::{Document, Table};
use meter_attribution::{BadRule, GitUse, PathRule, Source, Tagging};
use meter_call::ProjectSlug;
use meter_diag::{Diagnostic, Span, codes::files, codes::settings as codes, nearest};

/// Reads the file; what it does not say stays as it is by default.
pub(crate) fn read(doc: &Document<'_>) -> Tagging {
    let mut tagging = Tagging::default();
    let root = doc.root();
    if !root.schema() {
        return tagging;
    }
    if let Some(slug) = root.text("default_project") {
        match slug.value.parse::<ProjectSlug>() {
            Ok(project) => tagging.default_project = project,
            Err(bad) => root.report(codes::BAD_SLUG, slug.span, bad.to_string()),
        }
    }
    if root.has("order") {
        tagging.order = order(&root);
    }
    tagging.rules = rules(&root);
    if let Some(table) = root.table("env") {
        if let Some(variable) = table.text("variable") {
            let word = variable.value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if variable.value.is_empty() || !word {
                table.report(files::BAD_VALUE, variable.span, format!("`{}` can be no variable", variable.value));
            } else {
                tagging.variable = variable.value.to_owned();
            }
        }
        table.finish();
    }
    if let Some(table) = root.table("rcfile") {
        if let Some(name) = table.text("name") {
            if name.value.is_empty() || name.value.contains('/') || matches!(name.value, "." | "..") {
                table.report(files::BAD_VALUE, name.span, "`name` is the name of a file, without folders");
            } else {
                tagging.rc_name = name.value.to_owned();
            }
        }
        table.finish();
    }
    if let Some(table) = root.table("git") {
        let words = [("repository", GitUse::Repository), ("remote", GitUse::Remote), ("worktree", GitUse::Worktree)];
        if let Some(which) = table.word("use", &words) {
            tagging.git = which.value;
        }
        table.finish();
    }
    if let Some(table) = root.table("parents") {
        if let Some(depth) = table.integer("depth", 1..=64) {
            tagging.parents_depth = usize::try_from(depth.value).unwrap_or(tagging.parents_depth);
        }
        table.finish();
    }
    root.finish();
    tagging
}

fn order(root: &Table<'_, '_>) -> Vec<Source> {
    let mut order: Vec<Source> = Vec::new();
    for word in root.texts("order") {
        match word.value.parse::<Source>() {
            Ok(source) if order.contains(&source) => {
                root.report(files::DUPLICATE_ID, word.span, format!("`{source}` is asked twice"));
            }
            Ok(source) => order.push(source),
            Err(unknown) => {
                let help = match nearest(word.value, Source::ALL.iter().map(|source| source.as_str())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        let words: Vec<&str> = Source::ALL.iter().map(|source| source.as_str()).collect();
                        format!("one of: {}", words.join(", "))
                    }
                };
                root.doc().report_with_help(codes::UNKNOWN_SOURCE, word.span, unknown.to_string(), help);
            }
        }
    }
    order
}

fn rules(root: &Table<'_, '_>) -> Vec<PathRule> {
    let mut rules = Vec::new();
    // Path, where it stands, and whether its project is always one: a capture may give no project, and then others are asked.
    let mut paths: Vec<(&str, Span, bool)> = Vec::new();
    for table in root.tables("rule") {
        let (path, project) = (table.need_text("path"), table.need_text("project"));
        if let (Some(path), Some(project)) = (path, project) {
            match PathRule::new(path.value, project.value) {
                Ok(rule) => rules.push(rule),
                Err(bad) => {
                    let span = match &bad {
                        BadRule::NoCapture(_) | BadRule::Project(_) => project.span,
                        BadRule::Brace if path_is_fine(path.value) => project.span,
                        BadRule::Start | BadRule::Doublestar | BadRule::Brace | BadRule::Twice(_) => path.span,
                    };
                    table.report(codes::BAD_TAGGING_RULE, span, bad.to_string());
                }
            }
            let takes = |(known, _, always): &&(&str, Span, bool)| {
                let below = known.strip_suffix("/**").filter(|folder| *always && !folder.contains(['*', '{']));
                let inside =
                    below.and_then(|folder| path.value.strip_prefix(folder)).is_some_and(|rest| rest.starts_with('/'));
                *known == path.value || inside
            };
            if let Some((known, first, _)) = paths.iter().find(takes) {
                let doc = root.doc();
                let message = match *known == path.value {
                    true => format!("an earlier rule has the path `{known}` already"),
                    false => format!("an earlier rule takes every folder of `{}` with `{known}`", path.value),
                };
                doc.push(
                    Diagnostic::new(codes::SHADOWED_TAGGING_RULE, doc.place(path.span), message)
                        .other(doc.place(*first), "this one"),
                );
            }
            paths.push((path.value, path.span, !project.value.contains('{')));
        }
        table.finish();
    }
    rules
}

/// Whether the path alone makes a rule, so that a fault must lie in the project.
fn path_is_fine(path: &str) -> bool {
    PathRule::new(path, "x").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_with;

    #[test]
    fn a_bad_file_is_reported_where_it_goes_wrong() {
        let text = r#"
schema = 1
default_project = "Misc"
#                 ^^^^^^ error[HM0502]
order = ["rules", "enviroment", "env", "env"]
#                 ^^^^^^^^^^^^ error[HM0501]
#                                      ^^^^^ error[HM0116]
[[rule]]
path = "~/clients/{slug}/**"
project = "{client}"
#         ^^^^^^^^^^ error[HM0503]
[[rule]]
path = "clients"
#      ^^^^^^^^^ error[HM0503]
project = "x"
[[rule]]
path = "~/clients/{slug}/**"
#      ^^^^^^^^^^^^^^^^^^^^^ warning[HM0504]
project = "{slug}"
[[rule]]
path = "~/a"
project = "{x"
#         ^^^^ error[HM0503]
[env]
variable = "A B"
#          ^^^^^ error[HM0115]
[rcfile]
name = "a/b"
#      ^^^^^ error[HM0115]
[git]
use = "repo"
#     ^^^^^^ error[HM0110]
[parents]
depth = 0
#       ^ error[HM0111]
"#;
        check_with("manifests/tagging.toml", text, |file| {
            let doc = Document::parse(file).unwrap();
            read(&doc);
            doc.findings()
        });
    }

    #[test]
    fn the_bundled_file_says_what_the_defaults_say() {
        let text = crate::bundled_file("manifests/tagging.toml").unwrap();
        let file = crate::ManifestFile::new("manifests/tagging.toml", text);
        let doc = Document::parse(&file).unwrap();
        assert_eq!(read(&doc), Tagging::default());
        assert_eq!(doc.findings(), []);
    }
}
