//! One `[[rule]]`.

use super::{Ruled, zone};
use crate::table::{At, Table};
use meter_diag::{Place, codes::files, codes::policies as codes};
use meter_policy::{
    BadMessage, BadScope, Budget, Days, Globs, Hours, Kind, Limit, Message, OnError, Per, Rule, Scope, Stage,
};

const STAGES: &[(&str, Stage)] = &[("observe", Stage::Observe), ("warn", Stage::Warn), ("enforce", Stage::Enforce)];
const ON_ERROR: &[(&str, OnError)] = &[("open", OnError::Open), ("closed", OnError::Closed)];
const PERIODS: &[(&str, Per)] = &[("hour", Per::Hour), ("day", Per::Day), ("week", Per::Week), ("month", Per::Month)];

pub(super) fn read(table: Table<'_, '_>) -> Option<Ruled> {
    let doc = table.doc();
    let id = table.need_text("id").filter(|id| crate::providers::is_id(&table, id));
    if !table.has("stage") {
        table.report(files::MISSING_KEY, table.span, "`stage` is missing");
    }
    let stage = table.word("stage", STAGES);
    let mut ruled = Ruled {
        rule: Rule {
            id: id.map(|id| id.value.to_owned()).unwrap_or_default(),
            stage: stage.map_or(Stage::Observe, |at| at.value),
            scope: Scope::default(),
            kind: Kind::Allow,
            on_error: table.word("on_error", ON_ERROR).map(|at| at.value).unwrap_or_default(),
            message: table.text("message").and_then(|text| message(&table, text)),
            zone: table.text("zone").and_then(|name| {
                let found = zone(name.value);
                if found.is_none() {
                    table.report(codes::BAD_ZONE, name.span, format!("there is no time zone `{}`", name.value));
                }
                found
            }),
        },
        id: doc.place(id.map_or(table.span, |id| id.span)),
        providers: Vec::new(),
        kinds: Vec::new(),
        unconditional: true,
    };
    if let Some(conditions) = table.table("match") {
        ruled.unconditional = conditions.is_empty();
        scope(conditions, &mut ruled);
    }
    let kind = kind(&table, &mut ruled);
    table.finish();
    ruled.rule.kind = kind?;
    (id.is_some() && stage.is_some()).then_some(ruled)
}

fn scope(table: Table<'_, '_>, ruled: &mut Ruled) {
    let doc = table.doc();
    let placed = |texts: &[At<&str>]| -> Vec<(String, Place)> {
        texts.iter().map(|at| (at.value.to_owned(), doc.place(at.span))).collect()
    };
    let globs = |key: &'static str| {
        let texts = table.texts(key);
        for text in &texts {
            if let Err(bad) = Globs::new([text.value]) {
                report(&table, text, &bad);
            }
        }
        Globs::new(texts.iter().map(|text| text.value)).unwrap_or_default()
    };
    let scope = &mut ruled.rule.scope;
    scope.project = globs("project");
    scope.provider = globs("provider");
    scope.model = globs("model");
    scope.kind = globs("kind");
    scope.process = globs("process");
    ruled.providers = placed(&table.texts("provider"));
    ruled.kinds = placed(&table.texts("kind"));
    scope.hours = table
        .text("hours")
        .and_then(|text| text.value.parse::<Hours>().map_err(|bad| report(&table, &text, &bad)).ok());
    if let Some(value) = table.value("days") {
        let words = value.texts();
        let days = Days::new(words.iter().map(|word| word.value));
        scope.days = days.map_err(|bad| table.report(codes::BAD_SCOPE, value.span, bad.to_string())).ok();
    }
    scope.request_bytes_over = count(&table, "request_bytes_over");
    scope.output_over = count(&table, "output_over");
    table.finish();
}

fn report(table: &Table<'_, '_>, text: &At<&str>, bad: &BadScope) {
    table.report(codes::BAD_SCOPE, text.span, bad.to_string());
}

fn count(table: &Table<'_, '_>, key: &'static str) -> Option<u64> {
    table.integer(key, 0..=i64::MAX).and_then(|at| u64::try_from(at.value).ok())
}

/// Reads the one effect the rule has.
fn kind(table: &Table<'_, '_>, ruled: &mut Ruled) -> Option<Kind> {
    let keys: Vec<&'static str> =
        ["allow", "deny", "budget", "cap", "rate"].into_iter().filter(|key| table.has(key)).collect();
    let [key] = keys.as_slice() else {
        let (span, message) = match keys.get(1).and_then(|key| table.key(key)) {
            Some(second) => (second, format!("a rule has one effect, here are {}", keys.join(", "))),
            None => (table.span, "the rule does nothing: say `allow`, `deny`, `budget`, `cap` or `rate`".to_owned()),
        };
        table.report(codes::NO_KIND, span, message);
        return None;
    };
    match *key {
        "allow" => {
            let allow = table.bool("allow")?;
            if !allow.value {
                table.doc().report_with_help(
                    codes::NO_KIND,
                    allow.span,
                    "`allow` is true or absent",
                    "to refuse write `deny = \"why\"`",
                );
            }
            Some(Kind::Allow)
        }
        "deny" => table.text("deny").and_then(|text| message(table, text)).map(Kind::Deny),
        "budget" => table.table("budget").and_then(|one| budget(one, true)).map(Kind::Budget),
        "rate" => table.table("rate").and_then(|one| budget(one, false)).map(Kind::Budget),
        _ => cap(table.table("cap")?, ruled),
    }
}

/// A cap is a denial of what exceeds it.
fn cap(table: Table<'_, '_>, ruled: &mut Ruled) -> Option<Kind> {
    let (output, request) = (count(&table, "output"), count(&table, "request_bytes"));
    let said = match (output, request) {
        (Some(tokens), None) => {
            ruled.rule.scope.output_over = Some(tokens);
            format!("A call may ask for at most {tokens} output tokens.")
        }
        (None, Some(bytes)) => {
            ruled.rule.scope.request_bytes_over = Some(bytes);
            format!("A request may have at most {bytes} bytes.")
        }
        _ => {
            table.report(
                codes::NO_KIND,
                table.span,
                "a cap is on `output` (tokens) or on `request_bytes`, one of them",
            );
            table.finish();
            return None;
        }
    };
    ruled.unconditional = false;
    table.finish();
    said.parse().ok().map(Kind::Deny)
}

fn budget(table: Table<'_, '_>, money: bool) -> Option<Budget> {
    let mut limits = Vec::new();
    if money && let Some(value) = table.value("usd") {
        // Quoted numbers are for people whose editor rewrites them.
        let text = value.as_number().map(|at| at.value.text).or(value.as_text().map(|at| at.value));
        match text.and_then(|text| text.parse().ok()) {
            Some(usd) => limits.push((Limit::Usd(usd), value.span)),
            None => table.report(codes::BAD_BUDGET, value.span, "`usd` is an amount in dollars, such as 200 or 0.50"),
        }
    }
    for (key, limit) in [("tokens", Limit::Tokens as fn(u64) -> Limit), ("calls", Limit::Calls)] {
        if let (Some(amount), Some(span)) = (count(&table, key), table.key(key)) {
            limits.push((limit(amount), span));
        }
    }
    if !table.has("per") {
        table.report(files::MISSING_KEY, table.span, "`per` is missing: hour, day, week or month");
    }
    let per = table.word("per", PERIODS);
    let warn_at = match table.value("warn_at") {
        None => Vec::new(),
        Some(value) => value
            .as_list()
            .unwrap_or_else(|| vec![value])
            .iter()
            .filter_map(|one| u8::try_from(one.integer(1..=100)?.value).ok())
            .collect(),
    };
    let limit = match limits.as_slice() {
        [(limit, span)] => {
            let nothing = match limit {
                Limit::Usd(usd) => usd.pico() <= 0,
                Limit::Tokens(amount) | Limit::Calls(amount) => *amount == 0,
            };
            if nothing {
                table.report(codes::BAD_BUDGET, *span, "a budget of nothing refuses everything: write `deny`");
            }
            (!nothing).then_some(*limit)
        }
        [] if ["usd", "tokens", "calls"].iter().any(|key| table.has(key)) => None,
        [] => {
            table.report(codes::BAD_BUDGET, table.span, "the budget has no limit: `usd`, `tokens` or `calls`");
            None
        }
        [_, (_, second), ..] => {
            table.report(codes::BAD_BUDGET, *second, "a budget has one limit; write a second rule for the other");
            None
        }
    };
    table.finish();
    Some(Budget { limit: limit?, per: per?.value, warn_at })
}

fn message(table: &Table<'_, '_>, text: At<&str>) -> Option<Message> {
    let bad = match text.value.parse::<Message>() {
        Ok(message) => return Some(message),
        Err(bad) => bad,
    };
    let span = match &bad {
        BadMessage::Place { name, at } => text.span.within(at + 1, name.len() + 2),
        BadMessage::Brace { at } => text.span.within(at + 1, 1),
        BadMessage::Empty => text.span,
    };
    table.report(codes::BAD_MESSAGE, span, bad.to_string());
    None
}
