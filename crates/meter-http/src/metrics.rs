//! `/metrics`: the sums of all calls in the text format of Prometheus 0.0.4.

use meter_api::Amount;
use meter_store::{Totals, Use};
use std::fmt::Write;

/// Name, help, and the value of a set of calls. Costs are in dollars, exact; a scraper rounds them to a float itself.
type Family = (&'static str, &'static str, fn(&Totals) -> String);

const FAMILIES: [Family; 9] = [
    ("halton_meter_requests_total", "Calls.", |sum| sum.requests.to_string()),
    ("halton_meter_failed_requests_total", "Calls with a status other than success.", |sum| sum.failed.to_string()),
    ("halton_meter_unpriced_requests_total", "Calls whose price is not known.", |sum| sum.unpriced().to_string()),
    ("halton_meter_input_tokens_total", "Uncached prompt tokens.", |sum| sum.input_tokens.to_string()),
    ("halton_meter_cache_read_tokens_total", "Prompt tokens read from a cache.", |sum| {
        sum.cache_read_tokens.to_string()
    }),
    ("halton_meter_cache_write_tokens_total", "Prompt tokens written to a cache.", |sum| {
        sum.cache_write_tokens.to_string()
    }),
    ("halton_meter_output_tokens_total", "Answer tokens, reasoning included.", |sum| sum.output_tokens.to_string()),
    ("halton_meter_cost_usd_total", "Charged, without unpriced calls.", |sum| amount(sum.charged_pico)),
    ("halton_meter_list_cost_usd_total", "The same at list prices, plans included.", |sum| amount(sum.list_pico)),
];

fn amount(pico: i128) -> String {
    Amount::of(pico).as_str().to_owned()
}

/// One sample per project, provider and model in every family.
pub(crate) fn text(uses: &[Use]) -> String {
    let mut text = String::new();
    for (name, help, value) in FAMILIES {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter").expect("writing to a string cannot fail");
        for sum in uses {
            let labels = [("project", &sum.project), ("provider", &sum.provider), ("model", &sum.model)]
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
            writeln!(text, "{name}{{{}}} {}", labels.join(","), value(&sum.totals))
                .expect("writing to a string cannot fail");
        }
    }
    text
}

/// A label value: backslash, quote and line feed are escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_carry_their_labels_and_exact_costs() {
        let totals = Totals { requests: 2, charged_pico: 12_300_000_000, ..Totals::default() };
        let sum = Use { project: "acme".into(), provider: "acme".into(), model: "a\"b\\c\nd".into(), totals };
        let text = text(&[sum]);
        let labels = r#"{project="acme",provider="acme",model="a\"b\\c\nd"}"#;
        assert!(text.contains(&format!("\nhalton_meter_requests_total{labels} 2\n")), "{text}");
        assert!(text.contains(&format!("\nhalton_meter_cost_usd_total{labels} 0.012300000000\n")), "{text}");
        assert_eq!(text.matches("# TYPE ").count(), FAMILIES.len());
    }
}
