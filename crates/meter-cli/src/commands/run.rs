//! `run -- CMD`: one command, metered, on a machine where nothing is installed.

use crate::args::RunArgs;
use crate::failure::Failure;
use crate::show::{grouped, plural};
use crate::{amounts, client_env, instance, open, out};
use meter_api::Exit;
use meter_call::{CallId, UnixMillis};
use meter_hop::paths::Home;
use meter_store::{By, Range, ReportQuery, Totals};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Roles started by `run` leave after this long without a connection.
const IDLE_EXIT_SECONDS: u64 = 600;

/// How long the closing line waits for calls that are still open.
const OPEN_ROWS_PATIENCE: Duration = Duration::from_secs(2);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Runs the command and answers its exit status.
///
/// # Errors
/// Only failures of ours, with the codes 125, 126 and 127.
pub fn run(home: &Home, args: &RunArgs) -> Result<u8, Failure> {
    let ours = |failure: Failure| failure.with_code(Exit::RunFailed);
    open::prepared(home).map_err(ours)?;
    let running = instance::ensure(home, Some(IDLE_EXIT_SECONDS)).map_err(ours)?;
    let api_port = match running.daemon_ports {
        Ok((_, api)) => Some(api),
        // Without its certificates the command could not be told what to trust later.
        Err(failure) if !home.ca_bundle().exists() => return Err(ours(failure)),
        Err(failure) => {
            out::say(&format!("halton-meter: {failure}; the command runs without being metered"));
            None
        }
    };
    let run_id = run_id().map_err(ours)?;
    let started = now_ms();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start a runtime", error).with_code(Exit::RunFailed))?;
    let status = runtime.block_on(command(home, args, running.edge_port, &run_id))?;
    if !args.quiet {
        closing_line(home, &run_id, started, api_port);
    }
    Ok(exit_code(status))
}

/// A random id for `HALTON_METER_RUN`.
fn run_id() -> Result<String, Failure> {
    let random = ring::rand::generate::<[u8; 10]>(&ring::rand::SystemRandom::new())
        .map_err(|_| Failure::new("the system gave no random bytes"))?;
    Ok(CallId::new(u64::try_from(now_ms()).unwrap_or(0), random.expose()).to_string())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

async fn command(home: &Home, args: &RunArgs, edge_port: u16, run_id: &str) -> Result<ExitStatus, Failure> {
    let (program, rest) = args.command.split_first().expect("clap requires a command");
    let mut command = tokio::process::Command::new(program);
    command.args(rest);
    for (name, value) in client_env::variables(home, edge_port).map_err(|failure| failure.with_code(Exit::RunFailed))? {
        command.env(name, value);
    }
    command.env("HALTON_METER_RUN", run_id);
    // Before the child starts, so that a signal between the two is not lost.
    let mut relayed = Relayed::listen()
        .map_err(|error| Failure::because("cannot listen for signals", error).with_code(Exit::RunFailed))?;
    let mut child = command.spawn().map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::RunNotFound,
            _ => Exit::RunNotExecutable,
        };
        Failure::because(format!("cannot run {}", program.display()), error).with_code(code)
    })?;
    let pid = child.id();
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.map_err(|error| Failure::because("lost the command", error).with_code(Exit::RunFailed));
            }
            number = relayed.next() => {
                // A child that is gone meanwhile needs no signal; `wait` will say so.
                if let Some(pid) = pid && let Err(error) = meter_sys::process::send(pid, number) {
                    tracing::debug!(%error, "run.signal.lost");
                }
            }
        }
    }
}

/// Signals that are passed on to the command.
///
/// An interrupt or quit typed at a terminal reaches the whole foreground group, the command included; passing it on as
/// well would be a second one, which many tools take as "at once". So those two are only swallowed here.
struct Relayed {
    terminate: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
    interrupt: Signal,
    quit: Signal,
    from_terminal: bool,
}

impl Relayed {
    fn listen() -> std::io::Result<Relayed> {
        Ok(Relayed {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            from_terminal: std::io::IsTerminal::is_terminal(&std::io::stdin()),
        })
    }

    /// The number of the next signal that is to be passed on.
    async fn next(&mut self) -> i32 {
        loop {
            let (number, typed) = tokio::select! {
                _ = self.terminate.recv() => (libc::SIGTERM, false),
                _ = self.hangup.recv() => (libc::SIGHUP, false),
                _ = self.user1.recv() => (libc::SIGUSR1, false),
                _ = self.user2.recv() => (libc::SIGUSR2, false),
                _ = self.interrupt.recv() => (libc::SIGINT, true),
                _ = self.quit.recv() => (libc::SIGQUIT, true),
            };
            if !(typed && self.from_terminal) {
                return number;
            }
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, signal) => Exit::of_signal(signal.and_then(|signal| u8::try_from(signal).ok()).unwrap_or(0)),
    }
}

/// One line on stderr. A database that cannot be read costs the line, not the command's exit status.
fn closing_line(home: &Home, run_id: &str, started: i64, api_port: Option<u16>) {
    let deadline = Instant::now() + OPEN_ROWS_PATIENCE;
    let line = loop {
        // Asked first: what has arrived by then is seen afterwards.
        let travelling = api_port.is_some_and(|port| on_their_way(home, port));
        match seen(home, run_id, started) {
            Ok(seen) if (seen.open > 0 || travelling) && Instant::now() < deadline => {
                std::thread::sleep(LOOK_EVERY);
            }
            Ok(seen) => break sentence(&seen),
            Err(failure) => break failure.to_string(),
        }
    };
    out::say(&format!("halton-meter: {line}"));
}

/// Whether records still travel from the journal into the database. Where the daemon does not say so, they may.
fn on_their_way(home: &Home, api_port: u16) -> bool {
    instance::ledger(home, api_port).is_none_or(|ledger| ledger.pending > 0)
}

/// The calls of one run.
#[derive(Debug, Default)]
struct Seen {
    totals: Totals,
    projects: Vec<String>,
    open: u64,
}

fn seen(home: &Home, run_id: &str, started: i64) -> Result<Seen, Failure> {
    let Some(reader) = open::reader(home)? else { return Ok(Seen::default()) };
    let query = ReportQuery {
        range: Range::since(UnixMillis(started)),
        by: By::Project,
        project: None,
        provider: None,
        run_id: Some(run_id.to_owned()),
        p95: false,
    };
    reader
        .snapshot(|reader| {
            let report = reader.report(&query)?;
            let open = reader.open_calls()?.iter().filter(|call| call.run_id.as_deref() == Some(run_id)).count();
            Ok(Seen {
                projects: report.rows.into_iter().filter_map(|row| row.project).collect(),
                totals: report.total,
                open: open as u64,
            })
        })
        .map_err(open::unreadable)
}

/// `3 calls · 12,410 in (9,200 cached) · 1,022 out · $0.0187 · project acme`
fn sentence(seen: &Seen) -> String {
    let totals = &seen.totals;
    let waiting = format!("{} still open", plural(seen.open, "call", "calls"));
    if totals.requests == 0 {
        return if seen.open == 0 { "no metered calls".to_owned() } else { waiting };
    }
    let mut parts = vec![plural(totals.requests, "call", "calls")];
    let cached = match totals.cache_read_tokens {
        0 => String::new(),
        some => format!(" ({} cached)", grouped(some)),
    };
    parts.push(format!("{} in{cached}", grouped(totals.prompt_tokens())));
    parts.push(format!("{} out", grouped(totals.output_tokens)));
    parts.push(amounts::total(totals));
    parts.push(match seen.projects.as_slice() {
        [one] => format!("project {one}"),
        several => format!("projects {}", several.join(", ")),
    });
    if seen.open > 0 {
        parts.push(waiting);
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use meter_call::Evidence;
    use meter_store::Part;

    fn seen(requests: u64) -> Seen {
        let mut totals = Totals {
            requests,
            input_tokens: 3_210,
            cache_read_tokens: 9_200,
            output_tokens: 1_022,
            charged_pico: 18_700_000_000,
            ..Totals::default()
        };
        totals.parts.insert(Evidence::ProviderUsage.as_str(), Part { requests, charged_pico: 18_700_000_000 });
        Seen { totals, projects: vec!["acme".into()], open: 0 }
    }

    #[test]
    fn the_closing_line_is_the_documented_one() {
        let documented = "3 calls · 12,410 in (9,200 cached) · 1,022 out · $0.0187 · project acme";
        assert_eq!(sentence(&seen(3)), documented);
        assert_eq!(sentence(&Seen::default()), "no metered calls");
        let open = Seen { open: 1, ..seen(3) };
        assert_eq!(sentence(&open), format!("{documented} · 1 call still open"));
    }

    #[test]
    fn the_commands_end_is_ours() {
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
        assert_eq!(exit_code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(exit_code(ExitStatus::from_raw(libc::SIGTERM)), 143);
    }
}
