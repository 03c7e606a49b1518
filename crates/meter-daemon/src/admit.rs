//! Asks the rules whether a call may go on, and says no in the provider's own words.
//!
//! Rules speak at two moments: here, before a request is whole at the origin, and once its cost is known. Deciding and
//! reserving happen under one lock, so two calls at the same moment cannot spend the same last dollar.

use crate::connection::CallerFacts;
use crate::services::{Loaded, Services};
use crate::settle::Target;
use meter_call::{CallId, Reservation, UnixMillis};
use meter_money::{PicoUsd, Ratio};
use meter_policy::{Audit, Call, Decision, Fact, HoldPrices, Verdict, decide};
use meter_price::{PriceBook, Rate};
use meter_store::AuditEvent;
use meter_tap::Refusal;
use meter_wire::{Dialect, RefusalFacts};

/// A request as far as rules ask about it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Id of its row.
    pub id: CallId,
    /// When its head was complete.
    pub at: UnixMillis,
    /// What it calls.
    pub target: Target,
    /// `None` while the body is still coming.
    pub body: Option<AskedBody>,
}

/// What a whole request says.
#[derive(Clone, Debug, Default)]
pub struct AskedBody {
    /// Model, when it could be read.
    pub model: Option<String>,
    /// Bytes as sent.
    pub bytes: u64,
    /// Its own output cap.
    pub max_output: Option<u64>,
    /// The body could be read.
    pub readable: bool,
}

/// Whether the caller may still become known.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// It is known.
    Known(&'a CallerFacts),
    /// Not yet.
    Asked,
    /// It never will be.
    Unknown,
}

/// What the rules said, and what was set aside.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Admitted {
    /// Rule that allowed, warned or refused.
    pub rule: Option<String>,
    /// Held by budgets.
    pub reservation: Option<Reservation>,
}

/// The answer to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It goes on.
    Go(Admitted),
    /// It does not.
    Refuse(Refusal, Admitted),
    /// Ask again when more is known.
    Later,
}

impl Asked {
    /// The call in the words of the rules.
    pub fn call<'a>(&'a self, book: &PriceBook, who: Who<'a>) -> Call<'a> {
        let target = &self.target;
        let later = |known: bool| if known { Fact::Never } else { Fact::Later };
        let body = self.body.as_ref();
        let model = body.and_then(|body| body.model.as_deref());
        let (project, process) = match who {
            Who::Known(facts) => {
                (Fact::Known(&facts.project), facts.process.name.as_deref().map_or(Fact::Never, Fact::Known))
            }
            Who::Asked => (Fact::Later, Fact::Later),
            Who::Unknown => (Fact::Never, Fact::Never),
        };
        Call {
            at: self.at,
            provider: &target.provider,
            kind: Fact::Known(&target.kind),
            class: target.class,
            billing: target.billing,
            project,
            process,
            model: model.map_or(later(body.is_some()), Fact::Known),
            request_bytes: body.map_or(Fact::Later, |body| Fact::Known(body.bytes)),
            max_output: match body {
                None => Fact::Later,
                Some(body) if body.readable => Fact::Known(body.max_output),
                Some(_) => Fact::Never,
            },
            model_max_output: model.and_then(|model| book.max_output(&target.prices, model)),
            prices: model.and_then(|model| hold_prices(book, &target.prices, model, self.at)),
        }
    }
}

/// Asks the rules about a request that may be refused; reserves and writes the audit when they have decided.
pub fn ask(services: &Services, loaded: &Loaded, dialect: Option<&Dialect>, asked: &Asked, who: Who<'_>) -> Answer {
    let policies = &loaded.model.policies;
    let call = asked.call(&loaded.model.prices, who);
    let mut ledger = services.ledger();
    let mut decision = decide(policies, &call, &ledger);
    let reservation = match decision.verdict {
        Verdict::Later => return Answer::Later,
        Verdict::Refuse => None,
        Verdict::Allow | Verdict::Warn => {
            ledger.reserve(asked.id, std::mem::take(&mut decision.holds));
            ledger.reservation(asked.id)
        }
    };
    drop(ledger);
    note(services, asked, who, &decision.audits);
    let admitted = Admitted { rule: decision.rule.clone(), reservation };
    match decision.verdict {
        Verdict::Refuse => Answer::Refuse(refusal(dialect, asked.id, &decision), admitted),
        Verdict::Allow | Verdict::Warn | Verdict::Later => Answer::Go(admitted),
    }
}

/// What rules in stage observe and warn say of a call that nothing could refuse. Answers the rule that warns.
pub fn observe(services: &Services, loaded: &Loaded, asked: &Asked, who: Who<'_>) -> Option<String> {
    let policies = &loaded.model.policies;
    if policies.is_empty() {
        return None;
    }
    let decision = decide(policies, &asked.call(&loaded.model.prices, who), &services.ledger());
    note(services, asked, who, &decision.audits);
    decision.rule
}

/// Audit events into the journal.
pub fn note(services: &Services, asked: &Asked, who: Who<'_>, audits: &[Audit]) {
    for audit in audits {
        let at = (services.now)();
        let kept = services.journal.audit(&AuditEvent {
            id: services.new_id(at),
            at,
            kind: "policy".to_owned(),
            call: Some(asked.id),
            project: match who {
                Who::Known(facts) => Some(facts.project.clone()),
                Who::Asked | Who::Unknown => None,
            },
            rule: Some(audit.rule.clone()),
            stage: Some(audit.stage.as_str().to_owned()),
            verdict: Some(audit.outcome.as_str().to_owned()),
            message: audit.detail.clone(),
            detail: serde_json::Map::new(),
        });
        if kept == meter_store::Kept::Lost {
            tracing::error!(rule = %audit.rule, "audit.lost");
        }
    }
}

fn refusal(dialect: Option<&Dialect>, id: CallId, decision: &Decision) -> Refusal {
    let rule = decision.rule.clone().unwrap_or_default();
    let message = decision.message.clone().unwrap_or_else(|| format!("The rule `{rule}` refuses this call."));
    let facts = RefusalFacts { message, rule, row: id.to_string(), retry_after: decision.retry_after };
    match dialect {
        Some(dialect) => {
            let text = dialect.refusal(&facts);
            Refusal { status: text.status, fields: text.fields, body: text.body }
        }
        None => {
            let body = serde_json::json!({ "error": {
                "type": "policy_refused", "message": facts.message, "rule": facts.rule, "row": facts.row,
            } });
            let fields = vec![("content-type".to_owned(), "application/json".to_owned())];
            Refusal { status: 403, fields, body: body.to_string().into_bytes() }
        }
    }
}

fn hold_prices(book: &PriceBook, provider: &str, model: &str, at: UnixMillis) -> Option<HoldPrices> {
    let (input, output) = book.rate_hint(provider, model, at)?;
    Some(HoldPrices { input: per_million(&input)?, output: per_million(&output)? })
}

fn per_million(rate: &Rate) -> Option<PicoUsd> {
    rate.each().mul(Ratio::whole(1_000_000)).ok().and_then(|exact| PicoUsd::from_usd(exact).ok())
}
