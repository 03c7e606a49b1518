//! Runs the fuzz targets of `fuzz/` for a while each, from seeds made of the wire samples.
//!
//! On a stable toolchain: libFuzzer's coverage is asked for by code generation options, and no sanitizer is needed to
//! find a panic or a wrong answer. Where it cannot be built, that is printed and is no failure.

use crate::{cargo, tools};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGETS: &[&str] = &["tap", "websocket", "framings", "dialect"];
/// Seconds for each target, unless told otherwise.
const SECONDS: u32 = 60;
/// Coverage for libFuzzer; `RUSTC_BOOTSTRAP` lets a stable compiler take them.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// `fuzz [TARGET…] [SECONDS]`: a word is a target, a number the seconds for each.
pub fn run(args: &[String]) -> Result<(), String> {
    let seconds = args.iter().find_map(|word| word.parse::<u32>().ok()).unwrap_or(SECONDS);
    let named: Vec<&str> = args.iter().map(String::as_str).filter(|word| word.parse::<u32>().is_err()).collect();
    if let Some(unknown) = named.iter().find(|word| !TARGETS.contains(word)) {
        return Err(format!("there is no fuzz target `{unknown}`; there are {}", TARGETS.join(", ")));
    }
    let chosen = if named.is_empty() { TARGETS.to_vec() } else { named };
    let folder = tools::target_folder()?.join("fuzz");
    let host = match host() {
        Ok(host) => host,
        Err(reason) => return skipped(&reason),
    };
    let built = cargo()
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", &folder)
        .current_dir(tools::root())
        .status();
    if !built.is_ok_and(|status| status.success()) {
        return skipped("the targets do not build here (libFuzzer needs a C++ compiler)");
    }
    let mut failed = Vec::new();
    for target in chosen {
        let corpus = folder.join("corpus").join(target);
        let artifacts = folder.join("artifacts").join(target);
        for folder in [&corpus, &artifacts] {
            std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        seed(target, &corpus)?;
        println!("xtask: fuzzing {target} for {seconds} s");
        let status = Command::new(folder.join(&host).join("release").join(target))
            .arg(&corpus)
            .args([format!("-max_total_time={seconds}"), "-max_len=8192".into(), "-timeout=10".into()])
            .args(["-rss_limit_mb=1024".to_owned(), "-print_final_stats=1".into()])
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .status()
            .map_err(|error| format!("cannot run {target}: {error}"))?;
        if !status.success() {
            failed.push(format!("{target} (the input is in {})", artifacts.display()));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("found something: {}", failed.join(", "))) }
}

fn skipped(reason: &str) -> Result<(), String> {
    println!("xtask: fuzzing skipped: {reason}");
    Ok(())
}

/// The compiler's own target: named, so that flags do not reach build scripts.
fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").stderr(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say for what it compiles".to_owned())
}

/// Seeds from the wire samples, with the bytes in front that a target chooses by.
fn seed(target: &str, corpus: &Path) -> Result<(), String> {
    let samples = tools::root().join("tests/wire-samples");
    let mut bodies: Vec<(String, Vec<u8>)> = Vec::new();
    for folder in entries(&samples)?.into_iter().filter(|path| path.is_dir()) {
        for file in entries(&folder)? {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let kept = name.starts_with("request") || name.starts_with("response") || name.starts_with("messages");
            if kept {
                let bytes = std::fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
                bodies.push((name, bytes));
            }
        }
    }
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for (index, (name, body)) in bodies.into_iter().enumerate() {
        match target {
            "framings" => {
                let kind =
                    [".sse", "json", "eventstream", "grpc", "multipart"].iter().position(|end| name.contains(end));
                let kind = [1_u8, 0, 3, 4, 5][kind.unwrap_or(1)];
                let kind = if name.contains("ndjson") || name.contains("jsonl") { 2 } else { kind };
                // Every dialect sees some of them.
                let dialect = u8::try_from(index % 64).unwrap_or(0);
                seeds.push([&[dialect, kind, 0, 7], &body[..]].concat());
            }
            "tap" => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let asked = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
                let piece = |side: u8, bytes: &[u8]| {
                    [&[side | (u8::try_from(bytes.len() - 1).unwrap_or(127) << 1)], bytes].concat()
                };
                let body: Vec<u8> = body.chunks(128).flat_map(|bytes| piece(1, bytes)).collect();
                seeds.push([vec![0], piece(0, asked), piece(1, head.as_bytes()), body].concat());
            }
            "websocket" if name.contains(".ws.") => {
                for line in body.split(|byte| *byte == b'\n').filter(|line| line.len() > 1) {
                    let length = u16::try_from(line.len()).unwrap_or(u16::MAX);
                    let line = &line[..usize::from(length)];
                    seeds.push([&[1, 3, 0x81, 126], &length.to_be_bytes()[..], line].concat());
                }
            }
            _ => {}
        }
    }
    match target {
        "dialect" => {
            let lines = "/usage/[a=b]/n != 0\n/n + 1\n/model\nlength(/messages/*/content)\n/response\n/model\n/choices/0/finish_reason\n/usage\nfirst(/prompt_tokens, /input_tokens) - cache_read\ncap(/cached, /prompt_tokens)\n/completion_tokens * 0.5\n/total\n/iterations/*\n/model\n/b\n'x'\n/id\nframe(data) == '[DONE]'\n/error/code\n\n{\"model\":\"m\",\"usage\":{\"prompt_tokens\":7,\"cached\":3,\"completion_tokens\":2,\"total\":9},\"id\":\"x\"}";
            seeds.push(lines.as_bytes().to_vec());
        }
        "tap" => {
            // The preface of HTTP/2, empty settings, and a GET with static table entries only.
            let asked = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x03\x01\x05\0\0\0\x01\x82\x84\x87";
            let answered = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88";
            let piece = |side: u8, bytes: &[u8]| {
                [&[side | (u8::try_from(bytes.len() - 1).unwrap_or(127) << 1)], bytes].concat()
            };
            for choice in [1, 3] {
                seeds.push([vec![choice], piece(0, asked), piece(1, answered)].concat());
            }
        }
        "websocket" => seeds.push(b"\x03\x02\xc1\x07\xf2H\xcd\xc9\xc9\x07\0".to_vec()),
        _ => {}
    }
    for (index, seed) in seeds.iter().enumerate() {
        let path = corpus.join(format!("seed-{index:03}"));
        std::fs::write(&path, seed).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let read = std::fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = read.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    Ok(paths)
}
