//! What days and models say of each other: calls around midnight, another name of a model, a discount on everything.

use crate::cause::{Cause, Grounds, Why};
use crate::compare::{Group, Line};
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// An amount that is printed this much finer than it is large is not equal to another by chance.
const FINE: i128 = 1000;

/// Corrects causes by what stands on other days and under other models.
pub(crate) fn look(groups: &mut [Group]) {
    steady(groups);
    renamed(groups);
    moved(groups);
}

/// A discount is on everything, a mix of classes is another one on each line: the same per cent twice is a discount.
fn steady(groups: &mut [Group]) {
    let off = |line: &Line| {
        let all = line.cause.iter().chain(&line.or);
        all.filter(|_| line.grounds == Grounds::Guess).find(|cause| matches!(cause, Cause::Discount { .. })).cloned()
    };
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for discount in groups.iter().flat_map(|group| &group.lines).filter_map(off) {
        *times.entry(discount.to_string()).or_default() += 1;
    }
    let often = |discount: &Cause| times.get(&discount.to_string()).is_some_and(|times| *times > 1);
    for line in groups.iter_mut().flat_map(|group| &mut group.lines) {
        if let Some(discount) = off(line).filter(often) {
            let others = line.cause.take().into_iter().chain(std::mem::take(&mut line.or));
            let others: Vec<Cause> = others.filter(|other| *other != discount).collect();
            line.say(Why::guess(discount, others));
        }
    }
}

/// What is only there under one name and only here under another, with the same figures, is one model.
fn renamed(groups: &mut [Group]) {
    let only = |group: &Group, side: fn(&Line) -> i128| group.lines.iter().all(|line| side(line) == 0);
    let figures = |group: &Group| group.lines.iter().map(|line| line.theirs + line.ours).collect::<Vec<_>>();
    let same = |a: &Group, b: &Group| {
        let slack = a.slack.max(b.slack);
        let equal = |(a, b): (&Line, &Line)| {
            let apart = (a.theirs + a.ours - b.theirs - b.ours).abs();
            a.what == b.what && apart <= if a.what == "cost" { slack } else { 0 }
        };
        a.lines.len() == b.lines.len() && a.lines.iter().zip(&b.lines).all(equal)
    };
    let mut pairs = Vec::new();
    for (there, group) in groups.iter().enumerate().filter(|(_, group)| only(group, |line| line.ours)) {
        let here = |(_, other): &(usize, &Group)| {
            other.day == group.day
                && only(other, |line| line.theirs)
                && same(group, other)
                && telling(&figures(other), group)
        };
        let mut others = groups.iter().enumerate().filter(here).map(|(index, _)| index);
        if let (Some(here), None) = (others.next(), others.next()) {
            pairs.push((there, here));
        }
    }
    // Two models there with the figures of one here: nobody can say which.
    let once = |here: usize| pairs.iter().filter(|(_, other)| *other == here).count() == 1;
    for (there, here) in pairs.iter().copied().filter(|(_, here)| once(*here)) {
        for (at, other) in [(there, here), (here, there)] {
            let model = groups[other].model.clone();
            for line in groups[at].lines.iter_mut().filter(|line| line.apart() != 0) {
                line.say(Why::sure(Cause::OtherName { model: model.clone() }));
            }
        }
    }
}

/// Whether equal figures are more than chance: two of them, or an amount that is printed finely.
fn telling(figures: &[i128], group: &Group) -> bool {
    let fine = |line: &Line| line.what == "cost" && line.apart().abs() >= group.slack.saturating_mul(FINE);
    figures.iter().filter(|figure| **figure != 0).count() > 1 || group.lines.iter().any(fine)
}

/// Differences that cancel out against one neighbouring day, figure by figure, are calls around midnight. One equal figure, or
/// both neighbours, may be chance: then it is named beside the other causes.
fn moved(groups: &mut [Group]) {
    let index: BTreeMap<(String, String), usize> =
        groups.iter().enumerate().map(|(at, group)| ((group.day.clone(), group.model.clone()), at)).collect();
    let cancels = |a: &Group, b: &Group| {
        let slack = a.slack.max(b.slack);
        let off = |a: &Line, b: &Line| (a.apart() + b.apart()).abs() <= if a.what == "cost" { slack } else { 0 };
        a.lines.len() == b.lines.len() && a.lines.iter().zip(&b.lines).all(|(a, b)| a.what == b.what && off(a, b))
    };
    let neighbours = |group: &Group| -> Vec<usize> {
        let Ok(day) = group.day.parse::<Date>() else { return Vec::new() };
        let days = [day.checked_add(1.day()), day.checked_sub(1.day())].into_iter().flatten();
        let found = days.filter_map(|day| index.get(&(day.to_string(), group.model.clone())).copied());
        found.filter(|at| cancels(group, &groups[*at])).collect()
    };
    let found: Vec<Vec<usize>> = groups.iter().map(neighbours).collect();
    let whole: Vec<bool> =
        groups.iter().map(|group| telling(&group.lines.iter().map(Line::apart).collect::<Vec<_>>(), group)).collect();
    let days: Vec<String> = groups.iter().map(|group| group.day.clone()).collect();
    for (at, group) in groups.iter_mut().enumerate() {
        let only = found[at].len() == 1 && found[at].iter().all(|other| found[*other].len() == 1);
        for line in &mut group.lines {
            let open = line.cause.as_ref().is_some_and(|cause| *cause != Cause::Rounding);
            let proved = line.grounds == Grounds::Figures && explained(line.cause.as_ref());
            for other in found[at].iter().filter(|_| open && !proved) {
                let another = Cause::AnotherDay { day: days[*other].clone() };
                if only && whole[at] && whole[*other] {
                    line.say(Why::sure(another));
                } else {
                    line.grounds = Grounds::Guess;
                    line.or.insert(0, another);
                }
            }
        }
    }
}

/// Causes that give the amount to the last unit: a day that happens to cancel out says nothing against them.
fn explained(cause: Option<&Cause>) -> bool {
    use Cause::{BilledAs, Credit, Discount, OtherName, Plan, PriceChange, PricesNow};
    matches!(
        cause,
        Some(
            BilledAs { .. }
                | Credit { .. }
                | Discount { .. }
                | OtherName { .. }
                | Plan { .. }
                | PriceChange { .. }
                | PricesNow
        )
    )
}
