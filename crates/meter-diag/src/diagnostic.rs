//! One finding.

use crate::{Code, Place};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// What was written cannot be used; the last good state stays in force.
    Error,
    /// It can be used, but probably is not what was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// The other place when two places disagree; it may be in another file.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Other {
    /// Where.
    pub place: Place,
    /// What stands there.
    pub label: String,
}

/// A finding about something a person wrote.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Diagnostic {
    /// Where it is.
    pub place: Place,
    /// Error or warning.
    pub severity: Severity,
    /// Which kind of finding.
    pub code: Code,
    /// One sentence, no full stop.
    pub message: String,
    /// A few words under the caret.
    pub label: Option<String>,
    /// The other place.
    pub other: Option<Other>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding with the severity that its code has.
    pub fn new(code: Code, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            place,
            severity: code.severity(),
            code,
            message: message.into(),
            label: None,
            other: None,
            help: None,
        }
    }

    /// Adds the words under the caret.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds the place it disagrees with.
    pub fn other(mut self, place: Place, label: impl Into<String>) -> Self {
        self.other = Some(Other { place, label: label.into() });
        self
    }

    /// Adds the line of advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `file:line:col: error[HM0123]: text`, the form grep and editors know.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column, .. } = &self.place;
        write!(f, "{file}:{line}:{column}: {}[{}]: {}", self.severity.as_str(), self.code, self.message)
    }
}

/// The form for editors and CI: flat, with the code's slug beside it.
impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Diagnostic", 8)?;
        out.serialize_field("code", &self.code.to_string())?;
        out.serialize_field("slug", self.code.slug())?;
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("place", &self.place)?;
        out.serialize_field("label", &self.label)?;
        out.serialize_field("other", &self.other)?;
        out.serialize_field("help", &self.help)?;
        out.end()
    }
}
