//! What runs in the background, and how a supervisor treats it.

use crate::clients::placeholders;
use crate::table::{At, Document, Table};
use meter_diag::{Diagnostic, Place, codes::files, codes::settings as codes};
use std::collections::BTreeMap;

/// The four roles that a supervisor runs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Holds the port that clients use.
    Edge,
    /// Intercepts and records.
    Daemon,
    /// Takes the system proxy off when the daemon stays away.
    Watchdog,
    /// Sets the login environment once.
    Userenv,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Edge, Role::Daemon, Role::Watchdog, Role::Userenv];

    /// The name in `[service.NAME]`, log files and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Edge => "edge",
            Role::Daemon => "daemon",
            Role::Watchdog => "watchdog",
            Role::Userenv => "userenv",
        }
    }
}

/// When a supervisor starts a service again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeepAlive {
    /// Never.
    No,
    /// Whenever it ends.
    Always,
    /// When it ends with a failure or by a signal; an orderly end is respected.
    OnFailure,
}

/// How much a supervisor may throttle a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProcessType {
    /// Not at all.
    Interactive,
    /// Lightly.
    Standard,
    /// As background work.
    Background,
}

impl ProcessType {
    /// The word of launchd, which is also ours.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProcessType::Interactive => "Interactive",
            ProcessType::Standard => "Standard",
            ProcessType::Background => "Background",
        }
    }
}

/// One service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// Which role it runs.
    pub role: Role,
    /// Name to the supervisor, without an instance's suffix.
    pub label: String,
    /// File name of the binary.
    pub program: String,
    /// Arguments behind it.
    pub arguments: Vec<String>,
    /// When it is started again.
    pub keep_alive: KeepAlive,
    /// Started when loaded.
    pub run_at_load: bool,
    /// How much it may be throttled.
    pub process_type: ProcessType,
    /// Listening sockets the supervisor holds: name and port template behind 127.0.0.1 (`{edge_port}` or a number).
    pub sockets: BTreeMap<String, String>,
    /// Limit of open files; `None` = the system's.
    pub files_max: Option<u32>,
    /// Seconds from the request to end to the kill.
    pub exit_timeout_s: u32,
    /// Seconds between two starts; `None` = the supervisor's.
    pub throttle_s: Option<u32>,
    /// Variables of its environment, beside those that every service of ours gets.
    pub environment: BTreeMap<String, String>,
}

/// The services of an installation, one for each role.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Services(pub Vec<Service>);

impl Services {
    /// The service of a role.
    pub fn of(&self, role: Role) -> Option<&Service> {
        self.0.iter().find(|service| service.role == role)
    }
}

/// Reads `manifests/services.toml`.
pub(crate) fn read(doc: &Document<'_>) -> Services {
    let root = doc.root();
    let mut services = Vec::new();
    if !root.schema() {
        return Services(services);
    }
    if let Some(table) = root.need("service").and_then(|value| value.table()) {
        let mut labels: Vec<(String, Place)> = Vec::new();
        for role in Role::ALL {
            match table.table(role.as_str()) {
                Some(one) => services.extend(service(role, one, &mut labels)),
                None if !table.has(role.as_str()) => {
                    root.report(
                        codes::SERVICE_MISSING,
                        table.span,
                        format!("`[service.{}]` is missing", role.as_str()),
                    );
                }
                None => {}
            }
        }
        table.finish();
    }
    root.finish();
    Services(services)
}

fn service(role: Role, table: Table<'_, '_>, labels: &mut Vec<(String, Place)>) -> Option<Service> {
    let doc = table.doc();
    let label = table.need_text("label").filter(|label| {
        let good =
            !label.value.is_empty() && label.value.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        let first = labels.iter().find(|(known, _)| known == label.value);
        let message = match (good, first) {
            (true, None) => return true,
            (false, _) => format!("`{}` can be no label", label.value),
            (true, Some(_)) => format!("label `{}` is given twice", label.value),
        };
        let mut finding = Diagnostic::new(codes::BAD_LABEL, doc.place(label.span), message);
        if let Some((_, place)) = first {
            finding = finding.other(place.clone(), "the first");
        }
        doc.push(finding);
        false
    });
    labels.extend(label.map(|label| (label.value.to_owned(), doc.place(label.span))));
    let program = table.need_text("program").filter(|program| {
        let name = !program.value.is_empty() && !program.value.contains('/');
        if !name {
            table.report(files::BAD_VALUE, program.span, "`program` is the name of a binary, not a path");
        }
        name
    });
    let types =
        [ProcessType::Interactive, ProcessType::Standard, ProcessType::Background].map(|one| (one.as_str(), one));
    let service = Service {
        role,
        label: label.map(|label| label.value.to_owned()).unwrap_or_default(),
        program: program.map(|program| program.value.to_owned()).unwrap_or_default(),
        arguments: table.texts("arguments").iter().map(|at| at.value.to_owned()).collect(),
        keep_alive: keep_alive(&table),
        run_at_load: table.flag("run_at_load"),
        process_type: table.word("process_type", &types).map_or(ProcessType::Standard, |at| at.value),
        sockets: table.table("sockets").map(sockets).unwrap_or_default(),
        files_max: table.integer("files_max", 256..=1_048_576).and_then(|at| u32::try_from(at.value).ok()),
        // 0 would mean for ever, and a logout would hang on it.
        exit_timeout_s: table
            .integer("exit_timeout_s", 1..=60)
            .and_then(|at| u32::try_from(at.value).ok())
            .unwrap_or(5),
        throttle_s: table.integer("throttle_s", 1..=3600).and_then(|at| u32::try_from(at.value).ok()),
        environment: table.table("environment").map(environment).unwrap_or_default(),
    };
    table.finish();
    (label.is_some() && program.is_some()).then_some(service)
}

fn keep_alive(table: &Table<'_, '_>) -> KeepAlive {
    let Some(value) = table.value("keep_alive") else { return KeepAlive::No };
    if let Some(always) = value.as_bool() {
        return if always.value { KeepAlive::Always } else { KeepAlive::No };
    }
    let Some(condition) = value.as_table() else {
        value.wrong::<()>("true, false or `{ successful_exit = false }`");
        return KeepAlive::No;
    };
    if let Some(exit) = condition.value("successful_exit").and_then(|exit| exit.bool()).filter(|exit| exit.value) {
        table.report(files::BAD_VALUE, exit.span, "restarting after an orderly end only is never meant: write false");
    }
    condition.finish();
    KeepAlive::OnFailure
}

fn sockets(table: Table<'_, '_>) -> BTreeMap<String, String> {
    let mut sockets = BTreeMap::new();
    for (name, value) in table.entries() {
        let Some(at) = value.text() else { continue };
        match at.value.strip_prefix("127.0.0.1:") {
            Some(port) if is_port(&table, port, at) => drop(sockets.insert(name.value.to_owned(), port.to_owned())),
            Some(_) => {}
            None => table.report(codes::NOT_LOOPBACK, at.span, "a service listens on `127.0.0.1:` and a port"),
        }
    }
    sockets
}

fn is_port(table: &Table<'_, '_>, port: &str, at: At<&str>) -> bool {
    if port.starts_with('{') {
        return placeholders(table, at.value, at.span, &["edge_port", "internal_port", "api_port"]);
    }
    let good = port.parse::<u16>().is_ok_and(|port| port > 0);
    if !good {
        table.report(files::BAD_VALUE, at.span, format!("`{port}` is no port"));
    }
    good
}

fn environment(table: Table<'_, '_>) -> BTreeMap<String, String> {
    let entry = |(key, value): (At<&str>, crate::table::Value<'_, '_>)| {
        Some((key.value.to_owned(), value.text()?.value.to_owned()))
    };
    table.entries().into_iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_with;

    #[test]
    fn a_bad_service_is_reported_where_it_goes_wrong() {
        let text = r#"
schema = 1
[service]
# ^ error[HM0509]
edge.label = "my edge"
#            ^^^^^^^^^ error[HM0507]
edge.program = "/usr/bin/edge"
#              ^^^^^^^^^^^^^^^ error[HM0115]
edge.sockets = { edge = "0.0.0.0:8081", other = "127.0.0.1:{port}" }
#                       ^^^^^^^^^^^^^^ error[HM0508]
#                                                          ^^^^^^ error[HM0505]
edge.exit_timeout_s = 0
#                     ^ error[HM0111]
edge.keep_alive = { successful_exit = true }
#                                     ^^^^ error[HM0115]
daemon = { label = "x", program = "a" }
watchdog = { label = "x", program = "a", keep_alive = "yes" }
#                    ^^^ error[HM0507]
#                                                     ^^^^^ error[HM0109]
"#;
        check_with("manifests/services.toml", text, |file| {
            let doc = Document::parse(file).unwrap();
            read(&doc);
            doc.findings()
        });
    }
}
