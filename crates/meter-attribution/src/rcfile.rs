//! `.haltonrc`: a few lines that pin a folder to a project.
//!
//! `project = "billing"`, quoted or bare; `body_capture = on` or `off`; `#` begins a comment. It is no TOML, because `on` stands
//! bare in files that people already have.

use crate::{RcFile, quote::quote};
use meter_call::ProjectSlug;

/// What a file says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rc {
    /// The pinned project.
    pub project: Option<ProjectSlug>,
    /// Whether bodies of calls from here may be kept.
    pub body_capture: Option<bool>,
    /// Lines that were passed over.
    pub problems: Vec<RcProblem>,
}

/// A line that says nothing we can use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RcProblem {
    /// From 1.
    pub line: usize,
    /// The key that the line sets, when it sets one.
    pub key: String,
    /// What is wrong.
    pub why: String,
}

impl Rc {
    /// Reads a file; never fails. The first line of a key counts.
    pub fn parse(text: &str) -> Rc {
        let mut rc = Rc::default();
        let mut seen = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, outcome) = match line.split_once('=') {
                None => ("", Err("not of the form `key = value`".to_owned())),
                Some((key, _)) if seen.contains(&key.trim()) => (key.trim(), Err("set already, further up".to_owned())),
                Some((key, rest)) => (key.trim(), value(rest.trim()).and_then(|value| rc.set(key.trim(), value))),
            };
            match outcome {
                Ok(()) => seen.push(key),
                Err(why) => rc.problems.push(RcProblem { line: index + 1, key: key.to_owned(), why }),
            }
        }
        rc
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "project" => self.project = Some(value.parse().map_err(|error| format!("{}: {error}", quote(value)))?),
            "body_capture" => {
                self.body_capture = Some(match value {
                    "on" | "true" => true,
                    "off" | "false" => false,
                    _ => return Err(format!("{} is neither `on` nor `off`", quote(value))),
                });
            }
            _ => return Err("no such key".to_owned()),
        }
        Ok(())
    }
}

/// What the nearest file that speaks of it says about keeping bodies.
pub fn body_capture(files: &[RcFile]) -> Option<bool> {
    files.iter().find_map(|file| Rc::parse(&file.text).body_capture)
}

fn value(text: &str) -> Result<&str, String> {
    let (value, rest) = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            text[1..].split_once(quote).ok_or_else(|| "a quote without its other half".to_owned())?
        }
        _ => {
            let end = text.find('#').unwrap_or(text.len());
            (text[..end].trim_end(), &text[end..])
        }
    };
    match rest.trim_start() {
        "" => Ok(value),
        rest if rest.starts_with('#') => Ok(value),
        _ => Err("text behind the value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Option<String>, Option<bool>, Vec<usize>) {
        let rc = Rc::parse(text);
        (rc.project.map(String::from), rc.body_capture, rc.problems.iter().map(|problem| problem.line).collect())
    }

    fn billing() -> Option<String> {
        Some("billing".to_owned())
    }

    #[test]
    fn quoted_bare_and_commented_lines_read_the_same() {
        for text in [
            "project = \"billing\"",
            "project='billing'",
            "project = billing",
            "\u{feff}# ours\r\n\r\n  project=billing # the team\r\n",
            "project = \"billing\" # the team",
        ] {
            assert_eq!(check(text), (billing(), None, vec![]), "{text}");
        }
        assert_eq!(check("project = \"billing\"\nbody_capture = on"), (billing(), Some(true), vec![]));
        assert_eq!(check("body_capture = off"), (None, Some(false), vec![]));
    }

    #[test]
    fn what_is_wrong_is_passed_over_and_told() {
        assert_eq!(check("project = My App\nbody_capture = on"), (None, Some(true), vec![1]));
        assert_eq!(check("project = \"billing\nproject = other"), (Some("other".to_owned()), None, vec![1]));
        assert_eq!(check("project = billing\nproject = other"), (billing(), None, vec![2]));
        assert_eq!(check("projcet = billing\nwords\nproject = \"a\" b\nproject ="), (None, None, vec![1, 2, 3, 4]));
        assert_eq!(check("body_capture = yes"), (None, None, vec![1]));
        let why = Rc::parse("project = Billing").problems.remove(0).why;
        assert!(why.contains("`Billing`") && why.contains("`B`"), "{why}");
    }

    #[test]
    fn the_nearest_file_that_speaks_of_bodies_counts() {
        let file = |text: &str| RcFile { path: "/x/.haltonrc".to_owned(), text: text.to_owned() };
        assert_eq!(
            body_capture(&[file("project = a"), file("body_capture = on"), file("body_capture = off")]),
            Some(true)
        );
        assert_eq!(body_capture(&[]), None);
    }
}
