//! One value, read by what it ought to be.

use super::{At, Document, Literal, Table};
use meter_diag::{Span, codes::files};
use toml::Spanned;
use toml::de::DeValue;
use toml::value::Datetime;

/// A value of any type with the name it goes by in findings.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d, 'f> {
    doc: &'d Document<'f>,
    name: &'d str,
    /// Where it stands, quotes and brackets included.
    pub span: Span,
    value: &'d DeValue<'f>,
}

impl<'d, 'f> Value<'d, 'f> {
    pub(super) fn new(doc: &'d Document<'f>, name: &'d str, value: &'d Spanned<DeValue<'f>>) -> Self {
        Value { doc, name, span: value.span().into(), value: value.get_ref() }
    }

    /// The file it stands in.
    pub fn doc(&self) -> &'d Document<'f> {
        self.doc
    }

    /// The key it was read from.
    pub fn name(&self) -> &'d str {
        self.name
    }

    /// What TOML calls its type, with an article.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// The text, if it is a string. Escapes are resolved, so positions inside match the file only for plain strings.
    pub fn as_text(&self) -> Option<At<&'d str>> {
        self.value.as_str().map(|text| At::new(text, self.span))
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<At<bool>> {
        self.value.as_bool().map(|value| At::new(value, self.span))
    }

    /// The number's literal text, if it is a number.
    pub fn as_number(&self) -> Option<At<Literal<'f>>> {
        let integer = match self.value {
            DeValue::Integer(_) => true,
            DeValue::Float(_) => false,
            _ => return None,
        };
        let text = self.doc.text().get(self.span.start..self.span.end)?;
        Some(At::new(Literal { text, integer }, self.span))
    }

    /// The integer, if it is one that fits 64 bits.
    pub fn as_integer(&self) -> Option<At<i64>> {
        let integer = self.value.as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|value| At::new(value, self.span))
    }

    /// The date or time, if it is one.
    pub fn as_datetime(&self) -> Option<At<Datetime>> {
        self.value.as_datetime().map(|value| At::new(*value, self.span))
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<Table<'d, 'f>> {
        self.value.as_table().map(|table| Table::new(self.doc, table, self.span))
    }

    /// The elements, if it is a list.
    pub fn as_list(&self) -> Option<Vec<Value<'d, 'f>>> {
        let list = self.value.as_array()?;
        Some(list.iter().map(|element| Value::new(self.doc, self.name, element)).collect())
    }

    /// The text; anything else is reported.
    pub fn text(&self) -> Option<At<&'d str>> {
        self.as_text().or_else(|| self.wrong("a string"))
    }

    /// One text or a list of texts; elements of another type are reported and left out.
    pub fn texts(&self) -> Vec<At<&'d str>> {
        match self.as_list() {
            Some(list) => list.iter().filter_map(Value::text).collect(),
            None if self.as_text().is_none() => {
                self.wrong::<()>("a string or a list of strings");
                Vec::new()
            }
            None => self.as_text().into_iter().collect(),
        }
    }

    /// The boolean; anything else is reported.
    pub fn bool(&self) -> Option<At<bool>> {
        self.as_bool().or_else(|| self.wrong("true or false"))
    }

    /// The number's literal text; anything else is reported.
    pub fn number(&self) -> Option<At<Literal<'f>>> {
        self.as_number().or_else(|| self.wrong("a number"))
    }

    /// The integer within a range; anything else is reported.
    pub fn integer(&self, range: std::ops::RangeInclusive<i64>) -> Option<At<i64>> {
        if !self.value.is_integer() {
            return self.wrong("an integer");
        }
        match self.as_integer() {
            Some(at) if range.contains(&at.value) => Some(at),
            _ => {
                let message = match (*range.start(), *range.end()) {
                    (i64::MIN, i64::MAX) => format!("`{}` is beyond any number that is meant here", self.name),
                    (from, to) => format!("`{}` must be from {from} to {to}", self.name),
                };
                self.doc.report(files::OUT_OF_RANGE, self.span, message);
                None
            }
        }
    }

    /// The date or time; anything else is reported.
    pub fn datetime(&self) -> Option<At<Datetime>> {
        self.as_datetime().or_else(|| self.wrong("a date such as 2026-03-01"))
    }

    /// The table; anything else is reported.
    pub fn table(&self) -> Option<Table<'d, 'f>> {
        self.as_table().or_else(|| self.wrong("a table"))
    }

    /// The tables of a list (`[[name]]` or `name = [{…}]`); anything else is reported and left out.
    pub fn tables(&self) -> Vec<Table<'d, 'f>> {
        match self.as_list() {
            Some(list) => list.iter().filter_map(Value::table).collect(),
            None => {
                self.wrong::<()>("a list of tables");
                Vec::new()
            }
        }
    }

    /// Reports that it has another type than it needs; gives `None` for use at the end of a getter.
    pub fn wrong<T>(&self, needed: &str) -> Option<T> {
        let message = format!("`{}` must be {needed}, not {}", self.name, self.type_name());
        self.doc.report(files::WRONG_TYPE, self.span, message);
        None
    }
}
