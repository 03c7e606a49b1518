//! What one message puts into the cells.

use super::{Came, Scope, Wire};
use crate::decimal::Decimal;
use crate::dialect::pointer::{Combined, Pointer};
use crate::dialect::{Cell, CellKind, Dialect, Expr, TableId};
use crate::framing::{Body, Message};
use crate::json::{Node, Place, PlaceSet, Tree};
use crate::proto;
use crate::value::Value;
use std::cell::Cell as Mark;

/// Most elements of `[usage.lines]` kept of one message.
const ELEMENTS_MAX: usize = 1024;

/// The cells of one message, by index.
pub(crate) type MessageCells = Vec<Option<Value>>;

/// A message's name: its own word for it, at this place where it has one alone, else the frame's.
pub(crate) fn name<'a>(dialect: &Dialect, message: &Message<'a>, place: Option<Place>) -> &'a str {
    let only = match message.body {
        Body::Json(tree) => place.and_then(|place| tree.only(place)),
        Body::Nothing | Body::Proto(_) => None,
    };
    let own = match only {
        Some(node) => node.and_then(Node::value),
        None => value(message.body, &dialect.name),
    };
    match own {
        Some(Value::Text(text)) => text,
        _ => message.frame(":event-type").or(message.event).unwrap_or_default(),
    }
}

/// The first value that any of these pointers names, as text.
pub(crate) fn text_at(body: Body<'_>, pointers: &[Pointer], max: usize) -> Option<String> {
    first_value(body, pointers).map(|value| value.show(max))
}

fn value<'a>(body: Body<'a>, pointer: &Pointer) -> Option<Value<&'a str>> {
    match body {
        Body::Nothing => None,
        Body::Json(tree) => pointer.value(tree.root()?),
        Body::Proto(bytes) => {
            let mut combined = Combined::default();
            proto::find(bytes, &pointer.0, &mut |value| combined.extend([value]));
            combined.value()
        }
    }
}

/// The first value of a cell whose pointers are made of keys alone; the outer `None`: it has to be looked for.
fn exact<'a>(cell: &Cell, body: Body<'a>) -> Option<Option<Value<&'a str>>> {
    let Body::Json(tree) = body else { return None };
    if cell.exact.is_empty() {
        return None;
    }
    for place in &cell.exact {
        if let Some(value) = tree.only(*place)?.and_then(Node::value) {
            return Some(Some(value));
        }
    }
    Some(None)
}

fn first_value<'a>(body: Body<'a>, pointers: &[Pointer]) -> Option<Value<&'a str>> {
    pointers.iter().find_map(|pointer| value(body, pointer))
}

fn first_count(body: Body<'_>, pointers: &[Pointer]) -> Option<Value<&'static str>> {
    let mut counts = pointers.iter().map(|pointer| match body {
        Body::Nothing => 0,
        Body::Json(tree) => {
            let mut count = 0;
            if let Some(root) = tree.root() {
                pointer.find(root, &mut |node| count += usize::from(!node.is_blank()));
            }
            count
        }
        Body::Proto(bytes) => proto::count(bytes, &pointer.0),
    });
    let found = counts.find(|count| *count > 0)?;
    Some(Value::Number(Decimal::whole(i128::try_from(found).ok()?)))
}

fn first_length(body: Body<'_>, pointers: &[Pointer]) -> Option<Value<&'static str>> {
    let spelled = |value: Value<&str>| match value {
        Value::Text(text) => u64::try_from(text.chars().count()).ok(),
        Value::Number(_) | Value::Truth(_) => None,
    };
    let length = |pointer: &Pointer| -> Option<i128> {
        let mut sum = None;
        let mut add = |length: Option<u64>| {
            if let Some(length) = length {
                sum = Some(sum.unwrap_or(0) + i128::from(length));
            }
        };
        match body {
            Body::Nothing => {}
            Body::Json(tree) => {
                pointer.find(tree.root()?, &mut |node| add(node.characters().or_else(|| spelled(node.value()?))));
            }
            Body::Proto(bytes) => proto::find(bytes, &pointer.0, &mut |value| add(spelled(value))),
        }
        sum
    };
    pointers.iter().find_map(length).map(|length| Value::Number(Decimal::whole(length)))
}

/// A client message's cells.
pub(crate) fn read_request(dialect: &Dialect, wire: &Wire, message: &Message<'_>) -> MessageCells {
    let mut cells = vec![None; dialect.request_cells.len()];
    fill(dialect, wire, &dialect.request_cells, &mut cells, message, |_| Due::Read, true);
    cells
}

/// A server message's cells, of the tables that read it, in the place of those of the message before; with `changed`
/// that message was the same but for these places.
pub(crate) fn read_response(
    dialect: &Dialect,
    wire: &Wire,
    message: &Message<'_>,
    came: Came,
    ends: bool,
    changed: Option<PlaceSet>,
    cells: &mut MessageCells,
) {
    cells.resize(dialect.response_cells.len(), None);
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
    let due = |cell: &Cell| match changed {
        Some(places) if !cell.inputs.is_empty() && !cell.inputs.meets(places) => Due::Kept,
        _ if reads(cell) => Due::Read,
        _ => Due::Absent,
    };
    fill(dialect, wire, &dialect.response_cells, cells, message, due, false);
}

/// What is to be done with a cell.
enum Due {
    Read,
    /// No table reads the message for it.
    Absent,
    /// It holds what it has to.
    Kept,
}

fn fill(
    dialect: &Dialect,
    wire: &Wire,
    defined: &[Cell],
    cells: &mut MessageCells,
    message: &Message<'_>,
    due: impl Fn(&Cell) -> Due,
    request: bool,
) {
    let body = message.body;
    // The items of a list come before it, so one pass in order is enough.
    for (index, cell) in defined.iter().enumerate() {
        match due(cell) {
            Due::Read => {}
            Due::Kept => continue,
            Due::Absent => {
                cells[index] = None;
                continue;
            }
        }
        // Most cells of most messages are not there, and the scanner knows it.
        let is_there = || !matches!(body, Body::Json(tree) if !tree.saw(&cell.places));
        let value = match &cell.what {
            CellKind::Pointer { under, .. } => match exact(cell, body) {
                Some(value) => value,
                None if is_there() => first_value(body, under),
                None => None,
            },
            CellKind::Count { under, .. } if is_there() => first_count(body, under),
            CellKind::Length { under, .. } if is_there() => first_length(body, under),
            CellKind::Count { .. } | CellKind::Length { .. } => None,
            CellKind::Frame(word) => message.frame(word).and_then(Value::some),
            CellKind::List(items) => {
                list(dialect, wire, defined, cells, index, items, request);
                continue;
            }
        };
        keep(&mut cells[index], value);
    }
}

/// The first item of a list that this message has.
fn list(
    dialect: &Dialect,
    wire: &Wire,
    defined: &[Cell],
    cells: &mut MessageCells,
    index: usize,
    items: &[Expr],
    request: bool,
) {
    enum Found {
        Cell(usize),
        Value(Value),
    }
    let simple = |from: &usize| *from < index && !matches!(defined[*from].what, CellKind::List(_));
    let found = items.iter().find_map(|item| match item {
        Expr::Cell(from) if simple(from) => cells[*from].is_some().then_some(Found::Cell(*from)),
        item => {
            let cut = Mark::new(false);
            let (client, server): (&[_], &[_]) = if request { (cells, &[]) } else { (&[], cells) };
            let scope = Scope { dialect, wire, request: client, response: server, came: Came::ALL, inconsistent: &cut };
            scope.value(defined[index].table, item).map(Found::Value)
        }
    });
    match found {
        None => cells[index] = None,
        Some(Found::Value(value)) => cells[index] = Some(value),
        Some(Found::Cell(from)) => {
            let (before, rest) = cells.split_at_mut(index);
            keep(&mut rest[0], before[from].as_ref().map(Value::borrowed));
        }
    }
}

/// Most messages of a stream repeat what the last one said: a text that is there already is not copied again.
fn keep(cell: &mut Option<Value>, value: Option<Value<&str>>) {
    let is_same = match (&*cell, value) {
        (None, None) => true,
        (Some(old), Some(new)) => old.borrowed() == new,
        _ => false,
    };
    if !is_same {
        *cell = value.map(|value| value.owned());
    }
}

/// Lays a message's cells over a row's: the last value stays, but with `nonzero` usage that is all zeros replaces nothing.
pub(crate) fn merge(dialect: &Dialect, row: &mut [Option<Value>], message: &[Option<Value>], only: Option<TableId>) {
    let above = |value: &Value| value.number().is_some_and(|number| number > Decimal::ZERO);
    let counts =
        |(value, cell): (&Option<Value>, &Cell)| cell.table == TableId::Usage && value.as_ref().is_some_and(above);
    let no_counts = || !message.iter().zip(&dialect.response_cells).any(counts);
    for ((old, new), cell) in row.iter_mut().zip(message).zip(&dialect.response_cells) {
        let Some(new) = new else { continue };
        // Most messages of a stream repeat what the first said.
        if old.as_ref() == Some(new) {
            continue;
        }
        if cell.table == TableId::End || only.is_some_and(|only| only != cell.table) {
            continue;
        }
        let zero = new.number().is_some_and(Decimal::is_zero);
        if dialect.nonzero && cell.table == TableId::Usage && zero && old.as_ref().is_some_and(above) && no_counts() {
            continue;
        }
        *old = Some(new.clone());
    }
}

/// The elements of each list of `[usage.lines]` in this message, where it has some.
pub(crate) fn elements(dialect: &Dialect, message: &Message<'_>, kept: &mut Vec<Vec<Tree>>) {
    let (Some(lines), Body::Json(tree)) = (&dialect.lines, message.body) else { return };
    let Some(root) = tree.root() else { return };
    kept.resize(lines.each.len(), Vec::new());
    for (list, kept) in lines.each.iter().zip(kept) {
        let mut picked: Vec<Node<'_>> = Vec::new();
        for under in list {
            let mut some = false;
            for pointer in under {
                pointer.find(root, &mut |node| {
                    some = true;
                    if !node.is_blank() && picked.len() < ELEMENTS_MAX {
                        picked.push(node);
                    }
                });
                if some {
                    break;
                }
            }
        }
        // As they stand in the document, whichever pointer picked them, and each once.
        picked.sort_unstable_by_key(|node| node.place_in_order());
        picked.dedup_by_key(|node| node.place_in_order());
        let found: Vec<Tree> = picked.into_iter().map(Node::cut_out).collect();
        if !found.is_empty() {
            *kept = found;
        }
    }
}

/// The usage cells computed anew inside one element.
pub(crate) fn element_cells(dialect: &Dialect, wire: &Wire, element: &Tree, at: &[Pointer]) -> MessageCells {
    let message = Message::json(element);
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
    let due = |cell: &Cell| if cell.table == TableId::Usage { Due::Read } else { Due::Absent };
    fill(dialect, wire, &defined, &mut cells, &message, due, false);
    cells
}

/// The model an element names.
pub(crate) fn element_model(element: &Tree, pointers: &[Pointer], max: usize) -> Option<String> {
    text_at(Body::Json(element), pointers, max)
}
