//! Entry point of `halton-meter`: one file per verb in `commands`, everything else serves them.

mod amounts;
mod args;
mod bill;
mod client_env;
mod commands;
mod decode;
mod diff;
mod failure;
mod instance;
mod marks;
mod open;
mod out;
mod past;
mod show;
mod supervise;
mod table;
mod when;

use args::Cli;
use clap::Parser;
use clap::error::ErrorKind;
use meter_api::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that left early changes nothing about how the command line was.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok.into(),
                _ => Exit::Usage.into(),
            };
        }
    };
    match commands::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            out::say(&format!("halton-meter: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}
