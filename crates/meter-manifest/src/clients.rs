//! With what a tool is sent through the meter: the variables of its environment.

use crate::table::{Document, Table};
use meter_diag::{Diagnostic, codes::files, codes::settings as codes, nearest};

/// What a tool does with the value of a certificate variable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// No certificates: a proxy address, a switch.
    Plain,
    /// Adds to the roots it has.
    Append,
    /// Forgets the roots it has, so the value must hold them all.
    Replace,
}

/// What becomes of a value that the user already had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Earlier {
    /// Ours instead; theirs is remembered.
    Replace,
    /// A file of certificates: they go into our file.
    Merge,
    /// A list with commas: their entries follow ours.
    List,
}

/// One variable of `manifests/clients.toml`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientVariable {
    /// Name, case as written.
    pub name: String,
    /// Template; see [`ClientVariable::value`].
    pub template: String,
    /// What tools do with it.
    pub effect: Effect,
    /// What becomes of an earlier value.
    pub earlier: Earlier,
    /// Who needs it, one sentence.
    pub why: String,
}

/// What the placeholders of a template stand for.
#[derive(Clone, Copy, Debug)]
pub struct ClientPaths<'a> {
    /// URL of the edge: `http://127.0.0.1:8081`.
    pub proxy: &'a str,
    /// File with system roots, the user's and ours.
    pub bundle: &'a str,
    /// File with our roots, and those of the user that were merged.
    pub roots: &'a str,
}

impl ClientVariable {
    /// The value for one machine; `earlier` is what the user had (relevant for lists only).
    pub fn value(&self, paths: ClientPaths<'_>, earlier: Option<&str>) -> String {
        let ours = self
            .template
            .replace("{proxy}", paths.proxy)
            .replace("{bundle}", paths.bundle)
            .replace("{roots}", paths.roots);
        match (self.earlier, earlier) {
            (Earlier::List, Some(earlier)) => {
                let mut entries: Vec<&str> = ours.split(',').collect();
                for entry in earlier.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                    // Setting it twice must not make it grow.
                    if !entries.contains(&entry) {
                        entries.push(entry);
                    }
                }
                entries.join(",")
            }
            _ => ours,
        }
    }
}

/// Reads `manifests/clients.toml`.
pub(crate) fn read(doc: &Document<'_>) -> Vec<ClientVariable> {
    let root = doc.root();
    if !root.schema() {
        return Vec::new();
    }
    let mut variables: Vec<ClientVariable> = Vec::new();
    let mut names = Vec::new();
    for table in root.tables("variable") {
        let span = table.key("name").unwrap_or(table.span);
        let Some(variable) = variable(table) else { continue };
        if let Some((_, first)) = names.iter().find(|(name, _)| *name == variable.name) {
            let message = format!("`{}` is set twice", variable.name);
            doc.push(
                Diagnostic::new(codes::DUPLICATE_VARIABLE, doc.place(span), message)
                    .other(doc.place(*first), "the first"),
            );
            continue;
        }
        names.push((variable.name.clone(), span));
        variables.push(variable);
    }
    root.finish();
    variables
}

fn variable(table: Table<'_, '_>) -> Option<ClientVariable> {
    let name = table.need_text("name");
    let value = table.need_text("value");
    let effect = table.word("effect", &[("append", Effect::Append), ("replace", Effect::Replace)]);
    let earlier =
        table.word("earlier", &[("replace", Earlier::Replace), ("merge", Earlier::Merge), ("list", Earlier::List)]);
    let why = table.need_text("why");
    let name = name.filter(|name| {
        let good = name.value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.value.is_empty()
            && !name.value.starts_with(|c: char| c.is_ascii_digit());
        if !good {
            table.report(files::BAD_VALUE, name.span, format!("`{}` can be no variable", name.value));
        }
        good
    });
    let value = value.filter(|value| placeholders(&table, value.value, value.span, &["proxy", "bundle", "roots"]));
    table.finish();
    Some(ClientVariable {
        name: name?.value.to_owned(),
        template: value?.value.to_owned(),
        effect: effect.map_or(Effect::Plain, |at| at.value),
        earlier: earlier.map_or(Earlier::Replace, |at| at.value),
        why: why?.value.to_owned(),
    })
}

/// Reports placeholders that nothing fills; true when there is none.
pub(crate) fn placeholders(table: &Table<'_, '_>, text: &str, span: meter_diag::Span, known: &[&str]) -> bool {
    let mut good = true;
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|open| at + open) {
        let Some(close) = text[open..].find('}').map(|close| open + close) else { break };
        let name = &text[open + 1..close];
        if !known.contains(&name) {
            good = false;
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => format!(
                    "placeholders are {}",
                    known.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ")
                ),
            };
            let place = span.within(open + 1, close + 1 - open);
            table.doc().report_with_help(
                codes::UNKNOWN_PLACEHOLDER,
                place,
                format!("nothing fills `{{{name}}}`"),
                help,
            );
        }
        at = close + 1;
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_with;
    use crate::file::ManifestFile;

    fn check(text: &str) {
        check_with("manifests/clients.toml", text, |file: &ManifestFile| match Document::parse(file) {
            Ok(doc) => {
                read(&doc);
                doc.findings()
            }
            Err(found) => found,
        });
    }

    #[test]
    fn a_bad_variable_is_reported_where_it_goes_wrong() {
        check(
            r#"
schema = 1
[[variable]]
name = "HTTPS PROXY"
#      ^^^^^^^^^^^^^ error[HM0115]
value = "{proxy}/{budnle}"
#                ^^^^^^^^ error[HM0505]
effect = "add"
#        ^^^^^ error[HM0110]
why = "x"
[[variable]]
name = "A"
value = "1"
why = "x"
[[variable]]
name = "A"
# ^ error[HM0506]
value = "1"
why = "x"
"#,
        );
    }

    #[test]
    fn a_list_keeps_the_users_entries_behind_ours_and_does_not_grow() {
        let variable = ClientVariable {
            name: "NO_PROXY".into(),
            template: "localhost,.local".into(),
            effect: Effect::Plain,
            earlier: Earlier::List,
            why: String::new(),
        };
        let paths = ClientPaths { proxy: "p", bundle: "b", roots: "r" };
        let once = variable.value(paths, Some("corp.example, .local"));
        assert_eq!(once, "localhost,.local,corp.example");
        assert_eq!(variable.value(paths, Some(&once)), once);
        assert_eq!(variable.value(paths, None), "localhost,.local");
    }
}
