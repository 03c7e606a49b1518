//! Two texts as a unified diff.

use crate::out::{BAD, BOLD, DIM, GOOD, styled};
use crate::show::plain;
use similar::{ChangeTag, TextDiff};

/// Lines around a change.
const CONTEXT: usize = 3;

/// The diff of a file that is there, new or gone; colours are taken off again where there is no terminal.
pub fn unified(name: &str, before: Option<&str>, after: Option<&str>) -> String {
    let side = |text: Option<&str>, prefix: &str| match text {
        Some(_) => format!("{prefix}/{name}"),
        None => "/dev/null".to_owned(),
    };
    let (from, to) = (side(before, "a"), side(after, "b"));
    let mut text =
        format!("{}\n{}\n", styled(BOLD, format_args!("--- {from}")), styled(BOLD, format_args!("+++ {to}")));
    let diff = TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default());
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        text.push_str(&format!("{}\n", styled(DIM, hunk.header())));
        for change in hunk.iter_changes() {
            let line = plain(change.value().trim_end_matches('\n'));
            text.push_str(&match change.tag() {
                ChangeTag::Equal => format!(" {line}\n"),
                ChangeTag::Delete => format!("{}\n", styled(BAD, format_args!("-{line}"))),
                ChangeTag::Insert => format!("{}\n", styled(GOOD, format_args!("+{line}"))),
            });
            if change.missing_newline() {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: Option<&str>, after: Option<&str>) -> String {
        anstream::adapter::strip_str(&unified("a.toml", before, after)).to_string()
    }

    #[test]
    fn a_change_has_its_surroundings() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            shown(Some(before), Some(&before.replace('5', "five"))),
            "--- a/a.toml\n+++ b/a.toml\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
    }

    #[test]
    fn a_new_file_comes_from_nowhere() {
        assert_eq!(shown(None, Some("x\n")), "--- /dev/null\n+++ b/a.toml\n@@ -0,0 +1 @@\n+x\n");
        let gone = shown(Some("x"), None);
        assert_eq!(gone, "--- a/a.toml\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\\ No newline at end of file\n");
    }
}
