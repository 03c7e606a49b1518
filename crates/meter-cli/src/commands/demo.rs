//! `demo`: the whole path on this machine, without a key or a network.

use crate::args::CallArgs;
use crate::args::DemoArgs;
use crate::commands::demo_client::CALLS;
use crate::commands::{calls, explain, report};
use crate::failure::Failure;
use crate::instance::{self, Running};
use crate::out::{BOLD, styled};
use crate::{open, out, supervise};
use jiff::tz::TimeZone;
use meter_api::Exit;
use meter_demo::{DemoAuthority, DemoOrigin};
use meter_hop::paths::Home;
use meter_store::{CallQuery, CallRow, Range};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Hosts of the calls.
const HOSTS: [&str; 3] = ["api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"];

/// Which project sends which calls.
const PROJECTS: [(&str, &[&str]); 2] =
    [("acme", &["plain", "cached", "search", "chat"]), ("sandbox", &["responses", "gemini", "limited", "cut"])];

/// How long rows may take into the database.
const ROWS_PATIENCE: Duration = Duration::from_secs(10);

/// Starts a provider, edge and daemon in a home of their own, sends the calls and prints what was metered.
pub fn run(args: &DemoArgs) -> Result<u8, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("halton-meter-demo-")
        .tempdir()
        .map_err(|error| Failure::because("cannot make a temporary folder", error))?;
    let home = Home::at(folder.path().join("home"));
    open::prepared(&home)?;
    let outcome = play(&home, folder.path());
    if args.keep {
        let kept = folder.keep();
        out::say(&format!("kept: halton-meter --home {} status", kept.join("home").display()));
    }
    outcome
}

fn play(home: &Home, folder: &Path) -> Result<u8, Failure> {
    out::say("a provider on this machine, an edge and a daemon in a temporary home:");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start a runtime", error))?;
    let authority = DemoAuthority::new().map_err(|error| Failure::because("cannot make the provider's root", error))?;
    let origin = runtime
        .block_on(DemoOrigin::start(&authority, &HOSTS))
        .map_err(|error| Failure::because("the provider does not start", error))?;
    out::say(&format!("  provider   127.0.0.1:{} answers for {}", origin.address.port(), HOSTS.join(", ")));
    settings(home, folder, &authority, &origin)?;

    let mut ended = Ended(instance::ensure(home, None)?);
    let (edge_port, intercept) = match &ended.0.daemon_ports {
        Ok((intercept, _)) => (ended.0.edge_port, *intercept),
        Err(failure) => return Err(Failure::new(failure.to_string())),
    };
    let pid = |child: &Option<std::process::Child>| child.as_ref().map(std::process::Child::id).unwrap_or_default();
    out::say(&format!("  daemon     127.0.0.1:{} (process {})", intercept, pid(&ended.0.daemon)));
    out::say(&format!("  edge       127.0.0.1:{} (process {})", edge_port, pid(&ended.0.edge)));
    for (project, names) in PROJECTS {
        out::say(&format!("calls of a tool with HALTON_PROJECT={project}:"));
        send(home, folder, edge_port, project, names)?;
    }
    let rows = rows(home)?;
    ended.end();
    show(home, &rows)
}

/// `config.toml`: free ports, and the provider on this machine in place of the real ones.
fn settings(home: &Home, folder: &Path, authority: &DemoAuthority, origin: &DemoOrigin) -> Result<(), Failure> {
    let root = folder.join("provider-root.pem");
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| Failure::because(format!("cannot write {}", path.display()), error))
    };
    write(&root, authority.root_pem())?;
    let [edge, internal, api] = free_ports()?;
    let pins: Vec<String> = HOSTS.iter().map(|host| format!("\"{host}\" = \"{}\"", origin.address)).collect();
    let text = format!(
        "[daemon]\nedge_port = {edge}\ninternal_port = {internal}\napi_port = {api}\n\n\
         [upstream]\nca_file = {:?}\nresolve = {{ {} }}\n",
        root.display().to_string(),
        pins.join(", ")
    );
    write(&home.config_toml(), &text)
}

fn free_ports() -> Result<[u16; 3], Failure> {
    let failed = |error| Failure::because("there is no free port on 127.0.0.1", error);
    let mut held = Vec::new();
    let mut ports = [0; 3];
    for port in &mut ports {
        // Held until all are chosen, so that they differ.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        *port = listener.local_addr().map_err(failed)?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// A process of its own, so that its calls are attributed as any tool's are.
fn send(home: &Home, folder: &Path, edge_port: u16, project: &str, names: &[&str]) -> Result<(), Failure> {
    let own =
        std::env::current_exe().map_err(|error| Failure::because("cannot tell where this program lies", error))?;
    let status = Command::new(own)
        .arg("demo-client")
        .arg(edge_port.to_string())
        .arg(home.ca().join(meter_ca::bundle::OWN_ROOTS))
        .args(names)
        .env("HALTON_PROJECT", project)
        .current_dir(folder)
        .status()
        .map_err(|error| Failure::because("cannot start the demo's client", error))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::new(format!("the demo's client ended with {status}"))),
    }
}

/// Every row, oldest first, once all are there.
fn rows(home: &Home) -> Result<Vec<CallRow>, Failure> {
    let deadline = Instant::now() + ROWS_PATIENCE;
    let query = CallQuery { range: Range::ALL, limit: 100, ..CallQuery::default() };
    loop {
        let mut rows = match open::reader(home)? {
            Some(reader) => reader.calls(&query).map_err(open::unreadable)?.items,
            None => Vec::new(),
        };
        if rows.len() >= CALLS.len() {
            rows.reverse();
            return Ok(rows);
        }
        if Instant::now() > deadline {
            let (found, wanted) = (rows.len(), CALLS.len());
            return Err(Failure::new(format!(
                "{found} of {wanted} calls arrived in the database; see its logs with --keep"
            )));
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn show(home: &Home, rows: &[CallRow]) -> Result<u8, Failure> {
    let zone = TimeZone::system();
    let heading = |text: &str| format!("\n{}\n", styled(BOLD, format_args!("$ halton-meter {text}")));
    let shown: Vec<&CallRow> = rows.iter().collect();
    out::print(&format!("{}{}", heading("calls"), calls::table(&shown, &zone).text()))?;
    let report = report::read(home, Range::ALL, zone, None, None)?;
    out::print(&format!("{}{}", heading("report"), report::text(&report)))?;
    // The one with the most to explain.
    let Some(longest) = rows.iter().max_by_key(|row| row.cache_write_tokens.unwrap_or(0)) else {
        return Ok(Exit::Ok.code());
    };
    let id = longest.id.to_string();
    out::print(&heading(&format!("explain {}", crate::show::short(longest.id))))?;
    explain::run(home, &CallArgs { call: id, json: false })
}

/// Ends what the demo started, whatever happens.
struct Ended(Running);

impl Ended {
    fn end(&mut self) {
        let mut children: Vec<&mut std::process::Child> =
            [self.0.edge.as_mut(), self.0.daemon.as_mut()].into_iter().flatten().collect();
        supervise::end_all(&mut children);
        drop(children);
        (self.0.edge, self.0.daemon) = (None, None);
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.end();
    }
}
