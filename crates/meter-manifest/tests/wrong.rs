//! Wrong manifests and what is said about them.
//!
//! Each folder of `tests/manifests/` is laid out like a home (`halton-meter validate FOLDER` reads it too) and holds, in
//! `expected.txt`, what a person would see. `UPDATE_GOLDEN=1 cargo test -p meter-manifest --test wrong` writes those anew.
//! Where a mistake needs good files beside it, they are the bundled providers and dialects of OpenAI's shape.

#![allow(clippy::disallowed_methods, reason = "the cases are files")]

use meter_diag::{Code, Diagnostic, codes, render};
use meter_manifest::{ManifestFile, bundled, config, layers::Kind, load};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

/// Codes that no text can raise, with the reason.
const WITHOUT_CASE: &[(Code, &str)] = &[
    (codes::files::TOO_LARGE, "a megabyte has no place in the repository; the reader of homes tests it"),
    (codes::files::UNREADABLE, "about the disk; the reader of homes tests it"),
    (codes::providers::OUTSIDE_AUTHORITY, "about the machine's authority; tested beside the check"),
    (codes::config::UNKNOWN_VARIABLE, "about the environment; tested beside the settings"),
    (codes::config::UNKNOWN_FLAG, "about the command line; tested beside the settings"),
    (codes::config::UNUSABLE, "none known"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/manifests")
}

/// What is bundled, without what no case speaks of: reading every price in the world for each case takes its time.
static BESIDE: LazyLock<Vec<ManifestFile>> = LazyLock::new(|| {
    let kept = |path: &str| match Kind::of(path) {
        Some(Kind::Provider) => matches!(path, "providers.d/openai.toml" | "providers.d/azure.toml"),
        Some(Kind::Dialect) => path.contains("/openai_") || path.contains("/anthropic_messages"),
        Some(Kind::Prices) => path == "manifests/prices/openai.toml",
        _ => true,
    };
    bundled().into_iter().filter(|file| kept(&file.path)).collect()
});

/// Every file below, by its path relative to `root`.
fn files(root: &Path, below: &str, into: &mut Vec<ManifestFile>) {
    let mut entries: Vec<_> = fs::read_dir(root.join(below)).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => files(root, &format!("{name}/"), into),
            false if name == "expected.txt" => {}
            false => into.push(ManifestFile::new(name, fs::read(entry.path()).unwrap())),
        }
    }
}

fn found(case: &[ManifestFile]) -> Vec<Diagnostic> {
    let settings = case.iter().find(|file| file.path == "config.toml");
    let user: Vec<ManifestFile> = case.iter().filter(|file| file.path != "config.toml").cloned().collect();
    let mut found = config::load(settings, &[], &[]).1;
    found.extend(load(&BESIDE, &user).1);
    found.sort();
    found.dedup();
    found
}

fn said(case: &[ManifestFile], found: &[Diagnostic]) -> String {
    let own = case.iter().filter_map(|file| Some((file.path.as_str(), std::str::from_utf8(&file.text).ok()?)));
    let texts: render::Texts<'_> = own.collect();
    let mut text = String::new();
    for finding in found {
        writeln!(text, "{}", render::terminal(finding, &texts, false)).unwrap();
    }
    text
}

#[test]
fn every_wrong_manifest_is_told_as_expected() {
    assert_eq!(load(&BESIDE, &[]).1, [], "what stands beside the cases is good");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut cases: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    let (wrong, seen) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    let one = |case: &Path| {
        let mut read = Vec::new();
        files(case, "", &mut read);
        let found = found(&read);
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        if found.is_empty() {
            wrong.lock().unwrap().push(format!("{name}: nothing is found wrong with it"));
        }
        for finding in &found {
            // Every finding leads to a character of a file that the case, or the binary, holds.
            if let Some(file) = read.iter().find(|file| file.path == finding.place.file) {
                assert!(finding.place.line >= 1 && finding.place.column >= 1, "{name}: {finding}");
                assert!(finding.place.span.end <= file.text.len(), "{name}: {finding}");
            }
        }
        seen.lock().unwrap().extend(found.iter().map(|finding| finding.code));
        let now = said(&read, &found);
        let kept = case.join("expected.txt");
        if update {
            fs::write(&kept, &now).unwrap();
        }
        let expected = fs::read_to_string(&kept).unwrap_or_default();
        if now != expected {
            wrong.lock().unwrap().push(format!("{name}:\n--- expected\n{expected}+++ now\n{now}"));
        }
    };
    let half = cases.len() / 2;
    std::thread::scope(|scope| {
        for part in [&cases[..half], &cases[half..]] {
            scope.spawn(move || part.iter().for_each(|case| one(case)));
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));

    let seen = seen.into_inner().unwrap();
    let unseen: Vec<String> = codes::all()
        .filter(|code| !seen.contains(code) && !WITHOUT_CASE.iter().any(|(without, _)| without == code))
        .map(|code| format!("{code} {}", code.slug()))
        .collect();
    assert_eq!(unseen, Vec::<String>::new(), "codes without a wrong manifest");
}
