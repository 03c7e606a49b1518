//! Where words go: data to standard output, talk to standard error, neither ever a panic.

use crate::failure::Failure;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Headings.
pub const BOLD: Style = Style::new().bold();
/// What is secondary.
pub const DIM: Style = Style::new().dimmed();
/// As it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Someone should look.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// Does not work.
pub const BAD: Style = AnsiColor::Red.on_default();

/// `text` in a style; the stream takes it off again where there is no terminal, or `NO_COLOR` is set.
pub fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes data. A reader that left early (`| head`) is no failure.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &str) -> Result<(), Failure> {
    write(text).map(drop)
}

/// As [`print`]; tells whether anybody still reads.
///
/// # Errors
/// Standard output cannot be written.
pub fn write(text: &str) -> Result<Reading, Failure> {
    let mut stream = anstream::stdout().lock();
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Ok(()) => Ok(Reading::GoesOn),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reading::HasEnded),
        Err(error) => Err(Failure::because("cannot write to standard output", error)),
    }
}

/// Whether the other end of standard output is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// It is.
    GoesOn,
    /// It left.
    HasEnded,
}

/// One JSON document with its schema version.
///
/// # Errors
/// Standard output cannot be written.
pub fn json(body: impl Serialize) -> Result<(), Failure> {
    let text = meter_api::Document::new(body).pretty();
    print(&text.map_err(|error| Failure::because("cannot write the document", error).with_code(meter_api::Exit::Bug))?)
}

/// One line for people. Nobody can be told when even this fails.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Whether texts for standard output may carry colours.
pub fn colour() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Whether a person sits at both ends.
pub fn interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
