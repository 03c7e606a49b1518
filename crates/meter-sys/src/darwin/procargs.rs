//! Arguments and environment of a process, as `sysctl KERN_PROCARGS2` gives them.
//!
//! The number of arguments, the executable's path, zeros up to the next boundary, the arguments, the environment, and
//! then strings that dyld reads. macOS withholds the environment of programs it protects.

use super::word;
use std::collections::BTreeMap;

/// Arguments, and those of the wanted variables that are set. What is cut off is left out.
pub(crate) fn read(answer: &[u8], variables: &[&str]) -> (Vec<String>, BTreeMap<String, String>) {
    let mut environ = BTreeMap::new();
    let Some(count) = word(answer, 0) else { return (Vec::new(), environ) };
    let rest = &answer[4..];
    let path_end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
    let first = rest[path_end..].iter().position(|b| *b != 0).map_or(rest.len(), |zeros| path_end + zeros);
    let mut strings = Strings(&rest[first..]);
    let argv = strings.by_ref().take(count as usize).map(text).collect();
    // The environment ends with an empty string; of a name that stands twice the first counts, as for getenv(3).
    for pair in strings.take_while(|pair| !pair.is_empty()) {
        let Some(equals) = pair.iter().position(|b| *b == b'=') else { continue };
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        if let Some(name) = variables.iter().find(|wanted| wanted.as_bytes() == name) {
            environ.entry((*name).to_owned()).or_insert_with(|| text(value));
        }
    }
    (argv, environ)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Strings that end in a zero; one without is cut off and not given out.
struct Strings<'a>(&'a [u8]);

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|b| *b == 0)?;
        let found = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(count: u32, rest: &[u8]) -> Vec<u8> {
        [&count.to_ne_bytes()[..], rest].concat()
    }

    fn check(answer: &[u8], argv: &[&str], environ: &[(&str, &str)]) {
        let environ = environ.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(answer, &["PROJECT", "PATH"]), (argv.iter().map(|a| (*a).to_owned()).collect(), environ));
    }

    #[test]
    fn arguments_and_wanted_variables_are_read() {
        let rest =
            b"/bin/node\0\0\0\0node\0\0app.js\0HOME=/Users/a\0PROJECT=one=1\0PROJECT=two\0PATHS=x\0\0ptr_munge=\0";
        check(&answer(3, rest), &["node", "", "app.js"], &[("PROJECT", "one=1")]);
    }

    #[test]
    fn a_withheld_environment_is_empty() {
        check(&answer(2, b"/bin/ls\0\0ls\0-l\0"), &["ls", "-l"], &[]);
        check(&answer(2, b"/bin/ls\0\0ls\0-l\0\0\0PATH=no\0"), &["ls", "-l"], &[]);
    }

    #[test]
    fn what_is_cut_off_is_left_out() {
        check(&answer(2, b"/bin/ls\0ls\0-"), &["ls"], &[]);
        check(&answer(1, b"/bin/ls\0ls\0PATH=/b"), &["ls"], &[]);
        check(&answer(9, b"/bin/ls"), &[], &[]);
        check(&answer(9, b""), &[], &[]);
        check(b"\x01", &[], &[]);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_give_only_what_was_asked_for(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (argv, environ) = read(&bytes, &["A"]);
            prop_assert!(argv.len() <= bytes.len());
            prop_assert!(environ.keys().all(|name| name == "A"));
        }
    }
}
