//! What only shows when all tables are read: circles of names; and the nearest known word.

use super::compile::Compiler;
use super::tables::*;
use super::{DialectError, Mistake};

type Node = (TableId, usize);

/// Reports keys that need themselves, through names, `request(k)`, `response(k)` and the conditions of variants.
pub(crate) fn circles(dialect: &Dialect, compiler: &mut Compiler) {
    let tables = [TableId::Request, TableId::Response, TableId::Usage, TableId::Error, TableId::Beside];
    let mut done: Vec<Node> = Vec::new();
    for id in tables {
        let keys = dialect.table(id).map_or(0, |table| table.keys.len());
        for index in 0..keys {
            let mut path = Vec::new();
            if let Some((id, index)) = visit(dialect, (id, index), &mut path, &mut done) {
                let (name, table) = label(dialect, id, index);
                let position = compiler.positions.get(&(id, index)).copied().unwrap_or(0);
                let message = format!("`{name}` needs itself: {}", told(dialect, &path));
                compiler.errors.push(DialectError::at(table, &name, position, None, message).kind(Mistake::Circle));
            }
        }
    }
}

fn label(dialect: &Dialect, id: TableId, index: usize) -> (String, &'static str) {
    let name = dialect.table(id).and_then(|table| table.keys.get(index)).map_or(String::new(), |key| key.name.clone());
    let table = match id {
        TableId::Request => "request",
        TableId::Response => "response",
        TableId::Usage => "usage",
        TableId::Error => "error",
        TableId::Beside => "beside",
        TableId::End => "end",
        TableId::Kind => "kind",
    };
    (name, table)
}

fn told(dialect: &Dialect, path: &[Node]) -> String {
    path.iter().map(|(id, index)| label(dialect, *id, *index).0).collect::<Vec<_>>().join(" → ")
}

/// The node a circle comes back to; `path` then is the circle. Each circle is told once: its nodes are done afterwards.
fn visit(dialect: &Dialect, node: Node, path: &mut Vec<Node>, done: &mut Vec<Node>) -> Option<Node> {
    if let Some(start) = path.iter().position(|seen| *seen == node) {
        path.drain(..start);
        path.push(node);
        done.extend(path.iter().copied());
        return Some(node);
    }
    if done.contains(&node) {
        return None;
    }
    path.push(node);
    for next in needs(dialect, node) {
        if let Some(found) = visit(dialect, next, path, done) {
            return Some(found);
        }
    }
    path.pop();
    done.push(node);
    None
}

fn needs(dialect: &Dialect, (id, index): Node) -> Vec<Node> {
    let mut needs = Vec::new();
    let Some(table) = dialect.table(id) else { return needs };
    let Some(key) = table.keys.get(index) else { return needs };
    let cells = if id == TableId::Request { &dialect.request_cells } else { &dialect.response_cells };
    collect(&key.base, id, cells, &mut needs);
    for (variant, expr) in &key.variants {
        collect(expr, id, cells, &mut needs);
        for condition in table.variants.get(*variant).map(|variant| &variant.when[..]).unwrap_or_default() {
            collect(&condition.left, id, cells, &mut needs);
            if let Some((_, right)) = &condition.right {
                collect(right, id, cells, &mut needs);
            }
        }
    }
    needs
}

fn collect(expr: &Expr, id: TableId, cells: &[Cell], needs: &mut Vec<Node>) {
    match expr {
        Expr::Key(index) => needs.push((id, *index)),
        Expr::RequestKey(index) => needs.push((TableId::Request, *index)),
        Expr::ResponseKey(index) => needs.push((TableId::Response, *index)),
        Expr::First(values) => values.iter().for_each(|value| collect(value, id, cells, needs)),
        Expr::Sum(terms) => terms.iter().for_each(|(_, term)| collect(term, id, cells, needs)),
        Expr::Cap(value, most) => [value, most].into_iter().for_each(|value| collect(value, id, cells, needs)),
        Expr::Scale(value, _) | Expr::Tail(value) => collect(value, id, cells, needs),
        Expr::Cell(index) => {
            if let Some(CellKind::List(items)) = cells.get(*index).map(|cell| &cell.what) {
                items.iter().for_each(|item| collect(item, id, cells, needs));
            }
        }
        Expr::Number(_) | Expr::Text(_) | Expr::Truth(_) | Expr::Unknown => {}
        Expr::Header(_) | Expr::Trailer(_) | Expr::Path(_) | Expr::Query(_) => {}
    }
}

/// The known word that is nearest, when it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + word.chars().count() / 3;
    known.map(|candidate| (distance(word, candidate), candidate)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
