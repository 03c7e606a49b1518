//! What a cell holds.

use crate::decimal::Decimal;
use crate::dialect::Comparison;

/// Longest text that is kept of the wire, in bytes; what is longer is cut there.
pub(crate) const TEXT_MAX: usize = 4096;

/// A scalar of the wire, its text owned or borrowed of the message. Null, objects and arrays are no values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Value<T = Box<str>> {
    /// Text; never empty.
    Text(T),
    /// An exact number.
    Number(Decimal),
    /// True or false.
    Truth(bool),
}

impl Value {
    /// A text, unless it is empty: an empty text never says anything.
    pub(crate) fn text(text: &str) -> Option<Value> {
        (!text.is_empty()).then(|| Value::Text(text.into()))
    }
}

impl<'a> Value<&'a str> {
    /// A borrowed text, unless it is empty.
    pub(crate) fn some(text: &'a str) -> Option<Value<&'a str>> {
        (!text.is_empty()).then_some(Value::Text(text))
    }
}

impl<T: AsRef<str>> Value<T> {
    /// The same value with a text that is borrowed.
    pub(crate) fn borrowed(&self) -> Value<&str> {
        match self {
            Value::Text(text) => Value::Text(text.as_ref()),
            Value::Number(number) => Value::Number(*number),
            Value::Truth(truth) => Value::Truth(*truth),
        }
    }

    /// The same value with a text of its own.
    pub(crate) fn owned(&self) -> Value {
        match self {
            Value::Text(text) => Value::Text(text.as_ref().into()),
            Value::Number(number) => Value::Number(*number),
            Value::Truth(truth) => Value::Truth(*truth),
        }
    }

    /// As a number; digits in a text are one.
    pub(crate) fn number(&self) -> Option<Decimal> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => Decimal::digits(text.as_ref()),
            Value::Truth(_) => None,
        }
    }

    /// As a truth; a form field spells it out.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Value::Truth(truth) => Some(*truth),
            Value::Text(text) => text.as_ref().parse().ok(),
            Value::Number(_) => None,
        }
    }

    /// As text of at most `max` bytes.
    pub(crate) fn show(&self, max: usize) -> String {
        let text = match self {
            Value::Text(text) => return cut(text.as_ref(), max).to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Truth(truth) => truth.to_string(),
        };
        cut(&text, max).to_owned()
    }

    /// Present, not 0 and not false.
    pub(crate) fn holds(&self) -> bool {
        match self {
            Value::Number(number) => !number.is_zero(),
            Value::Truth(truth) => *truth,
            Value::Text(text) => Decimal::digits(text.as_ref()).is_none_or(|number| !number.is_zero()),
        }
    }

    /// Equality of a condition: numbers by value, texts by letter, where `*` on the right stands for any run.
    pub(crate) fn equals(&self, other: &Value<T>) -> bool {
        if let (Some(left), Some(right)) = (self.number(), other.number()) {
            return left == right;
        }
        match (self, other) {
            (Value::Text(left), Value::Text(right)) => left.as_ref() == right.as_ref(),
            _ => match (self.truth(), other.truth()) {
                (Some(left), Some(right)) => left == right,
                _ => false,
            },
        }
    }

    /// A comparison of a condition.
    pub(crate) fn compares(&self, comparison: Comparison, other: &Value<T>) -> bool {
        match comparison {
            Comparison::Equal => self.equals(other),
            Comparison::Unequal => !self.equals(other),
            Comparison::AtLeast => match (self.number(), other.number()) {
                (Some(left), Some(right)) => left >= right,
                _ => false,
            },
        }
    }

    /// A comparison with a text literal.
    pub(crate) fn is_spelled_as(&self, comparison: Comparison, pattern: &str) -> bool {
        match comparison {
            Comparison::Equal => self.is_spelled(pattern),
            Comparison::Unequal => !self.is_spelled(pattern),
            Comparison::AtLeast => match (self.number(), Decimal::literal(pattern)) {
                (Some(left), Some(right)) => left >= right,
                _ => false,
            },
        }
    }

    /// Whether it is what a filter or a text literal spells: `AUDIO`, `0`, `true`, `gemini-2*`.
    pub(crate) fn is_spelled(&self, pattern: &str) -> bool {
        match self {
            Value::Text(text) if glob(pattern, text.as_ref()) => true,
            Value::Truth(truth) => pattern == if *truth { "true" } else { "false" },
            _ => match (self.number(), Decimal::literal(pattern)) {
                (Some(left), Some(right)) => left == right,
                _ => false,
            },
        }
    }
}

/// The longest prefix of at most `max` bytes that ends between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `*` is any run of characters; everything else is itself.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run() {
        assert!(glob("anthropic/*", "anthropic/claude"));
        assert!(glob("*.claude-*-v1:0", "us.claude-x-v1:0"));
        assert!(glob("*", ""));
        assert!(!glob("gemini-2*", "gemini-3"));
        assert!(!glob("a*a", "a"));
        assert!(!glob("abc", "abcd"));
    }

    #[test]
    fn comparison_knows_numbers_in_texts() {
        let text = |t: &str| Value::text(t).expect("not empty");
        assert!(text("12").equals(&Value::Number(Decimal::whole(12))));
        assert!(text("true").equals(&Value::Truth(true)));
        assert!(!text("x").equals(&Value::Truth(true)));
        let zero: Value = Value::Number(Decimal::whole(0));
        assert!(zero.is_spelled("0"));
        assert!(!zero.holds());
        assert_eq!(cut("Möwe", 2), "M");
    }
}
