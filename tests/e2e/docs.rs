//! Every command that the documents show is run.

use halton_meter_tests::minisign::minisign;
use halton_meter_tests::{Rig, rig};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the repository's root").to_owned()
}

/// README, CONTRIBUTING, ARCHITECTURE and every page of `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].iter().map(|name| root().join(name)).collect();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of documents") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// The lines of the `sh` blocks of a page, comments taken off.
fn commands(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("a readable page");
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                let command = line.split(" #").next().unwrap_or_default().trim();
                if !command.is_empty() {
                    found.push(command.to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

/// A stand-in for a tool that people have: one call to a provider by the variables of its environment.
const TOOL: &str = r#"#!/bin/sh
exec curl --silent --show-error --max-time 30 -o /dev/null -H 'x-demo: input=1200, cache_read=300, output=90' \
  -d '{"model":"claude-sonnet-4-6","max_tokens":100,"messages":[]}' https://api.anthropic.com/v1/messages
"#;

#[test]
fn every_command_of_the_documents_runs() {
    let ci = fs::read_to_string(root().join(".ci/run")).expect("the script that must pass");
    let rig = Rig::start();
    let tools = rig.folder().join("bin");
    fs::create_dir(&tools).expect("a folder");
    let tool = tools.join("claude");
    fs::write(&tool, TOOL).expect("a script");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("an executable script");
    let path = format!(
        "{}:{}:{}",
        tools.display(),
        rig::programs().display(),
        std::env::var("PATH").expect("a PATH to find curl on")
    );
    let project = rig.folder().join("acme");
    fs::create_dir(&project).expect("a folder");
    let mut ran = BTreeSet::new();
    for page in pages() {
        for command in commands(&page) {
            if command.starts_with("cargo ") {
                assert!(ci.contains(&command), "{}: `{command}` is not run by .ci/run", page.display());
                continue;
            }
            if command.starts_with("minisign ") {
                minisign(&project, &command).expect("a folder to sign in");
                continue;
            }
            assert!(command.starts_with("halton-meter "), "{}: who runs `{command}`?", page.display());
            if !ran.insert(command.clone()) {
                continue;
            }
            let output = Command::new("sh")
                .args(["-c", &command])
                .current_dir(&project)
                .env_clear()
                .env("PATH", &path)
                .env("HOME", rig.folder())
                .env("HALTON_METER_HOME", rig.home())
                .env("TZ", "UTC")
                .output()
                .expect("sh runs");
            let text = rig::text_of(&output);
            // Exit 3 is "ran well and found something": a dry run that would change something, say.
            let code = output.status.code();
            assert!(code == Some(0) || code == Some(3), "{}: `{command}` ended with {code:?}\n{text}", page.display());
        }
    }
    assert!(ran.len() > 5, "hardly any command was found: {ran:?}");
    assert_eq!(rig.rows(1)[0].text("provider"), Some("anthropic"));
}
