//! Copies of bundled files that people edit, and whether what they were copied from has moved on.
//!
//! A copy says what it was copied from in a comment of its own, which travels with it into whatever repository people keep
//! their settings in. Without that line nobody can tell, and nothing is said.

use crate::ManifestFile;
use crate::layers::Kind;

/// Begins the line; the start of the digest of the bundled text follows.
const MARK: &str = "# ejected from b3:";

/// Hex digits of the digest in the line: enough to tell versions of one file apart.
const DIGITS: usize = 16;

/// The text of a copy: the bundled one with the line that says so, behind the editor's `#:schema` line if there is one.
pub fn copy(bundled: &ManifestFile) -> String {
    let text = String::from_utf8_lossy(&bundled.text);
    let line = format!("{MARK}{}\n", digits(&bundled.text));
    match text.split_once('\n').filter(|(first, _)| first.starts_with("#:schema")) {
        Some((first, rest)) => format!("{first}\n{line}{rest}"),
        None => format!("{line}{text}"),
    }
}

/// A text without the line that [`copy`] put in.
pub fn without_mark(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with(MARK)).collect()
}

/// Paths of the user's copies whose bundled file is another one by now.
pub fn moved_on(bundled: &[ManifestFile], user: &[ManifestFile]) -> Vec<String> {
    let moved = |copy: &&ManifestFile| {
        let theirs = bundled.iter().find(|file| file.path == copy.path && Kind::of(&file.path).is_some());
        let from = origin(&copy.text);
        theirs.zip(from).is_some_and(|(file, from)| digits(&file.text) != from)
    };
    user.iter().filter(moved).map(|file| file.path.clone()).collect()
}

/// The digits in a copy's own line.
fn origin(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines().take(8).find_map(|line| line.strip_prefix(MARK)).map(str::trim_end)
}

fn digits(text: &[u8]) -> String {
    blake3::hash(text).to_hex()[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ManifestFile {
        ManifestFile::new("providers.d/a.toml", text)
    }

    #[test]
    fn a_copy_knows_whether_its_origin_has_moved_on() {
        let old = file("#:schema ../schemas/provider.json\n# About.\nschema = 1\n");
        let copied = copy(&old);
        let lines: Vec<&str> = copied.lines().collect();
        assert_eq!(without_mark(&copied).as_bytes(), old.text);
        assert!(lines[0].starts_with("#:schema") && lines[1].starts_with(MARK) && lines[2] == "# About.");
        let edited = file(&copied.replace("schema = 1", "schema = 1\nid = 'a'"));
        assert_eq!(moved_on(std::slice::from_ref(&old), std::slice::from_ref(&edited)), Vec::<String>::new());
        let new = file("schema = 1\n# more\n");
        assert_eq!(moved_on(std::slice::from_ref(&new), std::slice::from_ref(&edited)), ["providers.d/a.toml"]);
        // One that never said where it comes from is nobody's copy; one without a bundled file neither.
        assert_eq!(moved_on(&[new], &[file("schema = 1\n")]), Vec::<String>::new());
        assert_eq!(moved_on(&[], &[edited]), Vec::<String>::new());
    }

    #[test]
    fn a_copy_without_a_schema_line_begins_with_its_own() {
        assert!(copy(&file("schema = 1\n")).starts_with(MARK));
    }
}
