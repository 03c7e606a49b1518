//! Property lists of launchd, as values.
//!
//! Never text templates: an `&` in a folder's name has to come out escaped. Keys and traps: launchd.plist(5).

use crate::{Domain, Installation, RenderError};
use meter_manifest::services::{KeepAlive, Service, Services};
use plist::{Dictionary, Value};
use std::path::Path;

/// Largest file a job may be told to keep open, as the hard limit above the soft one.
const FILES_HARD_FACTOR: u32 = 2;

/// One property list.
#[derive(Clone, Debug, PartialEq)]
pub struct Plist {
    /// Label within the instance; the file is called after it.
    pub label: String,
    /// Content.
    pub value: Value,
}

impl Plist {
    /// `<label>.plist`.
    pub fn file_name(&self) -> String {
        format!("{}.plist", self.label)
    }

    /// The file's text, with a line end at its end.
    pub fn text(&self) -> String {
        let mut bytes = Vec::new();
        self.value
            .to_writer_xml(&mut bytes)
            .expect("writing texts, numbers, lists and dictionaries to memory cannot fail");
        bytes.push(b'\n');
        String::from_utf8(bytes).expect("the writer makes UTF-8")
    }
}

/// The property lists of all services, in the order of roles.
///
/// # Errors
/// The first service that cannot be rendered.
pub fn plists(services: &Services, at: &Installation) -> Result<Vec<Plist>, RenderError> {
    services.0.iter().map(|service| plist(service, at)).collect()
}

/// The property list of one service.
///
/// # Errors
/// A path that is no absolute text, or a socket without a port.
pub fn plist(service: &Service, at: &Installation) -> Result<Plist, RenderError> {
    let label = at.label(&service.label);
    let mut arguments = vec![text(&at.programs.join(&service.program))?];
    arguments.extend(service.arguments.iter().map(|argument| Value::from(argument.as_str())));

    let mut environment = Dictionary::new();
    environment.insert("HALTON_METER_HOME".into(), text(&at.home)?);
    for (name, value) in &service.environment {
        environment.insert(name.clone(), Value::from(value.as_str()));
    }

    let role = service.role.as_str();
    let mut job = Dictionary::new();
    job.insert("Label".into(), Value::from(label.as_str()));
    job.insert("ProgramArguments".into(), Value::Array(arguments));
    job.insert("RunAtLoad".into(), Value::from(service.run_at_load));
    match service.keep_alive {
        KeepAlive::No => {}
        KeepAlive::Always => drop(job.insert("KeepAlive".into(), Value::from(true))),
        KeepAlive::OnFailure => {
            let condition = Dictionary::from_iter([("SuccessfulExit".to_owned(), Value::from(false))]);
            job.insert("KeepAlive".into(), Value::Dictionary(condition));
        }
    }
    job.insert("ProcessType".into(), Value::from(service.process_type.as_str()));
    // An array of both is refused in the user domain over ssh; the plain word works in each.
    let session = match at.domain {
        Domain::Gui => "Aqua",
        Domain::User => "Background",
    };
    job.insert("LimitLoadToSessionType".into(), Value::from(session));
    job.insert("EnvironmentVariables".into(), Value::Dictionary(environment));
    job.insert("WorkingDirectory".into(), text(&at.home)?);
    // As text: an integer would be read as decimal.
    job.insert("Umask".into(), Value::from("0077"));
    job.insert("StandardOutPath".into(), text(&at.logs.join(format!("{role}.out.log")))?);
    job.insert("StandardErrorPath".into(), text(&at.logs.join(format!("{role}.err.log")))?);
    job.insert("ExitTimeOut".into(), Value::from(service.exit_timeout_s));
    if let Some(seconds) = service.throttle_s {
        job.insert("ThrottleInterval".into(), Value::from(seconds));
    }
    if let Some(files) = service.files_max {
        // A login job starts with 256.
        let limit =
            |files: u32| Value::Dictionary(Dictionary::from_iter([("NumberOfFiles".to_owned(), Value::from(files))]));
        job.insert("SoftResourceLimits".into(), limit(files));
        job.insert("HardResourceLimits".into(), limit(files.saturating_mul(FILES_HARD_FACTOR)));
    }
    if !service.sockets.is_empty() {
        job.insert("Sockets".into(), Value::Dictionary(sockets(service, at)?));
    }
    Ok(Plist { label, value: Value::Dictionary(job) })
}

/// Sockets that launchd opens and keeps while the job restarts: connections wait instead of being refused.
fn sockets(service: &Service, at: &Installation) -> Result<Dictionary, RenderError> {
    let mut sockets = Dictionary::new();
    for (name, template) in &service.sockets {
        let port = at.port(template).ok_or_else(|| RenderError::Port {
            label: service.label.clone(),
            socket: name.clone(),
            port: template.clone(),
        })?;
        let listener = Dictionary::from_iter([
            ("SockNodeName".to_owned(), Value::from("127.0.0.1")),
            ("SockServiceName".to_owned(), Value::from(u64::from(port))),
            ("SockFamily".to_owned(), Value::from("IPv4")),
        ]);
        sockets.insert(name.clone(), Value::Array(vec![Value::Dictionary(listener)]));
    }
    Ok(sockets)
}

fn text(path: &Path) -> Result<Value, RenderError> {
    if !path.is_absolute() {
        return Err(RenderError::Relative(path.to_owned()));
    }
    path.to_str().map(Value::from).ok_or_else(|| RenderError::NotText(path.to_owned()))
}
