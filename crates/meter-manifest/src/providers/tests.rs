use super::*;
use crate::check::check_with;
use crate::file::ManifestFile;
use crate::layers::Layer;
use crate::table::Document;
use meter_diag::Diagnostic;
use std::collections::BTreeSet;

/// Reads files as one layer of the user's and composes them; `acme` has prices.
fn load(files: &[ManifestFile]) -> (Vec<Provider>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let docs: Vec<Document<'_>> =
        files.iter().filter_map(|file| Document::parse(file).map_err(|more| found.extend(more)).ok()).collect();
    let sources: Vec<_> = docs.iter().filter_map(|doc| read(doc, Layer::User)).collect();
    let composed = compose(&sources, &mut found);
    check(&composed, &BTreeSet::from(["acme".to_owned()]), &mut found);
    drop(sources);
    found.extend(docs.into_iter().flat_map(Document::findings));
    (composed.into_iter().map(|composed| composed.provider).collect(), found)
}

fn expect(text: &str) {
    check_with("providers.d/acme.toml", text, |file| load(std::slice::from_ref(file)).1);
}

/// Code and place of each finding.
fn codes(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<ManifestFile> = files.iter().map(|(path, text)| ManifestFile::new(*path, *text)).collect();
    let mut found: Vec<String> = load(&files)
        .1
        .iter()
        .map(|finding| format!("{}:{} {}", finding.place.file, finding.place.line, finding.code))
        .collect();
    found.sort();
    found
}

const BASE: &str = r#"
schema = 1
id = "acme"
hosts = ["api.acme.example"]
[[endpoint]]
id = "chat"
match = { method = "POST", path = "/v1/chat/completions" }
class = "costed"
kind = "chat"
dialect = "openai_chat"
[[endpoint]]
id = "other"
match = { path = "/**" }
class = "observed"
"#;

#[test]
fn a_good_file_has_no_findings() {
    assert_eq!(codes(&[("a.toml", BASE)]), Vec::<String>::new());
}

#[test]
fn a_bad_file_is_reported_where_it_goes_wrong() {
    expect(
        r#"
schema = 1
id = "Acme"
#    ^^^^^^ error[HM0115]
nmae = "Acme"
# ^ error[HM0107]
hosts = ["API.acme.example", "127.0.0.1", "{regoin}.acme.example", "googleapis.com"]
#        ^^^^^^^^^^^^^^^^^^ error[HM0401]
#                            ^^^^^^^^^^^ error[HM0401]
#                                          ^^^^^^^^ error[HM0411]
#                                                                  ^^^^^^^^^^^^^^^^ error[HM0403]
ports = [443, 0]
#             ^ error[HM0111]
billing = "plans"
#         ^^^^^^^ error[HM0110]
path_prefix = "/v1"
# ^ error[HM0419]
[[endpoint]]
id = "a"
class = "free"
#       ^^^^^^ error[HM0110]
match = { method = "post", path = "v1", upgrade = "websockets" }
#                  ^^^^^^ error[HM0115]
#                                  ^ error[HM0404]
#                                                 ^^^^^^^^^^^^ error[HM0110]
[[endpoint]]
# ^ error[HM0108]
# ^ error[HM0108]
match = { path = "/v1/{model", capture = { model = "[" } }
#                     ^ error[HM0404]
#                                                  ^^^ error[HM0115]
[[endpoint]]
# ^ error[HM0108]
id = "b"
match = { path = "/b" }
class = "costed"
#       ^^^^^^^^ error[HM0407]
settles = true
#         ^^^^ error[HM0416]
[[endpoint]]
id = "b"
#    ^^^ error[HM0116]
match = { path = "/b2" }
class = "observed"
"#,
    );
}

#[test]
fn what_can_never_be_reached_is_an_error() {
    expect(
        r#"
schema = 1
id = "acme"
hosts = ["api.acme.example"]
[[endpoint]]
id = "all"
match = { method = ["GET", "POST"], path = "/v1/**" }
class = "observed"
[[endpoint]]
id = "dead"
match = { method = "POST", path = ["/v1/x", "/v2/x"] }
#                                  ^^^^^^^ error[HM0405]
class = "observed"
[[endpoint]]
id = "alive"
match = { path = "/v1/y" }
class = "observed"
[[endpoint]]
id = "socket"
match = { method = "GET", path = "/v1/z", upgrade = "websocket" }
class = "observed"
[[endpoint]]
id = "some"
match = { path = "/v3/{model}", capture = { model = "a*" } }
class = "observed"
[[endpoint]]
id = "rest"
match = { path = ["/v3/{model}", "/v3/x"], capture = { model = "b*" } }
#                                                      ^^^^^ error[HM0412]
class = "observed"
"#,
    );
}

#[test]
fn a_costed_endpoint_without_prices_is_warned_about_once() {
    let text = BASE.replace("id = \"acme\"", "id = \"other\"");
    assert_eq!(codes(&[("a.toml", &text)]), ["a.toml:3 HM0408"]);
    let text = BASE.replace("id = \"acme\"", "id = \"other\"\nprices = \"acme\"");
    assert_eq!(codes(&[("a.toml", &text)]), Vec::<String>::new());
    let text = BASE.replace("id = \"acme\"", "id = \"other\"\nprovider = \"acme\"");
    assert_eq!(codes(&[("a.toml", &text)]), Vec::<String>::new());
}

#[test]
fn ids_and_hosts_are_claimed_once() {
    let again = BASE.replace("api.acme", "api2.acme");
    assert_eq!(codes(&[("a.toml", BASE), ("b.toml", &again)]), ["b.toml:3 HM0116"]);
    let again = BASE.replace("id = \"acme\"", "id = \"beta\"\nprices = \"acme\"");
    assert_eq!(codes(&[("a.toml", BASE), ("b.toml", &again)]), ["b.toml:5 HM0402"]);
    let elsewhere = again.replace("hosts =", "ports = [8443]\nhosts =");
    assert_eq!(codes(&[("a.toml", BASE), ("b.toml", &elsewhere)]), Vec::<String>::new());
}

#[test]
fn a_provider_extends_another_under_a_prefix() {
    let child = r#"
schema = 1
id = "beta"
name = "Beta"
hosts = ["api.beta.example"]
prices = "acme"
billing = "plan"
extends = "acme"
path_prefix = "/inference"
[[endpoint]]
id = "embed"
match = { method = "POST", path = "/inference/v1/embed" }
class = "observed"
[[endpoint]]
id = "other"
match = { path = "/**" }
class = "observed"
kind = "rest"
"#;
    let files = [ManifestFile::new("a.toml", BASE), ManifestFile::new("b.toml", child)];
    let (providers, found) = load(&files);
    assert_eq!(found, []);
    let beta = &providers[1];
    let shown: Vec<(String, String)> =
        beta.endpoints.iter().map(|one| (one.id.clone(), one.paths[0].to_string())).collect();
    let expected = [("embed", "/inference/v1/embed"), ("chat", "/inference/v1/chat/completions"), ("other", "/**")];
    assert_eq!(shown, expected.map(|(id, path)| (id.to_owned(), path.to_owned())));
    let chat = &beta.endpoints[1];
    assert_eq!((chat.provider.as_str(), chat.prices.as_str(), chat.billing), ("beta", "acme", Billing::Plan));
    assert_eq!(beta.endpoints[2].kind, "rest");
}

#[test]
fn what_is_extended_must_exist_and_end() {
    let child = |id: &str, parent: &str| {
        format!("schema = 1\nid = \"{id}\"\nhosts = [\"{id}.example.com\"]\nextends = \"{parent}\"\n")
    };
    assert_eq!(codes(&[("a.toml", BASE), ("b.toml", &child("beta", "acmee"))]), ["b.toml:4 HM0409"]);
    assert_eq!(codes(&[("b.toml", &child("beta", "beta"))]), ["b.toml:4 HM0410"]);
    let found = codes(&[("b.toml", &child("beta", "gamma")), ("c.toml", &child("gamma", "beta"))]);
    assert_eq!(found, ["b.toml:4 HM0410", "c.toml:4 HM0410"]);
}

#[test]
fn files_that_mount_each_other_crosswise_come_to_an_end() {
    let files: Vec<(String, String)> = (0..7)
        .map(|at| {
            let mount = format!("[[mount]]\nprovider = \"p{}\"\npath_prefix = \"/x\"\n", at + 1);
            let head = format!("schema = 1\nid = \"p{at}\"\nhosts = [\"p{at}.example.com\"]\n");
            (format!("p{at}.toml"), head + &mount.repeat(40))
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = codes(&files);
    assert!(found.iter().any(|line| line.ends_with("HM0410")), "{found:#?}");
}

#[test]
fn a_gateway_mounts_others_with_their_prices() {
    let gateway = r#"
schema = 1
id = "gate"
hosts = ["gate.example.com"]
[[mount]]
provider = "acme"
path_prefix = "/v1/{account}/acme"
"#;
    let files = [ManifestFile::new("a.toml", BASE), ManifestFile::new("g.toml", gateway)];
    let (providers, found) = load(&files);
    assert_eq!(found, []);
    let chat = &providers[1].endpoints[0];
    assert_eq!(chat.id, "acme_chat");
    assert_eq!(
        (chat.provider.as_str(), chat.prices.as_str(), chat.upstream.as_deref()),
        ("gate", "acme", Some("acme"))
    );
    let captures = chat.matches("POST", "/v1/me/acme/v1/chat/completions", None).unwrap();
    assert_eq!(captures["account"], "me");
}

#[test]
fn a_template_is_there_to_be_extended() {
    let template = BASE.replace("hosts = [\"api.acme.example\"]", "template = true");
    let child = "schema = 1\nid = \"beta\"\nhosts = [\"api.beta.example\"]\nextends = \"acme\"\nprices = \"acme\"\n";
    assert_eq!(codes(&[("a.toml", &template), ("b.toml", child)]), Vec::<String>::new());
    let both = BASE.replace("hosts =", "template = true\nhosts =");
    assert_eq!(codes(&[("a.toml", &both)]), ["a.toml:5 HM0115"]);
}

#[test]
fn a_condition_is_checked_at_its_place() {
    expect(
        r#"
schema = 1
id = "acme"
hosts = ["api.acme.example"]
free_when = "header(x) = 'HIT'"
#                     ^ error[HM0415]
[[endpoint]]
id = "a"
match = { path = "/a" }
class = "observed"
[[endpoint]]
id = "b"
match = { path = "/b" }
class = "observed"
"#,
    );
}

#[test]
fn a_family_lists_its_members() {
    let text = BASE.replace(
        "hosts = [\"api.acme.example\"]",
        "hosts = [\"{region}.{tenant}.acme.example\"]\nregion = [\"eu\", \"us\"]\ntenant = [\"a\", \"b\"]",
    );
    let (providers, found) = load(&[ManifestFile::new("a.toml", text)]);
    assert_eq!(found, []);
    let hosts: Vec<&str> = providers[0].hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(hosts, ["eu.a.acme.example", "eu.b.acme.example", "us.a.acme.example", "us.b.acme.example"]);
    assert_eq!(providers[0].hosts[2].captures["region"], "us");
}

#[test]
fn an_upgrade_matches_only_where_it_is_asked_for() {
    let text = format!(
        "{BASE}[[endpoint]]\nid = \"ws\"\nmatch = {{ method = \"GET\", path = \"/v1/ws\", upgrade = \"websocket\" }}\nclass = \"observed\"\n"
    );
    let (providers, found) = load(&[ManifestFile::new("a.toml", text)]);
    assert_eq!(found, []);
    let id = |method: &str, upgrade: Option<&str>| {
        providers[0]
            .endpoints
            .iter()
            .find(|one| one.matches(method, "/v1/ws", upgrade).is_some())
            .map(|one| one.id.as_str())
    };
    assert_eq!(id("GET", None), Some("other"));
    assert_eq!(id("GET", Some("websocket")), Some("ws"));
    assert_eq!(id("CONNECT", Some("websocket")), Some("ws"), "extended CONNECT of h2");
    assert_eq!(id("POST", Some("websocket")), None);
    assert_eq!(id("GET", Some("h2c")), None);
}
