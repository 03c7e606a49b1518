//! All rules in force, in order.

use crate::{Call, Fact, Kind, Rule, Stage, scope::Fit};
use jiff::tz::TimeZone;
use meter_call::UnixMillis;
use std::collections::HashSet;

/// The rules of one snapshot, in the order they are read.
#[derive(Clone, Debug)]
pub struct Policies {
    rules: Vec<Rule>,
    zone: TimeZone,
}

/// Two rules have the same id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there are two rules `{0}`")]
pub struct DuplicateRule(pub String);

impl Policies {
    /// Rules in file order, and the zone of those that name none.
    ///
    /// # Errors
    /// [`DuplicateRule`]: spend is kept by id, so two rules would share it.
    pub fn new(rules: Vec<Rule>, zone: TimeZone) -> Result<Policies, DuplicateRule> {
        let mut ids = HashSet::new();
        match rules.iter().find(|rule| !ids.insert(&rule.id)) {
            Some(rule) => Err(DuplicateRule(rule.id.clone())),
            None => Ok(Policies { rules, zone }),
        }
    }

    /// No rules.
    pub fn none() -> Policies {
        Policies { rules: Vec::new(), zone: TimeZone::UTC }
    }

    /// In order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// There is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule of this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The zone that the rule's hours, days and periods are read in.
    pub fn zone<'a>(&'a self, rule: &'a Rule) -> &'a TimeZone {
        rule.zone.as_ref().unwrap_or(&self.zone)
    }

    /// Some enforcing rule may refuse a call of which this much is known: only then is a gate built. What is not known yet is
    /// [`Fact::Later`]. The time of day does not count, because connections live for long.
    pub fn may_refuse(&self, call: &Call<'_>) -> bool {
        self.rules
            .iter()
            .any(|rule| !matches!(rule.kind, Kind::Allow) && rule.stage == Stage::Enforce && may_match(rule, call))
    }

    /// The decision on such a call has to wait for its project: it may be refused, and an enforcing rule that may match asks
    /// whose it is. `call.project` need not be known.
    pub fn needs_project(&self, call: &Call<'_>) -> bool {
        let asked = Call { project: Fact::Later, ..call.clone() };
        let names = |rule: &Rule| !rule.scope.project.is_any() && rule.stage == Stage::Enforce;
        self.may_refuse(&asked) && self.rules.iter().any(|rule| names(rule) && may_match(rule, &asked))
    }

    /// Rows from this instant on decide what is spent at `now`: the start of the oldest window that is open. `None` without budgets.
    pub fn counts_from(&self, now: UnixMillis) -> Option<UnixMillis> {
        let start = |rule: &Rule| match &rule.kind {
            Kind::Budget(budget) => Some(budget.per.window(now, self.zone(rule)).start),
            Kind::Allow | Kind::Deny(_) => None,
        };
        self.rules.iter().filter_map(start).min()
    }
}

fn may_match(rule: &Rule, call: &Call<'_>) -> bool {
    rule.scope.fit_at_some_time(call) != Fit::No
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, budget, call, deny, globs, policies, usd};
    use crate::{Limit, Per, Scope};

    fn project(name: &str, rule: Rule) -> Rule {
        Rule { scope: Scope { project: globs(&[name]), ..rule.scope }, ..rule }
    }

    #[test]
    fn a_gate_is_built_only_for_an_enforcing_rule_that_can_match() {
        let mut head = call();
        (head.model, head.project, head.request_bytes) = (Fact::Later, Fact::Later, Fact::Later);
        let opus =
            |stage| Rule { stage, scope: Scope { model: globs(&["*opus*"]), ..Scope::default() }, ..deny("no_opus") };
        assert!(!Policies::none().may_refuse(&head));
        assert!(!policies(vec![opus(Stage::Warn)]).may_refuse(&head));
        assert!(policies(vec![opus(Stage::Enforce)]).may_refuse(&head));
        assert!(!policies(vec![Rule { kind: Kind::Allow, ..deny("free") }]).may_refuse(&head));
        let night = Scope { hours: Some("02:00-03:00".parse().expect("hours")), ..Scope::default() };
        assert!(policies(vec![Rule { scope: night, ..deny("night") }]).may_refuse(&head));
        head.kind = Fact::Later;
        let kind = Rule { scope: Scope { kind: globs(&["image"]), ..Scope::default() }, ..deny("no_images") };
        assert!(policies(vec![kind]).may_refuse(&head));
        let elsewhere = Rule { scope: Scope { provider: globs(&["other"]), ..Scope::default() }, ..deny("elsewhere") };
        assert!(!policies(vec![elsewhere]).may_refuse(&head));
    }

    #[test]
    fn the_project_is_waited_for_only_when_it_can_matter() {
        let head = call();
        assert!(!policies(vec![deny("all")]).needs_project(&head));
        assert!(policies(vec![project("acme", deny("acme"))]).needs_project(&head));
        assert!(!policies(vec![project("acme", Rule { stage: Stage::Observe, ..deny("acme") })]).needs_project(&head));
        let exempt = project("acme", Rule { kind: Kind::Allow, ..deny("exempt") });
        assert!(!policies(vec![exempt.clone()]).needs_project(&head));
        assert!(policies(vec![exempt, deny("all")]).needs_project(&head));
    }

    #[test]
    fn ids_are_unique_and_the_oldest_open_window_is_known() {
        assert_eq!(Policies::new(vec![deny("a"), deny("a")], TimeZone::UTC).err(), Some(DuplicateRule("a".to_owned())));
        let rules = policies(vec![
            budget("day", Limit::Calls(1), Per::Day),
            budget("month", Limit::Usd(usd("1")), Per::Month),
            deny("x"),
        ]);
        assert_eq!(rules.counts_from(sample::ms("2026-11-24T12:00:00Z")), Some(sample::ms("2026-11-01T00:00:00Z")));
        assert_eq!(policies(vec![deny("x")]).counts_from(sample::ms("2026-11-24T12:00:00Z")), None);
    }
}
