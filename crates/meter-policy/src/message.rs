//! What the client is told.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// Words that a message may hold in braces.
const PLACES: &[&str] = &["project", "provider", "model", "rule", "spent", "limit", "left", "hold", "period", "resets"];

/// Text with places such as `{project}` that are filled when it is said.
///
/// `{project}` `{provider}` `{model}` `{rule}`; of a budget also `{spent}` `{limit}` `{left}` `{hold}` (what this call may cost at
/// most) `{period}` `{resets}`. A brace that opens no place is an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Place(&'static str),
}

/// Why a text is no message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadMessage {
    /// No such place.
    #[error("`{{{name}}}` is no place of a message; there are {}", list())]
    Place {
        /// As written.
        name: String,
        /// Byte of the opening brace.
        at: usize,
    },
    /// An opening brace without its end, or an end alone.
    #[error("a brace without its other half")]
    Brace {
        /// Its byte.
        at: usize,
    },
    /// Nothing to say.
    #[error("a message may not be empty")]
    Empty,
}

impl Message {
    /// The text with its places filled; one that has no value reads `unknown`.
    pub(crate) fn fill(&self, values: &BTreeMap<&'static str, String>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(name) => values.get(name).cloned().unwrap_or_else(|| "unknown".to_owned()),
        };
        self.parts.iter().map(part).collect()
    }
}

impl FromStr for Message {
    type Err = BadMessage;
    fn from_str(text: &str) -> Result<Message, BadMessage> {
        if text.trim().is_empty() {
            return Err(BadMessage::Empty);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(found) = rest.find(['{', '}']) {
            let at = text.len() - rest.len() + found;
            if rest.as_bytes()[found] == b'}' {
                return Err(BadMessage::Brace { at });
            }
            let (name, after) = rest[found + 1..].split_once('}').ok_or(BadMessage::Brace { at })?;
            let place = PLACES
                .iter()
                .find(|place| **place == name)
                .ok_or_else(|| BadMessage::Place { name: name.to_owned(), at })?;
            if found > 0 {
                parts.push(Part::Text(rest[..found].to_owned()));
            }
            parts.push(Part::Place(place));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Message { parts })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Place(name) => write!(f, "{{{name}}}"),
        })
    }
}

fn list() -> String {
    PLACES.iter().map(|place| format!("`{{{place}}}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_are_filled() {
        let message: Message = "{project} has spent {spent}.".parse().expect("a message");
        let values = BTreeMap::from([("project", "acme".to_owned())]);
        assert_eq!(message.fill(&values), "acme has spent unknown.");
    }

    #[test]
    fn a_wrong_place_is_named_with_its_column() {
        let bad = |text: &str| text.parse::<Message>().expect_err("no message");
        assert_eq!(bad("a {projct}"), BadMessage::Place { name: "projct".to_owned(), at: 2 });
        assert_eq!(bad("a {project} }"), BadMessage::Brace { at: 12 });
        assert_eq!(bad("{project"), BadMessage::Brace { at: 0 });
        assert_eq!(bad(" "), BadMessage::Empty);
    }

    proptest! {
        #[test]
        fn print_then_parse_is_identity(text in "([a-z é.]{1,5}|\\{(project|spent|limit)\\}){1,6}") {
            if let Ok(message) = text.parse::<Message>() {
                prop_assert_eq!(message.to_string(), text);
            }
        }
    }
}
