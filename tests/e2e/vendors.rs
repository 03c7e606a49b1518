//! More vendors' SDKs, unmodified, through the whole path: each call a row with what the origin said. Skipped with a printed
//! reason where they are not installed (tests/clients/install_vendors.py).

use halton_meter_tests::{Rig, skipped};
use meter_demo::DemoAuthority;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name).display().to_string()
}

/// A folder of installed clients; `None`, with the reason printed, when there is none.
fn installed(part: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().expect("a test knows where it lies");
    let folders = || own.ancestors().map(|folder| folder.join("clients").join(part));
    if let Some(folder) = folders().find(|folder| folder.join("installed.txt").exists()) {
        return Some(folder);
    }
    let reason = folders().find_map(|folder| fs::read_to_string(folder.join("skipped.txt")).ok());
    skipped(
        &reason.unwrap_or_else(|| format!("the {part} clients are not installed (tests/clients/install_vendors.py)")),
    );
    None
}

/// What the client printed: a JSON object a line.
fn told(rig: &Rig, program: &Path, arguments: &[&str]) -> Vec<Value> {
    let ran = rig.client().run(program, arguments, rig.folder()).expect_ok();
    ran.text().lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// Provider, uncached input, cached, output of the rows.
fn figures(rig: &Rig, count: usize) -> Vec<(String, i64, i64, i64)> {
    let number = |row: &halton_meter_tests::Row, column| row.number(column).unwrap_or(0);
    rig.rows(count)
        .iter()
        .map(|row| {
            (
                row.text("provider").unwrap_or_default().to_owned(),
                number(row, "input_tokens"),
                number(row, "cache_read_tokens"),
                number(row, "output_tokens"),
            )
        })
        .collect()
}

fn python(part: &str, provider: &str, expected: [(i64, i64, i64); 2]) {
    let Some(folder) = installed("vendors") else { return };
    let rig = Rig::start();
    let told = told(&rig, &folder.join("bin/python"), &[&script("vendor_sdks.py"), part]);
    assert_eq!(told.len(), 2, "{told:?}");
    let expected = expected.map(|(input, cached, output)| (provider.to_owned(), input, cached, output));
    assert_eq!(figures(&rig, 2), expected, "{told:?}");
}

#[test]
fn googles_sdk() {
    // Thoughts are billed as output, outside the candidates.
    python("google", "gemini", [(11, 4, 8), (12, 0, 6)]);
}

#[test]
fn mistrals_sdk() {
    python("mistral", "mistral", [(13, 0, 7), (14, 0, 8)]);
}

#[test]
fn groqs_sdk() {
    python("groq", "groq", [(15, 0, 9), (16, 0, 10)]);
}

#[test]
fn coheres_sdk() {
    python("cohere", "cohere", [(17, 0, 11), (18, 0, 12)]);
}

#[test]
fn xais_rest_surface() {
    let Some(vendors) = installed("vendors") else { return };
    let rig = Rig::start();
    assert_eq!(told(&rig, &vendors.join("bin/python"), &[&script("xai_rest.py")]).len(), 2);
    let expected = [("xai".to_owned(), 19, 0, 13), ("xai".to_owned(), 20, 0, 14)];
    assert_eq!(figures(&rig, 2), expected);
}

/// The stand-in for xAI's gRPC origin, from the SDK's own messages; ends when dropped.
struct Grpc(Child);

impl Drop for Grpc {
    fn drop(&mut self) {
        // Our own child; it may have left already.
        let _already_gone = self.0.kill();
        self.0.wait().expect("our own child can be waited for");
    }
}

#[test]
fn xais_sdk_over_grpc() {
    let Some(vendors) = installed("vendors") else { return };
    let python = vendors.join("bin/python");
    let folder = tempfile::tempdir().expect("a folder");
    let authority = DemoAuthority::new().expect("a root");
    let (chain, key) = authority.certificate_pem(&["api.x.ai"]).expect("a certificate");
    let pem = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a PEM file");
        path
    };
    let (chain, key, root) = (pem("chain", &chain), pem("key", &key), pem("root", authority.root_pem()));
    let mut server = Command::new(&python);
    server.arg(script("xai_server.py")).args([&chain, &key]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Grpc(server.spawn().expect("python runs"));
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("the server says its port");
    let port: u16 = line.trim().parse().expect("a port number");
    let rig = Rig::builder().resolve("api.x.ai", ([127, 0, 0, 1], port).into()).trust(&root).start();
    let told = told(&rig, &python, &[&script("xai_grpc_sdk.py")]);
    assert_eq!((told.len(), told[1]["chunks"].as_u64()), (2, Some(3)), "{told:?}");
    // Cached tokens stand inside the prompt, reasoning outside the completion; totals of chunks replace each other.
    let expected = [("xai".to_owned(), 30, 60, 47), ("xai".to_owned(), 50, 0, 12)];
    assert_eq!(figures(&rig, 2), expected);
}

fn node(part: &str, provider: &str, expected: [(i64, i64, i64); 2]) {
    let Some(folder) = installed("node") else { return };
    // Modules are looked for from where a script lies.
    for name in ["proxied.mjs", "node_sdks.mjs"] {
        fs::copy(script(name), folder.join(name)).expect("a script beside its modules");
    }
    let rig = Rig::start();
    let at = |name: &str| folder.join(name).display().to_string();
    let arguments = ["--import", &format!("file://{}", at("proxied.mjs")), &at("node_sdks.mjs"), part];
    let told = told(&rig, Path::new("node"), &arguments);
    assert_eq!(told.len(), 2, "{told:?}");
    let expected = expected.map(|(input, cached, output)| (provider.to_owned(), input, cached, output));
    assert_eq!(figures(&rig, 2), expected, "{told:?}");
}

#[test]
fn anthropics_sdk_on_node() {
    node("anthropic", "anthropic", [(21, 4, 5), (22, 0, 6)]);
}

#[test]
fn openais_sdk_on_node() {
    node("openai", "openai", [(23, 0, 7), (24, 0, 8)]);
}

#[test]
fn googles_sdk_on_node() {
    node("google", "gemini", [(25, 0, 9), (26, 0, 10)]);
}
