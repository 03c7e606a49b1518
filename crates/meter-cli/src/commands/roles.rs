//! The roles as subcommands, so that every process can be named the documented way.

use crate::args::RoleArgs;
use crate::failure::Failure;
use crate::instance;
use meter_api::Exit;
use meter_hop::paths::Home;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// Becomes the edge: the file beside this one.
pub fn edge(home: &Home, args: &RoleArgs) -> Result<u8, Failure> {
    let own =
        std::env::current_exe().map_err(|error| Failure::because("cannot tell where this program lies", error))?;
    let program = instance::edge_program(&own);
    let mut command = Command::new(&program);
    command.arg("--home").arg(home.root());
    if let Some(seconds) = args.idle_exit {
        command.arg("--idle-exit").arg(seconds.to_string());
    }
    Err(Failure::because(format!("cannot start {}", program.display()), command.exec()))
}

/// Runs the daemon until a signal ends it.
pub fn daemon(home: &Home, args: &RoleArgs) -> Result<u8, Failure> {
    let options = meter_daemon::run::DaemonOptions {
        home: home.clone(),
        user_home: std::env::home_dir(),
        idle_exit: args.idle_exit.map(Duration::from_secs),
        verbose: false,
    };
    meter_daemon::run::run(&options).map_err(|error| Failure::because("the daemon cannot run", error))?;
    Ok(Exit::Ok.code())
}
