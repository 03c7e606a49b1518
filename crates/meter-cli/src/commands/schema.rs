//! `schema`: the JSON Schema of a kind of file, for editors.

use crate::failure::Failure;
use crate::out;
use meter_api::Exit;
use meter_manifest::layers::Kind;
use meter_manifest::schema::{KINDS, text};

/// The words for `schema KIND`.
pub fn words() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.as_str()).collect()
}

/// Prints it.
pub fn run(word: &str) -> Result<u8, Failure> {
    let kind: Option<Kind> = KINDS.into_iter().find(|kind| kind.as_str() == word);
    let kind = kind.ok_or_else(|| Failure::new(format!("there is no kind `{word}`")).with_code(Exit::Usage))?;
    out::print(&text(kind))?;
    Ok(Exit::Ok.code())
}
