//! `completions SHELL`.

use crate::args::Cli;
use crate::failure::Failure;
use crate::out;
use clap::CommandFactory;
use clap_complete::Shell;
use meter_api::Exit;

/// Prints the script.
pub fn run(shell: Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "halton-meter", &mut script);
    out::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok.code())
}
