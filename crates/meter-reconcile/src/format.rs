//! How a provider writes its reports, as data.

use meter_call::Meter;
use serde::Deserialize;
use std::sync::LazyLock;

/// One way of writing a report.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Its name here.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// Where it is described.
    pub page: String,
    /// Provider as rows name it.
    pub provider: String,
    /// Keys that a row of this format has.
    pub(crate) known_by: Vec<String>,
    /// Keys of the day, the first that is there counts.
    pub(crate) day: Vec<String>,
    /// Key of the instant at which a bucket of time ends; the day's key is its begin.
    pub(crate) until: Option<String>,
    /// Keys of the model, names for the same one.
    pub(crate) model: Vec<String>,
    /// Models stand there as people read them: `Some Model 4.5` is `some-model-4-5`.
    #[serde(default)]
    pub(crate) model_titles: bool,
    /// The model's name ends here.
    pub(crate) model_until: Option<String>,
    /// Key with the number of calls.
    pub(crate) calls: Option<String>,
    /// Every row is a call.
    #[serde(default)]
    pub(crate) one_row_a_call: bool,
    /// Keys of the amount.
    pub(crate) cost: Option<String>,
    /// Dollars in its unit.
    #[serde(default = "one")]
    pub(crate) cost_unit: String,
    /// Key of the amount before any discount, in the unit of the cost.
    pub(crate) list: Option<String>,
    /// Key of the processing class a row was billed at.
    pub(crate) class: Option<String>,
    /// Its words, as price files have them; any other word says nothing of a class.
    #[serde(default)]
    pub(crate) classes: Vec<String>,
    /// Key that tells fees from tokens.
    pub(crate) kind: Option<String>,
    /// Fees that stand in rows of their own, for all models together.
    #[serde(default, rename = "fee")]
    pub(crate) fees: Vec<Fee>,
    /// Key that no two rows share; without one a row is the same when all of it is.
    pub(crate) row_id: Option<String>,
    /// Keys with figures that are not compared, because they are a part of others or no usage.
    #[serde(default)]
    pub(crate) beside: Vec<String>,
    /// What else is counted.
    #[serde(default, rename = "count")]
    pub(crate) counts: Vec<Count>,
}

/// One count of a report and what it is among our meters.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    /// For people.
    pub name: String,
    /// Keys, added and subtracted.
    pub theirs: String,
    /// Meters, added.
    pub ours: Vec<Meter>,
    /// The count that this one is a part of.
    pub part_of: Option<String>,
}

/// Rows of a cost report that are no tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fee {
    /// For people.
    pub name: String,
    /// What [`Format::kind`] has in it then, in small letters.
    pub word: String,
    /// Meters, added.
    pub ours: Vec<Meter>,
}

#[derive(Deserialize)]
struct Formats {
    format: Vec<Format>,
}

fn one() -> String {
    "1".to_owned()
}

static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let formats: Formats = toml::from_str(include_str!("../formats.toml")).expect("a test reads the bundled formats");
    formats.format
});

impl Format {
    /// Every format there is.
    pub fn all() -> &'static [Format] {
        &FORMATS
    }

    /// Keys whose figures are compared.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &str> {
        let counts = self.counts.iter().map(|count| count.theirs.as_str());
        let all = counts.chain(self.calls.as_deref()).chain(self.cost.as_deref());
        all.flat_map(|expression| terms(expression).map(|(_, key)| key))
    }

    /// Whether a row with these keys is of this format.
    pub(crate) fn knows(&self, has: impl Fn(&str) -> bool) -> bool {
        self.known_by.iter().all(|key| has(key))
    }
}

/// The terms of `a + b - c`, with their signs.
pub(crate) fn terms(expression: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut minus = false;
    expression.split_whitespace().filter_map(move |word| match word {
        "+" | "-" => {
            minus = word == "-";
            None
        }
        key => Some((minus, key)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_formats_can_be_read_and_told_apart() {
        assert!(Format::all().len() >= 8);
        for format in Format::all() {
            let own = |key: &str| format.known_by.iter().any(|known| known == key);
            let same: Vec<&str> = Format::all().iter().filter(|f| f.knows(own)).map(|f| f.id.as_str()).collect();
            assert_eq!(same, [format.id.as_str()], "a report of this format would be taken for another");
            assert!(format.cost.is_some() || !format.counts.is_empty());
            assert!(format.page.starts_with("https://"));
        }
    }

    #[test]
    fn an_expression_adds_and_subtracts_keys() {
        assert_eq!(terms("a + b.c - d").collect::<Vec<_>>(), [(false, "a"), (false, "b.c"), (true, "d")]);
    }
}
