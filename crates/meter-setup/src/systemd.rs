//! Units of a systemd user manager, as values.
//!
//! A unit file has its own rules of writing: `%` begins a specifier, `$` a variable, a space ends an argument. Values are
//! kept plain here and escaped in one place, when a unit becomes text. Keys and traps: systemd.unit(5), systemd.service(5),
//! systemd.socket(5) as of version 252.

use crate::{Installation, RenderError};
use meter_manifest::services::{KeepAlive, ProcessType, Role, Service, Services};
use std::fmt::Write as _;
use std::path::Path;

/// Seconds until a service that ended is started again; the socket holds connections meanwhile.
const RESTART_S: u32 = 1;

/// Most open files, as the hard limit above the soft one.
const FILES_HARD_FACTOR: u32 = 2;

/// One unit file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unit {
    /// `halton-meter-edge.service`.
    pub file_name: String,
    /// Sections in the order of the file, each with its entries. Values are as they are meant, not yet escaped.
    pub sections: Vec<(&'static str, Vec<(&'static str, Entry)>)>,
}

/// The right side of an assignment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// A word, number, unit name or sentence of ours.
    Plain(String),
    /// One path.
    Path(String),
    /// A command line.
    Command {
        /// Absolute path.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// A variable of the environment.
    Variable(String, String),
}

impl Unit {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (at, (section, entries)) in self.sections.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            writeln!(text, "{gap}[{section}]").expect("a String takes everything");
            for (key, entry) in entries {
                writeln!(text, "{key}={}", entry.text()).expect("a String takes everything");
            }
        }
        text
    }
}

impl Entry {
    fn text(&self) -> String {
        match self {
            Entry::Plain(text) | Entry::Path(text) => text.replace('%', "%%"),
            Entry::Command { program, arguments } => {
                // In the program's path a `$` stands for itself.
                let words = std::iter::once(quoted(program));
                let words = words.chain(arguments.iter().map(|one| quoted(&one.replace('$', "$$"))));
                words.collect::<Vec<_>>().join(" ")
            }
            Entry::Variable(name, value) => quoted(&format!("{name}={value}")),
        }
    }
}

/// One word of a command line or an environment: in quotes where it needs them.
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@+,%$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The units of all services, in the order of roles, the sockets of a service behind it.
///
/// # Errors
/// The first service that cannot be rendered.
pub fn units(services: &Services, at: &Installation) -> Result<Vec<Unit>, RenderError> {
    let mut units = Vec::new();
    for one in &services.0 {
        units.push(service(one, at)?);
        for name in one.sockets.keys() {
            units.push(socket(one, name, at)?);
        }
    }
    Ok(units)
}

/// The name of a role's units, without what tells their kind: `halton-meter-edge`. The daemon is the meter itself.
pub fn name(role: Role, at: &Installation) -> String {
    let name = match role {
        Role::Daemon => "halton-meter".to_owned(),
        other => format!("halton-meter-{}", other.as_str()),
    };
    match &at.label_suffix {
        Some(suffix) => format!("{name}-{suffix}"),
        None => name,
    }
}

fn socket_name(service: &Service, socket: &str, at: &Installation) -> String {
    let name = name(service.role, at);
    if socket == service.role.as_str() { format!("{name}.socket") } else { format!("{name}-{socket}.socket") }
}

fn plain(text: impl Into<String>) -> Entry {
    Entry::Plain(text.into())
}

const fn about(role: Role) -> &'static str {
    match role {
        Role::Edge => "Halton Meter: the port that tools send their calls to",
        Role::Daemon => "Halton Meter",
        Role::Watchdog => "Halton Meter: takes the system proxy off while the meter is away",
        Role::Userenv => "Halton Meter: the variables of a login",
    }
}

fn service(service: &Service, at: &Installation) -> Result<Unit, RenderError> {
    let sockets: Vec<String> = service.sockets.keys().map(|socket| socket_name(service, socket, at)).collect();
    let mut unit = vec![("Description", plain(about(service.role)))];
    for socket in &sockets {
        // The socket first: it holds the port while the service restarts.
        unit.push(("Requires", plain(socket)));
        unit.push(("After", plain(socket)));
    }
    let mut job = vec![("Type", plain(if service.keep_alive == KeepAlive::No { "oneshot" } else { "exec" }))];
    let program = path(&at.programs.join(&service.program))?;
    // systemd takes no program whose path has one of these, however it is written.
    if program.contains(['"', '\'', '\\']) {
        return Err(RenderError::NotText(program.into()));
    }
    job.push(("ExecStart", Entry::Command { program, arguments: service.arguments.clone() }));
    match service.keep_alive {
        KeepAlive::No => job.push(("RemainAfterExit", plain("yes"))),
        KeepAlive::Always | KeepAlive::OnFailure => {
            // Five starts in ten seconds would end it for good otherwise.
            unit.push(("StartLimitIntervalSec", plain("0")));
            let when = if service.keep_alive == KeepAlive::Always { "always" } else { "on-failure" };
            job.push(("Restart", plain(when)));
            job.push(("RestartSec", plain(service.throttle_s.unwrap_or(RESTART_S).to_string())));
        }
    }
    job.push(("TimeoutStopSec", plain(service.exit_timeout_s.to_string())));
    job.push(("Environment", Entry::Variable("HALTON_METER_HOME".into(), path(&at.home)?)));
    for (name, value) in &service.environment {
        job.push(("Environment", Entry::Variable(name.clone(), value.clone())));
    }
    job.push(("WorkingDirectory", Entry::Path(path(&at.home)?)));
    job.push(("UMask", plain("0077")));
    if let Some(files) = service.files_max {
        job.push(("LimitNOFILE", plain(format!("{files}:{}", files.saturating_mul(FILES_HARD_FACTOR)))));
    }
    if service.process_type == ProcessType::Background {
        job.push(("Nice", plain("10")));
    }
    let mut install = Vec::new();
    for socket in &sockets {
        install.push(("Also", plain(socket)));
    }
    if service.run_at_load {
        install.push(("WantedBy", plain("default.target")));
    }
    let mut sections = vec![("Unit", unit), ("Service", job)];
    if !install.is_empty() {
        sections.push(("Install", install));
    }
    Ok(Unit { file_name: format!("{}.service", name(service.role, at)), sections })
}

fn socket(service: &Service, socket: &str, at: &Installation) -> Result<Unit, RenderError> {
    let template = &service.sockets[socket];
    let port = at.port(template).ok_or_else(|| RenderError::Port {
        label: service.label.clone(),
        socket: socket.to_owned(),
        port: template.clone(),
    })?;
    Ok(Unit {
        file_name: socket_name(service, socket, at),
        sections: vec![
            ("Unit", vec![("Description", plain(about(service.role)))]),
            (
                "Socket",
                vec![
                    ("ListenStream", plain(format!("127.0.0.1:{port}"))),
                    ("FileDescriptorName", plain(socket)),
                    ("Service", plain(format!("{}.service", name(service.role, at)))),
                ],
            ),
            ("Install", vec![("WantedBy", plain("sockets.target"))]),
        ],
    })
}

/// An absolute path as text, without what a unit file cannot hold.
fn path(path: &Path) -> Result<String, RenderError> {
    if !path.is_absolute() {
        return Err(RenderError::Relative(path.to_owned()));
    }
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(RenderError::NotText(path.to_owned())),
    }
}
