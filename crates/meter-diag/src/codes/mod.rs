//! The registry: every kind of finding, its lasting number, its slug and its page.
//!
//! A number is never used twice for different things. `docs/diagnostics.md` is made from this list by [`page`].

pub mod config;
pub mod dialects;
pub mod files;
pub mod policies;
pub mod prices;
pub mod providers;
pub mod settings;

use crate::Severity;
use std::fmt::{self, Write as _};

/// A kind of finding.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code(&'static Entry);

/// What the registry holds of a code.
#[derive(Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Entry {
    /// 1 to 9999, printed `HM0123`.
    pub number: u16,
    /// Second name, for people: `unknown-key`.
    pub slug: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// One paragraph: what it means and why it matters.
    pub about: &'static str,
    /// A fragment that causes it.
    pub wrong: &'static str,
    /// The same, mended.
    pub right: &'static str,
}

impl Code {
    /// A code of a static entry; used by the lists in this module only.
    pub const fn of(entry: &'static Entry) -> Code {
        Code(entry)
    }

    /// The number without its prefix.
    pub const fn number(self) -> u16 {
        self.0.number
    }

    /// The second name.
    pub const fn slug(self) -> &'static str {
        self.0.slug
    }

    /// What findings of this code are by default.
    pub const fn severity(self) -> Severity {
        self.0.severity
    }

    /// All that is known of it.
    pub const fn entry(self) -> &'static Entry {
        self.0
    }

    /// The code of a text such as `HM0123` or `unknown-key`.
    pub fn find(text: &str) -> Option<Code> {
        all().find(|code| code.slug() == text || code.to_string().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HM{:04}", self.0.number)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HM{:04}", self.0.number)
    }
}

/// Declares the codes of one area: `NAME = number, "slug", Severity, "about", wrong: "…", right: "…";`
macro_rules! codes {
    ($($name:ident = $number:literal, $slug:literal, $severity:ident, $about:literal,
       wrong: $wrong:literal, right: $right:literal;)*) => {
        $(
            #[doc = $about]
            pub const $name: $crate::Code = $crate::Code::of(&$crate::codes::Entry {
                number: $number,
                slug: $slug,
                severity: $crate::Severity::$severity,
                about: $about,
                wrong: $wrong,
                right: $right,
            });
        )*

        /// Every code of this area, by number.
        pub const ALL: &[$crate::Code] = &[$($name,)*];
    };
}
pub(crate) use codes;

/// The areas in the order of the manual: heading and codes.
const AREAS: &[(&str, &[Code])] = &[
    ("Files and keys", files::ALL),
    ("Prices", prices::ALL),
    ("Dialects", dialects::ALL),
    ("Providers", providers::ALL),
    ("Tagging, clients, services", settings::ALL),
    ("Policies", policies::ALL),
    ("Configuration", config::ALL),
];

/// Every code there is, by number.
pub fn all() -> impl Iterator<Item = Code> {
    AREAS.iter().flat_map(|(_, codes)| codes.iter().copied())
}

/// The text of `docs/diagnostics.md`.
pub fn page() -> String {
    let mut out = String::from(
        "# Diagnostics\n\n\
         What `halton-meter validate` can say. Each finding has a lasting code and a second name; both are accepted by\n\
         `halton-meter validate --explain`. An error keeps the last good state in force, a warning does not.\n\n\
         This page is made from the registry in `crates/meter-diag/src/codes/`.\n",
    );
    for (heading, codes) in AREAS.iter().filter(|(_, codes)| !codes.is_empty()) {
        let _ = write!(out, "\n## {heading}\n");
        for code in *codes {
            let Entry { slug, severity, about, wrong, right, .. } = code.entry();
            let _ = write!(
                out,
                "\n### {code} {slug} ({})\n\n{about}\n\nWrong:\n\n```toml\n{wrong}\n```\n\nRight:\n\n```toml\n{right}\n```\n",
                severity.as_str()
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_rise_and_slugs_are_unique() {
        let numbers: Vec<u16> = all().map(Code::number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        let slugs: BTreeSet<&str> = all().map(Code::slug).collect();
        assert_eq!(slugs.len(), numbers.len());
    }

    #[test]
    fn a_code_is_found_by_either_name() {
        assert_eq!(Code::find("hm0101"), Some(files::NOT_TOML));
        assert_eq!(Code::find("unknown-key"), Some(files::UNKNOWN_KEY));
        assert_eq!(Code::find("HM9999"), None);
    }
}
