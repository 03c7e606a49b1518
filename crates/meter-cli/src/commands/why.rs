//! `why`: where a call's project comes from.

use crate::args::CallArgs;
use crate::failure::Failure;
use crate::show::{plain, short};
use crate::{open, out};
use meter_api::{Exit, Origin};
use meter_hop::paths::Home;
use meter_store::CallRow;
use serde::Serialize;

#[derive(Serialize)]
struct Why {
    id: String,
    #[serde(flatten)]
    origin: Origin,
}

/// Prints the project, the source that named it and its reason.
pub fn run(home: &Home, args: &CallArgs) -> Result<u8, Failure> {
    let detail = open::call(home, &args.call)?;
    if args.json {
        let call = meter_api::Call::from(&detail);
        out::json(Why { id: call.call.id, origin: call.origin })?;
    } else {
        out::print(&text(&detail.row))?;
    }
    Ok(Exit::Ok.code())
}

fn text(row: &CallRow) -> String {
    let mut text = format!(
        "call {} belongs to {}\n\n",
        short(row.id),
        out::styled(out::BOLD, format_args!("project {}", plain(&row.project)))
    );
    let process = row.process.as_ref().map(|name| match row.process_id {
        Some(pid) => format!("{} (process {pid})", plain(name)),
        None => plain(name),
    });
    let facts = [
        ("source", Some(row.source.clone())),
        ("reason", Some(plain(&row.reason))),
        ("branch", row.branch.as_deref().map(plain)),
        ("folder", row.workdir.as_deref().map(plain)),
        ("process", process),
        ("program", row.process_exe.as_deref().map(plain)),
        ("policy", row.policy_rule.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            text.push_str(&format!("  {name:<8} {value}\n"));
        }
    }
    text
}
