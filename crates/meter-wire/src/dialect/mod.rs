//! Dialects: where model, usage, ids and errors stand in a provider's messages, as checked data.

mod check;
mod compile;
pub(crate) mod expr;
mod parts;
mod places;
pub(crate) mod pointer;
mod refusal;
mod source;
mod tables;

pub use refusal::{RefusalFacts, RefusalText};
pub use source::{DialectSource, Position, Written, WrittenEntry, WrittenTable, WrittenValue};

pub(crate) use expr::Comparison;
pub use tables::Dialect;
pub(crate) use tables::*;

use meter_call::Meter;

/// Something wrong in a dialect, or a warning.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("[{table}] {key}: {message}")]
pub struct DialectError {
    /// Table, e.g. `usage` or `usage.lines`; empty for the top level.
    pub table: String,
    /// Key in it.
    pub key: String,
    /// Position of the value (or the key where the key itself is wrong), as given by the caller.
    pub position: Position,
    /// Byte inside the text of the value, for a mistake inside an expression.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The nearest thing that exists.
    pub nearest: Option<String>,
    /// What kind of mistake it is; each kind has one diagnostic code.
    pub kind: Mistake,
}

/// The kinds of mistakes, for diagnostic codes.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Mistake {
    /// A value of the wrong type or shape.
    #[default]
    Value,
    /// A table or key that does not exist.
    Key,
    /// A word, meter, class or placeholder that does not exist.
    Word,
    /// The expression does not read.
    Syntax,
    /// A name that names no key.
    Name,
    /// Names that need each other.
    Circle,
    /// Something that has to be there and is not.
    Missing,
    /// `extends` or an override of something that is not there.
    Parent,
    /// A key that nothing reads: a warning.
    Unread,
}

impl DialectError {
    pub(crate) fn at(
        table: &str,
        key: &str,
        position: Position,
        column: Option<usize>,
        message: impl Into<String>,
    ) -> Self {
        DialectError {
            table: table.to_owned(),
            key: key.to_owned(),
            position,
            column,
            message: message.into(),
            nearest: None,
            kind: Mistake::Value,
        }
    }

    pub(crate) fn kind(mut self, kind: Mistake) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn near(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(str::to_owned);
        self
    }
}

/// A capture of a path that a dialect reads: every endpoint that uses the dialect has to have it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathUse {
    /// Name between the brackets of `path(name)`.
    pub name: String,
    /// Table of the expression.
    pub table: String,
    /// Key of the expression.
    pub key: String,
    /// Position of the expression.
    pub position: Position,
    /// Byte inside the expression.
    pub column: usize,
}

impl Dialect {
    /// Checks a dialect and makes it ready to read.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn compile(source: &DialectSource) -> Result<Dialect, Vec<DialectError>> {
        compile::compile(source)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has an `[end]`: an endpoint with `stream = true` needs one.
    pub fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// The captures it reads.
    pub fn path_uses(&self) -> &[PathUse] {
        &self.path_uses
    }

    /// The meters it can fill, with the position of each.
    pub fn meters(&self) -> impl Iterator<Item = (Meter, Position)> + '_ {
        self.meters.iter().map(|meter| (meter.meter, meter.position))
    }

    /// Keys that nothing reads.
    pub fn warnings(&self) -> &[DialectError] {
        &self.warnings
    }
}
