//! The property lists of a sample user, kept in `launchd/` for everybody to read.
//!
//! `UPDATE_GOLDEN=1 cargo test -p meter-setup` writes them again; the change is reviewed as a diff.

#![allow(clippy::disallowed_methods, reason = "golden files are files")]

use meter_manifest::bundled;
use meter_setup::launchd::{Plist, plists};
use meter_setup::plist_check::check;
use meter_setup::{Domain, Installation, Ports, RenderError};
use std::fs;
use std::path::{Path, PathBuf};

const LOGS: &str = "/Users/sample/.halton-meter/logs";

fn sample() -> Installation {
    Installation {
        home: "/Users/sample/.halton-meter".into(),
        programs: "/Users/sample/.local/bin".into(),
        logs: LOGS.into(),
        label_suffix: None,
        ports: Ports { edge: 8081, internal: 8090, api: 8765 },
        domain: Domain::Gui,
    }
}

fn rendered(at: &Installation) -> Vec<Plist> {
    let (model, found) = meter_manifest::load(&bundled(), &[]);
    assert!(!found.iter().any(meter_diag::Diagnostic::is_error), "{found:#?}");
    plists(&model.services, at).unwrap()
}

#[test]
fn the_golden_files_are_what_is_rendered() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../launchd"));
    let lists = rendered(&sample());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(folder).unwrap();
        for list in &lists {
            fs::write(folder.join(list.file_name()), list.text()).unwrap();
        }
    }
    let mut kept: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".plist"))
        .collect();
    kept.sort();
    let mut names: Vec<String> = lists.iter().map(Plist::file_name).collect();
    names.sort();
    assert_eq!(kept, names);
    for list in &lists {
        let golden = fs::read_to_string(folder.join(list.file_name())).unwrap();
        assert_eq!(list.text(), golden, "{}: run with UPDATE_GOLDEN=1 and look at the diff", list.file_name());
    }
}

#[test]
fn what_is_rendered_passes_the_strict_check() {
    let mut odd = sample();
    odd.home = "/Users/Tom & <Jerry>/.halton-meter".into();
    odd.logs = "/Users/Tom & <Jerry>/.halton-meter/logs".into();
    odd.label_suffix = Some("0a1b2c3d".into());
    odd.domain = Domain::User;
    for at in [sample(), odd] {
        let lists = rendered(&at);
        assert_eq!(lists.len(), 4);
        for list in lists {
            let stem = list.file_name();
            let stem = stem.strip_suffix(".plist").unwrap();
            assert_eq!(check(&list.text(), stem, at.logs.to_str().unwrap()), [], "{}", list.text());
            assert_eq!(at.label_suffix.is_some(), stem.ends_with(".0a1b2c3d"));
        }
    }
}

#[test]
fn a_relative_program_is_refused() {
    let (model, _) = meter_manifest::load(&bundled(), &[]);
    let at = Installation { programs: PathBuf::from("bin"), ..sample() };
    let error = plists(&model.services, &at).unwrap_err();
    assert_eq!(error, RenderError::Relative("bin/halton-meter-edge".into()));
}

#[test]
fn the_edge_is_always_on_and_its_port_outlives_it() {
    let lists = rendered(&sample());
    let job =
        |label: &str| lists.iter().find(|list| list.label == label).unwrap().value.as_dictionary().unwrap().clone();
    let edge = job("com.haltonlabs.meter.edge");
    assert_eq!(edge["KeepAlive"].as_boolean(), Some(true));
    assert_eq!(edge["ProcessType"].as_string(), Some("Interactive"));
    let socket = edge["Sockets"].as_dictionary().unwrap()["edge"].as_array().unwrap()[0].as_dictionary().unwrap();
    assert_eq!(socket["SockServiceName"].as_unsigned_integer(), Some(8081));
    let daemon = job("com.haltonlabs.meter");
    let condition = daemon["KeepAlive"].as_dictionary().unwrap();
    assert_eq!(condition["SuccessfulExit"].as_boolean(), Some(false), "`stop` must be respected");
    assert!(!job("com.haltonlabs.meter.userenv").contains_key("KeepAlive"));
}
