//! Price bundles: signed ones are installed with the one before kept, others are refused.
//!
//! `bundles/*.json` are signed by a key that exists for this test alone.

#[allow(dead_code, reason = "each file uses a part of it")]
mod ledger;

use ledger::{Scene, out, text};
use serde_json::Value;
use std::path::PathBuf;

const KEY: &str = "RWRIQUxUVEVTVEsGSZHcmflAPdKhLsvWTEhGn8QWKVj2RFqLDEiPcTYr";

fn bundle(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bundles").join(name).display().to_string()
}

/// A home that trusts the key.
fn scene() -> Scene {
    let scene = Scene::empty();
    scene.write("config.toml", &format!("[pricing]\nkey = \"{KEY}\"\n"));
    scene
}

/// What the bundle's model costs by the files of the home; `None` where nothing prices it.
fn price(scene: &Scene) -> Option<String> {
    let home = scene.home().display().to_string();
    let list =
        ["pricing", "list", "--model", "claude-of-tomorrow", "--provider", "anthropic", "--manifests", &home, "--json"];
    let document: Value = serde_json::from_str(&out(&scene.meter(&list), 0)).unwrap();
    let model = document["models"].as_array().unwrap().first().cloned()?;
    assert_eq!(model["user"], false, "a bundle is not the user's own");
    Some(model["rates"]["input"].as_str().unwrap().to_owned())
}

#[test]
fn a_bundle_is_installed_replaced_and_rolled_back_step_by_step() {
    let scene = scene();
    assert_eq!(price(&scene), None);
    let shown = out(&scene.meter(&["pricing", "install", &bundle("one.json"), "--dry-run"]), 0);
    assert!(shown.contains("claude-of-tomorrow") && price(&scene).is_none(), "{shown}");
    out(&scene.meter(&["pricing", "install", &bundle("one.json")]), 0);
    assert_eq!(price(&scene).as_deref(), Some("2 / 1M tokens"));
    out(&scene.meter(&["pricing", "install", &bundle("two.json")]), 0);
    // Once more: the one before must stay the one before.
    out(&scene.meter(&["pricing", "install", &bundle("two.json")]), 0);
    assert_eq!(price(&scene).as_deref(), Some("3 / 1M tokens"));
    assert_eq!(out(&scene.meter(&["pricing", "diff", &bundle("two.json")]), 0), "No differences.\n");
    let differs = out(&scene.meter(&["pricing", "diff", &bundle("one.json")]), 3);
    assert!(differs.contains("claude-of-tomorrow") && differs.contains("-33.3"), "{differs}");
    out(&scene.meter(&["pricing", "rollback"]), 0);
    assert_eq!(price(&scene).as_deref(), Some("2 / 1M tokens"));
    out(&scene.meter(&["pricing", "rollback"]), 0);
    assert_eq!(price(&scene), None);
    assert_eq!(scene.meter(&["pricing", "rollback"]).status.code(), Some(1));
}

#[test]
fn the_users_own_row_lies_over_a_bundle() {
    let scene = scene();
    out(&scene.meter(&["pricing", "install", &bundle("one.json")]), 0);
    let own = "schema = 1\nprovider = 'anthropic'\n[[model]]\nid = 'claude-of-tomorrow'\n[[model.rates]]\nfrom = 2026-11-01\ninput = 1\noutput = 1\n";
    scene.write("manifests/prices/mine.toml", own);
    // It stays whatever the bundle says, so neither of these changes anything.
    for args in [&["diff"][..], &["install", "--dry-run"]] {
        assert_eq!(out(&scene.meter(&[&["pricing"], args, &[&bundle("two.json")]].concat()), 0), "No differences.\n");
    }
    let home = scene.home().display().to_string();
    let list = ["pricing", "list", "--model", "claude-of-tomorrow", "--manifests", &home, "--json"];
    let document: Value = serde_json::from_str(&out(&scene.meter(&list), 0)).unwrap();
    assert_eq!(document["models"][0]["rates"]["input"], "1 / 1M tokens");
}

#[test]
fn what_is_not_signed_by_the_key_is_refused() {
    let scene = scene();
    let refused = |args: &[&str]| {
        let output = scene.meter(&[&["pricing", "install"][..], args].concat());
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(price(&scene), None);
        text(&output.stderr)
    };
    // The signature of another bundle, a changed bundle, no signature.
    let other = refused(&[&bundle("one.json"), "--signature", &bundle("two.json.minisig")]);
    assert!(other.contains("not signed by the key"), "{other}");
    let changed = std::fs::read_to_string(bundle("one.json")).unwrap().replace("input = 2", "input = 9");
    scene.write("changed.json", &changed);
    let changed = scene.home().join("changed.json").display().to_string();
    assert!(refused(&[&changed, "--signature", &bundle("one.json.minisig")]).contains("not signed by the key"));
    assert!(refused(&[&changed]).contains("changed.json.minisig"));
    scene.write("config.toml", "");
    assert!(refused(&[&bundle("one.json")]).contains("no key to verify"));
}

#[test]
fn the_same_files_make_the_same_bundle_and_nothing_private_is_in_it() {
    let scene = Scene::empty();
    let file = "schema = 1\nprovider = 'anthropic'\nsource = 'https://example.com/p'\nchecked = 2026-11-01\n\n[[model]]\nid = 'claude-of-tomorrow'\n[[model.rates]]\nfrom = 2026-11-01\nchecked = 2026-11-30\ninput = 2\noutput = 10\n";
    scene.write("manifests/prices/anthropic.toml", file);
    scene.write("manifests/prices/installed-old.toml", "schema = 1\nprovider = 'anthropic'\n");
    let one = scene.meter(&["pricing", "bundle", "-"]);
    let told = text(&one.stderr);
    assert!(told.contains("claude-of-tomorrow") && told.contains("1 price file of 2026-11-30"), "{told}");
    let one = out(&one, 0);
    let document: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((&document["made"], &document["files"]["anthropic.toml"]), (&"2026-11-30".into(), &file.into()));
    assert_eq!(document["files"].as_object().unwrap().len(), 1, "an installed bundle is not bundled again");
    let home = scene.home().display().to_string();
    let elsewhere = Scene::empty();
    assert_eq!(out(&elsewhere.meter(&["pricing", "bundle", "-", "--from", &home]), 0), one);
    let dated = out(&scene.meter(&["pricing", "bundle", "-", "--made", "2026-12-24"]), 0);
    assert!(dated.contains("2026-12-24"));

    let refused = |code: i32, args: &[&str]| {
        let output = scene.meter(&[&["pricing", "bundle"][..], args].concat());
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(code), ""));
        text(&output.stderr)
    };
    assert!(refused(2, &["-", "--made", "Christmas"]).contains("`Christmas` is no day"));
    assert!(refused(2, &["-", "--from", &format!("{home}/journal")]).contains("is no folder"));
    scene.write(
        "manifests/prices/own.toml",
        "schema = 1\n[[contract]]\nname = 'a'\nprovider = 'anthropic'\nfrom = 2026-06-01\ndiscount = 5\n",
    );
    assert!(refused(1, &["-"]).contains("own.toml holds `[[contract]]`, which is yours alone"));
    scene.write("manifests/prices/own.toml", "schema = 1\nprovider = 'anthropic'\n[[model]]\nid = 'x'\nprice = 3\n");
    assert!(refused(3, &["-"]).contains("the price files have an error"));
    assert!(refused(2, &["-", "--from", &elsewhere.folder.path().display().to_string()]).contains("no price file in"));
}
