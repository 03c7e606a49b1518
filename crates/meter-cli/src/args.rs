//! The words of the command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What LLM tools cost, per project, metered on this machine.
#[derive(Debug, Parser)]
#[command(name = "halton-meter", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// The instance's home folder (default: ~/.halton-meter).
    #[arg(long, global = true, env = "HALTON_METER_HOME", value_name = "DIR", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a command with its calls metered; works where nothing is installed.
    Run(RunArgs),
    /// Meter eight calls to a provider on this machine: no key, no network.
    Demo(DemoArgs),
    /// Run edge and daemon until interrupted.
    Start(StartArgs),
    /// What runs, on which ports, on which manifests.
    Status(JsonArgs),
    /// What was spent, by project, model or provider.
    Report(ReportArgs),
    /// The latest calls.
    Calls(CallsArgs),
    /// How a call's amount came about, derived again.
    Explain(CallArgs),
    /// Why a call belongs to its project.
    Why(CallArgs),
    /// Check every manifest; all problems at once.
    Validate(ValidateArgs),
    /// Put the manifests in force.
    Apply(ApplyArgs),
    /// What `apply` would change.
    Plan(JsonArgs),
    /// Read captured bytes as the meter would: what they used and cost.
    Decode(DecodeArgs),
    /// The files in force with the origin of each; copies of bundled ones for editing.
    Manifests {
        /// What to do; the list without it.
        #[command(subcommand)]
        command: Option<ManifestsCommand>,
    },
    /// The JSON Schema of a kind of file, for editors.
    Schema {
        /// Which kind.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(crate::commands::schema::words()))]
        kind: String,
    },
    /// The settings, and where each comes from.
    Config {
        /// What to do.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// What calls cost: list, show, quote, check, diff, import, bundle, install, rollback.
    Pricing {
        /// What to do with prices.
        #[command(subcommand)]
        command: crate::commands::pricing::PricingCommand,
    },
    /// Stored calls under the prices in force; a preview unless applied.
    Reprice(crate::commands::reprice::RepriceArgs),
    /// A provider's own usage or cost report beside what was metered.
    Reconcile(crate::commands::reconcile::ReconcileArgs),
    /// Where everything lies.
    Paths(JsonArgs),
    /// A completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The always-on door (a role; started by `run`, `start` or a service).
    Edge(RoleArgs),
    /// The meter itself (a role; started by `run`, `start` or a service).
    Daemon(RoleArgs),
    /// The demo's client: sends its calls from a process of its own, so that they are attributed like a tool's.
    #[command(hide = true)]
    DemoClient(DemoClientArgs),
}

/// Verbs of `manifests`.
#[derive(Debug, Subcommand)]
pub enum ManifestsCommand {
    /// Every file and where it comes from.
    List {
        /// One JSON document on standard output.
        #[arg(long)]
        json: bool,
    },
    /// The text of a file: yours, else the bundled one.
    Show {
        /// `anthropic`, `prices/anthropic` or a whole path.
        name: String,
        /// Of a provider: what `extends`, prefixes and mounts come to, as one file.
        #[arg(long)]
        composed: bool,
    },
    /// Copy a bundled file into the home for editing.
    Eject {
        /// `anthropic`, `prices/anthropic` or a whole path.
        name: String,
        /// In place of your own file of that name.
        #[arg(long)]
        force: bool,
    },
    /// Your file against the bundled one of that name; exit 3 when they differ.
    Diff {
        /// `anthropic`, `prices/anthropic` or a whole path.
        name: String,
    },
}

/// Verbs of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every setting with its value.
    Show {
        /// Which layer each value comes from: default, the file and its line, or a variable.
        #[arg(long)]
        origin: bool,
        /// One JSON document on standard output.
        #[arg(long)]
        json: bool,
    },
    /// One value.
    Get {
        /// `daemon.edge_port`.
        key: String,
    },
    /// Write a value into config.toml; comments stay.
    Set {
        /// `daemon.edge_port`.
        key: String,
        /// The value; lists as `a,b`, pairs as `host=address,…`.
        value: String,
    },
    /// Take a value out of config.toml, so that its default holds again.
    Unset {
        /// `daemon.edge_port`.
        key: String,
    },
}

/// `--json`.
#[derive(Clone, Copy, Debug, Args)]
pub struct JsonArgs {
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// No closing line.
    #[arg(long)]
    pub quiet: bool,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    pub command: Vec<std::ffi::OsString>,
}

/// Arguments of `decode`.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// Files that hold answers; with `--sample`, folders.
    #[arg(required = true, value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// Whose they are.
    #[arg(long, value_name = "PROVIDER/ENDPOINT", required_unless_present = "sample", conflicts_with = "sample")]
    pub endpoint: Option<String>,
    /// The request's path and query, for what stands only there.
    #[arg(long, value_name = "PATH", conflicts_with = "sample")]
    pub target: Option<String>,
    /// A file that holds the request's body.
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    pub request: Option<PathBuf>,
    /// A field of the answer's head, `name: value`.
    #[arg(long, value_name = "FIELD", conflicts_with = "sample")]
    pub header: Vec<String>,
    /// The answer's status.
    #[arg(long, value_parser = clap::value_parser!(u16).range(100..=599), conflicts_with = "sample")]
    pub status: Option<u16>,
    /// The answer was cut.
    #[arg(long, conflicts_with = "sample")]
    pub cut: bool,
    /// Folders with an `expected.toml`, compared with what it says.
    #[arg(long)]
    pub sample: bool,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep the demo's home folder and say where it is.
    #[arg(long)]
    pub keep: bool,
}

/// Arguments of `start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Stay in the foreground and end both at an interrupt.
    #[arg(long, required = true)]
    pub foreground: bool,
}

/// How a report is grouped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum By {
    /// One row a project.
    Project,
    /// One row a model.
    Model,
    /// One row a provider.
    Provider,
}

/// Which bill of a call that was repriced.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Bills {
    /// The one made when the call ended.
    First,
    /// The newest.
    Latest,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Which bill of calls that were repriced.
    #[arg(long = "as", value_enum, default_value_t = Bills::Latest, value_name = "BILL")]
    pub bills: Bills,
    /// Amounts in this currency, at your `[[fx]]` rates (default: that of the settings, else dollars).
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// How far back: `7d`, `24h`, `90m`, or a number of days.
    #[arg(long, default_value = "30d", conflicts_with_all = ["from", "to"])]
    pub since: String,
    /// First day, YYYY-MM-DD.
    #[arg(long, value_name = "DAY", requires = "to")]
    pub from: Option<String>,
    /// Last day, YYYY-MM-DD, included.
    #[arg(long, value_name = "DAY", requires = "from")]
    pub to: Option<String>,
    /// One grouping only; both `project` and `model` without it.
    #[arg(long, value_enum)]
    pub by: Option<By>,
    /// Only this project.
    #[arg(long, value_name = "SLUG")]
    pub project: Option<String>,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `calls`.
#[derive(Debug, Args)]
pub struct CallsArgs {
    /// How many.
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Only this project.
    #[arg(long, value_name = "SLUG")]
    pub project: Option<String>,
    /// Only this provider.
    #[arg(long, value_name = "ID")]
    pub provider: Option<String>,
    /// Go on printing calls as they end.
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// One JSON document on standard output; with `--follow` one a line.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `explain` and `why`.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// `last`, or a call's id, or at least six characters of its beginning or end.
    #[arg(default_value = "last")]
    pub call: String,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FindingFormat {
    /// A line each, with a snippet on a terminal.
    Text,
    /// One document.
    Json,
    /// Workflow commands.
    Github,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// A folder laid out like a home, or single files, to check in place of the home's own.
    pub paths: Vec<PathBuf>,
    /// What a finding's code or second name means, with an example.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["paths", "json", "github", "format"])]
    pub explain: Option<String>,
    /// How findings are printed: for people, as one JSON document, or as workflow commands of GitHub.
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with_all = ["json", "github"])]
    pub format: Option<FindingFormat>,
    /// The same as `--format github`.
    #[arg(long, hide = true, conflicts_with = "json")]
    pub github: bool,
    /// The same as `--format json`.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Change nothing; exit 3 when there is something to change.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Write the files for other programs (edge.json, service files of every supervisor) here, and nothing else.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dry_run", "yes", "json"])]
    pub render_only: Option<PathBuf>,
    /// One JSON document on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of the demo's client.
#[derive(Debug, Args)]
pub struct DemoClientArgs {
    /// Port of the edge.
    pub edge_port: u16,
    /// File with the roots to trust.
    pub roots: PathBuf,
    /// Names of the calls to send.
    pub calls: Vec<String>,
}

/// Arguments of the roles.
#[derive(Debug, Args)]
pub struct RoleArgs {
    /// Leave by itself after this many idle seconds.
    #[arg(long, value_name = "SECONDS")]
    pub idle_exit: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_are_consistent() {
        Cli::command().debug_assert();
    }
}
