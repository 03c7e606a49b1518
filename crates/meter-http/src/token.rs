//! The optional bearer token.

use std::{fmt, fs, io, path::Path};

/// A shared secret of printable ASCII, 16 to 512 characters. Never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct Token(Vec<u8>);

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("cannot read the token file {path}")]
    Read {
        /// The file.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It holds no usable token.
    #[error("the token file {path} must hold 16 to 512 printable characters without spaces")]
    Unusable {
        /// The file.
        path: String,
    },
}

impl Token {
    /// Reads a token from a file; white space around it is not part of it.
    ///
    /// # Errors
    /// When the file cannot be read or its text is too short, too long or not printable ASCII.
    pub fn read(path: &Path) -> Result<Token, TokenError> {
        let shown = path.display().to_string();
        let text = fs::read(path).map_err(|source| TokenError::Read { path: shown.clone(), source })?;
        Token::new(text.trim_ascii()).ok_or(TokenError::Unusable { path: shown })
    }

    /// A token from its text; `None` when it is too short, too long or not printable ASCII.
    pub fn new(text: &[u8]) -> Option<Token> {
        let usable = (16..=512).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
        usable.then(|| Token(text.to_vec()))
    }

    /// Compares in a time that depends on the lengths only, so that answers do not tell how much of a guess was right.
    pub(crate) fn matches(&self, guess: &[u8]) -> bool {
        let differing = self.0.iter().enumerate().fold(self.0.len() ^ guess.len(), |differing, (index, byte)| {
            differing | usize::from(byte ^ guess.get(index).unwrap_or(&0))
        });
        std::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let token = Token::new(b"0123456789abcdef").unwrap();
        assert!(token.matches(b"0123456789abcdef"));
        for guess in [&b""[..], b"0123456789abcde", b"0123456789abcdef0", b"0123456789abcdeF", b"\0\0\0\0"] {
            assert!(!token.matches(guess));
        }
        assert_eq!(format!("{token:?}"), "Secret(…)");
    }

    #[test]
    fn a_file_gives_its_text_without_the_line_feed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        assert!(matches!(Token::read(&path), Err(TokenError::Read { .. })));
        fs::write(&path, "0123456789abcdef\n").unwrap();
        assert!(Token::read(&path).unwrap().matches(b"0123456789abcdef"));
        for bad in ["", "short", "has a space in it, too"] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(Token::read(&path), Err(TokenError::Unusable { .. })), "{bad}");
        }
    }
}
