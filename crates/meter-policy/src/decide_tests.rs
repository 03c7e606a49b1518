use super::*;
use crate::sample::{budget, call, deny, globs, id, policies, usd};
use crate::{Per, Scope, Spend};
use proptest::prelude::*;

fn allow(id: &str) -> Rule {
    Rule { kind: Kind::Allow, ..deny(id) }
}

fn model(pattern: &str, rule: Rule) -> Rule {
    Rule { scope: Scope { model: globs(&[pattern]), ..rule.scope }, ..rule }
}

fn ask(rules: Vec<Rule>, call: &Call<'_>) -> (Verdict, Option<String>) {
    let decision = decide(&policies(rules), call, &Ledger::default());
    (decision.verdict, decision.rule)
}

fn said(verdict: Verdict, rule: &str) -> (Verdict, Option<String>) {
    (verdict, Some(rule.to_owned()))
}

#[test]
fn the_first_decisive_rule_answers() {
    let call = call();
    assert_eq!(ask(vec![], &call), (Verdict::Allow, None));
    assert_eq!(ask(vec![allow("a"), deny("d")], &call), said(Verdict::Allow, "a"));
    assert_eq!(ask(vec![deny("d"), allow("a")], &call), said(Verdict::Refuse, "d"));
    assert_eq!(ask(vec![model("gpt-*", deny("d")), allow("a")], &call), said(Verdict::Allow, "a"));
}

#[test]
fn only_enforcing_rules_decide() {
    let call = call();
    let staged = |stage, rule: Rule| Rule { stage, ..rule };
    let rules = vec![
        staged(Stage::Observe, deny("seen")),
        staged(Stage::Warn, deny("told")),
        staged(Stage::Warn, allow("harmless")),
        staged(Stage::Warn, deny("told_too")),
    ];
    let decision = decide(&policies(rules.clone()), &call, &Ledger::default());
    assert_eq!((decision.verdict, decision.rule.as_deref()), (Verdict::Warn, Some("told")));
    let outcomes: Vec<_> = decision.audits.iter().map(|audit| (audit.rule.as_str(), audit.outcome)).collect();
    let expected = [("seen", Outcome::WouldRefuse), ("told", Outcome::Warned), ("told_too", Outcome::Warned)];
    assert_eq!(outcomes, expected);
    assert_eq!(ask([rules, vec![deny("d")]].concat(), &call), said(Verdict::Refuse, "d"));
}

#[test]
fn every_budget_counts_even_behind_the_rule_that_allowed() {
    let (call, rules) = (call(), vec![allow("a"), budget("b", Limit::Calls(1), Per::Day)]);
    let decision = decide(&policies(rules), &call, &Ledger::default());
    assert_eq!(decision.holds.iter().map(|hold| (hold.rule.as_str(), hold.amount)).collect::<Vec<_>>(), [("b", 1)]);
}

#[test]
fn a_full_budget_refuses_and_says_what_when_and_how_much() {
    let rules = policies(vec![Rule {
        message: Some(
            "Project {project} has spent {spent} of {limit} this {period}; it resets {resets}.".parse().expect("text"),
        ),
        ..budget("acme_monthly", Limit::Usd(usd("200")), Per::Month)
    }]);
    let (call, mut ledger) = (call(), Ledger::default());
    ledger.settle(&rules, id(1), &call, Spend { usd: Some(usd("200")), tokens: 0 });
    let decision = decide(&rules, &call, &ledger);
    assert_eq!((decision.verdict, decision.rule.as_deref()), (Verdict::Refuse, Some("acme_monthly")));
    let spent = meter_money::usd(usd("200"));
    let text = format!("Project acme has spent {spent} of {spent} this month; it resets 2026-12-01 00:00 UTC.");
    assert_eq!(decision.message, Some(text));
    assert_eq!(decision.retry_after, Some(6 * 86_400 + 12 * 3600));
    assert!(decision.holds.is_empty());
}

#[test]
fn a_call_that_may_not_fit_is_refused_and_the_message_says_why() {
    let rules = policies(vec![budget("b", Limit::Usd(usd("0.02")), Per::Month)]);
    let (call, mut ledger) = (call(), Ledger::default());
    let first = decide(&rules, &call, &ledger);
    assert_eq!(first.verdict, Verdict::Allow);
    ledger.reserve(id(1), first.holds);
    let second = decide(&rules, &call, &ledger);
    assert_eq!(second.verdict, Verdict::Refuse);
    assert!(
        second
            .message
            .is_some_and(|text| text.contains("This call may use up to") && text.contains("still running hold"))
    );
    ledger.release(id(1));
    assert_eq!(decide(&rules, &call, &ledger).verdict, Verdict::Allow);
}

#[test]
fn what_comes_with_the_body_is_waited_for() {
    let mut head = call();
    (head.model, head.request_bytes, head.max_output) = (Fact::Later, Fact::Later, Fact::Later);
    assert_eq!(ask(vec![deny("head"), model("gpt-*", deny("body"))], &head), said(Verdict::Refuse, "head"));
    assert_eq!(ask(vec![model("gpt-*", deny("body")), deny("head")], &head), (Verdict::Later, None));
    assert_eq!(ask(vec![model("gpt-*", allow("body")), deny("head")], &head), (Verdict::Later, None));
    assert_eq!(ask(vec![budget("b", Limit::Usd(usd("1")), Per::Day)], &head), (Verdict::Later, None));
    assert_eq!(ask(vec![budget("b", Limit::Usd(usd("0")), Per::Day)], &head), said(Verdict::Refuse, "b"));
    assert_eq!(ask(vec![allow("a"), model("gpt-*", deny("body"))], &head), (Verdict::Later, None));
    head.model = Fact::Known("claude-haiku");
    assert_eq!(ask(vec![allow("a"), model("gpt-*", deny("body"))], &head), said(Verdict::Allow, "a"));
}

#[test]
fn what_is_never_known_follows_on_error() {
    let mut dark = call();
    dark.model = Fact::Never;
    let closed = |rule: Rule| Rule { on_error: OnError::Closed, ..rule };
    assert_eq!(ask(vec![model("gpt-*", deny("d"))], &dark), (Verdict::Allow, None));
    assert_eq!(ask(vec![closed(model("gpt-*", deny("d")))], &dark), said(Verdict::Refuse, "d"));
    assert_eq!(ask(vec![closed(model("gpt-*", allow("a")))], &dark), (Verdict::Allow, None));
    let warned = Rule { stage: Stage::Warn, ..closed(model("gpt-*", deny("d"))) };
    assert_eq!(ask(vec![warned], &dark), said(Verdict::Warn, "d"));

    let mut unpriced = call();
    unpriced.prices = None;
    let dollars = || budget("b", Limit::Usd(usd("1")), Per::Day);
    let decision = decide(&policies(vec![dollars()]), &unpriced, &Ledger::default());
    assert_eq!((decision.verdict, decision.audits[0].outcome), (Verdict::Allow, Outcome::Unknown));
    assert_eq!(ask(vec![closed(dollars())], &unpriced), said(Verdict::Refuse, "b"));
}

#[test]
fn budgets_pass_by_what_costs_nothing() {
    let full = || vec![budget("b", Limit::Usd(usd("0")), Per::Day), budget("c", Limit::Calls(9), Per::Day)];
    let mut counting = call();
    counting.class = EndpointClass::ZeroCost;
    assert_eq!(ask(full(), &counting), (Verdict::Allow, None));
    let mut plan = call();
    plan.billing = Billing::Plan;
    assert_eq!(ask(full(), &plan), (Verdict::Allow, None));
    assert_eq!(ask(full(), &call()), said(Verdict::Refuse, "b"));
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let stage = prop_oneof![Just(Stage::Observe), Just(Stage::Warn), Just(Stage::Enforce)];
    let pattern = prop_oneof![Just("claude-*"), Just("gpt-*"), Just("*")];
    let error = prop_oneof![Just(OnError::Open), Just(OnError::Closed)];
    (stage, pattern, error, 0u8..5, 0u64..30).prop_map(|(stage, pattern, on_error, kind, limit)| {
        let rule = match kind {
            0 => allow("r"),
            1 => deny("r"),
            2 => budget("r", Limit::Calls(limit), Per::Day),
            3 => budget("r", Limit::Tokens(limit * 400), Per::Month),
            _ => budget("r", Limit::Usd(PicoCents(limit).into()), Per::Week),
        };
        Rule { stage, on_error, ..model(pattern, rule) }
    })
}

struct PicoCents(u64);

impl From<PicoCents> for meter_money::PicoUsd {
    fn from(cents: PicoCents) -> Self {
        meter_money::PicoUsd::from_pico(i64::try_from(cents.0).expect("small") * 10_000_000_000)
    }
}

fn some_rules() -> impl Strategy<Value = Policies> {
    prop::collection::vec(some_rule(), 0..7).prop_map(|mut rules| {
        rules.iter_mut().enumerate().for_each(|(n, rule)| rule.id = format!("r{n}"));
        policies(rules)
    })
}

fn spend(rules: &Policies, calls: &[(u8, u16)], ledger: &mut Ledger) {
    for (n, (kind, amount)) in calls.iter().enumerate() {
        let n = u8::try_from(n).expect("few");
        if kind % 2 == 0 {
            let usd = meter_money::PicoUsd::from_pico(i64::from(*amount) * 10_000_000);
            ledger.settle(rules, id(n), &call(), Spend { usd: Some(usd), tokens: u64::from(*amount) });
        } else {
            let holds = decide(rules, &call(), ledger).holds;
            ledger.reserve(id(n), holds);
        }
    }
}

proptest! {
    #[test]
    fn more_spend_never_turns_a_refusal_into_allow(
        rules in some_rules(),
        calls in prop::collection::vec((any::<u8>(), any::<u16>()), 0..20),
        more in prop::collection::vec(any::<u16>(), 0..20),
    ) {
        let mut ledger = Ledger::default();
        spend(&rules, &calls, &mut ledger);
        let before = decide(&rules, &call(), &ledger);
        for (n, amount) in more.into_iter().enumerate() {
            let n = 100 + u8::try_from(n).expect("few");
            let usd = meter_money::PicoUsd::from_pico(i64::from(amount) * 10_000_000);
            ledger.settle(&rules, id(n), &call(), Spend { usd: Some(usd), tokens: u64::from(amount) });
            let after = decide(&rules, &call(), &ledger);
            prop_assert!(before.verdict != Verdict::Refuse || after.verdict == Verdict::Refuse);
        }
    }

    /// The rule that answers is the first that answers alone.
    #[test]
    fn the_first_decisive_rule_wins(rules in some_rules(), calls in prop::collection::vec((any::<u8>(), any::<u16>()), 0..20)) {
        let mut ledger = Ledger::default();
        spend(&rules, &calls, &mut ledger);
        let decision = decide(&rules, &call(), &ledger);
        let alone = |rule: &Rule| decide(&policies(vec![rule.clone()]), &call(), &ledger);
        let first = rules.rules().iter().map(|rule| (rule, alone(rule))).find(|(rule, answer)| {
            rule.stage == Stage::Enforce && (answer.verdict == Verdict::Refuse || answer.rule.is_some())
        });
        match first {
            Some((rule, answer)) => {
                // An allowing rule may stand behind one that warned; then both are told.
                prop_assert_eq!(decision.verdict == Verdict::Refuse, answer.verdict == Verdict::Refuse);
                if answer.verdict == Verdict::Refuse {
                    prop_assert_eq!(decision.rule.as_ref(), Some(&rule.id));
                }
            }
            None => prop_assert!(decision.verdict != Verdict::Refuse),
        }
    }

    /// What the head decides, the body does not undo.
    #[test]
    fn a_decision_on_the_head_stands(rules in some_rules(), calls in prop::collection::vec((any::<u8>(), any::<u16>()), 0..20)) {
        let mut ledger = Ledger::default();
        spend(&rules, &calls, &mut ledger);
        let mut head = call();
        (head.model, head.request_bytes, head.max_output, head.prices) = (Fact::Later, Fact::Later, Fact::Later, None);
        let (early, whole) = (decide(&rules, &head, &ledger), decide(&rules, &call(), &ledger));
        if early.verdict != Verdict::Later {
            prop_assert_eq!((early.verdict, early.rule), (whole.verdict, whole.rule));
        }
        if whole.verdict == Verdict::Refuse {
            prop_assert!(rules.may_refuse(&head));
        }
    }
}
