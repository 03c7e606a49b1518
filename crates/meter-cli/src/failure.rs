//! How a verb fails: a sentence, its causes, and the exit code.

use meter_api::Exit;
use std::error::Error;
use std::fmt;

/// What `main` prints and exits with.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    sentence: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// Something of the world failed: exit code 1.
    pub fn new(sentence: impl Into<String>) -> Failure {
        Failure { code: Exit::Failed.code(), sentence: sentence.into(), source: None }
    }

    /// The same with its cause.
    pub fn because(sentence: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Failure {
        Failure { code: Exit::Failed.code(), sentence: sentence.into(), source: Some(Box::new(source)) }
    }

    /// The same with another exit code.
    pub fn with_code(mut self, code: Exit) -> Failure {
        self.code = code.code();
        self
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    /// The sentence and its chain of causes, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        let mut cause: Option<&(dyn Error + 'static)> = self.source.as_ref().map(|source| &**source as _);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_printed_once() {
        let inner = std::io::Error::other("no space left");
        let failure = Failure::because("cannot write edge.json", inner).with_code(Exit::Unreachable);
        assert_eq!(failure.to_string(), "cannot write edge.json: no space left");
        assert_eq!(failure.code(), 4);
    }
}
