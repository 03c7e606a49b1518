//! The verbs around the files people edit, as the program prints them.

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const ACME: &str = "schema = 1\nid = \"acme\"\nname = \"Acme\"\nhosts = [\"api.acme.example\"]\nextends = \"openai\"\nprices = \"openai\"\n";

/// An empty home of the test's own.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn empty() -> Scene {
        Scene { folder: tempfile::tempdir().unwrap() }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halton-meter"));
        command.env_clear().env("TZ", "UTC").env("HOME", self.folder.path()).env("HALTON_METER_HOME", self.home());
        command.args(args);
        command
    }

    fn meter(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What was printed, from a run that ended with this code.
fn out(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_bundled_file_is_copied_compared_and_told_when_it_moves_on() {
    let scene = Scene::empty();
    let listed = out(&scene.meter(&["manifests"]), 0);
    assert!(listed.lines().count() > 30 && !listed.contains("yours"), "{listed}");
    let path = out(&scene.meter(&["manifests", "eject", "anthropic"]), 0);
    assert_eq!(path.trim(), scene.home().join("providers.d/anthropic.toml").display().to_string());
    assert!(scene.home().join("schemas/provider.json").is_file(), "what the first line names");
    out(&scene.meter(&["manifests", "eject", "anthropic"]), 1);
    out(&scene.meter(&["validate"]), 0);
    assert_eq!(out(&scene.meter(&["manifests", "diff", "anthropic"]), 0), "");

    let copy = fs::read_to_string(path.trim()).unwrap();
    fs::write(path.trim(), copy.replace("name = \"Anthropic\"", "name = \"Mine\"")).unwrap();
    let diff = out(&scene.meter(&["manifests", "diff", "anthropic"]), 3);
    assert!(diff.contains("-name = \"Anthropic\"\n+name = \"Mine\"\n"), "{diff}");
    let list = json(&out(&scene.meter(&["manifests", "list", "--json"]), 0));
    let row = |list: &Value| {
        let rows = list["manifests"].as_array().unwrap();
        rows.iter().find(|row| row["path"] == "providers.d/anthropic.toml").unwrap().clone()
    };
    assert_eq!((&row(&list)["standing"], &row(&list)["moved_on"]), (&"replaces".into(), &false.into()));

    // As after an upgrade: the copy was made from another text than the bundled one.
    let (before, after) = copy.split_once("ejected from b3:").unwrap();
    fs::write(path.trim(), format!("{before}ejected from b3:{}{}", "0".repeat(16), &after[16..])).unwrap();
    assert_eq!(row(&json(&out(&scene.meter(&["manifests", "list", "--json"]), 0)))["moved_on"], true);
    let status = out(&scene.meter(&["status"]), 4);
    assert!(status.contains("the bundled providers.d/anthropic.toml has changed since yours was copied"), "{status}");
}

#[test]
fn a_file_is_shown_as_written_and_as_it_comes_out() {
    let scene = Scene::empty();
    scene.write("providers.d/acme.toml", ACME);
    assert_eq!(out(&scene.meter(&["manifests", "show", "acme"]), 0), ACME);
    let composed = out(&scene.meter(&["manifests", "show", "acme", "--composed"]), 0);
    assert!(composed.contains("path = \"/v1/chat/completions\"") && !composed.contains("extends"), "{composed}");
    let unknown = scene.meter(&["manifests", "show", "opnai"]);
    out(&unknown, 2);
    assert!(text(&unknown.stderr).contains("did you mean `openai`?"));
}

#[test]
fn every_kind_has_a_schema() {
    let scene = Scene::empty();
    for kind in ["provider", "dialect", "prices", "tagging", "clients", "services", "policies", "config"] {
        assert_eq!(json(&out(&scene.meter(&["schema", kind]), 0))["type"], "object", "{kind}");
    }
    out(&scene.meter(&["schema", "things"]), 2);
}

#[test]
fn settings_are_edited_around_comments() {
    let scene = Scene::empty();
    let written = "# my settings\n[daemon]\nedge_port = 9081 # beside another proxy\n";
    scene.write("config.toml", written);
    out(&scene.meter(&["config", "set", "daemon.edge_port", "9181"]), 0);
    out(&scene.meter(&["config", "set", "upstream.no_proxy", "a.example, b.example"]), 0);
    out(&scene.meter(&["config", "set", "upstream.resolve", "api.acme.example=127.0.0.1:9"]), 0);
    let file = || fs::read_to_string(scene.home().join("config.toml")).unwrap();
    assert_eq!(
        file(),
        written.replace("9081", "9181")
            + "\n[upstream]\nno_proxy = [\"a.example\", \"b.example\"]\nresolve = { \"api.acme.example\" = \"127.0.0.1:9\" }\n"
    );
    out(&scene.meter(&["config", "unset", "upstream.resolve"]), 0);
    assert!(!file().contains("resolve"));
    assert_eq!(out(&scene.meter(&["config", "get", "daemon.edge_port"]), 0), "9181\n");

    let refused = scene.meter(&["config", "set", "daemon.edge_port", "8080"]);
    out(&refused, 2);
    assert!(text(&refused.stderr).contains("8080 is never used"));
    out(&scene.meter(&["config", "set", "daemon.edge_prot", "1"]), 2);
    assert!(file().contains("9181"), "a refused value changes nothing");

    let mut command = scene.command(&["config", "show", "--origin"]);
    let shown = out(&command.env("HALTON_METER_DAEMON__API_PORT", "9765").output().unwrap(), 0);
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("daemon.edge_port"), ["daemon.edge_port", "9181", "config.toml:3"]);
    assert_eq!(line("daemon.api_port"), ["daemon.api_port", "9765", "HALTON_METER_DAEMON__API_PORT"]);
    assert_eq!(line("daemon.internal_port"), ["daemon.internal_port", "8090", "default"]);

    scene.write("config.toml", "[daemon\n");
    out(&scene.meter(&["config", "set", "daemon.edge_port", "9181"]), 1);
    assert_eq!(file(), "[daemon\n");
}

#[test]
fn a_plan_shows_every_file_as_a_diff_and_apply_leaves_nothing_to_do() {
    let scene = Scene::empty();
    out(&scene.meter(&["apply", "--yes"]), 0);
    let plan = out(&scene.meter(&["plan"]), 0);
    assert_eq!(plan.lines().count(), 1, "{plan}");
    scene.write("providers.d/acme.toml", ACME);
    let plan = out(&scene.meter(&["plan"]), 3);
    for part in [
        "  + providers.d/acme.toml\n",
        "--- /dev/null\n+++ b/providers.d/acme.toml\n@@ -0,0 +1,6 @@\n+schema = 1\n",
        "--- a/edge.json\n+++ b/edge.json\n",
        "+    \"api.acme.example\",\n",
    ] {
        assert!(plan.contains(part), "{part:?} is not in\n{plan}");
    }
    let document = json(&out(&scene.meter(&["plan", "--json"]), 3));
    let names: Vec<&str> =
        document["writes"].as_array().unwrap().iter().map(|write| write["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["providers.d/acme.toml", "edge.json"]);
    out(&scene.meter(&["apply", "--yes"]), 0);
    out(&scene.meter(&["plan"]), 0);
    // A service file that went away is something to do, though the manifests are the same.
    let folder = if cfg!(target_os = "macos") { "launchd" } else { "systemd" };
    let services: Vec<_> =
        fs::read_dir(scene.home().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    fs::remove_file(&services[0]).unwrap();
    out(&scene.meter(&["plan"]), 3);
    out(&scene.meter(&["apply", "--yes"]), 0);
    assert!(services[0].is_file());
}

#[test]
fn what_would_be_written_is_rendered_elsewhere() {
    let scene = Scene::empty();
    let folder = scene.folder.path().join("look");
    let printed = out(&scene.meter(&["apply", "--render-only", folder.to_str().unwrap()]), 0);
    assert_eq!(printed.lines().count(), 10, "{printed}");
    assert!(folder.join("edge.json").is_file() && !scene.home().join("edge.json").exists());
}

#[test]
fn findings_come_in_the_form_that_is_asked_for() {
    let scene = Scene::empty();
    scene.write("providers.d/acme.toml", &ACME.replace("hosts", "host"));
    let form = |form: &str| out(&scene.meter(&["validate", "--format", form]), 3);
    assert!(form("text").contains("providers.d/acme.toml:4:1: error[HM0107]"));
    assert!(form("github").contains("::error file=providers.d/acme.toml,line=4,col=1"));
    assert_eq!(json(&form("json"))["errors"], 2);
}
