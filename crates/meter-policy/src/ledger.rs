//! What budgets have spent and what they hold.

use crate::{
    Audit, Budget, Call, Hold, Kind, Limit, Outcome, Policies, Rule, Window, decide::counts, hold, scope::Fit,
};
use meter_call::{CallId, Reservation, UnixMillis};
use meter_money::PicoUsd;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Windows kept per rule: the open one, and those that calls which began before it still end in.
const WINDOWS_MAX: usize = 4;

/// Closed calls that are remembered, so that a late second word on one of them changes nothing.
const CLOSED_MAX: usize = 8_192;

/// The spend of all budgets, in memory, with one owner.
///
/// Deciding on a call and reserving for it have to happen under the same lock, or two calls may both see the last dollar. A call counts
/// in the window of its own start ([`Call::at`]), also when it ends in the next, so the figures are the same when they are rebuilt from
/// rows.
///
/// At start: [`Ledger::seed`] every row since [`Policies::counts_from`], then [`Ledger::seed_lost`] every open record that a dead
/// process left. After new rules were applied: [`Ledger::forget_spent`] and the rows again; holds of running calls stay.
/// A scope's `request_bytes_over` and `output_over` cannot be asked of rows, which keep neither, so such a budget starts from zero.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    spent: HashMap<String, BTreeMap<UnixMillis, u128>>,
    holds: HashMap<CallId, Vec<Hold>>,
    closed: HashSet<CallId>,
    closed_order: VecDeque<CallId>,
}

/// What a finished call used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Spend {
    /// What is charged; `None` when unpriced, which draws nothing from a dollar budget (reports are loud about it).
    pub usd: Option<PicoUsd>,
    /// All tokens of both directions.
    pub tokens: u64,
}

/// How a budget stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standing {
    /// The limit, and so the unit of the two amounts.
    pub limit: Limit,
    /// Settled in the window: pico-dollars, tokens or calls.
    pub spent: u128,
    /// Held by calls that run.
    pub reserved: u128,
    /// The window.
    pub window: Window,
}

impl Ledger {
    /// Sets aside what a decision asked for. A second word on the same call replaces the first; a closed call holds nothing.
    pub fn reserve(&mut self, call: CallId, holds: Vec<Hold>) {
        if holds.is_empty() || self.closed.contains(&call) {
            self.holds.remove(&call);
        } else {
            self.holds.insert(call, holds);
        }
    }

    /// The call ended: its hold goes, what it used counts in every budget that matches it now. Answers the thresholds of `warn_at` that
    /// this call crossed. A call that is closed already changes nothing.
    pub fn settle(&mut self, policies: &Policies, id: CallId, call: &Call<'_>, spend: Spend) -> Vec<Audit> {
        if !self.close(id) {
            return Vec::new();
        }
        let mut crossed = Vec::new();
        for rule in policies.rules() {
            let Kind::Budget(budget) = &rule.kind else { continue };
            if !counts(budget, call) || rule.scope.fit(call, policies.zone(rule)) != Fit::Yes {
                continue;
            }
            let amount = match budget.limit {
                Limit::Usd(_) => u128::try_from(spend.usd.map_or(0, PicoUsd::pico)).unwrap_or(0),
                Limit::Tokens(_) => u128::from(spend.tokens),
                Limit::Calls(_) => 1,
            };
            let (before, after) = self.add(rule, budget.per.window(call.at, policies.zone(rule)), amount);
            crossed.extend(thresholds(rule, budget, before, after));
        }
        crossed
    }

    /// The call never started: its hold goes and nothing is spent.
    pub fn release(&mut self, id: CallId) {
        self.close(id);
    }

    /// Counts a row of the past like [`Ledger::settle`], silently.
    pub fn seed(&mut self, policies: &Policies, id: CallId, call: &Call<'_>, spend: Spend) {
        self.settle(policies, id, call, spend);
    }

    /// Counts a call that died with an earlier process at the most it may have cost, since nobody saw its end. `at` is when it began.
    pub fn seed_lost(&mut self, policies: &Policies, id: CallId, at: UnixMillis, reservation: &Reservation) {
        if !self.close(id) {
            return;
        }
        for rule in policies.rules().iter().filter(|rule| reservation.rules.contains(&rule.id)) {
            let Kind::Budget(budget) = &rule.kind else { continue };
            let amount = match budget.limit {
                Limit::Usd(_) => u128::try_from(reservation.amount.pico()).unwrap_or(0),
                // The record keeps money only.
                Limit::Tokens(_) => 0,
                Limit::Calls(_) => 1,
            };
            self.add(rule, budget.per.window(at, policies.zone(rule)), amount);
        }
    }

    /// Empties what is spent, before it is seeded again under other rules. Holds stay.
    pub fn forget_spent(&mut self) {
        self.spent.clear();
        self.closed.clear();
        self.closed_order.clear();
    }

    /// How the budget of this rule stands in the window of `at`; `None` when the rule is no budget.
    pub fn standing(&self, policies: &Policies, rule: &str, at: UnixMillis) -> Option<Standing> {
        let rule = policies.rule(rule)?;
        match &rule.kind {
            Kind::Budget(budget) => Some(self.of(rule, budget, budget.per.window(at, policies.zone(rule)))),
            Kind::Allow | Kind::Deny(_) => None,
        }
    }

    /// What a running call holds, for its open record.
    pub fn reservation(&self, id: CallId) -> Option<Reservation> {
        self.holds.get(&id).and_then(|holds| hold::reservation(holds))
    }

    pub(crate) fn of(&self, rule: &Rule, budget: &Budget, window: Window) -> Standing {
        let spent = self.spent.get(&rule.id).and_then(|windows| windows.get(&window.start)).copied().unwrap_or(0);
        let held = self.holds.values().flatten().filter(|hold| hold.rule == rule.id && hold.window == window);
        Standing { limit: budget.limit, spent, reserved: held.map(|hold| u128::from(hold.amount)).sum(), window }
    }

    /// Sets what a rule has spent in a window; for a rule's own tests.
    pub(crate) fn set(&mut self, rule: &Rule, window: Window, amount: u128) {
        self.add(rule, window, amount);
    }

    fn add(&mut self, rule: &Rule, window: Window, amount: u128) -> (u128, u128) {
        let windows = self.spent.entry(rule.id.clone()).or_default();
        let spent = windows.entry(window.start).or_default();
        let before = *spent;
        *spent = before.saturating_add(amount);
        let after = *spent;
        while windows.len() > WINDOWS_MAX {
            windows.pop_first();
        }
        (before, after)
    }

    /// Takes the hold away; false when the call was closed before.
    fn close(&mut self, id: CallId) -> bool {
        self.holds.remove(&id);
        if !self.closed.insert(id) {
            return false;
        }
        self.closed_order.push_back(id);
        if self.closed_order.len() > CLOSED_MAX {
            self.closed_order.pop_front().map(|oldest| self.closed.remove(&oldest));
        }
        true
    }
}

fn thresholds(rule: &Rule, budget: &Budget, before: u128, after: u128) -> Vec<Audit> {
    let limit = budget.limit.amount();
    let reached = |spent: u128, percent: u8| spent.saturating_mul(100) >= limit.saturating_mul(u128::from(percent));
    let crossed = budget.warn_at.iter().filter(|percent| !reached(before, **percent) && reached(after, **percent));
    crossed
        .map(|percent| Audit {
            rule: rule.id.clone(),
            stage: rule.stage,
            outcome: Outcome::Threshold,
            detail: format!(
                "{percent} % used: {} of {} this {}",
                budget.limit.show(after),
                budget.limit.show(limit),
                budget.per.as_str()
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{budget, call, id, ms, policies, usd};
    use crate::{Per, Verdict, decide};
    use proptest::prelude::*;

    fn dollars(text: &str) -> Spend {
        Spend { usd: Some(usd(text)), tokens: 10 }
    }

    #[test]
    fn a_hold_counts_until_the_real_cost_takes_its_place() {
        let rules = policies(vec![budget("b", Limit::Usd(usd("1")), Per::Month)]);
        let (call, mut ledger) = (call(), Ledger::default());
        let holds = decide(&rules, &call, &ledger).holds;
        let amount = u128::from(holds[0].amount);
        ledger.reserve(id(1), holds);
        let stands =
            |ledger: &Ledger| ledger.standing(&rules, "b", call.at).map(|s| (s.spent, s.reserved)).expect("a budget");
        assert_eq!(stands(&ledger), (0, amount));
        assert_eq!(ledger.reservation(id(1)).map(|r| u128::try_from(r.amount.pico()).expect("positive")), Some(amount));
        ledger.settle(&rules, id(1), &call, dollars("0.25"));
        assert_eq!(stands(&ledger), (250_000_000_000, 0));
        ledger.settle(&rules, id(1), &call, dollars("0.25"));
        ledger.release(id(1));
        assert_eq!(stands(&ledger), (250_000_000_000, 0));
    }

    #[test]
    fn a_new_window_starts_from_nothing_and_a_late_end_counts_where_the_call_began() {
        let rules = policies(vec![budget("b", Limit::Calls(2), Per::Day)]);
        let (mut call, mut ledger) = (call(), Ledger::default());
        call.at = ms("2026-11-24T23:59:00Z");
        ledger.settle(&rules, id(1), &call, Spend::default());
        ledger.settle(&rules, id(2), &call, Spend::default());
        assert_eq!(decide(&rules, &call, &ledger).verdict, Verdict::Refuse);
        let tomorrow = Call { at: ms("2026-11-25T00:00:00Z"), ..call.clone() };
        assert_eq!(decide(&rules, &tomorrow, &ledger).verdict, Verdict::Allow);
        ledger.settle(&rules, id(3), &call, Spend::default());
        assert_eq!(ledger.standing(&rules, "b", tomorrow.at).map(|s| s.spent), Some(0));
        assert_eq!(ledger.standing(&rules, "b", call.at).map(|s| s.spent), Some(3));
    }

    #[test]
    fn each_threshold_is_told_once() {
        let mut rule = budget("b", Limit::Usd(usd("10")), Per::Month);
        let Kind::Budget(inner) = &mut rule.kind else { panic!("a budget") };
        inner.warn_at = vec![50, 80];
        let (rules, call, mut ledger) = (policies(vec![rule]), call(), Ledger::default());
        let mut told = |n, text| ledger.settle(&rules, id(n), &call, dollars(text)).len();
        assert_eq!([told(1, "4"), told(2, "1"), told(3, "1"), told(4, "3"), told(5, "9")], [0, 1, 0, 1, 0]);
    }

    #[test]
    fn a_call_that_died_counts_at_its_hold() {
        let rules = policies(vec![
            budget("usd", Limit::Usd(usd("1")), Per::Month),
            budget("calls", Limit::Calls(5), Per::Month),
            budget("other", Limit::Calls(5), Per::Month),
        ]);
        let (call, mut ledger) = (call(), Ledger::default());
        let reservation = Reservation { rules: vec!["usd".to_owned(), "calls".to_owned()], amount: usd("0.5") };
        ledger.seed_lost(&rules, id(1), call.at, &reservation);
        ledger.seed_lost(&rules, id(1), call.at, &reservation);
        let spent = |rule| ledger.standing(&rules, rule, call.at).map(|s| s.spent);
        assert_eq!((spent("usd"), spent("calls"), spent("other")), (Some(500_000_000_000), Some(1), Some(0)));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Admit(u8),
        Settle(u8, u32),
        Release(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let one = prop_oneof![
            (0u8..12).prop_map(Step::Admit),
            ((0u8..12), 0u32..2_000_000).prop_map(|(n, micro)| Step::Settle(n, micro)),
            (0u8..12).prop_map(Step::Release),
        ];
        prop::collection::vec(one, 0..60)
    }

    proptest! {
        /// Whatever order words on calls come in: spent is the sum of first settlements, reserved the sum of holds of calls that run.
        #[test]
        fn sums_are_right_under_any_interleaving(steps in steps()) {
            let rules = policies(vec![budget("b", Limit::Usd(usd("1000")), Per::Month)]);
            let (call, mut ledger) = (call(), Ledger::default());
            let (mut running, mut done) = (BTreeMap::new(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Admit(n) => {
                        let holds = decide(&rules, &call, &ledger).holds;
                        if !done.contains_key(&n) {
                            running.insert(n, holds.iter().map(|hold| u128::from(hold.amount)).sum::<u128>());
                        }
                        ledger.reserve(id(n), holds);
                    }
                    Step::Settle(n, micro) => {
                        running.remove(&n);
                        done.entry(n).or_insert(u128::from(micro) * 1_000_000);
                        let spend = Spend { usd: Some(PicoUsd::from_pico(i64::from(micro) * 1_000_000)), tokens: 0 };
                        ledger.settle(&rules, id(n), &call, spend);
                    }
                    Step::Release(n) => {
                        running.remove(&n);
                        done.entry(n).or_insert(0);
                        ledger.release(id(n));
                    }
                }
                let standing = ledger.standing(&rules, "b", call.at).expect("a budget");
                prop_assert_eq!(standing.spent, done.values().sum::<u128>());
                prop_assert_eq!(standing.reserved, running.values().sum::<u128>());
            }
        }

        /// However many calls run at once, a budget is overrun by nothing as long as no call costs more than it held.
        #[test]
        fn the_limit_holds_when_costs_stay_within_their_holds(shares in prop::collection::vec((0u64..=100, any::<bool>()), 1..80)) {
            let limit = usd("0.2");
            let rules = policies(vec![budget("b", Limit::Usd(limit), Per::Month)]);
            let (call, mut ledger, mut open) = (call(), Ledger::default(), Vec::new());
            for (n, (share, settle_now)) in shares.into_iter().enumerate() {
                let decision = decide(&rules, &call, &ledger);
                if decision.verdict == Verdict::Allow {
                    let cost = i64::try_from(decision.holds[0].amount * share / 100).expect("small");
                    ledger.reserve(id(u8::try_from(n).expect("few")), decision.holds);
                    open.push((n, cost));
                }
                if settle_now && let Some((n, cost)) = open.pop() {
                    let spend = Spend { usd: Some(PicoUsd::from_pico(cost)), tokens: 0 };
                    ledger.settle(&rules, id(u8::try_from(n).expect("few")), &call, spend);
                }
                let standing = ledger.standing(&rules, "b", call.at).expect("a budget");
                prop_assert!(standing.spent + standing.reserved <= u128::try_from(limit.pico()).expect("positive"));
            }
        }
    }
}
