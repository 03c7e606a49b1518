//! `status`: one screen of what runs, on what, and what it has seen.

mod facts;
mod text;

use crate::commands::findings;
use crate::failure::Failure;
use crate::instance::Role;
use crate::out;
use facts::{Facts, Files};
use meter_api::{Check, CheckState, Component, Exit, Findings, ReportRow, Status};
use meter_hop::paths::Home;
use serde::Serialize;

/// `status --json`: the installation's state and what it has seen today.
#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    status: Status,
    today: Option<ReportRow>,
    unpriced: Vec<UnpricedModel>,
    in_force_since: Option<String>,
    errors_last_hour: Vec<Errors>,
    pinned: Vec<Pinned>,
    files: Findings,
}

/// A model that calls were made to and nobody knows the price of.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct UnpricedModel {
    provider: String,
    model: String,
    requests: u64,
}

/// Errors of one kind within the last hour.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Errors {
    provider: String,
    class: String,
    requests: u64,
}

/// A tool that does not accept our certificate for a host, and is tunnelled there.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Pinned {
    process: String,
    host: String,
    connections: u64,
}

fn exit(facts: &Facts) -> Exit {
    if facts.healthy() {
        Exit::Ok
    } else if facts.found.daemon.is_none() {
        Exit::Unreachable
    } else {
        Exit::Found
    }
}

/// Prints the screen; 3 when something is not as it should be, 4 when no daemon answers.
pub fn run(home: &Home, json: bool) -> Result<u8, Failure> {
    let facts = Facts::gather(home)?;
    if json {
        out::json(document(home, &facts))?;
    } else {
        out::print(&text::text(home, &facts))?;
        if facts.nothing_runs() {
            out::say(
                "Nothing runs. `halton-meter run -- CMD` starts what CMD needs; `halton-meter start --foreground` \
                 keeps it running.",
            );
        }
    }
    Ok(exit(&facts).code())
}

fn document(home: &Home, facts: &Facts) -> Document {
    Document {
        status: Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            install_mode: "none".to_owned(),
            instance: facts.instance.clone(),
            home: home.root().display().to_string(),
            digest: facts.digest.clone(),
            healthy: facts.healthy(),
            components: components(facts),
            checks: checks(facts),
            warnings: facts.warnings(),
        },
        today: facts.today.as_ref().map(Into::into),
        unpriced: facts.unpriced.clone(),
        in_force_since: facts.since.clone(),
        errors_last_hour: facts.errors.clone(),
        pinned: facts.pinned.clone(),
        files: match &facts.files {
            Files::Broken(found) | Files::Same(found) | Files::Differ(found) => findings::document(found),
        },
    }
}

fn components(facts: &Facts) -> Vec<Component> {
    let off = |name: &str, role: Role| Component {
        name: name.to_owned(),
        state: if facts.silent(role).is_some() { "silent" } else { "off" }.to_owned(),
        pid: facts.silent(role),
        label: None,
        addresses: Vec::new(),
        detail: None,
    };
    let address = |port: &u16| format!("127.0.0.1:{port}");
    let edge = match &facts.found.edge {
        None => off("edge", Role::Edge),
        Some((port, pid, health)) => Component {
            state: if facts.trouble_of_edge().is_none() { "healthy" } else { "stale" }.to_owned(),
            pid: Some(*pid),
            addresses: vec![address(port)],
            detail: facts.trouble_of_edge().or_else(|| Some(sees(&health.daemon).to_owned())),
            ..off("edge", Role::Edge)
        },
    };
    let daemon = match &facts.found.daemon {
        None => off("daemon", Role::Daemon),
        Some((intercept, api, pid, _)) => Component {
            state: if facts.trouble_of_daemon().is_none() { "healthy" } else { "stale" }.to_owned(),
            pid: Some(*pid),
            addresses: vec![address(intercept), address(api)],
            detail: facts.trouble_of_daemon(),
            ..off("daemon", Role::Daemon)
        },
    };
    vec![edge, daemon]
}

/// The edge's word for what it believes of the daemon, as a sentence.
fn sees(word: &str) -> &'static str {
    match word {
        "up" => "sees the daemon",
        "down" => "does not see the daemon, so it tunnels",
        _ => "has not had to ask for the daemon lately",
    }
}

fn checks(facts: &Facts) -> Vec<Check> {
    let (state, message, fix) = match &facts.files {
        Files::Same(_) => (CheckState::Ok, "the files are what is in force", None),
        Files::Differ(_) => (CheckState::Warning, "the files differ from what is in force", Some("halton-meter apply")),
        Files::Broken(_) => (CheckState::Failed, "the files have errors", Some("halton-meter validate")),
    };
    vec![Check { id: "manifests.files".to_owned(), state, message: message.to_owned(), fix: fix.map(str::to_owned) }]
}
