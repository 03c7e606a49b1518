//! Where the pointers of a dialect end: what the scanner has to keep, and what each cell has to look at.

use super::pointer::{Pointer, Segment};
use super::tables::*;
use crate::json::{Ends, Overlapping, PlaceSet, Projection};

/// What the scanner has to keep, now that every pointer is known.
pub(crate) fn projections(dialect: &mut Dialect) -> Result<(), Overlapping> {
    let rows = dialect.rows.clone().unwrap_or_default();
    let reached = |cells: &[Cell]| {
        let mut pointers = vec![dialect.name.clone()];
        for cell in cells {
            if let CellKind::Pointer { under, .. } | CellKind::Count { under, .. } | CellKind::Length { under, .. } =
                &cell.what
            {
                pointers.extend(under.iter().cloned());
                pointers.extend(under.iter().flat_map(compared));
            }
        }
        pointers
    };
    let mut request = reached(&dialect.request_cells);
    request.extend(rows.lane.iter().cloned());
    let mut response = reached(&dialect.response_cells);
    response.extend(rows.key.into_iter().chain(rows.lane));
    if let Some(lines) = &dialect.lines {
        for element in lines.each.iter().flatten().flatten() {
            response.push(element.clone());
            response.extend(lines.model.iter().map(|model| model.under(element)));
            for cell in dialect.response_cells.iter().filter(|cell| cell.table == TableId::Usage) {
                if let CellKind::Pointer { bare, .. } | CellKind::Count { bare, .. } = &cell.what
                    && bare.0.first() != Some(&Segment::Deep)
                {
                    response.extend(lines.at.iter().map(|at| bare.under(at).under(element)));
                }
            }
        }
    }
    let measured = |cells: &[Cell]| -> Vec<Pointer> {
        let under =
            |cell: &Cell| if let CellKind::Length { under, .. } = &cell.what { under.clone() } else { Vec::new() };
        cells.iter().flat_map(under).collect()
    };
    let (request, ends) = Projection::of(&request, &measured(&dialect.request_cells))?;
    dialect.request_projection = request;
    placed(&mut dialect.request_cells, &ends);
    let (mut response, ends) = Projection::of(&response, &measured(&dialect.response_cells))?;
    placed(&mut dialect.response_cells, &ends);
    if let [Segment::Key(_)] = &dialect.name.0[..] {
        response.name = ends.of(std::slice::from_ref(&dialect.name)).first().copied();
        response.names = names(dialect);
    }
    response.lists = rows.each;
    dialect.response_projection = response;
    Ok(())
}

/// Tells each cell where its pointers end.
fn placed(cells: &mut [Cell], ends: &Ends) {
    for cell in &mut *cells {
        if let CellKind::Pointer { under, .. } | CellKind::Count { under, .. } | CellKind::Length { under, .. } =
            &cell.what
        {
            cell.places = ends.of(under);
            let filters: Vec<Pointer> = under.iter().flat_map(compared).collect();
            cell.inputs = cell.places.iter().copied().chain(ends.of(&filters)).collect();
            let one = |pointer: &Pointer| match ends.of(std::slice::from_ref(pointer))[..] {
                [place] if pointer.0.iter().all(|segment| matches!(segment, Segment::Key(_))) => Some(place),
                _ => None,
            };
            cell.exact = under.iter().map(one).collect::<Option<_>>().unwrap_or_default();
        }
    }
    for index in 0..cells.len() {
        let CellKind::List(items) = &cells[index].what else { continue };
        let inputs = |item: &Expr| match item {
            Expr::Cell(from) => cells.get(*from).map(|cell| cell.inputs).filter(|inputs| !inputs.is_empty()),
            _ => None,
        };
        let all = items.iter().map(inputs).try_fold(PlaceSet::default(), |all, one| Some(all.and(one?)));
        cells[index].inputs = all.unwrap_or_default();
    }
}

/// What the filters of a pointer compare.
fn compared(pointer: &Pointer) -> Vec<Pointer> {
    let mut compared = Vec::new();
    let mut way: Vec<Segment> = Vec::new();
    for segment in &pointer.0 {
        let Segment::Where(filters) = segment else {
            way.push(segment.clone());
            continue;
        };
        way.push(Segment::Each);
        for filter in filters {
            let keys = filter.path.iter().cloned().map(Segment::Key);
            compared.push(Pointer(way.iter().cloned().chain(keys).collect()));
        }
    }
    compared
}

/// The names any table reads; `None` when one reads every message.
fn names(dialect: &Dialect) -> Option<Vec<Box<str>>> {
    let mut names = Vec::new();
    for table in [&dialect.response, &dialect.usage, &dialect.error, &dialect.beside.table] {
        if !table.keys.is_empty() {
            if table.on.is_empty() {
                return None;
            }
            names.extend(table.on.iter().cloned());
        }
    }
    if let Some(end) = &dialect.end {
        if end.on.is_empty() && !end.when.is_empty() {
            return None;
        }
        names.extend(end.on.iter().cloned());
    }
    Some(names)
}
