//! The command line, read by hand: four options are not worth a parser crate here.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: halton-meter-edge [--home DIR] [--port N] [--idle-exit SECONDS] [--upgrade] [--verbose]

  --home DIR           home folder (default: $HALTON_METER_HOME, else ~/.halton-meter)
  --port N             port on 127.0.0.1 (default: the one in effective-ports.json, else 8081; 0: any free one)
  --idle-exit SECONDS  leave after this long without a proxied connection
  --upgrade            take the listener over from the running edge of the same home (Linux)
  --verbose            log every connection
  --version, --help
";

/// What the command line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Serve.
    Run(Options),
    /// Print the version.
    Version,
    /// Print [`HELP`].
    Help,
}

/// How to serve.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// The home folder, when named here.
    pub home: Option<PathBuf>,
    /// The port, when named here; 0 means any free one.
    pub port: Option<u16>,
    /// Leave after this long without a proxied connection.
    pub idle_exit: Option<Duration>,
    /// Take the listener over from the running edge.
    pub upgrade: bool,
    /// Log every connection.
    pub verbose: bool,
}

/// Reads the arguments that follow the program's name. `--key value` and `--key=value` are the same.
///
/// # Errors
/// One line for the user.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().ok_or("an argument is not valid text")?;
        let (key, inline) = match text.split_once('=') {
            Some((key, value)) => (key, Some(OsString::from(value))),
            None => (text, None),
        };
        let mut value = || inline.clone().or_else(|| arguments.next()).ok_or(format!("{key} needs a value"));
        match key {
            "--home" => options.home = Some(value()?.into()),
            "--port" => options.port = Some(number(key, value()?)?),
            "--idle-exit" => options.idle_exit = Some(Duration::from_secs(number(key, value()?)?)),
            "--upgrade" if inline.is_none() => options.upgrade = true,
            "--verbose" if inline.is_none() => options.verbose = true,
            "--version" | "-V" if inline.is_none() => return Ok(Command::Version),
            "--help" | "-h" if inline.is_none() => return Ok(Command::Help),
            _ => return Err(format!("unknown argument {text}")),
        }
    }
    Ok(Command::Run(options))
}

fn number<T: std::str::FromStr>(key: &str, value: OsString) -> Result<T, String> {
    value.to_str().and_then(|text| text.parse().ok()).ok_or(format!("{key} needs a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, String> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn options() {
        let expected = Options {
            home: Some("/srv/m".into()),
            port: Some(0),
            idle_exit: Some(Duration::from_secs(600)),
            upgrade: false,
            verbose: true,
        };
        let words = ["--home", "/srv/m", "--port=0", "--idle-exit", "600", "--verbose"];
        assert_eq!(parsed(&words), Ok(Command::Run(expected)));
        assert_eq!(parsed(&[]), Ok(Command::Run(Options::default())));
        assert_eq!(parsed(&["--version"]), Ok(Command::Version));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parsed(&["--port"]), Err("--port needs a value".into()));
        assert_eq!(parsed(&["--port", "70000"]), Err("--port needs a whole number".into()));
        assert_eq!(parsed(&["--prot", "1"]), Err("unknown argument --prot".into()));
        assert_eq!(parsed(&["--upgrade=no"]), Err("unknown argument --upgrade=no".into()));
    }
}
