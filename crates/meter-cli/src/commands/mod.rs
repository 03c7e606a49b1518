//! One file per verb. Each gives its exit code or a failure; `main` does the rest.

mod apply;
mod calls;
mod completions;
mod config;
mod currency;
mod decode;
mod demo;
mod demo_client;
mod explain;
mod findings;
mod manifests;
mod paths;
pub mod pricing;
pub mod reconcile;
mod report;
pub mod reprice;
mod roles;
mod run;
pub mod schema;
mod start;
mod status;
mod validate;
mod why;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::open;

/// Runs a verb.
///
/// # Errors
/// What the verb could not do, with its exit code.
pub fn run(cli: Cli) -> Result<u8, Failure> {
    let named = cli.home;
    let home = || open::home(named);
    match cli.command {
        Command::Run(args) => run::run(&home()?, &args),
        Command::Demo(args) => demo::run(&args),
        Command::DemoClient(args) => demo_client::run(&args),
        Command::Start(args) => start::run(&home()?, &args),
        Command::Status(args) => status::run(&home()?, args.json),
        Command::Report(args) => report::run(&home()?, &args),
        Command::Calls(args) => calls::run(&home()?, &args),
        Command::Explain(args) => explain::run(&home()?, &args),
        Command::Why(args) => why::run(&home()?, &args),
        Command::Validate(args) => validate::run(home, &args),
        Command::Apply(args) => apply::run(&home()?, &args),
        Command::Plan(args) => apply::plan(&home()?, args.json),
        Command::Decode(args) => decode::run(home, &args),
        Command::Manifests { command } => manifests::run(&home()?, command.as_ref()),
        Command::Schema { kind } => schema::run(&kind),
        Command::Config { command } => config::run(&home()?, &command),
        Command::Pricing { command } => pricing::run(home, &command),
        Command::Reprice(args) => reprice::run(&home()?, &args),
        Command::Reconcile(args) => reconcile::run(&home()?, &args),
        Command::Paths(args) => paths::run(&home()?, args.json),
        Command::Completions { shell } => completions::run(shell),
        Command::Edge(args) => roles::edge(&home()?, &args),
        Command::Daemon(args) => roles::daemon(&home()?, &args),
    }
}
