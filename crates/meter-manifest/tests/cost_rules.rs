//! Every rule of pricing that a made-up provider can show: `tests/cost-rules/cases.toml` at the prices beside it.

use meter_manifest::quote::{differences, quote, read};
use meter_manifest::{ManifestFile, prices};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cost-rules")
}

fn file(path: &str) -> ManifestFile {
    ManifestFile::new(path, std::fs::read(folder().join(path)).expect("the file is there"))
}

#[test]
fn every_case_comes_to_what_was_computed_apart() {
    let own = [file("manifests/prices/acme.toml"), file("manifests/prices/mine.toml")];
    let (book, found) = prices::book(&[], &own);
    assert!(!found.iter().any(|one| one.is_error()), "{found:?}");
    let (cases, found) = read(&file("cases.toml"));
    assert!(found.is_empty() && cases.len() > 80, "{} cases, {found:?}", cases.len());
    let mut off = Vec::new();
    for case in &cases {
        let quoted = quote(&book, case).expect("no case names an amount of the provider's");
        assert!(case.expected.is_some(), "{} expects nothing", case.id);
        off.extend(differences(case, &quoted).into_iter().map(|one| format!("{}: {one}", case.id)));
    }
    assert!(off.is_empty(), "{}", off.join("\n"));
}
