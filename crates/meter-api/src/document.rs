//! What every document has in common.

use serde::{Deserialize, Serialize};

/// Rises when a field of any document is removed, renamed or changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// A document with its schema version beside its own fields.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Document<T> {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The document's own fields.
    #[serde(flatten)]
    pub body: T,
}

impl<T> Document<T> {
    /// Puts the present version beside a body, which must serialise as an object.
    pub fn new(body: T) -> Document<T> {
        Document { schema_version: SCHEMA_VERSION, body }
    }
}

impl<T: Serialize> Document<T> {
    /// The document as text for `--json`: indented, with a line feed at its end.
    ///
    /// # Errors
    /// When the body is no object.
    pub fn pretty(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

/// What went wrong, for programs and for people.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ErrorBody {
    /// A lasting word: `bad_parameter`, `not_found`, …
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// The body of every answer with a status of 400 or more: `{"error": {"code", "message"}}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ErrorDocument {
    /// The error.
    pub error: ErrorBody,
}

impl ErrorDocument {
    /// An error with its word and sentence.
    pub fn new(code: &str, message: impl Into<String>) -> ErrorDocument {
        ErrorDocument { error: ErrorBody { code: code.to_owned(), message: message.into() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_beside_the_fields() {
        #[derive(Serialize)]
        struct Body {
            calls: u32,
        }
        let text = serde_json::to_string(&Document::new(Body { calls: 3 })).unwrap();
        assert_eq!(text, r#"{"schema_version":1,"calls":3}"#);
        assert!(Document::new(Body { calls: 3 }).pretty().unwrap().ends_with("}\n"));
    }

    #[test]
    fn errors_have_one_shape() {
        let text = serde_json::to_string(&ErrorDocument::new("not_found", "no project `x`")).unwrap();
        assert_eq!(text, r#"{"error":{"code":"not_found","message":"no project `x`"}}"#);
    }
}
