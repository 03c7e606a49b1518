//! A compiled dialect.

use super::expr::Comparison;
use super::pointer::Pointer;
use super::refusal::RefusalTemplate;
use super::{DialectError, PathUse, Position};
use crate::decimal::Decimal;
use crate::framing::{Framing, ListPath};
use crate::json::{Place, PlaceSet, Projection};
use meter_call::{ErrorClass, Meter};

/// A wire format, checked and immutable: share it in an `Arc`.
#[derive(Clone, Debug)]
pub struct Dialect {
    pub(crate) id: String,
    /// Top-level key that names a message.
    pub(crate) name: Pointer,
    pub(crate) request: Table,
    pub(crate) response: Table,
    pub(crate) usage: Table,
    /// Another model's usage that stands beside the first.
    pub(crate) beside: Beside,
    pub(crate) error: Table,
    /// Cells of client messages.
    pub(crate) request_cells: Vec<Cell>,
    /// Cells of server messages.
    pub(crate) response_cells: Vec<Cell>,
    pub(crate) nonzero: bool,
    pub(crate) final_when: FinalWhen,
    /// The meters of `[usage]`, by index of their key.
    pub(crate) meters: Vec<MeterKey>,
    pub(crate) total: Option<usize>,
    pub(crate) provider_cost: Option<usize>,
    pub(crate) lines: Option<Lines>,
    pub(crate) rows: Option<Rows>,
    pub(crate) end: Option<End>,
    pub(crate) errors: Errors,
    pub(crate) kinds: Vec<(String, Condition)>,
    pub(crate) framings: Vec<(String, Framing)>,
    pub(crate) refusal: RefusalTemplate,
    pub(crate) request_projection: Projection,
    pub(crate) response_projection: Projection,
    pub(crate) path_uses: Vec<PathUse>,
    pub(crate) warnings: Vec<DialectError>,
}

/// When usage is the last word.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum FinalWhen {
    /// As soon as a number was read.
    #[default]
    Seen,
    /// Once `finish` was read too, or the row ended.
    Finish,
    /// Only when the row ended.
    End,
}

/// Tables of keys.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum TableId {
    Request,
    Response,
    Usage,
    Error,
    Beside,
    /// `[end]`, `[kind]` and `[rows]`: conditions and pointers without keys of their own.
    End,
    Kind,
}

/// A table of keys, with its variants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Names of the messages it reads; empty = all.
    pub(crate) on: Vec<Box<str>>,
    /// Prefixes of its pointers.
    pub(crate) at: Vec<Pointer>,
    pub(crate) keys: Vec<Key>,
    pub(crate) variants: Vec<Variant>,
}

impl Table {
    pub(crate) fn key(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.name == name)
    }

    /// Whether it reads a message of this name.
    pub(crate) fn reads(&self, name: &str) -> bool {
        self.on.is_empty() || self.on.iter().any(|on| **on == *name)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) base: Expr,
    /// Index of the variant and what it says instead.
    pub(crate) variants: Vec<(usize, Expr)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Variant {
    pub(crate) when: Vec<Condition>,
    pub(crate) flag: Option<String>,
    pub(crate) final_when: Option<FinalWhen>,
    /// Index into [`Lines::each`].
    pub(crate) each: Option<usize>,
}

/// An expression with everything resolved.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// A cell of the table's side.
    Cell(usize),
    /// Another key of the same table.
    Key(usize),
    Number(Decimal),
    Text(String),
    Truth(bool),
    Unknown,
    First(Vec<Expr>),
    Cap(Box<Expr>, Box<Expr>),
    /// What stands behind the last `/` of a text.
    Tail(Box<Expr>),
    Header(String),
    Trailer(String),
    Path(String),
    Query(String),
    RequestKey(usize),
    ResponseKey(usize),
    Sum(Vec<(bool, Expr)>),
    Scale(Box<Expr>, Decimal),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) left: Expr,
    pub(crate) right: Option<(Comparison, Expr)>,
}

/// Something read from each message, of which a row keeps the last value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    pub(crate) table: TableId,
    /// Read from every message, whatever the table's `on` says.
    pub(crate) every: bool,
    pub(crate) what: CellKind,
    /// Places of the projection where its pointers end.
    pub(crate) places: Vec<Place>,
    /// The place of each pointer in turn, when every one of them is made of keys alone.
    pub(crate) exact: Vec<Place>,
    /// Every place its value comes from, what filters compare included; empty = it comes from elsewhere too.
    pub(crate) inputs: PlaceSet,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CellKind {
    /// The pointer under each prefix; the first that yields a value wins. `bare` is the pointer as written.
    Pointer { under: Vec<Pointer>, bare: Pointer },
    /// As above, counting matches.
    Count { under: Vec<Pointer>, bare: Pointer },
    /// As above, the characters of the texts that match.
    Length { under: Vec<Pointer>, bare: Pointer },
    /// `frame(word)`.
    Frame(String),
    /// A list: the first item that this message has.
    List(Vec<Expr>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct MeterKey {
    pub(crate) meter: Meter,
    pub(crate) key: usize,
    pub(crate) position: Position,
}

/// `[usage.lines]`.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// Lists of pointers, each under the prefixes of `[usage]`; the first list is the table's, others are variants'.
    pub(crate) each: Vec<Vec<Vec<Pointer>>>,
    /// Prefixes of the meters inside an element.
    pub(crate) at: Vec<Pointer>,
    /// Where an element names its model.
    pub(crate) model: Vec<Pointer>,
    /// Meter that only the top level knows, and the meter it is inside of.
    pub(crate) from_top: Vec<(Meter, Meter)>,
}

/// `[beside]`: token meters of another model's usage, and where that model is named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    pub(crate) table: Table,
    pub(crate) meters: Vec<MeterKey>,
    pub(crate) model: Option<usize>,
}

/// `[rows]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    /// Empty: a row lasts until `[end]`.
    pub(crate) key: Vec<Pointer>,
    pub(crate) lane: Vec<Pointer>,
    /// Lists inside a document; each element is a message.
    pub(crate) each: Vec<ListPath>,
}

/// `[end]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    pub(crate) on: Vec<Box<str>>,
    pub(crate) when: Vec<Condition>,
    pub(crate) body: bool,
}

/// `[error]` beside its keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors {
    /// Keys `code`, `code#1`, …: each item of the list is a key of its own.
    pub(crate) codes: Vec<usize>,
    pub(crate) message: Option<usize>,
    pub(crate) status: Option<usize>,
    pub(crate) class: Vec<(String, ErrorClass)>,
    pub(crate) message_class: Vec<(String, ErrorClass)>,
}

impl Dialect {
    pub(crate) fn table(&self, id: TableId) -> Option<&Table> {
        match id {
            TableId::Request => Some(&self.request),
            TableId::Response => Some(&self.response),
            TableId::Usage => Some(&self.usage),
            TableId::Error => Some(&self.error),
            TableId::Beside => Some(&self.beside.table),
            TableId::End | TableId::Kind => None,
        }
    }
}
