//! Real clients: curl, Python and whatever else is on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How a client is pointed at the edge.
#[derive(Clone, Debug)]
pub struct Client {
    proxy: String,
    bundle: PathBuf,
    more: Vec<(String, String)>,
}

/// What a client printed.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// Fails the test when the client did.
    pub fn expect_ok(self) -> Ran {
        assert_eq!(self.code, 0, "the client failed: {}\n{}", self.err, self.text());
        self
    }
}

impl Client {
    /// A client behind `port` that trusts `bundle`.
    pub fn through(port: u16, bundle: impl Into<PathBuf>) -> Client {
        Client { proxy: format!("http://127.0.0.1:{port}"), bundle: bundle.into(), more: Vec::new() }
    }

    /// The same client trusting something else.
    pub fn trusting(&self, bundle: impl Into<PathBuf>) -> Client {
        Client { bundle: bundle.into(), ..self.clone() }
    }

    /// The same client with one more variable.
    pub fn with(mut self, name: &str, value: &str) -> Client {
        self.more.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The variables a metered command gets.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let bundle = self.bundle.display().to_string();
        vec![
            ("HTTPS_PROXY", self.proxy.clone()),
            ("https_proxy", self.proxy.clone()),
            ("SSL_CERT_FILE", bundle.clone()),
            ("REQUESTS_CA_BUNDLE", bundle.clone()),
            ("CURL_CA_BUNDLE", bundle.clone()),
            ("NODE_EXTRA_CA_CERTS", bundle.clone()),
            ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", bundle),
        ]
    }

    /// Runs a program with those variables.
    pub fn run(&self, program: &Path, args: &[&str], folder: &Path) -> Ran {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", folder);
        command.envs(self.variables()).envs(self.more.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap_or_else(|error| panic!("{} does not run: {error}", program.display()));
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `curl` with the usual bounds; `args` end with the URL.
    pub fn curl(&self, args: &[&str]) -> Ran {
        let mut all = vec!["--silent", "--show-error", "--max-time", "30"];
        all.extend_from_slice(args);
        self.run(Path::new("curl"), &all, &std::env::temp_dir())
    }
}

/// The Python with the pinned client packages; `None`, with the reason printed, when they are not installed.
pub fn python_clients() -> Option<PathBuf> {
    let own = std::env::current_exe().expect("a test knows where it lies");
    let target = own.ancestors().find(|folder| folder.join("clients/installed.txt").exists());
    match target {
        Some(folder) => Some(folder.join("clients/bin/python")),
        None => {
            skipped("the client packages are not installed (tests/clients/install.py)");
            None
        }
    }
}

/// Says why a test does nothing. Written past the test runner, which shows nothing of a test that passes.
pub fn skipped(reason: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "skipped: {reason}").expect("standard error is open");
}
