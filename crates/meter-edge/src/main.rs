//! Entry point of `halton-meter-edge`.

use meter_edge::args::{self, Command};
use meter_edge::run;
use std::process::ExitCode;

/// Documented exit codes: 1 failed, 2 usage.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Version) => {
            println!("halton-meter-edge {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Command::Help) => {
            print!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Run(options)) => match run::run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("halton-meter-edge: {}", run::chain_text(&error));
                ExitCode::from(FAILED)
            }
        },
        Err(text) => {
            eprintln!("halton-meter-edge: {text}\n{}", args::HELP);
            ExitCode::from(USAGE)
        }
    }
}
