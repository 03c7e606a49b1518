//! A number as it was written.

/// The source text of a number and whether TOML reads it as an integer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Literal<'f> {
    /// Exactly as in the file: `3`, `0.50`, `1_000`, `1e3`. Not checked further.
    pub text: &'f str,
    /// Written as an integer.
    pub integer: bool,
}
