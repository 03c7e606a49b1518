//! Lays a report beside what was metered.

use crate::across;
use crate::cause::{Cause, Grounds, Why};
use crate::judge::{Case, Counts};
use crate::metered::Metered;
use crate::read::Export;
use crate::reported::Reported;
use meter_call::{Meter, Side};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One figure, there and here.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Line {
    /// Day in UTC, ISO.
    pub day: String,
    /// Model, or the fee that the report has in rows of its own; empty where the report names none.
    pub model: String,
    /// `calls`, `cost`, or the report's own count.
    pub what: String,
    /// The report's figure; pico-dollars for `cost`.
    pub theirs: i128,
    /// Ours, in the same unit.
    pub ours: i128,
    /// Why they most likely differ; `None` where they agree.
    pub cause: Option<Cause>,
    /// What speaks for the cause.
    pub grounds: Grounds,
    /// What would explain the difference as well.
    pub or: Vec<Cause>,
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

impl Line {
    /// How much more the report has.
    pub fn apart(&self) -> i128 {
        self.theirs - self.ours
    }

    fn new((day, model): &(String, String), what: &str, theirs: i128, ours: i128) -> Line {
        let (day, model, what) = (day.clone(), model.clone(), what.to_owned());
        Line { day, model, what, theirs, ours, cause: None, grounds: Grounds::Figures, or: Vec::new() }
    }

    pub(crate) fn say(&mut self, why: Why) {
        (self.cause, self.grounds, self.or) = (Some(why.cause), why.grounds, why.or);
    }
}

/// All figures of a day and a model.
#[derive(Debug)]
pub(crate) struct Group {
    pub day: String,
    pub model: String,
    /// Rounding of its amount.
    pub slack: i128,
    pub lines: Vec<Line>,
}

/// Sums by day and model.
type ByModel<T> = BTreeMap<(String, String), T>;

/// Compares day by day and model by model. `metered` is by day (UTC, ISO) and model; `same` gives, for a day, the one name of a
/// model that goes by several, on both sides.
///
/// Where no row of the report names a model, a row is compared with the sum of all models of its day.
pub fn compare(export: &Export, metered: &ByModel<Metered>, same: impl Fn(&str, &str) -> String) -> Compared {
    let days: BTreeSet<&String> = export.days.keys().chain(export.fees.keys()).map(|(day, _)| day).collect();
    let (first, last) = export.days_covered();
    let in_time = |day: &str| day >= first.as_str() && day <= last.as_str();
    let whole_days = !export.days.is_empty() && export.days.keys().all(|(_, model)| model.is_empty());
    let mut ours: ByModel<Metered> = BTreeMap::new();
    // What lies before or after the report is no difference.
    for ((day, model), metered) in metered.iter().filter(|((day, _), _)| in_time(day)) {
        let name = if whole_days { String::new() } else { same(day, model) };
        ours.entry((day.clone(), name)).or_default().add(metered);
    }
    let mut theirs: ByModel<Reported> = BTreeMap::new();
    for ((day, model), reported) in &export.days {
        let others = export.names.get(model).into_iter().flatten();
        let mut names = std::iter::once(model).chain(others).map(|name| same(day, name));
        let metered = names.clone().find(|name| ours.contains_key(&(day.clone(), name.clone())));
        let name = if model.is_empty() { None } else { metered.or_else(|| names.next()) };
        theirs.entry((day.clone(), name.unwrap_or_default())).or_default().add(reported);
    }
    let fees = our_fees(export, &mut ours);
    let mut groups = Vec::new();
    let nothing = Metered::default();
    for key in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let nameless = key.1.is_empty() && !whole_days;
        let sides = Sides { theirs: theirs.get(key), ours: ours.get(key).unwrap_or(&nothing) };
        groups.push(group(export, key, sides, nameless, Some(&key.0) == days.last().copied()));
    }
    for key in export.fees.keys().chain(fees.keys()).collect::<BTreeSet<_>>() {
        let sides = Sides { theirs: export.fees.get(key), ours: fees.get(key).unwrap_or(&nothing) };
        let mut fee = group(export, key, sides, false, Some(&key.0) == days.last().copied());
        fee.lines.retain(|line| line.what == "cost");
        groups.push(fee);
    }
    // A day and model of which nothing was counted on either side says nothing.
    groups.retain(|group| group.lines.iter().any(|line| line.theirs != 0 || line.ours != 0));
    groups.sort_by(|a, b| (&a.day, &a.model).cmp(&(&b.day, &b.model)));
    across::look(&mut groups);
    let mut compared =
        Compared { lines: groups.into_iter().flat_map(|group| group.lines).collect(), ..Compared::default() };
    for line in &compared.lines {
        let total = compared.totals.entry(line.what.clone()).or_default();
        total.0 += line.theirs;
        total.1 += line.ours;
    }
    compared
}

/// A day and a model on both sides.
#[derive(Clone, Copy)]
struct Sides<'a> {
    theirs: Option<&'a Reported>,
    ours: &'a Metered,
}

/// Takes the fees out of the models they were charged with, where the report has them in rows of their own.
fn our_fees(export: &Export, ours: &mut ByModel<Metered>) -> ByModel<Metered> {
    let mut fees: ByModel<Metered> = BTreeMap::new();
    for ((day, _), metered) in ours.iter_mut().filter(|_| export.by_kind) {
        for fee in &export.format.fees {
            let taken = metered.take(&fee.ours);
            if !taken.meters.is_empty() {
                fees.entry((day.clone(), fee.name.clone())).or_default().add(&taken);
            }
        }
    }
    fees
}

fn group(export: &Export, key: &(String, String), sides: Sides<'_>, nameless: bool, last_day: bool) -> Group {
    let format = export.format;
    let Sides { theirs, ours } = sides;
    let mut lines: Vec<Line> = Vec::new();
    if format.calls.as_deref().is_some_and(|key| export.counts(key)) || format.one_row_a_call {
        let reported = theirs.and_then(|theirs| theirs.calls).unwrap_or(0);
        lines.push(Line::new(key, "calls", reported.into(), ours.calls.into()));
    }
    // A figure that the report leaves out everywhere is not 0.
    for (index, count) in format.counts.iter().enumerate().filter(|(_, count)| export.counts(&count.theirs)) {
        let reported = theirs.and_then(|theirs| theirs.counts.get(index).copied()).unwrap_or(0);
        let own = count.ours.iter().filter_map(|meter| ours.meters.get(meter)).map(|n| i128::from(*n)).sum();
        lines.push(Line::new(key, &count.name, reported, own));
    }
    let counts = match lines.iter().all(|line| line.apart() == 0) {
        _ if lines.is_empty() => Counts::Unknown,
        true => Counts::Agree,
        false => Counts::Differ,
    };
    if format.cost.is_some() {
        let billed = theirs.and_then(|theirs| theirs.cost_pico).unwrap_or(0);
        lines.push(Line::new(key, "cost", billed, ours.charged_pico));
    }
    let slack = export.slack_pico(theirs.unwrap_or(&Reported::default()));
    let split = split(export, &lines);
    for line in &mut lines {
        let case = Case {
            theirs: line.theirs,
            ours: line.ours,
            money: line.what == "cost",
            reported: theirs,
            metered: ours,
            counts,
            split: split.contains(&line.what),
            nameless,
            last_day,
            slack,
        };
        if let Some(why) = case.why() {
            line.say(why);
        }
    }
    let (day, model) = key.clone();
    Group { day, model, slack, lines }
}

/// Counts that divide one prompt: those whose sum agrees though they differ, and parts of one that agrees.
fn split(export: &Export, lines: &[Line]) -> BTreeSet<String> {
    let prompt = |meter: &Meter| meter.side() == Side::Input;
    let counts = || export.format.counts.iter().filter(|count| count.ours.iter().all(prompt));
    let apart = |name: &str| lines.iter().find(|line| line.what == name).map_or(0, Line::apart);
    let whole: i128 = counts().filter(|count| count.part_of.is_none()).map(|count| apart(&count.name)).sum();
    let divided = counts().filter(|count| count.part_of.as_deref().map_or(whole, apart) == 0);
    divided.map(|count| count.name.clone()).collect()
}
