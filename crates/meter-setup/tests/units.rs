//! The systemd units of a sample user, kept in `systemd/` for everybody to read.
//!
//! `UPDATE_GOLDEN=1 cargo test -p meter-setup` writes them again; the change is reviewed as a diff.

#![allow(clippy::disallowed_methods, reason = "golden files are files")]

use meter_manifest::bundled;
use meter_setup::systemd::{Unit, units};
use meter_setup::unit_check::check;
use meter_setup::{Domain, Installation, Ports, RenderError};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn sample() -> Installation {
    Installation {
        home: "/home/sample/.halton-meter".into(),
        programs: "/home/sample/.local/bin".into(),
        logs: "/home/sample/.halton-meter/logs".into(),
        label_suffix: None,
        ports: Ports { edge: 8081, internal: 8090, api: 8765 },
        domain: Domain::User,
    }
}

/// A home that everything about writing unit files trips over.
fn odd() -> Installation {
    Installation {
        home: "/home/Tom & \"Jerry\" 100%\\n $HOME/.halton-meter".into(),
        label_suffix: Some("0a1b2c3d".into()),
        ..sample()
    }
}

fn rendered(at: &Installation) -> Vec<Unit> {
    let (model, found) = meter_manifest::load(&bundled(), &[]);
    assert!(!found.iter().any(meter_diag::Diagnostic::is_error), "{found:#?}");
    units(&model.services, at).unwrap()
}

#[test]
fn the_golden_files_are_what_is_rendered() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../systemd"));
    let units = rendered(&sample());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(folder).unwrap();
        for unit in &units {
            fs::write(folder.join(&unit.file_name), unit.text()).unwrap();
        }
    }
    let mut kept: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    kept.sort();
    let mut names: Vec<&str> = units.iter().map(|unit| unit.file_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(kept, names);
    for unit in &units {
        let golden = fs::read_to_string(folder.join(&unit.file_name)).unwrap();
        assert_eq!(unit.text(), golden, "{}: run with UPDATE_GOLDEN=1 and look at the diff", unit.file_name);
    }
}

#[test]
fn what_is_rendered_passes_the_strict_check() {
    for at in [sample(), odd()] {
        let units = rendered(&at);
        assert_eq!(units.len(), 5, "four services and the edge's socket");
        for unit in units {
            assert_eq!(check(&unit.text(), &unit.file_name), [], "{}", unit.text());
            assert_eq!(at.label_suffix.is_some(), unit.file_name.contains("-0a1b2c3d."));
        }
    }
}

#[test]
fn what_a_unit_cannot_hold_is_refused() {
    let (model, _) = meter_manifest::load(&bundled(), &[]);
    let error = |at: Installation| units(&model.services, &at).unwrap_err();
    let relative = Installation { programs: PathBuf::from("bin"), ..sample() };
    assert_eq!(error(relative), RenderError::Relative("bin/halton-meter-edge".into()));
    let quoted = Installation { programs: "/opt/\"x\"".into(), ..sample() };
    assert_eq!(error(quoted), RenderError::NotText("/opt/\"x\"/halton-meter-edge".into()));
    let broken = Installation { home: "/home/a\nb".into(), ..sample() };
    assert_eq!(error(broken), RenderError::NotText("/home/a\nb".into()));
}

/// systemd itself reads them without a word. It ends well on most faults, so any word is a failure.
#[test]
fn systemd_has_nothing_to_say() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        // Written past the test runner, which shows nothing of a test that passes.
        writeln!(std::io::stderr(), "skipped: this machine has no systemd-analyze").expect("standard error is open");
        return;
    }
    for odd_home in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join(if odd_home { "b $i%n & x" } else { "bin" });
        let unit_folder = folder.path().join("units");
        fs::create_dir_all(&programs).unwrap();
        fs::create_dir_all(&unit_folder).unwrap();
        for program in ["halton-meter", "halton-meter-edge"] {
            fs::write(programs.join(program), "#!/bin/sh\n").unwrap();
            fs::set_permissions(programs.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let at = Installation { programs, ..if odd_home { odd() } else { sample() } };
        let mut files = Vec::new();
        for unit in rendered(&at) {
            let path = unit_folder.join(&unit.file_name);
            fs::write(&path, unit.text()).unwrap();
            files.push(path);
        }
        let said = Command::new("systemd-analyze")
            .args(["verify", "--user", "--man=no"])
            .args(&files)
            .env("XDG_RUNTIME_DIR", folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        // What it says about the machine it runs on is not about our files.
        let ours: Vec<&str> = text.lines().filter(|line| line.contains("halton-meter")).collect();
        assert_eq!(ours, Vec::<&str>::new(), "{text}");
        assert!(said.status.success() || !text.is_empty(), "{said:?}");
    }
}
