//! The tests that rules bring along.

use crate::{Call, Fact, HoldPrices, Kind, Ledger, Limit, Policies, Verdict, decide};
use meter_call::{Billing, EndpointClass, ProjectSlug, UnixMillis};
use meter_money::PicoUsd;

/// One `[[test]]`: a call that is given, and what has to come of it.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// The call.
    pub given: Given,
    /// `allow`, `warn` or `refuse`, and the rule that says so where one does: `refuse acme_monthly`.
    pub expect: String,
}

/// A call of a test. What is not given is as harmless as possible: a chat of no size, with no cap, at no price.
#[derive(Clone, Debug)]
pub struct Given {
    /// When; the manifest's default is a fixed Wednesday noon UTC, so that a test means the same every day.
    pub at: UnixMillis,
    /// Whose.
    pub project: Option<ProjectSlug>,
    /// Provider name.
    pub provider: String,
    /// Endpoint kind.
    pub kind: String,
    /// Model asked for.
    pub model: Option<String>,
    /// Executable name.
    pub process: Option<String>,
    /// Size of the body.
    pub request_bytes: u64,
    /// The request's own cap.
    pub max_output: Option<u64>,
    /// Spent so far in the open window, by rule id, in the rule's unit: dollars as a decimal, or a whole count.
    pub spent: Vec<(String, String)>,
}

/// A test that came out otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Which of the tests, from 0.
    pub test: usize,
    /// What was expected.
    pub expected: String,
    /// What came, in the same words, or why the test cannot be run.
    pub got: String,
    /// What the client would have been told.
    pub message: Option<String>,
}

/// Runs tests against rules; the failures, in order.
///
/// Prices are nought here, so a dollar budget refuses by what is spent and not by what the call might cost: a test does not change
/// when a price does.
pub fn run_tests(policies: &Policies, tests: &[PolicyTest]) -> Vec<Failure> {
    let run = |(index, test): (usize, &PolicyTest)| {
        let (got, message) = match outcome(policies, &test.given) {
            Ok((got, message)) => (got, message),
            Err(why) => (why, None),
        };
        let expected = test.expect.split_whitespace().collect::<Vec<_>>().join(" ");
        // `allow` alone is enough where a rule allowed it.
        let met = got == expected || (expected == "allow" && got.starts_with("allow "));
        (!met).then_some(Failure { test: index, expected, got, message })
    };
    tests.iter().enumerate().filter_map(run).collect()
}

fn outcome(policies: &Policies, given: &Given) -> Result<(String, Option<String>), String> {
    let ledger = spent(policies, given)?;
    let call = Call {
        at: given.at,
        provider: &given.provider,
        kind: Fact::Known(&given.kind),
        class: EndpointClass::Costed,
        billing: Billing::Api,
        project: given.project.as_ref().map_or(Fact::Never, Fact::Known),
        process: given.process.as_deref().map_or(Fact::Never, Fact::Known),
        model: given.model.as_deref().map_or(Fact::Never, Fact::Known),
        request_bytes: Fact::Known(given.request_bytes),
        max_output: Fact::Known(Some(given.max_output.unwrap_or(0))),
        model_max_output: None,
        prices: Some(HoldPrices { input: PicoUsd::ZERO, output: PicoUsd::ZERO }),
    };
    let decision = decide(policies, &call, &ledger);
    let word = match decision.verdict {
        Verdict::Allow => "allow",
        Verdict::Warn => "warn",
        Verdict::Refuse => "refuse",
        Verdict::Later => return Err("the rules would wait for more of the call".to_owned()),
    };
    Ok((decision.rule.map_or(word.to_owned(), |rule| format!("{word} {rule}")), decision.message))
}

fn spent(policies: &Policies, given: &Given) -> Result<Ledger, String> {
    let mut ledger = Ledger::default();
    for (id, amount) in &given.spent {
        let rule = policies.rule(id).ok_or_else(|| format!("`spent` names `{id}`, and there is no such rule"))?;
        let Kind::Budget(budget) = &rule.kind else {
            return Err(format!("`spent` names `{id}`, which is no budget"));
        };
        let figure = match budget.limit {
            Limit::Usd(_) => amount
                .parse::<PicoUsd>()
                .ok()
                .and_then(|usd| u128::try_from(usd.pico()).ok())
                .ok_or("an amount in dollars"),
            Limit::Tokens(_) | Limit::Calls(_) => amount.parse::<u128>().map_err(|_| "a whole number"),
        };
        let figure = figure.map_err(|wanted| format!("`{amount}` spent of `{id}` is not {wanted}"))?;
        ledger.set(rule, budget.per.window(given.at, policies.zone(rule)), figure);
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{ACME, budget, deny, globs, ms, policies, usd};
    use crate::{Per, Rule, Scope};

    fn given(spent: &[(&str, &str)]) -> Given {
        Given {
            at: ms("2026-11-25T12:00:00Z"),
            project: Some(ACME.clone()),
            provider: "anthropic".to_owned(),
            kind: "chat".to_owned(),
            model: Some("claude-sonnet-4-6".to_owned()),
            process: None,
            request_bytes: 0,
            max_output: None,
            spent: spent.iter().map(|(rule, amount)| ((*rule).to_owned(), (*amount).to_owned())).collect(),
        }
    }

    fn check(spent: &[(&str, &str)], expect: &str) -> Option<String> {
        let rules = policies(vec![
            Rule { scope: Scope { model: globs(&["*opus*"]), ..Scope::default() }, ..deny("no_opus") },
            budget("acme_monthly", Limit::Usd(usd("200")), Per::Month),
            budget("daily_calls", Limit::Calls(100), Per::Day),
        ]);
        let test = PolicyTest { given: given(spent), expect: expect.to_owned() };
        run_tests(&rules, &[test]).pop().map(|failure| failure.got)
    }

    #[test]
    fn what_is_spent_decides() {
        assert_eq!(check(&[], "allow"), None);
        assert_eq!(check(&[("acme_monthly", "199.99")], "allow"), None);
        assert_eq!(check(&[("acme_monthly", "200")], "refuse acme_monthly"), None);
        assert_eq!(check(&[("daily_calls", "100")], "refuse  daily_calls"), None);
        assert_eq!(check(&[("acme_monthly", "200")], "allow").as_deref(), Some("refuse acme_monthly"));
        assert_eq!(check(&[], "refuse no_opus").as_deref(), Some("allow"));
    }

    #[test]
    fn a_test_that_cannot_be_run_fails_and_says_why() {
        for (spent, why) in [
            (("monthly", "1"), "no such rule"),
            (("no_opus", "1"), "no budget"),
            (("acme_monthly", "much"), "an amount in dollars"),
            (("acme_monthly", "-1"), "an amount in dollars"),
            (("daily_calls", "1.5"), "a whole number"),
        ] {
            let got = check(&[spent], "allow").expect("a failure");
            assert!(got.contains(why), "{got}");
        }
    }

    #[test]
    fn a_failure_brings_the_words_the_client_would_read() {
        let failures =
            run_tests(&policies(vec![deny("d")]), &[PolicyTest { given: given(&[]), expect: "allow".to_owned() }]);
        assert_eq!(failures[0].message.as_deref(), Some("Not today."));
    }
}
