//! Repeating text that a caller chose.

/// Longest piece that a reason repeats, in characters.
const QUOTE_MAX: usize = 64;

/// The text between backticks, at most 64 characters of it.
pub(crate) fn quote(text: &str) -> String {
    format!("`{}`", cut(text))
}

/// The end of a long text: of a path it says more than the start.
pub(crate) fn cut(text: &str) -> String {
    match text.chars().count().checked_sub(QUOTE_MAX) {
        None | Some(0) => text.to_owned(),
        Some(over) => std::iter::once('…').chain(text.chars().skip(over + 1)).collect(),
    }
}

/// Without control characters, which would reach a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
