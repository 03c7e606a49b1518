//! One `[[test]]`.

use super::Tested;
use crate::table::Table;
use jiff::Timestamp;
use meter_call::{ProjectSlug, UnixMillis};
use meter_diag::{codes::files, codes::settings};
use meter_policy::{Given, PolicyTest};

/// When tests take place unless they say otherwise: Wednesday, 25 November 2026, 12:00 UTC.
const NOON: UnixMillis = UnixMillis(1_795_608_000_000);

pub(super) fn read(table: Table<'_, '_>) -> Option<Tested> {
    let doc = table.doc();
    let given = table.need("given").and_then(|value| value.table()).map(given);
    let expect = table.need_text("expect").filter(|expect| {
        let outcome = matches!(expect.value.split_whitespace().next(), Some("allow" | "warn" | "refuse"));
        if !outcome {
            let message = format!("`{}` is no outcome: write `allow`, `warn` or `refuse`, and the rule", expect.value);
            doc.report(files::UNKNOWN_WORD, expect.span, message);
        }
        outcome
    });
    table.finish();
    let (given, expect) = (given?, expect?);
    Some(Tested { test: PolicyTest { given, expect: expect.value.to_owned() }, expect: doc.place(expect.span) })
}

fn given(table: Table<'_, '_>) -> Given {
    let text = |key: &'static str| table.text(key).map(|at| at.value.to_owned());
    let count = |key: &'static str| table.integer(key, 0..=i64::MAX).and_then(|at| u64::try_from(at.value).ok());
    let at = table.datetime("at").and_then(|at| {
        let instant = at.value.to_string().parse::<Timestamp>();
        if instant.is_err() {
            table.report(files::BAD_VALUE, at.span, "an instant has a zone: 2026-11-25T12:00:00Z");
        }
        instant.ok().map(|instant| UnixMillis(instant.as_millisecond()))
    });
    let project = table.text("project").and_then(|slug| match slug.value.parse::<ProjectSlug>() {
        Ok(project) => Some(project),
        Err(bad) => {
            table.report(settings::BAD_SLUG, slug.span, bad.to_string());
            None
        }
    });
    let mut spent = Vec::new();
    if let Some(amounts) = table.table("spent") {
        for (rule, amount) in amounts.entries() {
            let written = amount.as_number().map(|at| at.value.text).or(amount.as_text().map(|at| at.value));
            match written {
                Some(written) => spent.push((rule.value.to_owned(), written.to_owned())),
                None => drop(amount.wrong::<()>("an amount")),
            }
        }
    }
    let given = Given {
        at: at.unwrap_or(NOON),
        project,
        provider: text("provider").unwrap_or_default(),
        kind: text("kind").unwrap_or_else(|| "chat".to_owned()),
        model: text("model"),
        process: text("process"),
        request_bytes: count("request_bytes").unwrap_or(0),
        max_output: count("max_output"),
        spent,
    };
    table.finish();
    given
}
