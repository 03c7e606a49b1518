//! `paths`: where everything of an instance lies.

use crate::failure::Failure;
use crate::out;
use crate::table::{Align, Table};
use meter_api::Exit;
use meter_hop::paths::Home;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Prints names and paths.
pub fn run(home: &Home, json: bool) -> Result<u8, Failure> {
    let named = named(home);
    if json {
        let document: BTreeMap<&str, String> =
            named.iter().map(|(name, path, _)| (*name, path.display().to_string())).collect();
        out::json(document)?;
    } else {
        let mut table = Table::new(&[("what", Align::Left), ("where", Align::Left), ("for", Align::Left)]);
        for (name, path, about) in named {
            table.row([name.to_owned(), path.display().to_string(), about.to_owned()]);
        }
        out::print(&table.text())?;
    }
    Ok(Exit::Ok.code())
}

fn named(home: &Home) -> Vec<(&'static str, PathBuf, &'static str)> {
    let root = home.root();
    vec![
        ("home", root.to_owned(), "all of an instance"),
        ("config", home.config_toml(), "your settings"),
        ("providers", root.join("providers.d"), "your providers"),
        ("manifests", root.join("manifests"), "your dialects, prices and tagging"),
        ("policies", root.join("policies.d"), "your rules and budgets"),
        ("applied", home.applied(), "what is in force"),
        ("database", home.database(), "every call"),
        ("journal", home.journal(), "calls on their way into the database"),
        ("bundle", home.ca_bundle(), "system roots, yours and ours: for variables that replace roots"),
        ("roots", home.ca().join(meter_ca::bundle::OWN_ROOTS), "our roots alone: for variables that add roots"),
        ("logs", home.logs(), "logs of edge and daemon"),
        ("launchd", home.launchd(), "service files"),
        ("ports", home.effective_ports(), "which role listens where"),
    ]
}
