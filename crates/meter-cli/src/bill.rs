//! The lines of a bill as a table.

use crate::show::{grouped, plain};
use crate::table::{Align, Table};
use meter_call::CostLine;
use meter_money::{PicoUsd, usd};

/// Quantity × rate × factors = amount, and the sum; nothing for a bill without lines. Models are named where there are
/// several.
pub fn table(lines: &[CostLine]) -> String {
    let Some(first) = lines.first() else { return String::new() };
    let several = lines.iter().any(|line| line.model != first.model);
    let with_factors = lines.iter().any(|line| !line.multipliers.is_empty());
    let mut columns = vec![("quantity", Align::Right), ("meter", Align::Left), ("rate", Align::Left)];
    if with_factors {
        columns.push(("factors", Align::Left));
    }
    columns.extend([("amount", Align::Right), ("exactly", Align::Right)]);
    let mut table = Table::new(&columns);
    let mut row = |quantity: String, meter: String, rate: String, factors: String, amount: String, exactly: String| {
        let factors = with_factors.then_some(factors);
        table.row([quantity, meter, rate].into_iter().chain(factors).chain([amount, exactly]));
    };
    for line in lines {
        let meter = if several { format!("{} ({})", line.meter, plain(&line.model)) } else { line.meter.to_string() };
        row(
            grouped(line.quantity),
            meter,
            line.rate.as_ref().map_or_else(|| "no rate known".to_owned(), |rate| format!("${rate}")),
            factors(line),
            line.amount.map_or_else(|| "unpriced".to_owned(), |amount| usd(amount).to_string()),
            line.amount.map(|amount| amount.to_string()).unwrap_or_default(),
        );
    }
    let amounts: Vec<PicoUsd> = lines.iter().filter_map(|line| line.amount).collect();
    if let (true, Ok(sum)) = (amounts.len() > 1, PicoUsd::sum(amounts)) {
        let empty = String::new;
        row(empty(), "sum".to_owned(), empty(), empty(), usd(sum).to_string(), sum.to_string());
    }
    table.text()
}

fn factors(line: &CostLine) -> String {
    let factors: Vec<String> =
        line.multipliers.iter().map(|factor| format!("× {} ({})", factor.by, factor.name)).collect();
    factors.join(" ")
}
