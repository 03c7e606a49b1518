//! What one message puts into the cells.

use super::{Came, Scope, Wire};
use crate::decimal::Decimal;
use crate::dialect::pointer::{Pointer, combined};
use crate::dialect::{Cell, CellKind, Dialect, TableId};
use crate::framing::{Body, Message};
use crate::json::Node;
use crate::proto;
use crate::value::Value;
use std::cell::Cell as Mark;

/// Most elements of `[usage.lines]` kept of one message.
const ELEMENTS_MAX: usize = 1024;

/// The cells of one message, by index.
pub(crate) type MessageCells = Vec<Option<Value>>;

/// A message's name: its own word for it, else the frame's.
pub(crate) fn name(dialect: &Dialect, message: &Message) -> String {
    let own = match first_value(&message.body, std::slice::from_ref(&dialect.name)) {
        Some(Value::Text(text)) => Some(text.into_string()),
        _ => None,
    };
    own.or_else(|| message.frame(":event-type").map(str::to_owned))
        .or_else(|| message.event.clone())
        .unwrap_or_default()
}

/// The first value that any of these pointers names, as text.
pub(crate) fn text_at(body: &Body, pointers: &[Pointer], max: usize) -> Option<String> {
    first_value(body, pointers).map(|value| value.show(max))
}

fn values(body: &Body, pointer: &Pointer) -> Option<Value> {
    match body {
        Body::Nothing => None,
        Body::Json(root) => combined(pointer.find(root).into_iter().filter_map(Node::value)),
        Body::Proto(bytes) => combined(proto::find(bytes, &pointer.0).iter()),
    }
}

fn first_value(body: &Body, pointers: &[Pointer]) -> Option<Value> {
    pointers.iter().find_map(|pointer| values(body, pointer))
}

fn first_count(body: &Body, pointers: &[Pointer]) -> Option<Value> {
    let mut counts = pointers.iter().map(|pointer| match body {
        Body::Nothing => 0,
        Body::Json(root) => pointer.find(root).into_iter().filter(|node| **node != Node::Blank).count(),
        Body::Proto(bytes) => proto::count(bytes, &pointer.0),
    });
    let found = counts.find(|count| *count > 0)?;
    Some(Value::Number(Decimal::whole(i128::try_from(found).ok()?)))
}

fn first_length(body: &Body, pointers: &[Pointer]) -> Option<Value> {
    let spelled = |text: &Value| matches!(text, Value::Text(_)).then(|| text.show(usize::MAX).chars().count());
    let lengths = |pointer: &Pointer| -> Vec<u64> {
        match body {
            Body::Nothing => Vec::new(),
            Body::Json(root) => pointer
                .find(root)
                .into_iter()
                .filter_map(|node| match node {
                    Node::Measured(characters, _) => Some(*characters),
                    node => node.value().and_then(spelled).and_then(|count| u64::try_from(count).ok()),
                })
                .collect(),
            Body::Proto(bytes) => proto::find(bytes, &pointer.0)
                .iter()
                .filter_map(spelled)
                .filter_map(|count| u64::try_from(count).ok())
                .collect(),
        }
    };
    let found = pointers.iter().map(lengths).find(|lengths| !lengths.is_empty())?;
    Some(Value::Number(Decimal::whole(found.into_iter().map(i128::from).sum())))
}

/// A client message's cells.
pub(crate) fn read_request(dialect: &Dialect, wire: &Wire, message: &Message) -> MessageCells {
    let mut cells = vec![None; dialect.request_cells.len()];
    fill(dialect, wire, &dialect.request_cells, &mut cells, message, |_| true, true);
    cells
}

/// A server message's cells, of the tables that read it.
pub(crate) fn read_response(dialect: &Dialect, wire: &Wire, message: &Message, came: Came, ends: bool) -> MessageCells {
    let mut cells = vec![None; dialect.response_cells.len()];
    let reads = |cell: &Cell| {
        cell.every
            || match cell.table {
                TableId::Response => came.response,
                TableId::Usage => came.usage,
                TableId::Error => came.error,
                TableId::Beside => came.beside,
                TableId::End => ends,
                TableId::Request | TableId::Kind => false,
            }
    };
    fill(dialect, wire, &dialect.response_cells, &mut cells, message, reads, false);
    cells
}

fn fill(
    dialect: &Dialect,
    wire: &Wire,
    defined: &[Cell],
    cells: &mut MessageCells,
    message: &Message,
    reads: impl Fn(&Cell) -> bool,
    request: bool,
) {
    // The items of a list come before it, so one pass in order is enough.
    for (index, cell) in defined.iter().enumerate().filter(|(_, cell)| reads(cell)) {
        let value = match &cell.what {
            CellKind::Pointer { under, .. } => first_value(&message.body, under),
            CellKind::Count { under, .. } => first_count(&message.body, under),
            CellKind::Length { under, .. } => first_length(&message.body, under),
            CellKind::Frame(word) => message.frame(word).and_then(Value::text),
            CellKind::List(items) => {
                let cut = Mark::new(false);
                let (client, server): (&[_], &[_]) = if request { (cells, &[]) } else { (&[], cells) };
                let scope =
                    Scope { dialect, wire, request: client, response: server, came: Came::ALL, inconsistent: &cut };
                items.iter().find_map(|item| scope.value(cell.table, item))
            }
        };
        cells[index] = value;
    }
}

/// Lays a message's cells over a row's: the last value stays, and with `nonzero` a 0 does not replace more.
pub(crate) fn merge(dialect: &Dialect, row: &mut [Option<Value>], message: &[Option<Value>], only: Option<TableId>) {
    for ((old, new), cell) in row.iter_mut().zip(message).zip(&dialect.response_cells) {
        let Some(new) = new else { continue };
        if cell.table == TableId::End || only.is_some_and(|only| only != cell.table) {
            continue;
        }
        let above = |value: &Value| value.number().is_some_and(|number| number > Decimal::ZERO);
        let zero = new.number().is_some_and(Decimal::is_zero);
        if dialect.nonzero && cell.table == TableId::Usage && zero && old.as_ref().is_some_and(above) {
            continue;
        }
        // Most messages of a stream repeat what the first said.
        if old.as_ref() != Some(new) {
            *old = Some(new.clone());
        }
    }
}

/// The elements of each list of `[usage.lines]` in this message, where it has some.
pub(crate) fn elements(dialect: &Dialect, message: &Message, kept: &mut Vec<Vec<Node>>) {
    let (Some(lines), Body::Json(root)) = (&dialect.lines, &message.body) else { return };
    kept.resize(lines.each.len(), Vec::new());
    for (list, kept) in lines.each.iter().zip(kept) {
        let mut found: Vec<Node> = Vec::new();
        for under in list {
            let first = under.iter().map(|pointer| pointer.find(root)).find(|nodes| !nodes.is_empty());
            found.extend(first.unwrap_or_default().into_iter().filter(|node| **node != Node::Blank).cloned());
        }
        found.truncate(ELEMENTS_MAX);
        if !found.is_empty() {
            *kept = found;
        }
    }
}

/// The usage cells computed anew inside one element.
pub(crate) fn element_cells(dialect: &Dialect, wire: &Wire, element: &Node, at: &[Pointer]) -> MessageCells {
    let message = Message::json(element.clone());
    let inside = |bare: &Pointer| at.iter().map(|prefix| bare.under(prefix)).collect::<Vec<_>>();
    let defined: Vec<Cell> = dialect
        .response_cells
        .iter()
        .map(|cell| {
            let what = match &cell.what {
                CellKind::Pointer { bare, .. } => CellKind::Pointer { under: inside(bare), bare: bare.clone() },
                CellKind::Count { bare, .. } => CellKind::Count { under: inside(bare), bare: bare.clone() },
                CellKind::Length { bare, .. } => CellKind::Length { under: inside(bare), bare: bare.clone() },
                other => other.clone(),
            };
            Cell { what, ..cell.clone() }
        })
        .collect();
    let mut cells = vec![None; defined.len()];
    fill(dialect, wire, &defined, &mut cells, &message, |cell| cell.table == TableId::Usage, false);
    cells
}

/// The model an element names.
pub(crate) fn element_model(element: &Node, pointers: &[Pointer], max: usize) -> Option<String> {
    let value = pointers.iter().find_map(|pointer| combined(pointer.find(element).into_iter().filter_map(Node::value)));
    value.map(|value| value.show(max))
}
