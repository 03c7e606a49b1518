//! Reads TOML by what it ought to be, collecting every finding with its place.
//!
//! The `toml` crate gives a tree whose keys and values know their byte range. [`Document`] parses one file and holds its
//! findings; [`Table`] and [`Value`] are views into it whose getters report instead of failing. A table remembers which
//! keys were asked for; [`Table::finish`] reports the rest, with the nearest known name. Numbers are given as their
//! literal text, because money must never pass through a float.

mod document;
mod literal;
mod value;
mod view;

pub use document::Document;
pub use literal::Literal;
pub use value::Value;
pub use view::Table;

use meter_diag::Span;

/// A value and where it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct At<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> At<T> {
    /// A value at a place.
    pub const fn new(value: T, span: Span) -> At<T> {
        At { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), span: self.span }
    }
}

#[cfg(test)]
mod tests;
