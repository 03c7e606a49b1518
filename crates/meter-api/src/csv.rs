//! CSV that spreadsheets read as data, never as formulas.

use std::fmt::{Display, Write};

/// Builds RFC 4180 text, row by row.
#[derive(Clone, Debug, Default)]
pub struct Csv {
    text: String,
    /// The row has a cell already.
    begun: bool,
}

impl Csv {
    /// A text cell. One that a spreadsheet would take for a formula gets a leading apostrophe (OWASP, "CSV injection"):
    /// a project or model name comes from outside.
    pub fn text(&mut self, value: &str) -> &mut Csv {
        let formula = value.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        self.separate();
        if !formula && !value.contains(['"', ',', '\r', '\n']) && !value.starts_with(' ') && !value.ends_with(' ') {
            self.text.push_str(value);
            return self;
        }
        self.text.push('"');
        if formula {
            self.text.push('\'');
        }
        self.text.push_str(&value.replace('"', "\"\""));
        self.text.push('"');
        self
    }

    /// A cell that is a number or a word of ours; empty for `None`.
    pub fn plain(&mut self, value: Option<impl Display>) -> &mut Csv {
        self.separate();
        if let Some(value) = value {
            write!(self.text, "{value}").expect("writing to a string cannot fail");
        }
        self
    }

    /// Ends the row.
    pub fn end(&mut self) -> &mut Csv {
        self.text.push_str("\r\n");
        self.begun = false;
        self
    }

    /// Takes what was built so far.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn separate(&mut self) {
        if self.begun {
            self.text.push(',');
        }
        self.begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, wanted: &str) {
        assert_eq!(Csv::default().text(value).take(), wanted, "{value:?}");
    }

    #[test]
    fn cells_are_quoted_when_they_have_to_be() {
        check("acme", "acme");
        check("", "");
        check("a,b", "\"a,b\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        check("two\r\nlines", "\"two\r\nlines\"");
        check(" padded ", "\" padded \"");
    }

    #[test]
    fn formulas_become_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1"] {
            check(formula, &format!("\"'{formula}\""));
        }
        assert_eq!(Csv::default().plain(Some(-5)).take(), "-5", "a number of ours stays one");
    }

    #[test]
    fn rows_end_with_crlf() {
        let mut csv = Csv::default();
        csv.text("a").plain(Some(1)).plain(None::<u8>).end().text("b").end();
        assert_eq!(csv.take(), "a,1,\r\nb\r\n");
    }
}
