//! Which cause explains a difference, by what the figures beside it say.
//!
//! A cause that is given without a doubt explains the amount to the last unit, or is what was found: nothing metered, no row
//! there. Everything else is a guess and stands beside what would explain it as well.

use crate::cause::{Cause, Why};
use crate::metered::{AsIf, Metered};
use crate::reported::Reported;
use meter_money::Ratio;

/// An exact match says something when chance would hit it once in so many times.
const CHANCE: i128 = 100;

/// A smaller share than one in so many is no explanation: any two amounts are that close.
const SHARE_MIN: i128 = 100;

/// Whether the counts that go with an amount are known to be equal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Counts {
    /// All of them, and there is at least one.
    Agree,
    /// Some are not.
    Differ,
    /// The report has none.
    Unknown,
}

/// A difference with all that is known beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub theirs: i128,
    pub ours: i128,
    /// Whether it is an amount.
    pub money: bool,
    /// `None`: not in the report.
    pub reported: Option<&'a Reported>,
    pub metered: &'a Metered,
    pub counts: Counts,
    /// The counts that divide the prompt add up to the same.
    pub split: bool,
    /// The report names no model here, and does elsewhere.
    pub nameless: bool,
    pub last_day: bool,
    /// As far apart as rounding makes two amounts.
    pub slack: i128,
}

impl Case<'_> {
    fn apart(&self) -> i128 {
        self.theirs - self.ours
    }

    fn explains(&self, theirs: i128) -> bool {
        (self.theirs - theirs).abs() <= self.slack
    }

    /// Whether a match within rounding is more than a coincidence.
    fn tight(&self) -> bool {
        self.apart().abs() >= self.slack.saturating_mul(CHANCE)
    }

    /// Calls that the report has and the meter has not.
    fn missing(&self) -> Option<u64> {
        self.reported?.calls?.checked_sub(self.metered.calls)
    }

    /// Why the figures differ; `None` when they do not.
    pub(crate) fn why(&self) -> Option<Why> {
        let metered = self.metered;
        if self.apart() == 0 {
            return None;
        }
        if self.money && self.apart().abs() <= self.slack {
            return Some(Why::sure(Cause::Rounding));
        }
        let credits = self.reported.map_or(0, |reported| reported.credits_pico);
        if self.money && credits < 0 && self.explains(self.ours + credits) {
            return Some(Why::sure(Cause::Credit { pico: credits }));
        }
        if self.nameless {
            return Some(Why::sure(Cause::NoModel));
        }
        if metered.calls == 0 && metered.meters.is_empty() {
            return Some(match metered.failed {
                0 => Why::sure(Cause::NotMetered),
                calls => Why::guess(Cause::BilledThoughFailed { calls }, [Cause::CallsPastTheMeter { calls: None }]),
            });
        }
        if self.reported.is_none() {
            // Calls on a plan are on no bill.
            let plan = metered.on_plan > 0 && metered.on_plan == metered.calls;
            return Some(Why::sure(if plan { Cause::Plan { calls: metered.on_plan } } else { Cause::NotInReport }));
        }
        Some(match () {
            () if self.split => Why::sure(Cause::Split),
            () if self.apart() > 0 && self.missing().is_some_and(|calls| calls > 0) => self.calls_missing(),
            () if self.apart() > 0 => self.more_there(),
            () => self.less_there(),
        })
    }

    fn calls_missing(&self) -> Why {
        let past = Cause::CallsPastTheMeter { calls: self.missing() };
        match self.metered.failed {
            0 => Why::sure(past),
            failed => Why::guess(Cause::BilledThoughFailed { calls: failed }, [past]),
        }
    }

    fn more_there(&self) -> Why {
        let metered = self.metered;
        let past = Cause::CallsPastTheMeter { calls: None };
        let mut others: Vec<Cause> = Vec::new();
        if metered.failed > 0 {
            others.push(Cause::BilledThoughFailed { calls: metered.failed });
        }
        if metered.incomplete > 0 {
            others.push(Cause::BrokenStreams { calls: metered.incomplete });
        }
        if !self.money {
            // Every call is there: then it is how they were counted.
            let all = self.missing() == Some(0);
            others.push(if all { Cause::OtherCounts } else { past });
            return Why::guess(others.remove(0), others);
        }
        let plan = Cause::Plan { calls: metered.on_plan };
        if metered.on_plan > 0 && self.explains(self.ours + metered.plan_pico) && self.tight() {
            return Why::sure(plan);
        }
        if metered.on_plan > 0 {
            others.push(plan);
        }
        if metered.unpriced > 0 {
            let unpriced = Cause::Unpriced { calls: metered.unpriced };
            if self.counts == Counts::Agree && others.is_empty() {
                return Why::sure(unpriced);
            }
            others.insert(0, unpriced);
        }
        if others.is_empty() && self.counts != Counts::Differ {
            if let Some(why) = self.as_if() {
                return why;
            }
            others.extend(self.shares());
        }
        match self.counts {
            Counts::Agree => others.push(Cause::Price),
            Counts::Differ => others.insert(0, past),
            Counts::Unknown if metered.unpriced > 0 => others.push(past),
            Counts::Unknown => {
                others.insert(0, past);
                others.push(Cause::Price);
            }
        }
        Why::guess(others.remove(0), others)
    }

    fn less_there(&self) -> Why {
        let mut others: Vec<Cause> = Vec::new();
        if self.money && self.counts != Counts::Differ {
            let list = self.reported.and_then(|reported| reported.list_pico);
            if let (Some(list), Some(off)) = (list, off(self.theirs, self.ours))
                && (list - self.ours).abs() <= self.slack
            {
                return Why::sure(off);
            }
            if let Some(why) = self.as_if() {
                return why;
            }
            others.extend(self.shares());
            // The report's own list price is what it billed: then there is no discount.
            others.extend(off(self.theirs, self.ours).filter(|_| list != Some(self.theirs)));
        }
        if self.money && self.counts == Counts::Agree {
            // All calls are there: it is the price.
            others.extend(others.is_empty().then_some(Cause::Price));
        } else if self.missing() == Some(0) && !self.money {
            others.push(Cause::OtherCounts);
        } else {
            let plan = self.metered.on_plan > 0 && !self.money;
            others.extend(plan.then_some(Cause::Plan { calls: self.metered.on_plan }));
            others.extend(self.last_day.then_some(Cause::LastDay));
            others.push(Cause::NarrowReport);
        }
        Why::guess(others.remove(0), others)
    }

    /// Another condition of the price that gives just this amount: for all of it, or for the part that the report names.
    fn as_if(&self) -> Option<Why> {
        let exact = |as_if: &&AsIf| self.explains(as_if.charged_pico) && self.may_be(&as_if.cause);
        let mut causes: Vec<Cause> = self.metered.as_if.iter().filter(exact).map(|as_if| as_if.cause.clone()).collect();
        match causes.len() {
            0 => self.metered.as_if.iter().find_map(|as_if| self.told(as_if)).map(Why::sure),
            1 if self.tight() => Some(Why::sure(causes.remove(0))),
            _ => Some(Why::guess(causes.remove(0), causes)),
        }
    }

    /// A class that the report names for a part of it, where that part explains the amount.
    fn told(&self, as_if: &AsIf) -> Option<Cause> {
        let Cause::BilledAs { axis, value, .. } = &as_if.cause else { return None };
        let part = *self.reported.filter(|_| axis == "class")?.classes.get(value)?;
        // What the part would have cost here, less what it cost there.
        let whole = self.ours - as_if.charged_pico;
        let less = part.checked_mul(whole)?.checked_div(as_if.charged_pico)?;
        let explains = part != 0 && (self.apart() + less).abs() <= 2 * self.slack;
        let share = tenths(less, whole).filter(|_| explains)?;
        Some(Cause::BilledAs { axis: axis.clone(), value: value.clone(), share: Some(share) })
    }

    /// Conditions of the price that would explain the amount if a part of it was billed by them.
    fn shares(&self) -> Vec<Cause> {
        let mut causes = Vec::new();
        for as_if in &self.metered.as_if {
            let Cause::BilledAs { axis, value, .. } = &as_if.cause else { continue };
            let whole = as_if.charged_pico - self.ours;
            let part = self.apart();
            let plausible = part.abs() < whole.abs() && part.abs() >= whole.abs() / SHARE_MIN;
            if whole.signum() != part.signum() || !plausible || !self.may_be(&as_if.cause) {
                continue;
            }
            let Some(share) = tenths(part, whole) else { continue };
            causes.push(Cause::BilledAs { axis: axis.clone(), value: value.clone(), share: Some(share) });
        }
        causes
    }

    /// A report that names the classes rules out those it does not name.
    fn may_be(&self, cause: &Cause) -> bool {
        let Cause::BilledAs { axis, value, .. } = cause else { return true };
        let classes = self.reported.map(|reported| &reported.classes).filter(|classes| !classes.is_empty());
        axis != "class" || classes.is_none_or(|classes| classes.contains_key(value))
    }
}

/// How far the amount is below ours: a discount, from half a per cent on.
fn off(theirs: i128, ours: i128) -> Option<Cause> {
    let below = ours - theirs;
    let enough = theirs > 0 && below.checked_mul(200)? >= ours;
    Some(Cause::Discount { per_cent: tenths(below, ours)? }).filter(|_| enough)
}

/// `part` of `whole` in per cent with one decimal.
fn tenths(part: i128, whole: i128) -> Option<String> {
    let tenths =
        Ratio::new(part, whole).and_then(|share| share.mul(Ratio::whole(1000))).map(meter_money::half_even).ok()?;
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}
