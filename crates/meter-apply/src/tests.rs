//! Whole homes in temporary folders.

use crate::*;
use meter_diag::codes::files;
use meter_hop::paths::Home;
use meter_hop::{Document, EdgeConfig, Identity};
use meter_manifest::{ManifestFile, bundled};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const ACME: &str =
    "schema = 1\nid = \"acme\"\nname = \"Acme AI\"\nhosts = [\"api.acme.example\"]\nextends = \"openai\"\n";
const BROKEN: &str = "schema = 1\nid = \"acme\"\nhost = [\"api.acme.example\"]\n";

struct Scene {
    _folder: tempfile::TempDir,
    home: Home,
    site: Site,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    home.prepare(meter_uid(folder.path())).unwrap();
    let site = Site {
        programs: "/opt/halton/bin".into(),
        user_home: folder.path().to_owned(),
        supervisor: Supervisor::Launchd,
    };
    Scene { _folder: folder, home, site }
}

fn meter_uid(inside: &Path) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata(inside).unwrap())
}

impl Scene {
    fn write(&self, path: &str, text: &str) {
        let path = self.home.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn compiled(&self) -> Compiled {
        Compiled::of(&bundled(), &UserLayer::read(&self.home), &[])
    }

    fn apply(&self) -> Applied {
        let compiled = self.compiled();
        assert!(compiled.is_valid(), "{:?}", compiled.findings);
        put_in_force(&self.home, &compiled, &self.site).unwrap()
    }

    fn load(&self) -> Loaded {
        load_current_at(&self.home, &self.site, &bundled(), &[]).unwrap()
    }

    /// As after an upgrade to a binary whose bundled part is `files`.
    fn load_with(&self, files: &[ManifestFile]) -> Loaded {
        load_current_at(&self.home, &self.site, files, &[]).unwrap()
    }

    fn edge(&self) -> EdgeConfig {
        EdgeConfig::read(&self.home.edge_json()).unwrap()
    }

    /// Codes and paths of the findings of a compiled home that are errors.
    fn errors(&self) -> Vec<(String, String)> {
        let errors = self.compiled().findings.into_iter().filter(meter_diag::Diagnostic::is_error);
        errors.map(|finding| (finding.code.slug().to_owned(), finding.place.file)).collect()
    }
}

fn hosts(loaded: &Loaded) -> Vec<String> {
    loaded.model.metered_hosts()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_start_applies_what_there_is() {
    let scene = scene();
    scene.write("providers.d/acme.toml", ACME);
    assert!(read_current(&scene.home).unwrap().is_none());
    let loaded = scene.load();
    assert!(hosts(&loaded).contains(&"api.acme.example".to_owned()));
    assert_eq!(loaded.notice, None);
    assert_eq!(scene.edge().digest, loaded.digest);
    assert_eq!(scene.edge().hosts, hosts(&loaded));
    assert_eq!(read_current(&scene.home).unwrap().unwrap().digest, loaded.digest);
}

#[test]
fn a_broken_file_at_the_first_start_leaves_the_bundled_ones() {
    let scene = scene();
    scene.write("providers.d/acme.toml", BROKEN);
    scene.write("config.toml", "[daemon]\nedge_port = 9081\n");
    let loaded = scene.load();
    let Some(Notice::BundledOnly { findings }) = &loaded.notice else { panic!("{:?}", loaded.notice) };
    assert!(findings.iter().any(|line| line.starts_with("providers.d/acme.toml:3:1: error[")), "{findings:?}");
    assert!(hosts(&loaded).contains(&"api.anthropic.com".to_owned()));
    assert_eq!(loaded.config.daemon.edge_port, 9081, "settings that can be used are used");
    // It is told until the next apply.
    assert_eq!(scene.load().notice, loaded.notice);
    scene.write("providers.d/acme.toml", ACME);
    scene.apply();
    assert_eq!(scene.load().notice, None);
}

#[test]
fn an_edit_counts_only_once_it_is_applied() {
    let scene = scene();
    let before = scene.load();
    scene.write("providers.d/acme.toml", ACME);
    assert_eq!(scene.load().digest, before.digest);
    let applied = scene.apply();
    assert_eq!(applied.before.as_deref(), Some(before.digest.as_str()));
    let after = scene.load();
    assert_eq!(after.digest, applied.digest);
    assert!(hosts(&after).contains(&"api.acme.example".to_owned()));
    // Breaking it now changes nothing either.
    scene.write("providers.d/acme.toml", BROKEN);
    assert_eq!(scene.load().digest, applied.digest);
    assert!(!scene.compiled().is_valid());
}

#[test]
fn the_one_before_is_kept_and_can_be_put_back() {
    let scene = scene();
    let first = scene.load().digest;
    scene.write("providers.d/acme.toml", ACME);
    let second = scene.apply().digest;
    scene.write("config.toml", "[daemon]\nedge_port = 9081\n");
    let third = scene.apply().digest;
    let stored = |digest: &str| scene.home.applied().join(digest).is_dir();
    assert!(!stored(&first) && stored(&second) && stored(&third));
    put_back(&scene.home, Some(&second), &scene.site).unwrap();
    assert_eq!(scene.load().digest, second);
    assert_eq!(scene.edge().digest, second);
    assert!(put_back(&scene.home, Some(&first), &scene.site).is_err(), "it is not stored any more");
    assert_eq!(scene.load().digest, second, "and a failure changes nothing");
    put_back(&scene.home, None, &scene.site).unwrap();
    assert!(read_current(&scene.home).unwrap().is_none());
}

#[test]
fn a_damaged_snapshot_gives_way_to_the_one_before() {
    let scene = scene();
    let first = scene.load().digest;
    scene.write("providers.d/acme.toml", ACME);
    let second = scene.apply().digest;
    fs::write(scene.home.applied().join(&second).join("user/providers.d/acme.toml"), "x").unwrap();
    assert!(read_current(&scene.home).is_err());
    let loaded = scene.load();
    assert_eq!(loaded.digest, first);
    assert!(matches!(loaded.notice, Some(Notice::Replaced { .. })), "{:?}", loaded.notice);
    // Applying the same again stores it anew.
    assert_eq!(scene.apply().digest, second);
    assert_eq!(scene.load().digest, second);
}

#[test]
fn a_newer_binary_brings_its_files_under_the_applied_ones() {
    let scene = scene();
    scene.write("providers.d/acme.toml", ACME);
    let before = scene.apply().digest;
    let mut newer = bundled();
    newer.push(ManifestFile::new("providers.d/zenith.toml", ACME.replace("acme", "zenith").replace("Acme", "Zenith")));
    // An edit that was not applied stays so, upgrade or not.
    scene.write("providers.d/acme.toml", &ACME.replace("api.acme.example", "other.acme.example"));
    let loaded = scene.load_with(&newer);
    assert_eq!(loaded.notice, Some(Notice::Upgraded { from: before, to: loaded.digest.clone() }));
    assert!(hosts(&loaded).contains(&"api.zenith.example".to_owned()));
    assert!(hosts(&loaded).contains(&"api.acme.example".to_owned()));
    assert!(!hosts(&loaded).contains(&"other.acme.example".to_owned()));
    assert_eq!(scene.edge().digest, loaded.digest);
}

#[test]
fn a_newer_binary_that_does_not_fit_leaves_the_old_snapshot() {
    let scene = scene();
    scene.write("providers.d/acme.toml", ACME);
    let before = scene.apply().digest;
    let mut newer = bundled();
    // The same id in another file: two that clash.
    newer.push(ManifestFile::new("providers.d/acme_ai.toml", ACME));
    let loaded = scene.load_with(&newer);
    assert_eq!(loaded.digest, before);
    assert!(matches!(loaded.notice, Some(Notice::KeptOld { .. })), "{:?}", loaded.notice);
}

#[test]
fn a_masked_provider_is_not_metered() {
    let scene = scene();
    scene.write("providers.d/groq.toml", "schema = 1\nmasked = true\n");
    scene.apply();
    assert!(!scene.edge().hosts.iter().any(|host| host.contains("groq")));
}

#[test]
fn what_cannot_be_read_is_an_error_at_its_path() {
    let scene = scene();
    let root = scene.home.root().to_owned();
    fs::create_dir_all(root.join("providers.d/folder.toml")).unwrap();
    scene.write("providers.d/latin.toml", "");
    fs::write(root.join("providers.d/latin.toml"), b"schema = 1\nname = \"Caf\xe9\"\n").unwrap();
    fs::write(root.join("providers.d/big.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    std::os::unix::fs::symlink("loop.toml", root.join("providers.d/loop.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere.toml", root.join("providers.d/gone.toml")).unwrap();
    fs::create_dir_all(root.join("manifests/prices")).unwrap();
    std::os::unix::fs::symlink("..", root.join("manifests/prices/up")).unwrap();
    std::os::unix::fs::symlink("gone", root.join("policies.d")).unwrap();
    fs::create_dir(root.join("config.toml")).unwrap();
    let mut errors = scene.errors();
    errors.sort();
    let expected = [
        ("not-utf8", "providers.d/latin.toml"),
        ("too-large", "providers.d/big.toml"),
        ("unreadable", "config.toml"),
        ("unreadable", "manifests/prices/up"),
        ("unreadable", "policies.d"),
        ("unreadable", "providers.d/folder.toml"),
        ("unreadable", "providers.d/gone.toml"),
        ("unreadable", "providers.d/loop.toml"),
    ];
    assert_eq!(errors, expected.map(|(slug, path)| (slug.to_owned(), path.to_owned())));
}

#[test]
fn a_pipe_is_not_waited_for() {
    let scene = scene();
    scene.write("providers.d/.keep", "");
    let made = std::process::Command::new("mkfifo").arg(scene.home.root().join("providers.d/pipe.toml")).status();
    assert!(made.unwrap().success());
    assert_eq!(scene.errors(), [("unreadable".to_owned(), "providers.d/pipe.toml".to_owned())]);
}

#[test]
fn what_nothing_reads_is_a_warning() {
    let scene = scene();
    scene.write("acme.toml", ACME);
    scene.write("provider.d/acme.toml", ACME);
    scene.write("providers.d/notes.md", "x");
    scene.write("providers.d/.hidden.toml", ACME);
    scene.write("providers.d/.DS_Store", "x");
    let compiled = scene.compiled();
    assert!(compiled.is_valid());
    let found: Vec<_> = compiled.findings.iter().filter(|finding| finding.code == files::UNKNOWN_FILE).collect();
    let paths: Vec<&str> = found.iter().map(|finding| finding.place.file.as_str()).collect();
    assert_eq!(paths, ["acme.toml", "provider.d", "providers.d/.hidden.toml", "providers.d/notes.md"]);
    assert_eq!(found[1].help.as_deref(), Some("did you mean `providers.d`?"));
}

#[test]
fn everything_stored_is_private() {
    let scene = scene();
    scene.write("providers.d/acme.toml", ACME);
    let digest = scene.apply().digest;
    let folder = scene.home.applied().join(&digest);
    assert_eq!(mode(&scene.home.applied()), 0o700);
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("user/providers.d/acme.toml")), 0o600);
    assert_eq!(mode(&folder.join("config.json")), 0o600);
    assert_eq!(mode(&scene.home.edge_json()), 0o600);
    let left: Vec<String> = fs::read_dir(scene.home.applied())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.') || name.ends_with(".tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn an_unfinished_folder_of_a_crash_is_swept_away() {
    let scene = scene();
    scene.load();
    fs::create_dir(scene.home.applied().join(".new-1")).unwrap();
    scene.write("providers.d/acme.toml", ACME);
    scene.apply();
    assert!(!scene.home.applied().join(".new-1").exists());
}

#[test]
fn a_start_mends_what_a_crash_left_of_edge_json() {
    let scene = scene();
    let loaded = scene.load();
    fs::write(scene.home.edge_json(), "{").unwrap();
    assert_eq!(scene.load().digest, loaded.digest);
    assert_eq!(scene.edge().digest, loaded.digest);
}

#[test]
fn services_are_written_for_this_home() {
    let scene = scene();
    scene.apply();
    let mut names: Vec<String> = fs::read_dir(scene.home.launchd())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("com.haltonlabs.meter") && name.ends_with(".plist")));
    let text = fs::read_to_string(scene.home.launchd().join(&names[0])).unwrap();
    assert!(text.contains("/opt/halton/bin/halton-meter"), "{text}");
}

#[test]
fn a_plan_names_files_settings_and_hosts() {
    let scene = scene();
    scene.load();
    let nothing = plan(&scene.home, &scene.compiled()).unwrap();
    assert!(!nothing.changes_something() && nothing.files.is_empty() && nothing.settings.is_empty());
    scene.write("providers.d/acme.toml", ACME);
    scene.write("config.toml", "[upstream]\nproxy = \"http://ann:secret@proxy.example:3128\"\n");
    let plan = plan(&scene.home, &scene.compiled()).unwrap();
    assert!(plan.changes_something());
    assert_eq!(plan.files.len(), 1);
    assert_eq!((plan.files[0].layer, plan.files[0].path.as_str()), (WhichLayer::User, "providers.d/acme.toml"));
    assert_eq!(plan.hosts_added, ["api.acme.example"]);
    assert_eq!(plan.hosts_removed, Vec::<String>::new());
    assert_eq!(plan.settings.len(), 1);
    assert_eq!(plan.settings[0].key, "upstream.proxy");
    assert_eq!(plan.settings[0].to, "http://***@proxy.example:3128");
}

#[test]
fn settings_of_the_environment_are_frozen() {
    let scene = scene();
    let env = [("HALTON_METER_DAEMON__API_PORT".to_owned(), "9765".to_owned())];
    let compiled = Compiled::of(&bundled(), &UserLayer::read(&scene.home), &env);
    put_in_force(&scene.home, &compiled, &scene.site).unwrap();
    assert_eq!(scene.load().config.daemon.api_port, 9765);
}

#[test]
fn the_edge_port_stays_until_the_setting_changes() {
    let scene = scene();
    let identity = Identity::load_or_create(&scene.home.instance_json()).unwrap();
    let held = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let wanted = held.local_addr().unwrap().port();
    let settings = meter_manifest::config::DaemonSettings { edge_port: wanted, ..Default::default() };
    let settle = |anew, lives: bool| settle_edge_port(&scene.home, &identity, &settings, anew, |_| lives).unwrap();
    let chosen = settle(false, false);
    assert!(chosen != wanted && chosen != 8080, "{chosen} is taken");
    drop(held);
    assert_eq!(settle(false, false), chosen, "clients carry it");
    assert_eq!(settle(true, true), chosen, "an edge holds it");
    assert_eq!(settle(true, false), wanted);
}

#[test]
fn a_systemd_machine_gets_units() {
    let mut scene = scene();
    scene.site.supervisor = Supervisor::Systemd;
    scene.write("systemd/halton-meter-old.service", "[Unit]\n");
    scene.apply();
    let mut names: Vec<String> = fs::read_dir(scene.home.systemd())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    // A home of its own has names of its own, and what no service is any more is gone.
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("halton-meter-") && !name.contains("old")), "{names:?}");
    assert!(!scene.home.launchd().exists());
    let kept = scene.home.applied().join("before/systemd/halton-meter-old.service");
    assert_eq!(fs::read_to_string(kept).unwrap(), "[Unit]\n");
}

#[test]
fn every_text_that_changes_is_shown_before() {
    let scene = scene();
    scene.load();
    let names = || -> Vec<String> {
        let texts = texts(&scene.home, &scene.compiled(), &scene.site).unwrap();
        texts.into_iter().map(|text| text.name).collect()
    };
    assert_eq!(names(), Vec::<String>::new());
    scene.write("providers.d/acme.toml", ACME);
    scene.write("config.toml", "[upstream]\nproxy = \"http://ann:secret@proxy.example:3128\"\n");
    let changed = texts(&scene.home, &scene.compiled(), &scene.site).unwrap();
    assert_eq!(names(), ["providers.d/acme.toml", "edge.json"]);
    assert_eq!((changed[0].before.as_deref(), changed[0].after.as_deref()), (None, Some(ACME)));
    let edge = changed[1].after.as_deref().unwrap();
    assert!(
        edge.contains("api.acme.example") && edge.contains("***@proxy.example") && !edge.contains("secret"),
        "{edge}"
    );
    let before = fs::read(scene.home.edge_json()).unwrap();
    scene.apply();
    assert_eq!(names(), Vec::<String>::new());
    assert_eq!(fs::read(scene.home.applied().join("before/edge.json")).unwrap(), before, "the last good one is kept");
}

#[test]
fn what_would_be_written_can_be_looked_at_elsewhere() {
    let scene = scene();
    let elsewhere = tempfile::tempdir().unwrap();
    let names = render_to(elsewhere.path(), &scene.home, &scene.compiled(), &scene.site).unwrap();
    assert_eq!(names.len(), 4 + 5 + 1, "{names:?}");
    assert!(names.iter().all(|name| elsewhere.path().join(name).is_file()));
    assert!(!scene.home.edge_json().exists() && !scene.home.launchd().exists());
}

#[test]
fn services_get_the_port_that_was_settled() {
    let scene = scene();
    let identity = Identity::load_or_create(&scene.home.instance_json()).unwrap();
    let held = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = held.local_addr().unwrap().port();
    let settings = meter_manifest::config::DaemonSettings { edge_port: taken, ..Default::default() };
    let port = settle_edge_port(&scene.home, &identity, &settings, false, |_| false).unwrap();
    scene.write("config.toml", &format!("[daemon]\nedge_port = {taken}\n"));
    scene.apply();
    let texts: Vec<String> = fs::read_dir(scene.home.launchd())
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_ne!(port, taken);
    assert!(texts.iter().any(|text| text.contains(&format!("<integer>{port}</integer>"))));
    assert!(!texts.iter().any(|text| text.contains(&format!("<integer>{taken}</integer>"))));
}

#[test]
fn a_file_without_permission_is_an_error_at_its_path() {
    let scene = scene();
    scene.write("providers.d/acme.toml", ACME);
    let path = scene.home.root().join("providers.d/acme.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        println!("skipped: this user reads files of every mode");
        return;
    }
    assert_eq!(scene.errors(), [("unreadable".to_owned(), "providers.d/acme.toml".to_owned())]);
}
