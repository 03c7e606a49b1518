//! `start --foreground`: edge and daemon until interrupted.

use crate::args::StartArgs;
use crate::failure::Failure;
use crate::instance::{self, Role};
use crate::{open, out};
use meter_api::Exit;
use meter_hop::paths::Home;
use std::os::unix::process::CommandExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Shortest time between two starts of the daemon, so that one that cannot start does not spin.
const RESTART_GAP: Duration = Duration::from_secs(1);

/// How long both may take to end by themselves.
const GRACE: Duration = Duration::from_secs(20);

/// Runs both roles as children; their logs are ours.
pub fn run(home: &Home, args: &StartArgs) -> Result<u8, Failure> {
    debug_assert!(args.foreground, "clap requires it");
    open::prepared(home)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start a runtime", error))?;
    runtime.block_on(both(home))
}

async fn both(home: &Home) -> Result<u8, Failure> {
    let lock = instance::start_lock(home)?;
    let found = instance::find(home);
    for (role, pid) in [
        (Role::Edge, found.edge.as_ref().map(|(_, pid, _)| *pid)),
        (Role::Daemon, found.daemon.as_ref().map(|(_, _, pid, _)| *pid)),
    ] {
        if let Some(pid) = pid {
            return Err(Failure::new(format!("the {} of this home runs already (process {pid})", role.name())));
        }
    }
    let mut signals = Signals::listen().map_err(|error| Failure::because("cannot listen for signals", error))?;
    let mut daemon = spawn(home, Role::Daemon)?;
    let mut started = Instant::now();
    // The daemon first: at its first start it makes what the edge reads.
    let up = tokio::select! {
        up = answers(home, Role::Daemon) => up,
        status = daemon.wait() => return Err(ended(Role::Daemon, status)),
        () = signals.any() => { end(&mut [&mut daemon], &mut signals).await; return Ok(Exit::Interrupted.code()); }
    };
    if !up {
        end(&mut [&mut daemon], &mut signals).await;
        return Err(Failure::new("the daemon does not answer"));
    }
    let port = instance::settle_port(home)?;
    let mut edge = spawn(home, Role::Edge)?;
    drop(lock);
    out::say(&format!("halton-meter: starting on http://127.0.0.1:{port}; interrupt to end"));
    loop {
        tokio::select! {
            () = signals.any() => {
                end(&mut [&mut edge, &mut daemon], &mut signals).await;
                return Ok(Exit::Ok.code());
            }
            status = edge.wait() => {
                end(&mut [&mut daemon], &mut signals).await;
                return Err(ended(Role::Edge, status));
            }
            status = daemon.wait() => {
                // The edge tunnels meanwhile.
                out::say(&format!("halton-meter: {}; starting it again", ended(Role::Daemon, status)));
                let pause = RESTART_GAP.saturating_sub(started.elapsed());
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = signals.any() => {
                        end(&mut [&mut edge], &mut signals).await;
                        return Ok(Exit::Ok.code());
                    }
                }
                daemon = spawn(home, Role::Daemon)?;
                started = Instant::now();
            }
        }
    }
}

fn spawn(home: &Home, role: Role) -> Result<Child, Failure> {
    let mut command = instance::command(home, role, None)?;
    let program = command.get_program().to_owned();
    // A group of its own: an interrupt from the keyboard comes to us, and we end both in order.
    command.process_group(0).stdin(std::process::Stdio::null()).stdout(std::io::stderr());
    Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::because(format!("cannot start {}", program.display()), error))
}

fn ended(role: Role, status: std::io::Result<ExitStatus>) -> Failure {
    match status {
        Ok(status) => Failure::new(format!("the {} ended ({status})", role.name())),
        Err(error) => Failure::because(format!("lost the {}", role.name()), error),
    }
}

/// Waits until a role answers; `false` when it does not in time.
async fn answers(home: &Home, role: Role) -> bool {
    let deadline = Instant::now() + instance::START_PATIENCE;
    while Instant::now() < deadline {
        let asked = home.clone();
        let found = tokio::task::spawn_blocking(move || instance::find(&asked)).await.unwrap_or_default();
        let up = match role {
            Role::Edge => found.edge.is_some(),
            Role::Daemon => found.daemon.is_some(),
        };
        if up {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    false
}

/// Asks all to end and waits; a second signal, or too long a wait, ends them at once.
async fn end(children: &mut [&mut Child], signals: &mut Signals) {
    for child in children.iter() {
        // Without an id it has ended already.
        if let Some(pid) = child.id()
            && let Err(error) = meter_sys::process::send(pid, libc::SIGTERM)
        {
            tracing::debug!(%error, pid, "start.signal");
        }
    }
    let all = async {
        for child in children.iter_mut() {
            let _ended_or_lost = child.wait().await;
        }
    };
    let in_time = tokio::select! {
        () = all => true,
        () = tokio::time::sleep(GRACE) => false,
        () = signals.any() => false,
    };
    if !in_time {
        for child in children.iter_mut() {
            // It may have ended at this moment.
            let _already_gone = child.kill().await;
        }
    }
}

/// What ends us.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
