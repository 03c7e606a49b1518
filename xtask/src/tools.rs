//! What a build needs besides Rust, and how to get it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository's root")
}

/// Cargo's target folder.
pub fn target_folder() -> Result<PathBuf, String> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => Ok(root().join(folder)),
        _ => Ok(root().join("target")),
    }
}

/// A C compiler and cmake: pingora compresses with zlib-ng, which is built by cmake.
pub fn ensure() -> Result<(), String> {
    if !["cc", "gcc", "clang"].iter().any(|name| answers(name)) {
        return Err("no C compiler found (cc, gcc or clang); on Debian `apt-get install gcc`, on macOS \
                    `xcode-select --install`"
            .into());
    }
    if answers("cmake") {
        return Ok(());
    }
    let managers: [(&str, &[&[&str]]); 3] = [
        ("apt-get", &[&["update", "-q"], &["install", "-q", "-y", "--no-install-recommends", "cmake"]]),
        ("dnf", &[&["install", "-y", "cmake"]]),
        ("brew", &[&["install", "cmake"]]),
    ];
    let Some((manager, steps)) = managers.iter().find(|(name, _)| answers(name)) else {
        return Err("cmake is missing; install it with your package manager and start again".into());
    };
    for step in *steps {
        println!("xtask: cmake is missing, running `{manager} {}`", step.join(" "));
        let done = Command::new(manager).args(*step).stdout(Stdio::null()).status();
        if !done.is_ok_and(|status| status.success()) {
            let typed = steps.last().expect("every manager has a step").join(" ");
            return Err(format!("cmake is missing and could not be installed; type: sudo {manager} {typed}"));
        }
    }
    if answers("cmake") { Ok(()) } else { Err(format!("{manager} installed cmake, but it does not run")) }
}

/// The official SDKs and protocol clients the whole-product tests drive, at pinned versions, in `target/clients`.
pub fn clients() -> Result<(), String> {
    let folder = target_folder()?.join("clients");
    // What more vendors' clients lack they write down beside themselves, and their tests print it.
    for script in ["install.py", "install_vendors.py"] {
        installed(&root().join("tests/clients").join(script), &folder)?;
    }
    Ok(())
}

fn installed(script: &Path, folder: &Path) -> Result<(), String> {
    let output = Command::new("python3")
        .arg(script)
        .arg(folder)
        .output()
        .map_err(|error| format!("python3 does not run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().last().unwrap_or("the installer said nothing").to_owned())
}

/// The program is there and answers `--version`.
pub fn answers(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
