//! Tables that mix fixed keys with the names of meters.

use super::Reader;
use crate::table::{Table, Value};
use meter_call::Meter;
use meter_diag::{codes::files, nearest};
use meter_price::{Figure, RatesText, Written};

impl Reader<'_> {
    /// Every key that is not among `fixed`: a meter with its price, else an unknown key.
    pub(super) fn rates(&self, table: &Table<'_, '_>, fixed: &[&str]) -> RatesText {
        let mut rates = RatesText::new();
        for (key, value) in table.entries() {
            if fixed.contains(&key.value) {
                continue;
            }
            let Ok(meter) = key.value.parse::<Meter>() else {
                let message = format!("no key `{}` here, and no meter of that name", key.value);
                let known = fixed.iter().copied().chain(Meter::ALL.iter().map(|meter| meter.name()));
                match nearest(key.value, known) {
                    Some(near) => {
                        let help = format!("did you mean `{near}`?");
                        table.doc().report_with_help(files::UNKNOWN_KEY, key.span, message, help);
                    }
                    None => table.doc().report(files::UNKNOWN_KEY, key.span, message),
                }
                continue;
            };
            if let Some(figure) = self.figure(&value) {
                rates.push((self.written(key.map(|_| meter)), figure));
            }
        }
        rates
    }

    fn figure(&self, value: &Value<'_, '_>) -> Option<Written<Figure>> {
        if let Some(number) = value.as_number() {
            return Some(self.written(number.map(|literal| Figure::Number(literal.text.to_owned()))));
        }
        if let Some(table) = value.as_table() {
            return self.terms(&table);
        }
        let needed = "a number or a text such as \"10 / 1000 calls\"";
        let text = value.as_text().or_else(|| value.wrong(needed))?;
        Some(self.written(text.map(|text| Figure::Text(text.to_owned()))))
    }

    /// `{ price = "0.111 / hour", min = "10 seconds", step = "1 second" }` as the one text that a bill shows.
    fn terms(&self, table: &Table<'_, '_>) -> Option<Written<Figure>> {
        let price = table.need("price")?;
        let mut text = match price.as_number() {
            Some(number) => format!("{} / 1M tokens", number.value.text.replace('_', "")),
            None => price.text()?.value.to_owned(),
        };
        let terms = ["min", "step"].into_iter().filter_map(|word| Some(format!("{word} {}", table.text(word)?.value)));
        let terms: Vec<String> = terms.collect();
        if !terms.is_empty() {
            text = format!("{text} ({})", terms.join(", "));
        }
        let mark = self.mark(table.span);
        self.unknown(table);
        Some(Written::new(Figure::Text(text), mark))
    }

    /// Reports keys that nobody asked for.
    fn unknown(&self, table: &Table<'_, '_>) {
        for (key, _) in table.entries() {
            if !["price", "min", "step"].contains(&key.value) {
                let message = format!("no key `{}` here", key.value);
                table.doc().report_with_help(files::UNKNOWN_KEY, key.span, message, "`price`, `min` and `step`");
            }
        }
    }

    /// Names of meters.
    pub(super) fn meters(&self, table: &Table<'_, '_>, key: &'static str) -> Vec<Written<Meter>> {
        let mut meters = Vec::new();
        for name in table.texts(key) {
            match name.value.parse::<Meter>() {
                Ok(meter) => meters.push(self.written(name.map(|_| meter))),
                Err(error) => {
                    let near = nearest(name.value, Meter::ALL.iter().map(|meter| meter.name()));
                    let help =
                        near.map_or("see the list of meters".to_owned(), |near| format!("did you mean `{near}`?"));
                    table.doc().report_with_help(files::UNKNOWN_WORD, name.span, error.to_string(), help);
                }
            }
        }
        meters
    }
}
