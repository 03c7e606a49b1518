//! Renders the service files of an instance from what the manifests say.
//!
//! Values in, texts out: where the home is, where the programs are and which ports were chosen come in as [`Installation`].
//! [`launchd`] builds property lists, [`systemd`] units; [`plist_check`] and [`unit_check`] are the strict readers that tests
//! and whoever installs run over them, because the supervisors themselves only log what they do not understand.

pub mod launchd;
pub mod plist_check;
pub mod systemd;
pub mod unit_check;

use std::path::PathBuf;

/// Everything a service file needs to know about one instance on one machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Installation {
    /// The instance's home, absolute.
    pub home: PathBuf,
    /// Folder of the binaries, absolute.
    pub programs: PathBuf,
    /// Folder of log files, absolute; made by us before a supervisor opens files in it.
    pub logs: PathBuf,
    /// What tells this instance's labels from those of the default home.
    pub label_suffix: Option<String>,
    /// Ports on 127.0.0.1.
    pub ports: Ports,
    /// Where the services are loaded.
    pub domain: Domain,
}

/// The ports that were chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ports {
    /// The port clients use.
    pub edge: u16,
    /// Where the edge chains to.
    pub internal: u16,
    /// The HTTP API.
    pub api: u16,
}

/// The launchd domain of a user's services.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Domain {
    /// `gui/<uid>`: exists while the user is logged in at the screen.
    Gui,
    /// `user/<uid>`: what a login over ssh has.
    User,
}

/// A manifest's service that cannot be rendered for this installation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// A path is not absolute, and a supervisor would resolve it against its own.
    #[error("`{0}` is not an absolute path")]
    Relative(PathBuf),
    /// A path that the file cannot hold: no UTF-8 text, or with characters that the supervisor does not take.
    #[error("`{0}` is not a path that can be written down")]
    NotText(PathBuf),
    /// A socket's port is neither a number nor a known placeholder.
    #[error("socket `{socket}` of `{label}` has no usable port: `{port}`")]
    Port {
        /// The service.
        label: String,
        /// The socket.
        socket: String,
        /// What stands there.
        port: String,
    },
}

impl Installation {
    /// The label of a service in this instance.
    pub fn label(&self, label: &str) -> String {
        match &self.label_suffix {
            Some(suffix) => format!("{label}.{suffix}"),
            None => label.to_owned(),
        }
    }

    /// The port of a template: a number, or the placeholder of one of ours.
    fn port(&self, template: &str) -> Option<u16> {
        match template {
            "{edge_port}" => Some(self.ports.edge),
            "{internal_port}" => Some(self.ports.internal),
            "{api_port}" => Some(self.ports.api),
            number => number.parse().ok().filter(|port| *port > 0),
        }
    }
}
