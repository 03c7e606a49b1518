//! The tasks of this repository.
//!
//! Depends on nothing but the standard library, so that it builds on a bare machine and can say what is missing there.

mod check;
mod fuzz;
mod mac_check;
mod tools;

use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask TASK

  demo [ARGS]   build a release and meter eight calls to a provider on this machine (no key, no network)
  test [ARGS]   run every test; ARGS go to `cargo test`
  check         formatting, lints, licences and dependency rules
  mac-check     the programs, checked and linked for macOS from Linux (minutes; needs registries)
  fuzz [TARGET] [SECONDS]   the parsers, each for 60 s; findings stay in target/fuzz
  bench [ARGS]  prices, taps, readers and the loading of manifests; ARGS go to the benches
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = match task.as_str() {
        "demo" => demo(&rest),
        "test" => test(&rest),
        "check" => check::everything(),
        "mac-check" => mac_check::everything(),
        "fuzz" => fuzz::run(&rest),
        "bench" => bench(&rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn demo(args: &[String]) -> Result<(), String> {
    tools::ensure()?;
    run(cargo().args(["build", "--release", "--package", "meter-cli", "--package", "meter-edge"]))?;
    run(Command::new(tools::target_folder()?.join("release/halton-meter")).arg("demo").args(args))
}

fn test(args: &[String]) -> Result<(), String> {
    tools::ensure()?;
    // The whole-product tests start the real programs, so these have to be there and fresh.
    run(cargo().args(["build", "--package", "meter-cli", "--package", "meter-edge"]))?;
    match tools::clients() {
        Ok(()) => {}
        Err(reason) => println!("xtask: the official SDKs are not installed, their tests will say so: {reason}"),
    }
    run(cargo().args(["test", "--workspace"]).args(args))
}

fn bench(args: &[String]) -> Result<(), String> {
    tools::ensure()?;
    run(cargo()
        .args([
            "bench",
            "--package",
            "meter-price",
            "--package",
            "meter-tap",
            "--package",
            "meter-wire",
            "--package",
            "meter-manifest",
        ])
        .args(["--benches", "--"])
        .args(args))
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command in the repository's root and turns a bad exit into a sentence.
fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.current_dir(tools::root()).status().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown} ended with {status}")) }
}
