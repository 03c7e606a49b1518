//! Books built by hand, without TOML, and what they charge.

mod bills;
mod books;
mod laws;
mod views;

use crate::*;
use meter_call::{Buckets, Meter, UnixMillis};

/// Marks are of no interest here; 0 stands for all.
fn w<T>(value: T) -> Written<T> {
    Written::new(value, Mark(0))
}

fn text(value: &str) -> Written<String> {
    w(value.to_owned())
}

/// `input 3, output 15, web_search "10 / 1000 calls"`: meters and figures, split at commas.
fn rates(written: &str) -> RatesText {
    let entries = written.split(", ").filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (meter, figure) = entry.split_once(' ').expect("meter and figure");
            let figure = match figure.strip_prefix('"') {
                Some(quoted) => Figure::Text(quoted.trim_end_matches('"').to_owned()),
                None => Figure::Number(figure.to_owned()),
            };
            (w(meter.parse::<Meter>().expect("a meter")), w(figure))
        })
        .collect()
}

fn row(from: &str, written: &str) -> RowText {
    RowText { from: text(from), rates: rates(written), ..RowText::default() }
}

/// `class batch|flex, geo us` → scale or prices.
fn on(conditions: &str) -> WhenText {
    let axes = conditions.split(", ").map(|entry| {
        let (axis, values) = entry.split_once(' ').expect("axis and values");
        (text(axis), values.split('|').map(text).collect())
    });
    WhenText { on: axes.collect(), ..WhenText::default() }
}

fn scale(conditions: &str, by: &str) -> WhenText {
    WhenText { scale: Some(text(by)), ..on(conditions) }
}

fn model(id: &str, rows: Vec<RowText>) -> ModelText {
    ModelText { id: text(id), rows, ..ModelText::default() }
}

fn file(models: Vec<ModelText>) -> PriceFile {
    PriceFile { provider: text("acme"), source: Some("https://acme.example".into()), models, ..PriceFile::default() }
}

/// The book and the kinds of its faults.
fn build(files: Vec<PriceFile>) -> (PriceBook, Vec<FaultKind>) {
    let mut builder = PriceBookBuilder::new();
    for file in files {
        builder.add(file);
    }
    let (book, faults) = builder.build();
    (book, faults.into_iter().map(|fault| fault.kind).collect())
}

/// A book without faults.
fn good(files: Vec<PriceFile>) -> PriceBook {
    let (book, faults) = build(files);
    assert_eq!(faults, []);
    book
}

fn usage(counts: &[(Meter, u64)]) -> Buckets {
    counts.iter().copied().collect()
}

fn at(moment: &str) -> UnixMillis {
    instant::parse(moment).expect("an instant")
}

/// A bill at acme on 2026-06-01.
fn bill(book: &PriceBook, model: &str, counts: &[(Meter, u64)], attributes: &Attributes) -> Costing {
    let usage = usage(counts);
    price(book, &Query { provider: "acme", model, at: at("2026-06-01"), usage: &usage, attributes })
}

fn class(class: &str) -> Attributes {
    Attributes { class: Some(class.into()), ..Attributes::default() }
}
