//! Lays a report beside what was metered.

use crate::cause::{self, Cause};
use crate::read::{Export, Reported};
use jiff::ToSpan;
use jiff::civil::Date;
use meter_call::Meter;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Amounts closer than this are equal: reports print hundredths of a cent at best, and sum what they print.
const ROUNDING_PICO: i128 = 5_000_000_000;

/// What was metered of a day and a model.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metered {
    /// Calls that could be billed.
    pub calls: u64,
    /// Quantities by meter.
    pub meters: BTreeMap<Meter, u64>,
    /// What was charged.
    pub charged_pico: i128,
    /// Calls without a price.
    pub unpriced: u64,
    /// Calls whose stream broke, or whose usage was guessed.
    pub incomplete: u64,
    /// Calls covered by a plan.
    pub on_plan: u64,
}

/// One figure, there and here.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Line {
    /// Day in UTC, ISO.
    pub day: String,
    /// Model; empty where the report names none.
    pub model: String,
    /// `calls`, `cost`, or the report's own count.
    pub what: String,
    /// The report's figure; pico-dollars for `cost`.
    pub theirs: i128,
    /// Ours, in the same unit.
    pub ours: i128,
    /// Why they differ; `None` where they agree.
    pub cause: Option<Cause>,
}

/// The comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Compared {
    /// Every figure, by day and model.
    pub lines: Vec<Line>,
    /// Sums by what is counted: theirs, ours.
    pub totals: BTreeMap<String, (i128, i128)>,
}

impl Compared {
    /// The figures that differ by more than rounding.
    pub fn differences(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.cause.as_ref().is_some_and(|cause| *cause != Cause::Rounding))
    }
}

/// Compares day by day and model by model. `metered` is by day (UTC, ISO) and model; `same` gives the one name of a model
/// that goes by several, on both sides.
///
/// A row of the report without a model is compared with the sum of all models of its day.
pub fn compare(
    export: &Export,
    metered: &BTreeMap<(String, String), Metered>,
    same: impl Fn(&str) -> String,
) -> Compared {
    let mut theirs: BTreeMap<(String, String), Reported> = BTreeMap::new();
    for ((day, model), reported) in &export.days {
        let name = if model.is_empty() { String::new() } else { same(model) };
        let known = theirs.entry((day.clone(), name)).or_default();
        known.counts.resize(export.format.counts.len(), 0);
        for (total, count) in known.counts.iter_mut().zip(&reported.counts) {
            *total += count;
        }
        known.calls = sum(known.calls, reported.calls);
        known.cost_pico = sum(known.cost_pico, reported.cost_pico);
    }
    // Rows without a model count for the day: then so must ours.
    let whole_days = theirs.keys().all(|(_, model)| model.is_empty());
    let days: BTreeSet<&String> = theirs.keys().map(|(day, _)| day).collect();
    let (first, last) = (days.first().copied(), days.last().copied());
    let mut ours: BTreeMap<(String, String), Metered> = BTreeMap::new();
    for ((day, model), metered) in metered {
        // What lies before or after the report is no difference.
        if first.is_some_and(|first| day < first) || last.is_some_and(|last| day > last) {
            continue;
        }
        let name = if whole_days { String::new() } else { same(model) };
        ours.entry((day.clone(), name)).or_default().add(metered);
    }
    let keys: BTreeSet<&(String, String)> = theirs.keys().chain(ours.keys()).collect();
    let mut compared = Compared::default();
    for key in keys {
        lines(export, key, theirs.get(key), ours.get(key), &mut compared.lines);
    }
    moved(&mut compared.lines);
    for line in &compared.lines {
        let total = compared.totals.entry(line.what.clone()).or_default();
        total.0 += line.theirs;
        total.1 += line.ours;
    }
    compared
}

fn lines(
    export: &Export,
    (day, model): &(String, String),
    theirs: Option<&Reported>,
    ours: Option<&Metered>,
    lines: &mut Vec<Line>,
) {
    let before = lines.len();
    let nothing = Metered::default();
    let metered = ours.unwrap_or(&nothing);
    let mut put = |what: &str, theirs: i128, ours: i128| {
        lines.push(Line { day: day.clone(), model: model.clone(), what: what.to_owned(), theirs, ours, cause: None });
    };
    if export.format.calls.is_some() || export.format.one_row_a_call {
        put("calls", theirs.and_then(|theirs| theirs.calls).unwrap_or(0).into(), metered.calls.into());
    }
    for (index, count) in export.format.counts.iter().enumerate() {
        let reported = theirs.and_then(|theirs| theirs.counts.get(index).copied()).unwrap_or(0);
        let own = count.ours.iter().filter_map(|meter| metered.meters.get(meter)).map(|n| i128::from(*n)).sum();
        put(&count.name, reported, own);
    }
    if export.format.cost.is_some() {
        put("cost", theirs.and_then(|theirs| theirs.cost_pico).unwrap_or(0), metered.charged_pico);
    }
    let counted_equal = lines[before..].iter().filter(|line| line.what != "cost").all(|line| line.theirs == line.ours);
    let missing = theirs.and_then(|theirs| theirs.calls).and_then(|calls| calls.checked_sub(metered.calls));
    for line in &mut lines[before..] {
        line.cause = cause_of(line, theirs.is_some(), ours, missing, counted_equal);
    }
    // A day and model of which nothing was counted on either side says nothing.
    if lines[before..].iter().all(|line| line.theirs == 0 && line.ours == 0) {
        lines.truncate(before);
    }
}

fn cause_of(
    line: &Line,
    reported: bool,
    ours: Option<&Metered>,
    missing: Option<u64>,
    counted_equal: bool,
) -> Option<Cause> {
    let apart = line.theirs - line.ours;
    let money = line.what == "cost";
    if apart == 0 {
        return None;
    }
    if money && apart.abs() <= ROUNDING_PICO {
        return Some(Cause::Rounding);
    }
    let Some(metered) = ours.filter(|metered| metered.calls > 0 || !metered.meters.is_empty()) else {
        return Some(Cause::NotMetered);
    };
    if !reported {
        return Some(Cause::NotInReport);
    }
    Some(match () {
        () if money && metered.unpriced > 0 && apart > 0 => Cause::Unpriced { calls: metered.unpriced },
        () if money && metered.on_plan > 0 && apart > 0 => Cause::Plan { calls: metered.on_plan },
        () if apart > 0 && missing.is_some_and(|calls| calls > 0) => Cause::CallsPastTheMeter { calls: missing },
        () if apart > 0 && metered.incomplete > 0 => Cause::BrokenStreams { calls: metered.incomplete },
        () if money && counted_equal && line.ours > 0 => cause::of_price(line.theirs, line.ours),
        () if apart < 0 => Cause::NarrowReport,
        () if missing == Some(0) => Cause::OtherCounts,
        () => Cause::CallsPastTheMeter { calls: None },
    })
}

/// Differences that cancel out against a neighbouring day are calls around midnight.
fn moved(lines: &mut [Line]) {
    let apart: BTreeMap<(String, String, String), i128> = lines
        .iter()
        .map(|line| ((line.model.clone(), line.what.clone(), line.day.clone()), line.theirs - line.ours))
        .collect();
    for line in lines.iter_mut().filter(|line| line.theirs != line.ours && line.cause != Some(Cause::Rounding)) {
        let Ok(day) = line.day.parse::<Date>() else { continue };
        for other in [day.checked_add(1.day()), day.checked_sub(1.day())].into_iter().flatten() {
            let key = (line.model.clone(), line.what.clone(), other.to_string());
            if apart.get(&key).is_some_and(|there| *there == line.ours - line.theirs) {
                line.cause = Some(Cause::AnotherDay { day: other.to_string() });
                break;
            }
        }
    }
}

impl Metered {
    fn add(&mut self, other: &Metered) {
        self.calls += other.calls;
        for (meter, quantity) in &other.meters {
            *self.meters.entry(*meter).or_default() += quantity;
        }
        self.charged_pico += other.charged_pico;
        self.unpriced += other.unpriced;
        self.incomplete += other.incomplete;
        self.on_plan += other.on_plan;
    }
}

fn sum<T: std::ops::Add<Output = T>>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, other) => one.or(other),
    }
}
