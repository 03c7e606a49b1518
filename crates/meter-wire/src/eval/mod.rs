//! Expressions over cells. Evaluation cannot fail: what cannot be known is absent.

mod error;
mod message;
mod usage;

pub(crate) use error::{wire_error, wire_error_of};
pub(crate) use message::{MessageCells, elements, merge, name, read_request, read_response, text_at};
pub(crate) use usage::{UsageFound, usage};

use crate::decimal::Decimal;
use crate::dialect::{CellKind, Condition, Dialect, Expr, TableId};
use crate::value::Value;
use std::cell::Cell as Mark;
use std::collections::BTreeMap;

/// Deepest chain of names; the compiler reports circles, so only a very long chain ends here.
const DEPTH_MAX: u32 = 64;

/// What the head and the route say: constant for an exchange, except that trailers come last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    pub(crate) request_headers: Vec<(String, String)>,
    pub(crate) response_headers: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    /// A gRPC answer without a body has its trailers in the head.
    pub(crate) grpc: bool,
    pub(crate) captures: BTreeMap<String, String>,
    pub(crate) query: Vec<(String, String)>,
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

impl Wire {
    pub(crate) fn response_header(&self, name: &str) -> Option<&str> {
        field(&self.response_headers, name)
    }

    pub(crate) fn request_header(&self, name: &str) -> Option<&str> {
        field(&self.request_headers, name)
    }

    fn trailer(&self, name: &str) -> Option<&str> {
        let head = if self.grpc { self.response_header(name) } else { None };
        field(&self.trailers, name).or(head)
    }
}

/// Which tables read a message (or, for errors, whatever counts as one).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Came {
    pub(crate) response: bool,
    pub(crate) usage: bool,
    pub(crate) error: bool,
    pub(crate) beside: bool,
}

impl Came {
    pub(crate) const ALL: Came = Came { response: true, usage: true, error: true, beside: true };

    pub(crate) fn any(self) -> bool {
        self.response || self.usage || self.error || self.beside
    }

    fn of(self, id: TableId) -> bool {
        match id {
            TableId::Response => self.response,
            TableId::Usage => self.usage,
            TableId::Error => self.error,
            TableId::Beside => self.beside,
            // The request itself was sent, with its path and query, even where its body cannot be read.
            TableId::Request | TableId::End | TableId::Kind => true,
        }
    }
}

/// A value and whether something of the answer went into it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) value: Value,
    pub(crate) from_wire: bool,
}

impl Read {
    fn constant(value: Value) -> Read {
        Read { value, from_wire: false }
    }

    fn wire(value: Value) -> Read {
        Read { value, from_wire: true }
    }
}

/// The cells an expression runs over.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) dialect: &'a Dialect,
    pub(crate) wire: &'a Wire,
    pub(crate) request: &'a [Option<Value>],
    pub(crate) response: &'a [Option<Value>],
    pub(crate) came: Came,
    /// Raised by a `cap` that cut, and by a part below 0.
    pub(crate) inconsistent: &'a Mark<bool>,
}

#[derive(Clone, Copy)]
struct At {
    id: TableId,
    /// Variants before this one count.
    level: usize,
    depth: u32,
}

/// Flags of the variants that apply, of every table but `[usage]`, whose flags belong to its numbers.
pub(crate) fn variant_flags(scope: &Scope<'_>) -> Vec<String> {
    let tables = [TableId::Request, TableId::Response, TableId::Error, TableId::Beside];
    let mut flags = Vec::new();
    for id in tables.into_iter().filter(|id| scope.came.of(*id)) {
        for (index, variant) in
            scope.dialect.table(id).map(|table| &table.variants[..]).unwrap_or_default().iter().enumerate()
        {
            if let Some(flag) = variant.flag.as_ref().filter(|_| scope.applies(id, index)) {
                flags.push(flag.clone());
            }
        }
    }
    flags
}

impl Scope<'_> {
    /// A key as it ends up, by index.
    pub(crate) fn key(&self, id: TableId, key: usize) -> Option<Read> {
        self.key_at(id, key, usize::MAX, 0)
    }

    /// A key as it ends up, by name.
    pub(crate) fn named(&self, id: TableId, name: &str) -> Option<Value> {
        let key = self.dialect.table(id)?.key(name)?;
        self.key(id, key).map(|read| read.value)
    }

    /// Whether a variant of a table applies, given what the earlier ones left.
    pub(crate) fn applies(&self, id: TableId, variant: usize) -> bool {
        self.variant_holds(id, variant, 0)
    }

    /// Whether all conditions hold.
    pub(crate) fn all_hold(&self, id: TableId, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| self.condition(condition, At { id, level: usize::MAX, depth: 0 }))
    }

    /// Runs one expression of a table.
    pub(crate) fn value(&self, id: TableId, expr: &Expr) -> Option<Value> {
        self.expr(expr, At { id, level: usize::MAX, depth: 0 }).map(|read| read.value)
    }

    fn key_at(&self, id: TableId, index: usize, level: usize, depth: u32) -> Option<Read> {
        let key = self.dialect.table(id)?.keys.get(index)?;
        let anyway = id == TableId::Response && key.name == "request_id";
        if depth > DEPTH_MAX || !(self.came.of(id) || anyway) {
            return None;
        }
        let variant = key.variants.iter().rev().filter(|(variant, _)| *variant < level);
        let expr =
            variant.filter(|(variant, _)| self.variant_holds(id, *variant, depth + 1)).map(|(_, expr)| expr).next();
        self.expr(expr.unwrap_or(&key.base), At { id, level, depth: depth + 1 })
    }

    fn variant_holds(&self, id: TableId, variant: usize, depth: u32) -> bool {
        let when = self.dialect.table(id).and_then(|table| table.variants.get(variant)).map(|variant| &variant.when);
        depth <= DEPTH_MAX
            && when
                .is_some_and(|when| when.iter().all(|c| self.condition(c, At { id, level: variant, depth: depth + 1 })))
    }

    fn condition(&self, condition: &Condition, at: At) -> bool {
        let left = self.expr(&condition.left, at).map(|read| read.value);
        let Some((comparison, right)) = &condition.right else { return left.is_some_and(|value| value.holds()) };
        // An absent side makes the comparison false, whichever it is.
        let Some(left) = left else { return false };
        match right {
            Expr::Text(pattern) => left.is_spelled_as(*comparison, pattern),
            _ => self.expr(right, at).is_some_and(|right| left.compares(*comparison, &right.value)),
        }
    }

    fn expr(&self, expr: &Expr, at: At) -> Option<Read> {
        let text = |text: Option<&str>| text.and_then(Value::text);
        match expr {
            // What a request says is no usage, but the length of its text is what some bills go by.
            Expr::Cell(index) if at.id == TableId::Request => {
                let measured = matches!(self.dialect.request_cells.get(*index)?.what, CellKind::Length { .. });
                self.cell(*index, at).map(|value| Read { value, from_wire: measured })
            }
            Expr::Cell(index) => self.cell(*index, at).map(Read::wire),
            Expr::Key(index) => self.key_at(at.id, *index, at.level, at.depth + 1),
            Expr::RequestKey(index) => self.key_at(TableId::Request, *index, usize::MAX, at.depth + 1),
            Expr::ResponseKey(index) => self.key_at(TableId::Response, *index, usize::MAX, at.depth + 1),
            Expr::Number(number) => Some(Read::constant(Value::Number(*number))),
            Expr::Text(literal) => text(Some(literal)).map(Read::constant),
            Expr::Truth(truth) => Some(Read::constant(Value::Truth(*truth))),
            Expr::Unknown => None,
            Expr::Header(name) if at.id == TableId::Request => text(self.wire.request_header(name)).map(Read::constant),
            Expr::Header(name) => text(self.wire.response_header(name)).map(Read::wire),
            Expr::Trailer(name) => text(self.wire.trailer(name)).map(Read::wire),
            Expr::Path(name) => text(self.wire.captures.get(name).map(String::as_str)).map(Read::constant),
            Expr::Query(name) => text(field(&self.wire.query, name)).map(Read::constant),
            Expr::First(values) => values.iter().find_map(|value| self.expr(value, at)),
            Expr::Cap(value, most) => self.cap(value, most, at),
            Expr::Tail(value) => {
                let read = self.expr(value, at)?;
                let Value::Text(whole) = &read.value else { return Some(read) };
                let tail = whole.rsplit('/').next().and_then(Value::text)?;
                Some(Read { value: tail, ..read })
            }
            Expr::Sum(terms) => self.sum(terms, at),
            Expr::Scale(value, by) => {
                let read = self.expr(value, at)?;
                Some(Read { value: Value::Number(read.value.number()?.mul(*by)?), from_wire: read.from_wire })
            }
        }
    }

    fn cell(&self, index: usize, at: At) -> Option<Value> {
        let (values, cells) = match at.id {
            TableId::Request => (self.request, &self.dialect.request_cells),
            _ => (self.response, &self.dialect.response_cells),
        };
        let found = values.get(index).cloned().flatten();
        match cells.get(index).map(|cell| &cell.what) {
            // No message had any: what stands in the head is still there.
            Some(CellKind::List(items)) if found.is_none() && at.depth < DEPTH_MAX => {
                let at = At { depth: at.depth + 1, ..at };
                items.iter().find_map(|item| self.expr(item, at)).map(|read| read.value)
            }
            _ => found,
        }
    }

    fn cap(&self, value: &Expr, most: &Expr, at: At) -> Option<Read> {
        let read = self.expr(value, at)?;
        let most = self.expr(most, at).and_then(|read| read.value.number());
        let (Some(number), Some(most)) = (read.value.number(), most) else { return Some(read) };
        if number > most {
            self.inconsistent.set(true);
            return Some(Read { value: Value::Number(most), ..read });
        }
        Some(read)
    }

    fn sum(&self, terms: &[(bool, Expr)], at: At) -> Option<Read> {
        let mut sum: Option<Decimal> = None;
        let mut from_wire = false;
        for (minus, term) in terms {
            let Some(read) = self.expr(term, at) else { continue };
            let Some(number) = read.value.number() else { continue };
            from_wire |= read.from_wire;
            let before = sum.unwrap_or(Decimal::ZERO);
            sum = Some(match *minus {
                // A part below 0 would make the rest larger than the whole.
                true if number.is_negative() => {
                    self.inconsistent.set(true);
                    before
                }
                true => before.sub(number)?,
                false => before.add(number)?,
            });
        }
        sum.map(|sum| Read { value: Value::Number(sum), from_wire })
    }
}
