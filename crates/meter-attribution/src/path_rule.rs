//! Path rules: `~/clients/{slug}/**` names the project `{slug}`.
//!
//! In a segment `*` is any run of characters and `{name}` a run of at least one that is kept; `**` alone is any number of segments, none
//! included. Kept text becomes a name as a folder's does: lower case, other characters to `-`.

use meter_call::ProjectSlug;
use std::{collections::BTreeMap, fmt};

/// One rule, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathRule {
    text: String,
    /// The path begins at the home folder.
    home: bool,
    segments: Vec<Segment>,
    project: Vec<Part>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    Any,
    One(Vec<Part>),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Star,
    Capture(String),
}

/// Why a rule cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRule {
    /// It could match anywhere, or nowhere.
    #[error("a path begins with `/`, `~/` or `**/`")]
    Start,
    /// `a**` or the like.
    #[error("`**` stands alone between two slashes")]
    Doublestar,
    /// A brace without its other half, or nothing in it.
    #[error("a capture is written `{{name}}`, with letters, digits and `_`")]
    Brace,
    /// Two captures of one name.
    #[error("`{{{0}}}` is captured twice")]
    Twice(String),
    /// The project names what the path does not capture.
    #[error("the path captures no `{{{0}}}`")]
    NoCapture(String),
    /// The fixed part of the project is no name.
    #[error("`{0}` can never be a project's name (a-z, 0-9, `-`, `_`, `:`, `/`)")]
    Project(String),
}

impl PathRule {
    /// A rule from its two texts as written.
    ///
    /// # Errors
    /// [`BadRule`] for the first thing that is wrong.
    pub fn new(path: &str, project: &str) -> Result<PathRule, BadRule> {
        let (home, rest) = match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => (true, rest),
            _ if path.starts_with('/') || path == "**" || path.starts_with("**/") => (false, path),
            _ => return Err(BadRule::Start),
        };
        let mut names = Vec::new();
        let mut segment = |text: &str| {
            if text == "**" {
                return Ok(Segment::Any);
            }
            if text.contains("**") {
                return Err(BadRule::Doublestar);
            }
            let parts = parts(text, true)?;
            for part in &parts {
                if let Part::Capture(name) = part {
                    if names.contains(name) {
                        return Err(BadRule::Twice(name.clone()));
                    }
                    names.push(name.clone());
                }
            }
            Ok(Segment::One(parts))
        };
        let segments = pieces(rest).map(&mut segment).collect::<Result<Vec<_>, _>>()?;
        let project_parts = parts(project, false)?;
        for part in &project_parts {
            if let Part::Capture(name) = part
                && !names.contains(name)
            {
                return Err(BadRule::NoCapture(name.clone()));
            }
        }
        let rule = PathRule { text: path.to_owned(), home, segments, project: project_parts };
        let sample = names.into_iter().map(|name| (name, "x".to_owned())).collect();
        match rule.fill(&sample) {
            Some(_) => Ok(rule),
            None => Err(BadRule::Project(project.to_owned())),
        }
    }

    /// The project of a working directory: `None` when the rule does not match, `Some(None)` when it matches and what it
    /// captured makes no name.
    pub(crate) fn project(&self, cwd: &str, home: Option<&str>) -> Option<Option<ProjectSlug>> {
        let path = match (self.home, home) {
            (false, _) => cwd,
            (true, Some(home)) => {
                let rest = cwd.strip_prefix(crate::evidence::trimmed(home))?;
                (rest.is_empty() || rest.starts_with('/')).then_some(rest)?
            }
            (true, None) => return None,
        };
        let path: Vec<&str> = pieces(path).collect();
        let mut captures = BTreeMap::new();
        matches(&self.segments, &path, &mut captures).then(|| self.fill(&captures))
    }

    fn fill(&self, captures: &BTreeMap<String, String>) -> Option<ProjectSlug> {
        let mut name = String::new();
        for part in &self.project {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Capture(capture) => name.push_str(ProjectSlug::from_folder(captures.get(capture)?)?.as_str()),
                Part::Star => return None,
            }
        }
        name.parse().ok()
    }
}

/// The path as written.
impl fmt::Display for PathRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn pieces(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|piece| !piece.is_empty())
}

fn parts(text: &str, stars: bool) -> Result<Vec<Part>, BadRule> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.find(|c| matches!(c, '{' | '}') || (stars && c == '*')).unwrap_or(rest.len());
        let (before, after) = rest.split_at(plain);
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        rest = match after.strip_prefix('{') {
            Some(inner) => {
                let (name, rest) = inner.split_once('}').ok_or(BadRule::Brace)?;
                if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    return Err(BadRule::Brace);
                }
                parts.push(Part::Capture(name.to_owned()));
                rest
            }
            None if after.starts_with('}') => return Err(BadRule::Brace),
            None if after.is_empty() => after,
            None => {
                parts.push(Part::Star);
                &after[1..]
            }
        };
    }
    Ok(parts)
}

/// Shortest first for `**`, so the outermost folder is captured.
fn matches(pattern: &[Segment], path: &[&str], captures: &mut BTreeMap<String, String>) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((Segment::Any, [])) => true,
        Some((Segment::Any, rest)) => (0..=path.len()).any(|skipped| matches(rest, &path[skipped..], captures)),
        Some((Segment::One(parts), rest)) => path.split_first().is_some_and(|(first, others)| {
            let before = captures.clone();
            let fits = piece(parts, first, captures) && matches(rest, others, captures);
            if !fits {
                *captures = before;
            }
            fits
        }),
    }
}

fn piece(parts: &[Part], text: &str, captures: &mut BTreeMap<String, String>) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    let mut cuts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    match first {
        Part::Text(wanted) => text.strip_prefix(wanted.as_str()).is_some_and(|text| piece(rest, text, captures)),
        Part::Star => cuts.any(|cut| piece(rest, &text[cut..], captures)),
        Part::Capture(name) => {
            // As long as it can be, so that `{slug}` before a fixed ending takes all before the last such ending.
            let cuts: Vec<usize> = cuts.filter(|cut| *cut > 0).collect();
            cuts.into_iter().rev().any(|cut| {
                let fits = piece(rest, &text[cut..], captures);
                if fits {
                    captures.insert(name.clone(), text[..cut].to_owned());
                }
                fits
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, project: &str, cwd: &str) -> Option<String> {
        let rule = PathRule::new(path, project).expect("a rule");
        rule.project(cwd, Some("/home/ann")).flatten().map(String::from)
    }

    #[test]
    fn a_folder_names_the_project() {
        let named = |cwd| check("~/clients/{slug}/**", "{slug}", cwd);
        assert_eq!(named("/home/ann/clients/Acme Corp/api/src").as_deref(), Some("acme-corp"));
        assert_eq!(named("/home/ann/clients/acme/").as_deref(), Some("acme"));
        assert_eq!(named("/home/ann/clients"), None);
        assert_eq!(named("/home/annabel/clients/acme"), None);
        assert_eq!(named("/srv/clients/acme"), None);
        assert_eq!(check("~/clients/{slug}", "{slug}", "/home/ann/clients/acme/api"), None);
    }

    #[test]
    fn stars_captures_and_fixed_text_mix() {
        assert_eq!(check("/srv/*/{a}-{b}/**", "team/{b}:{a}", "/srv/x/web-api/y").as_deref(), Some("team/api:web"));
        assert_eq!(check("**/scratch*/**", "scratch", "/tmp/scratch-7").as_deref(), Some("scratch"));
        assert_eq!(check("**/repos/{r}/**", "{r}", "/a/repos/one/repos/two").as_deref(), Some("one"));
        assert_eq!(check("/", "root", "/").as_deref(), Some("root"));
        assert_eq!(check("~", "home", "/home/ann").as_deref(), Some("home"));
    }

    #[test]
    fn a_capture_that_makes_no_name_matches_and_names_nothing() {
        let rule = PathRule::new("/srv/{slug}", "{slug}").expect("a rule");
        assert_eq!(rule.project("/srv/…", None), Some(None));
        assert_eq!(PathRule::new("~/x", "x").expect("a rule").project("/home/ann/x", None), None);
    }

    #[test]
    fn what_could_never_work_is_told() {
        let bad = |path, project| PathRule::new(path, project).expect_err("no rule");
        assert_eq!(bad("clients/{slug}", "{slug}"), BadRule::Start);
        assert_eq!(bad("~ann/x", "x"), BadRule::Start);
        assert_eq!(bad("/a**/b", "x"), BadRule::Doublestar);
        assert_eq!(bad("/{a/b", "x"), BadRule::Brace);
        assert_eq!(bad("/{}/b", "x"), BadRule::Brace);
        assert_eq!(bad("/a}/b", "x"), BadRule::Brace);
        assert_eq!(bad("/{a}/{a}", "x"), BadRule::Twice("a".to_owned()));
        assert_eq!(bad("/{a}", "{slug}"), BadRule::NoCapture("slug".to_owned()));
        assert_eq!(bad("/{a}", "My {a}"), BadRule::Project("My {a}".to_owned()));
        assert_eq!(bad("/{a}", ""), BadRule::Project(String::new()));
    }
}
