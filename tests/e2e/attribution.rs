//! Whose call it was, found from the calling process. Linux only until other systems can be asked.

#![cfg(target_os = "linux")]

use halton_meter_tests::Rig;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One call by curl from `folder`, with `variables` besides the usual ones; answers project and source.
fn call(rig: &Rig, folder: &Path, variables: &[(&str, &str)]) -> (String, String) {
    let before = rig.rows_now().len();
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "30", "-o", "/dev/null"]);
    command.args(["-d", r#"{"model":"claude-sonnet-4-6","max_tokens":8,"messages":[]}"#]);
    command.arg("https://api.anthropic.com/v1/messages").current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(rig.client().variables()).envs(variables.iter().copied());
    assert!(command.status().expect("curl runs").success());
    let row = rig.rows(before + 1).pop().expect("a row");
    let database = rusqlite::Connection::open(rig.home().join("db.sqlite")).expect("the database");
    let project = database
        .query_row(
            "SELECT slug FROM projects JOIN requests ON requests.project_id = projects.id WHERE requests.id = ?1",
            [&row.id],
            |row| row.get(0),
        )
        .expect("a project");
    (project, row.text("source").expect("a source").to_owned())
}

fn folder(rig: &Rig, name: &str) -> std::path::PathBuf {
    let folder = rig.folder().join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn each_source_names_the_project_in_its_turn() {
    let rules = "schema = 1\ndefault_project = \"misc\"\norder = [\"rules\", \"env\", \"rcfile\", \"git\", \"workdir\"]\n\n\
                 [[rule]]\npath = \"**/clients/{slug}/**\"\nproject = \"{slug}\"\n";
    let rig = Rig::builder().file("manifests/tagging.toml", rules).start();

    let plain = folder(&rig, "Plain Folder");
    assert_eq!(call(&rig, &plain, &[]), ("plain-folder".to_owned(), "workdir".to_owned()));

    let repository = folder(&rig, "repo");
    assert!(Command::new("git").args(["init", "--quiet"]).arg(&repository).status().expect("git runs").success());
    let inner = folder(&rig, "repo/src/deep");
    assert_eq!(call(&rig, &inner, &[]), ("repo".to_owned(), "git".to_owned()));

    fs::write(repository.join(".haltonrc"), "# ours\nproject = \"billing\"\n").expect("a pin");
    assert_eq!(call(&rig, &inner, &[]), ("billing".to_owned(), "rcfile".to_owned()));

    let named = [("HALTON_PROJECT", "one-off")];
    assert_eq!(call(&rig, &inner, &named), ("one-off".to_owned(), "env".to_owned()));

    let client = folder(&rig, "clients/acme/web");
    assert_eq!(call(&rig, &client, &named), ("acme".to_owned(), "rules".to_owned()));

    let why = rig.meter(&["why", "last"]);
    let text = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(text.contains("acme") && text.contains("rules"), "{text}");
}

#[test]
fn a_malformed_name_is_passed_over_and_told() {
    let rig = Rig::start();
    let place = folder(&rig, "fine");
    let (project, source) = call(&rig, &place, &[("HALTON_PROJECT", "Not A Slug")]);
    assert_ne!(source, "env");
    assert_ne!(project, "Not A Slug");
}
