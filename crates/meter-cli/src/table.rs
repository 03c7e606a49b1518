//! Columns of text.

use crate::out::{DIM, styled};

/// On which side a column is filled up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a head. Cells hold no colours: their length is their width.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head.
    pub fn new(columns: &[(&str, Align)]) -> Table {
        let columns = columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
        Table { columns, rows: Vec::new() }
    }

    /// Adds a row; one cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The widths that the rows need.
    pub fn widths(&self) -> Vec<usize> {
        let width = |column: usize, head: &str| {
            self.rows.iter().map(|row| length(&row[column])).chain([length(head)]).max().unwrap_or(0)
        };
        self.columns.iter().enumerate().map(|(column, (head, _))| width(column, head)).collect()
    }

    /// The head, in these widths.
    pub fn head(&self, widths: &[usize]) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        format!("{}\n", styled(DIM, self.line(&names, widths)))
    }

    /// The rows, in these widths.
    pub fn body(&self, widths: &[usize]) -> String {
        self.rows.iter().map(|row| self.line(row, widths) + "\n").collect()
    }

    /// Head and rows.
    pub fn text(&self) -> String {
        let widths = self.widths();
        self.head(&widths) + &self.body(&widths)
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, (_, align)), width) in cells.iter().zip(&self.columns).zip(widths) {
            let fill = " ".repeat(width.saturating_sub(length(cell)));
            if !line.is_empty() {
                line.push_str("  ");
            }
            match align {
                Align::Left => line.extend([cell.as_str(), &fill]),
                Align::Right => line.extend([fill.as_str(), cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_heads() {
        let mut table = Table::new(&[("project", Align::Left), ("calls", Align::Right), ("note", Align::Left)]);
        table.row(["acme".into(), "1,200".into(), "x".into()]);
        table.row(["sandbox/é".into(), "3".into(), String::new()]);
        let text = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(text, "project    calls  note\nacme       1,200  x\nsandbox/é      3\n");
    }
}
