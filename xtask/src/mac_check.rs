//! Checks and links the programs for macOS on a machine that is none.
//!
//! The pieces come from registries: zig (PyPI) is C compiler and linker for Mach-O, and Debian packages the standard
//! library's source at the very version of this compiler, from which it is built once per version into the target folder.
//! Nothing is installed outside of that folder, and nothing is run as macOS code: behaviour still needs a Mac.

use crate::{cargo, run, tools};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGETS: [&str; 2] = ["aarch64-apple-darwin", "x86_64-apple-darwin"];

/// What the programs promise to run on; the compiler writes it into each of them.
const OLDEST_MACOS: &str = "12.0";

const TOOLS: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.1"];

/// The packages that give a program, and those with code for macOS only, whose tests are checked too.
const PROGRAMS: [&str; 4] = ["--package", "meter-cli", "--package", "meter-edge"];
const OWN_CODE: [&str; 4] = ["--package", "meter-sys", "--package", "meter-ca"];

/// Symbols that the programs may take from Apple's frameworks, of which zig has none.
const FRAMEWORKS: &str = include_str!("../mac-frameworks.txt");

/// Why the check did not come to its end.
enum Stop {
    /// This machine lacks something: no verdict on the code.
    Skipped(String),
    /// The code is wrong.
    Broken(String),
}

/// Checks, lints and links for both targets. What this machine cannot do is said and is no failure.
pub fn everything() -> Result<(), String> {
    match on_this_machine() {
        Ok(()) => Ok(()),
        Err(Stop::Skipped(reason)) => {
            println!("mac-check skipped: {reason}");
            Ok(())
        }
        Err(Stop::Broken(problem)) => Err(problem),
    }
}

fn on_this_machine() -> Result<(), Stop> {
    if !cfg!(target_os = "linux") {
        return Err(Stop::Skipped("this recipe is for Linux; on a Mac an ordinary build checks the same".to_owned()));
    }
    skip(tools::ensure())?;
    let folder = skip(tools::target_folder())?.join("mac-check");
    skip(fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display())))?;
    let bench = Bench { python: skip(zig(&folder))?, std: skip(standard_library(&folder))?, folder };
    skip(bench.stubs())?;
    for target in TARGETS {
        skip(run(cargo().args(["fetch", "--quiet", "--target", target])))?;
        bench.layouts(target).map_err(Stop::Broken)?;
    }
    let lints = [&OWN_CODE[..], &["--all-targets", "--", "-D", "warnings"]].concat();
    bench.cargo(TARGETS[0], "clippy", &lints).map_err(Stop::Broken)?;
    // Linking checks the types on its way.
    for target in TARGETS {
        bench.cargo(target, "zigbuild", &PROGRAMS).map_err(|problem| {
            let hint = "where the linker misses a framework's symbol, it has to stand in xtask/mac-frameworks.txt";
            Stop::Broken(format!("{problem}; {hint}"))
        })?;
    }
    println!("xtask: checked and linked for {}; nothing of it has run", TARGETS.join(" and "));
    Ok(())
}

fn skip<T>(outcome: Result<T, String>) -> Result<T, Stop> {
    outcome.map_err(Stop::Skipped)
}

/// Everything a build for a Mac needs.
struct Bench {
    folder: PathBuf,
    /// The Python whose environment holds zig and cargo-zigbuild.
    python: PathBuf,
    /// The sysroot with the targets' standard library; the toolchain's own when that has them.
    std: Option<PathBuf>,
}

impl Bench {
    fn cargo(&self, target: &str, verb: &str, args: &[&str]) -> Result<(), String> {
        println!("xtask: {verb} for {target}");
        let bin = self.python.parent().expect("a program lies in a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path)))
            .map_err(|error| format!("cannot put {} on the path: {error}", bin.display()))?;
        let mut flags = format!("-L framework={}", self.folder.join("frameworks").display());
        if let Some(sysroot) = &self.std {
            flags.push_str(&format!(" --sysroot={}", sysroot.display()));
        }
        let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
        // These would take the place of the target's own.
        let mut command = Command::new(bin.join("cargo-zigbuild"));
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.env("PATH", path).env(variable, flags).env("MACOSX_DEPLOYMENT_TARGET", OLDEST_MACOS);
        command.env("CARGO_TARGET_DIR", self.folder.join("build"));
        // Nobody debugs what is built here.
        command.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0");
        run(command.args([verb, "--quiet", "--target", target]).args(args))
    }

    /// Sizes and offsets that the code assumes, against Apple's header.
    fn layouts(&self, target: &str) -> Result<(), String> {
        let source = tools::root().join("crates/meter-sys/layout/proc_info.c");
        let triple = target.replace("-apple-darwin", "-macos");
        let object = self.folder.join(format!("proc_info-{target}.o"));
        let mut zig = Command::new(&self.python);
        run(zig.args(["-m", "ziglang", "cc", "-target", &triple, "-c"]).arg(&source).arg("-o").arg(object))
    }

    /// A text stub per framework is enough for the linker.
    fn stubs(&self) -> Result<(), String> {
        let entries =
            || FRAMEWORKS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
        let mut names: Vec<&str> = entries().map(|(name, _)| name).collect();
        names.dedup();
        for name in names {
            let symbols: Vec<&str> = entries().filter(|(of, _)| *of == name).map(|(_, symbol)| symbol.trim()).collect();
            let folder = self.folder.join("frameworks").join(format!("{name}.framework"));
            let text = format!(
                "--- !tapi-tbd\ntbd-version: 4\ntargets: [ x86_64-macos, arm64-macos ]\ninstall-name: \
                 '/System/Library/Frameworks/{name}.framework/Versions/A/{name}'\ncurrent-version: 1\nexports:\n  - \
                 targets: [ x86_64-macos, arm64-macos ]\n    symbols: [ {} ]\n...\n",
                symbols.join(", ")
            );
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(folder.join(format!("{name}.tbd")), text))
                .map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
        }
        Ok(())
    }
}

/// zig and cargo-zigbuild in an environment of their own.
fn zig(folder: &Path) -> Result<PathBuf, String> {
    let venv = folder.join("venv");
    let (python, stamp) = (venv.join("bin/python"), venv.join("halton-tools"));
    let wanted = TOOLS.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    println!("xtask: installing {} into {}", TOOLS.join(" and "), folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let mut pip = Command::new(&python);
    run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(TOOLS))?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}

/// A sysroot with the standard library for both targets; none is needed when the toolchain has them.
fn standard_library(folder: &Path) -> Result<Option<PathBuf>, String> {
    let toolchain = PathBuf::from(said(Command::new("rustc").args(["--print", "sysroot"]))?);
    if TARGETS.iter().all(|target| toolchain.join("lib/rustlib").join(target).exists()) {
        return Ok(None);
    }
    let version = said(Command::new("rustc").arg("--version"))?;
    let version = version.split(' ').nth(1).ok_or_else(|| format!("rustc says `{version}`"))?;
    let sysroot = folder.join(format!("std-{version}"));
    let made = |target: &str| sysroot.join("lib/rustlib").join(target).join("lib");
    if TARGETS.iter().all(|target| made(target).exists()) {
        return Ok(Some(sysroot));
    }
    let component = toolchain.join("lib/rustlib/src/rust/library");
    let library = if component.exists() { component } else { packaged_source(folder, version)? };
    let seed = folder.join("seed");
    fs::create_dir_all(seed.join("src"))
        .and_then(|()| fs::write(seed.join("src/lib.rs"), "#![no_std]\n"))
        .and_then(|()| {
            let manifest = "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
            fs::write(seed.join("Cargo.toml"), manifest)
        })
        .map_err(|error| format!("cannot write {}: {error}", seed.display()))?;
    for target in TARGETS {
        println!("xtask: building the standard library for {target}");
        // Unstable and reached on a stable compiler by its own back door: for this crate only, the product is built
        // without. The second variable is internal to cargo; without it the source must lie inside the toolchain.
        let mut build = cargo();
        build.env("RUSTC_BOOTSTRAP", "1").env("__CARGO_TESTS_ONLY_SRC_ROOT", &library);
        build.env("CARGO_TARGET_DIR", seed.join("target")).env_remove("RUSTFLAGS");
        build.args(["build", "--quiet", "--release", "--target", target]).arg("--manifest-path");
        build.arg(seed.join("Cargo.toml")).arg("-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test");
        run(&mut build)?;
        let built = seed.join("target").join(target).join("release/deps");
        keep_libraries(&built, &made(target)).map_err(|error| format!("cannot keep {target}'s library: {error}"))?;
    }
    Ok(Some(sysroot))
}

/// Copies what was built under a name that exists only once it is complete.
fn keep_libraries(built: &Path, into: &Path) -> std::io::Result<()> {
    let partial = into.with_extension("partial");
    fs::create_dir_all(&partial)?;
    for entry in fs::read_dir(built)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".rlib") && !name.starts_with("libseed-") {
            fs::copy(&path, partial.join(name))?;
        }
    }
    fs::rename(partial, into)
}

/// The standard library's source of exactly this version, from whichever suite of Debian has it; the machine's own
/// package lists are not touched.
fn packaged_source(folder: &Path, version: &str) -> Result<PathBuf, String> {
    let library = folder.join(format!("rust-src/usr/src/rustc-{version}/library"));
    if library.exists() {
        return Ok(library);
    }
    let apt = folder.join("apt");
    let sources = apt.join("sources");
    let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    if !Path::new(key).exists() {
        return Err(format!(
            "neither the targets nor rust-src are in the toolchain, and this is no Debian to fetch it from; type: \
             rustup target add {}",
            TARGETS.join(" ")
        ));
    }
    for needed in [apt.join("lists/partial"), apt.join("cache/archives/partial"), sources.clone()] {
        fs::create_dir_all(&needed).map_err(|error| format!("cannot make {}: {error}", needed.display()))?;
    }
    let list = format!(
        "Types: deb\nURIs: {}\nSuites: trixie trixie-backports forky sid\nComponents: main\nSigned-By: {key}\n",
        mirror()
    );
    fs::write(sources.join("rust-src.sources"), list)
        .map_err(|error| format!("cannot list Debian's suites: {error}"))?;
    let options = [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        format!("Dir::Etc::sourceparts={}", sources.display()),
        format!("Dir::State::lists={}", apt.join("lists").display()),
        format!("Dir::Cache={}", apt.join("cache").display()),
        "Dir::State::status=/dev/null".to_owned(),
        // The folder is not for the user that apt would change to.
        "APT::Sandbox::User=root".to_owned(),
    ];
    let apt_command = |program: &str| {
        let mut command = Command::new(program);
        command.args(options.iter().flat_map(|option| ["-o", option])).current_dir(&apt);
        command
    };
    said(apt_command("apt-get").args(["-qq", "update"]))?;
    let offered = said(apt_command("apt-cache").args(["madison", "rust-src"]))?;
    let package = offered
        .lines()
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .find(|offer| offer.starts_with(&format!("{version}+")))
        .ok_or_else(|| format!("Debian has no rust-src {version} any more"))?;
    println!("xtask: fetching rust-src {package}");
    said(apt_command("apt-get").args(["-qq", "download", &format!("rust-src={package}")]))?;
    let archive = fs::read_dir(&apt)
        .map_err(|error| format!("cannot read {}: {error}", apt.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(&format!("rust-src_{version}")) && name.ends_with(".deb")
        })
        .ok_or("apt-get brought no rust-src")?;
    run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(folder.join("rust-src")))?;
    if library.exists() { Ok(library) } else { Err(format!("the package holds no {}", library.display())) }
}

/// Where this machine gets its packages from.
fn mirror() -> String {
    let own = fs::read_to_string("/etc/apt/sources.list.d/debian.sources").unwrap_or_default();
    let found = own.lines().find_map(|line| line.strip_prefix("URIs:")).and_then(|uris| uris.split_whitespace().next());
    found.unwrap_or("http://deb.debian.org/debian").to_owned()
}

/// What a command says, without the closing line end; its complaint when it fails.
fn said(command: &mut Command) -> Result<String, String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{shown} ended with {}: {}", output.status, complaint.lines().last().unwrap_or("it said nothing")))
}
