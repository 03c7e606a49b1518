//! Which crate may name which, and why. Read from `cargo tree`, so a new dependency cannot slip in unseen.

use std::collections::BTreeSet;
use std::process::Command;

/// Every crate a package links, normal dependencies only.
fn linked(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", package])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let names: BTreeSet<String> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(package), "cargo tree did not list {package} itself");
    names
}

/// Fails when `package` links one of `forbidden`, with the reason.
fn forbid(package: &str, forbidden: &[(&str, &str)]) {
    let names = linked(package);
    for (name, reason) in forbidden {
        assert!(!names.contains(*name), "{package} links {name}: {reason}");
    }
}

/// The crates in level order: each may name only crates before it.
const ORDER: &[&str] = &[
    "meter-money",
    "meter-call",
    "meter-diag",
    "meter-tap",
    "meter-wire",
    "meter-price",
    "meter-policy",
    "meter-attribution",
    "meter-manifest",
    "meter-setup",
    "meter-import",
    "meter-reconcile",
    "meter-hop",
    "meter-api",
    "meter-sys",
    "meter-dial",
    "meter-ca",
    "meter-apply",
    "meter-store",
    "meter-http",
    "meter-edge",
    "meter-daemon",
    "meter-demo",
    "meter-cli",
];

#[test]
fn every_crate_names_only_crates_before_it() {
    for (index, package) in ORDER.iter().enumerate() {
        let names = linked(package);
        for later in &ORDER[index + 1..] {
            assert!(!names.contains(*later), "{package} links {later}, which stands after it");
        }
    }
}

#[test]
fn every_crate_is_in_the_order() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the crates folder is there")
        .map(|entry| entry.expect("a readable folder").file_name().into_string().expect("a plain name"))
        .collect();
    assert_eq!(found, ORDER.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn the_edge_stays_light() {
    forbid(
        "meter-edge",
        &[
            ("rusqlite", "a locked database must not stall a tunnel"),
            ("toml", "the edge has to start when every manifest is broken"),
            ("figment", "configuration reaches the edge frozen, in edge.json"),
            ("axum", "the edge answers one plain document; a web framework is one more thing to break"),
            ("rcgen", "the edge opens nothing, so it holds no key"),
            ("meter-manifest", "the edge has to start when every manifest is broken"),
            ("meter-wire", "the edge never reads what passes"),
            ("meter-tap", "the edge never reads what passes"),
            ("meter-price", "the edge knows no money"),
            ("meter-ca", "the edge opens nothing, so it holds no key"),
            ("meter-store", "a locked database must not stall a tunnel"),
        ],
    );
}

#[test]
fn the_rules_touch_no_world() {
    for package in ["meter-money", "meter-call", "meter-tap", "meter-wire", "meter-price", "meter-policy"] {
        forbid(
            package,
            &[
                ("tokio", "rules are called, they do not wait"),
                ("rusqlite", "rules never learn where rows live"),
                ("toml", "rules never learn how manifests are written"),
                ("rustls", "rules see decrypted bytes only"),
            ],
        );
    }
}

#[test]
fn nobody_brings_a_second_tls() {
    for package in ["meter-daemon", "meter-cli", "meter-edge"] {
        forbid(
            package,
            &[
                ("openssl-sys", "TLS is rustls"),
                ("aws-lc-rs", "the provider is ring; two make the process default ambiguous"),
            ],
        );
    }
}

#[test]
fn every_file_of_whole_product_tests_is_run() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).expect("our own manifest");
    for entry in std::fs::read_dir(format!("{folder}/e2e")).expect("the folder of tests") {
        let entry = entry.expect("a readable folder");
        let file = if entry.path().is_dir() { "/main.rs" } else { "" };
        let name = entry.file_name().into_string().expect("a plain name") + file;
        assert!(manifest.contains(&format!("path = \"e2e/{name}\"")), "e2e/{name} stands in no [[test]]");
    }
}
