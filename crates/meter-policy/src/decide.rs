//! Asking the rules.

use crate::{
    Budget, Call, Fact, Hold, Kind, Ledger, Limit, Message, OnError, Policies, Rule, Stage, Standing,
    hold::{NoHold, most},
    scope::Fit,
};
use meter_call::{Billing, EndpointClass, UnixMillis};
use std::collections::BTreeMap;

/// What happens to the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It goes on.
    Allow,
    /// It goes on; a rule in stage warn would have refused it.
    Warn,
    /// It does not go on; the client gets [`Decision::message`].
    Refuse,
    /// What is known does not suffice: ask again when the request is complete.
    Later,
}

/// What a rule did, or would have done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Enforced: ended the search in the call's favour.
    Allowed,
    /// Enforced: refused.
    Refused,
    /// In stage warn: would have refused.
    Warned,
    /// In stage observe: would have refused.
    WouldRefuse,
    /// A fact is missing for good and the rule did nothing.
    Unknown,
    /// A budget passed one of its `warn_at` percentages.
    Threshold,
}

impl Outcome {
    /// The word in audit events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Allowed => "allowed",
            Outcome::Refused => "refused",
            Outcome::Warned => "warned",
            Outcome::WouldRefuse => "would_refuse",
            Outcome::Unknown => "unknown",
            Outcome::Threshold => "threshold",
        }
    }
}

/// One line of the audit. Rules that had nothing to say leave none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Audit {
    /// Rule id.
    pub rule: String,
    /// Its stage.
    pub stage: Stage,
    /// What it did.
    pub outcome: Outcome,
    /// A sentence for people.
    pub detail: String,
}

/// The answer to one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// What happens.
    pub verdict: Verdict,
    /// The rule that allowed or refused, else the first that warned.
    pub rule: Option<String>,
    /// Its stage.
    pub stage: Option<Stage>,
    /// What the client is told of a refusal, or the log of a warning.
    pub message: Option<String>,
    /// Seconds until the budget that refused starts anew.
    pub retry_after: Option<u64>,
    /// For the journal; empty while the verdict is [`Verdict::Later`].
    pub audits: Vec<Audit>,
    /// To [`Ledger::reserve`]; empty unless the call goes on.
    pub holds: Vec<Hold>,
}

/// What a rule would say against a call.
struct Objection {
    message: String,
    retry_after: Option<u64>,
}

/// Asks every rule in order. Reserves nothing: the caller does, under the lock it asked under.
pub fn decide(policies: &Policies, call: &Call<'_>, ledger: &Ledger) -> Decision {
    let mut decision = Decision {
        verdict: Verdict::Allow,
        rule: None,
        stage: None,
        message: None,
        retry_after: None,
        audits: Vec::new(),
        holds: Vec::new(),
    };
    // An enforcing rule whose match is still open goes before all behind it, so nothing behind it is decisive yet.
    let (mut open, mut allowed, mut later) = (false, false, false);
    for rule in policies.rules() {
        let enforces = rule.stage == Stage::Enforce;
        let finding = match rule.scope.fit(call, policies.zone(rule)) {
            Fit::No => continue,
            Fit::Later => Finding::Later,
            Fit::Unknown(what) => Finding::Unknown(what),
            Fit::Yes => examine(policies, rule, call, ledger, &mut decision.holds),
        };
        let objection = match finding {
            Finding::Nothing => continue,
            Finding::Later => {
                later = true;
                open |= enforces && !allowed;
                continue;
            }
            Finding::Allows => {
                if enforces && !open && !allowed {
                    allowed = true;
                    decision.rule = Some(rule.id.clone());
                    decision.stage = Some(rule.stage);
                    note(&mut decision, rule, Outcome::Allowed, "the rule allows it".to_owned());
                }
                continue;
            }
            Finding::Unknown(what) => {
                let closed = rule.on_error == OnError::Closed && !matches!(rule.kind, Kind::Allow);
                if !closed {
                    note(&mut decision, rule, Outcome::Unknown, format!("the {what} is not known"));
                    continue;
                }
                let message = format!("The rule `{}` cannot be checked, because the {what} is not known.", rule.id);
                Objection { message, retry_after: None }
            }
            Finding::Objects(objection) => objection,
        };
        if allowed {
            continue;
        }
        match rule.stage {
            Stage::Enforce if open => later = true,
            Stage::Enforce => {
                note(&mut decision, rule, Outcome::Refused, objection.message.clone());
                decision.holds.clear();
                return Decision {
                    verdict: Verdict::Refuse,
                    rule: Some(rule.id.clone()),
                    stage: Some(rule.stage),
                    message: Some(objection.message),
                    retry_after: objection.retry_after,
                    ..decision
                };
            }
            Stage::Warn => {
                note(&mut decision, rule, Outcome::Warned, objection.message.clone());
                if decision.verdict == Verdict::Allow {
                    decision.verdict = Verdict::Warn;
                    decision.rule = Some(rule.id.clone());
                    decision.stage = Some(rule.stage);
                    decision.message = Some(objection.message);
                }
            }
            Stage::Observe => note(&mut decision, rule, Outcome::WouldRefuse, objection.message),
        }
    }
    if later {
        return Decision {
            verdict: Verdict::Later,
            rule: None,
            stage: None,
            message: None,
            retry_after: None,
            audits: Vec::new(),
            holds: Vec::new(),
        };
    }
    decision
}

/// Budgets are about costed calls, and dollars about calls that cost some.
pub(crate) fn counts(budget: &Budget, call: &Call<'_>) -> bool {
    let paid = call.billing == Billing::Api || !matches!(budget.limit, Limit::Usd(_));
    call.class == EndpointClass::Costed && paid
}

enum Finding {
    Nothing,
    Allows,
    Objects(Objection),
    Later,
    Unknown(&'static str),
}

/// A rule that is about this call: what it says. A budget adds its hold.
fn examine(policies: &Policies, rule: &Rule, call: &Call<'_>, ledger: &Ledger, holds: &mut Vec<Hold>) -> Finding {
    match &rule.kind {
        Kind::Allow => Finding::Allows,
        Kind::Deny(text) => {
            let values = facts(rule, call);
            let message = rule.message.as_ref().unwrap_or(text).fill(&values);
            Finding::Objects(Objection { message, retry_after: None })
        }
        Kind::Budget(budget) if !counts(budget, call) => Finding::Nothing,
        Kind::Budget(budget) => {
            let window = budget.per.window(call.at, policies.zone(rule));
            let (stands, limit) = (ledger.of(rule, budget, window), budget.limit.amount());
            let taken = stands.spent.saturating_add(stands.reserved);
            let full = taken >= limit;
            let asked = match most(call, budget.limit) {
                Ok(amount) => amount,
                // Used up is used up, whatever the call may cost.
                Err(_) if full => 0,
                Err(NoHold::Later) => return Finding::Later,
                Err(NoHold::Unknown(what)) => return Finding::Unknown(what),
            };
            holds.push(Hold {
                rule: rule.id.clone(),
                amount: asked,
                money: matches!(budget.limit, Limit::Usd(_)),
                window,
            });
            if !full && taken.saturating_add(u128::from(asked)) <= limit {
                return Finding::Nothing;
            }
            Finding::Objects(Objection {
                message: explain(policies, rule, budget, call, &stands, asked),
                retry_after: u64::try_from(window.end.0 - call.at.0).ok().map(|ms| ms.div_ceil(1000)),
            })
        }
    }
}

fn explain(
    policies: &Policies,
    rule: &Rule,
    budget: &Budget,
    call: &Call<'_>,
    stands: &Standing,
    asked: u64,
) -> String {
    let (limit, show) = (budget.limit.amount(), |amount| budget.limit.show(amount));
    let mut values = facts(rule, call);
    values.insert("spent", show(stands.spent));
    values.insert("limit", show(limit));
    values.insert("left", show(limit.saturating_sub(stands.spent)));
    values.insert("hold", show(u128::from(asked)));
    values.insert("period", budget.per.as_str().to_owned());
    values.insert("resets", local(stands.window.end, policies, rule));
    let standard = || -> Message {
        "The budget `{rule}` allows {limit} per {period} and {spent} is used; it resets {resets}."
            .parse()
            .expect("the text is a message")
    };
    let mut message = rule.message.clone().unwrap_or_else(standard).fill(&values);
    // Without this "spent 190 of 200" would leave the reader guessing.
    if stands.spent < limit {
        message.push_str(&format!(" This call may use up to {}.", show(u128::from(asked))));
        if stands.reserved > 0 {
            message.push_str(&format!(" Calls that are still running hold {}.", show(stands.reserved)));
        }
    }
    message
}

fn facts(rule: &Rule, call: &Call<'_>) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::from([("rule", rule.id.clone()), ("provider", call.provider.to_owned())]);
    if let Fact::Known(project) = call.project {
        values.insert("project", project.to_string());
    }
    if let Fact::Known(model) = call.model {
        values.insert("model", model.to_owned());
    }
    values
}

fn local(at: UnixMillis, policies: &Policies, rule: &Rule) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => at.to_zoned_datetime(policies.zone(rule).clone()).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        Err(_) => "never".to_owned(),
    }
}

fn note(decision: &mut Decision, rule: &Rule, outcome: Outcome, detail: String) {
    decision.audits.push(Audit { rule: rule.id.clone(), stage: rule.stage, outcome, detail });
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
