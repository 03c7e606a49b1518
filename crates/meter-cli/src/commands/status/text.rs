//! The screen.

use super::facts::{Facts, Files};
use crate::amounts::{Shown, made_of};
use crate::instance::Role;
use crate::out::{BAD, BOLD, DIM, GOOD, WARN, styled};
use crate::show::{duration, grouped, plain, plural, short_digest};
use meter_hop::paths::Home;

/// How many findings of broken files are shown.
const FINDINGS_MAX: usize = 5;

/// Every section with its name at the left.
pub fn text(home: &Home, facts: &Facts) -> String {
    let mut text = format!(
        "{}  {}\n\n",
        styled(BOLD, format_args!("Halton Meter {}", env!("CARGO_PKG_VERSION"))),
        styled(DIM, home.root().display())
    );
    let mut section = |name: &str, lines: Vec<String>| {
        for (index, line) in lines.into_iter().enumerate() {
            text.push_str(&format!("{:<10} {line}\n", if index == 0 { name } else { "" }));
        }
    };
    section("edge", edge(facts));
    section("daemon", daemon(facts));
    section("mode", vec!["not installed as a service; `halton-meter run -- CMD` meters a command".to_owned()]);
    section("manifests", manifests(facts));
    section("today", today(facts));
    if !facts.unpriced.is_empty() {
        section("unpriced", unpriced(facts));
    }
    if !facts.errors.is_empty() {
        section("errors", errors(facts));
    }
    if !facts.pinned.is_empty() {
        section("pinned", pinned(facts));
    }
    for warning in facts.warnings() {
        section("warning", vec![styled(WARN, plain(&warning))]);
    }
    text
}

fn edge(facts: &Facts) -> Vec<String> {
    let Some((port, pid, health)) = &facts.found.edge else { return vec![absent(facts, Role::Edge)] };
    let mut lines = vec![format!(
        "{}  127.0.0.1:{port}  process {pid}  for {}  {} open, {} metered since it started",
        state(facts.trouble_of_edge().is_none()),
        duration(health.uptime_ms),
        plural(health.counters.open, "connection", "connections"),
        grouped(health.counters.chained),
    )];
    lines.extend(facts.trouble_of_edge().map(|trouble| styled(BAD, plain(&trouble))));
    lines
}

fn daemon(facts: &Facts) -> Vec<String> {
    let Some((intercept, api, pid, health)) = &facts.found.daemon else { return vec![absent(facts, Role::Daemon)] };
    let mut lines = vec![format!(
        "{}  127.0.0.1:{intercept}  process {pid}  for {}  API http://127.0.0.1:{api}",
        state(facts.trouble_of_daemon().is_none()),
        duration(health.uptime_ms),
    )];
    lines.extend(facts.trouble_of_daemon().map(|trouble| styled(BAD, plain(&trouble))));
    lines
}

fn absent(facts: &Facts, role: Role) -> String {
    match facts.silent(role) {
        Some(pid) => styled(BAD, format_args!("process {pid} lives and does not answer")),
        None => styled(DIM, "off"),
    }
}

fn state(good: bool) -> String {
    if good { styled(GOOD, "up") } else { styled(BAD, "up, but not well") }
}

fn manifests(facts: &Facts) -> Vec<String> {
    let Some(digest) = &facts.digest else {
        return match &facts.files {
            Files::Broken(found) => broken("nothing is in force yet".to_owned(), found),
            Files::Same(_) | Files::Differ(_) => {
                vec!["nothing is in force yet; the first start applies them".to_owned()]
            }
        };
    };
    let digest = short_digest(digest);
    let since = facts.since.as_ref().map(|at| format!(" since {at}")).unwrap_or_default();
    match &facts.files {
        Files::Same(_) => vec![format!("{digest} in force{since}, equal to the files")],
        Files::Differ(_) => vec![
            format!("{digest} in force{since}"),
            styled(WARN, "the files differ: `halton-meter plan` shows how, `halton-meter apply` puts them in force"),
        ],
        Files::Broken(found) => broken(format!("{digest} stays in force"), found),
    }
}

fn broken(first: String, found: &[meter_diag::Diagnostic]) -> Vec<String> {
    let errors: Vec<String> = found.iter().filter(|found| found.is_error()).map(ToString::to_string).collect();
    let counted = plural(errors.len() as u64, "error", "errors");
    let mut lines =
        vec![first, styled(BAD, format_args!("the files have {counted}; `halton-meter validate` shows all:"))];
    lines.extend(errors.iter().take(FINDINGS_MAX).map(|line| plain(line)));
    lines
}

fn today(facts: &Facts) -> Vec<String> {
    let Some(today) = facts.today.as_ref().filter(|today| today.requests > 0) else {
        return vec!["no calls".to_owned()];
    };
    let cached = match today.cache_read_tokens {
        0 => String::new(),
        some => format!(" ({} cached)", grouped(some)),
    };
    vec![
        format!(
            "{} · {} in{cached} · {} out",
            plural(today.requests, "call", "calls"),
            grouped(today.prompt_tokens()),
            grouped(today.output_tokens)
        ),
        made_of(today, Shown::Dollars),
    ]
}

fn unpriced(facts: &Facts) -> Vec<String> {
    facts
        .unpriced
        .iter()
        .map(|one| {
            let calls = plural(one.requests, "call", "calls");
            styled(WARN, format_args!("{} of {}: {calls} in 7 days", plain(&one.model), plain(&one.provider)))
        })
        .collect()
}

fn errors(facts: &Facts) -> Vec<String> {
    let one = |one: &super::Errors| {
        format!("{} from {} in the last hour: {}", grouped(one.requests), plain(&one.provider), one.class)
    };
    facts.errors.iter().map(one).collect()
}

fn pinned(facts: &Facts) -> Vec<String> {
    facts
        .pinned
        .iter()
        .map(|one| {
            let times = plural(one.connections, "connection", "connections");
            let who = format!("{} to {}", plain(&one.process), plain(&one.host));
            styled(WARN, format_args!("{who} does not accept our certificate: {times} not metered in 24 hours"))
        })
        .collect()
}
