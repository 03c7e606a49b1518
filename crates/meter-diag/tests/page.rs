//! The page of the manual and the registry say the same.
//!
//! `UPDATE_GOLDEN=1 cargo test -p meter-diag` writes the page again.

#![allow(clippy::disallowed_methods, reason = "the page is a file")]

use meter_diag::codes;
use std::path::Path;

#[test]
fn the_page_is_made_from_the_registry() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/diagnostics.md"));
    let page = codes::page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert_eq!(kept, page, "run with UPDATE_GOLDEN=1 and look at the diff");
}
