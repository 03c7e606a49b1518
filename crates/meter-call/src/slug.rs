//! Project names.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The name a call is attributed to: lowercase ASCII letters, digits, `-`, `_`, `:` and `/`; 1 to 128 bytes.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectSlug(String);

/// Why a text is no slug.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadSlug {
    /// Empty text.
    #[error("a project name may not be empty")]
    Empty,
    /// More than 128 bytes.
    #[error("a project name has at most 128 characters")]
    TooLong,
    /// A character outside the alphabet.
    #[error("`{0}` is not allowed in a project name (use a-z, 0-9, `-`, `_`, `:`, `/`)")]
    Character(char),
}

impl ProjectSlug {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest slug to a folder's name: lower case, every run of other characters one `-`, none at the ends.
    /// `None` when nothing is left.
    pub fn from_folder(name: &str) -> Option<ProjectSlug> {
        let mut slug = String::new();
        for c in name.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(128);
        slug.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for ProjectSlug {
    type Err = BadSlug;
    fn from_str(text: &str) -> Result<Self, BadSlug> {
        if text.is_empty() {
            return Err(BadSlug::Empty);
        }
        if text.len() > 128 {
            return Err(BadSlug::TooLong);
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_:/".contains(c);
        match text.chars().find(|c| !allowed(*c)) {
            Some(c) => Err(BadSlug::Character(c)),
            None => Ok(ProjectSlug(text.to_owned())),
        }
    }
}

impl TryFrom<String> for ProjectSlug {
    type Error = BadSlug;
    fn try_from(text: String) -> Result<Self, BadSlug> {
        text.parse()
    }
}

impl From<ProjectSlug> for String {
    fn from(slug: ProjectSlug) -> Self {
        slug.0
    }
}

impl fmt::Display for ProjectSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_closed() {
        assert!("acme".parse::<ProjectSlug>().is_ok());
        assert!("mac:com/x-1_y".parse::<ProjectSlug>().is_ok());
        assert_eq!("Acme".parse::<ProjectSlug>(), Err(BadSlug::Character('A')));
        assert_eq!("".parse::<ProjectSlug>(), Err(BadSlug::Empty));
        assert_eq!("a".repeat(129).parse::<ProjectSlug>(), Err(BadSlug::TooLong));
    }

    #[test]
    fn a_folder_gives_the_nearest_slug() {
        let slug = |name| ProjectSlug::from_folder(name).map(String::from);
        assert_eq!(slug("My App (v2)").as_deref(), Some("my-app-v2"));
        assert_eq!(slug("...").as_deref(), None);
        assert_eq!(slug("Größe").as_deref(), Some("gr-e"));
    }
}
