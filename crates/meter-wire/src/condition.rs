//! One condition of the dialect language over an answer's head, for manifests other than dialects.

use crate::dialect::Comparison;
use crate::dialect::expr::{self, Parsed, Source};
use crate::exchange::Fields;
use crate::value::Value;

/// A condition over the headers of an answer, like `header(cf-aig-cache-status) == 'HIT'`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadCondition {
    left: Operand,
    right: Option<(Comparison, Operand)>,
}

/// Why a text is no such condition.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct BadCondition {
    /// Byte of the text where reading stopped.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Header(String),
    Literal(Value),
}

impl HeadCondition {
    /// Reads the text of a condition.
    ///
    /// # Errors
    /// A syntax error, or something that a head does not have.
    pub fn parse(text: &str) -> Result<HeadCondition, BadCondition> {
        let parsed = expr::condition(text).map_err(|e| BadCondition { column: e.column, message: e.message })?;
        let right = parsed.right.map(|(comparison, value)| Ok((comparison, operand(value)?))).transpose()?;
        Ok(HeadCondition { left: operand(parsed.left)?, right })
    }

    /// Whether it holds for an answer with these fields.
    pub fn holds(&self, fields: &Fields) -> bool {
        let Some(left) = self.left.value(fields) else { return false };
        match &self.right {
            None => left.holds(),
            Some((comparison, Operand::Literal(Value::Text(pattern)))) => left.is_spelled_as(*comparison, pattern),
            Some((comparison, right)) => right.value(fields).is_some_and(|right| left.compares(*comparison, &right)),
        }
    }
}

fn operand(parsed: Parsed) -> Result<Operand, BadCondition> {
    let wrong =
        |column| BadCondition { column, message: "only header(name), texts and numbers can stand here".to_owned() };
    match parsed {
        Parsed::Source(Source::Header, name, _) => Ok(Operand::Header(name.to_ascii_lowercase())),
        Parsed::Number(number) => Ok(Operand::Literal(Value::Number(number))),
        Parsed::Truth(truth) => Ok(Operand::Literal(Value::Truth(truth))),
        Parsed::Text(text) => Value::text(&text).map(Operand::Literal).ok_or_else(|| wrong(0)),
        Parsed::Source(_, _, column) | Parsed::Name(_, column) => Err(wrong(column)),
        _ => Err(wrong(0)),
    }
}

impl Operand {
    fn value(&self, fields: &Fields) -> Option<Value> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Header(name) => {
                let (_, value) = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))?;
                Value::text(String::from_utf8_lossy(value).trim())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_decides() {
        let condition = HeadCondition::parse("header(cf-aig-cache-status) == 'HIT'").expect("a condition");
        let head = |value: &str| [(Box::from(&b"CF-AIG-Cache-Status"[..]), Box::from(value.as_bytes()))];
        assert!(condition.holds(&head("HIT")));
        assert!(!condition.holds(&head("MISS")));
        assert!(!condition.holds(&[]));
        let unequal = HeadCondition::parse("header(cf-aig-cache-status) != 'HIT'").expect("a condition");
        assert!(unequal.holds(&head("MISS")));
        assert!(!unequal.holds(&[]));
        assert_eq!(HeadCondition::parse("header(x) = 'HIT'").map_err(|e| e.column), Err(9));
        assert!(HeadCondition::parse("/usage/x").is_err());
    }
}
