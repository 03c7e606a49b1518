use super::*;
use crate::check::check_with;

fn file(text: &str) -> ManifestFile {
    ManifestFile::new("config.toml", text)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn without_anything_the_defaults_hold() {
    let (effective, found) = load_with_origins(None, &[], &[]);
    assert_eq!(found, []);
    assert_eq!(effective.config, Config::default());
    assert!(effective.origins.values().all(|origin| *origin == Origin::Default));
}

#[test]
fn later_layers_win_key_by_key_and_say_so() {
    let file = file("[daemon]\nedge_port = 9001\ninternal_port = 9002\napi_port = 9003\n");
    let env = pairs(&[
        ("HALTON_METER_DAEMON__INTERNAL_PORT", "9102"),
        ("HALTON_METER_DAEMON__API_PORT", "9103"),
        ("PATH", "/bin"),
    ]);
    let flags = pairs(&[("daemon.api_port", "9203")]);
    let (effective, found) = load_with_origins(Some(&file), &env, &flags);
    assert_eq!(found, []);
    let daemon = &effective.config.daemon;
    assert_eq!((daemon.edge_port, daemon.internal_port, daemon.api_port), (9001, 9102, 9203));
    let origin = |key: &str| effective.origins[key].to_string();
    assert_eq!(origin("daemon.edge_port"), "config.toml:2");
    assert_eq!(origin("daemon.internal_port"), "HALTON_METER_DAEMON__INTERNAL_PORT");
    assert_eq!(origin("daemon.api_port"), "flag");
    assert_eq!(origin("report.currency"), "default");
}

#[test]
fn every_key_can_be_said_in_the_file_and_as_text() {
    let text = r#"
[daemon]
edge_port = 1
internal_port = 2
api_port = 3
[upstream]
ca_file = "/ca.pem"
proxy = "http://user:pass@proxy.example:3128"
no_proxy = ["a.example", ".b.example"]
resolve = { "api.acme.example" = "127.0.0.1:8443", "b.example:444" = "::1" }
spares = false
[cors]
allow_origins = ["http://localhost:3000", "https://app.example"]
[api]
token_file = "/token"
[capture]
bodies = true
[retention]
rows_days = 5
bodies_days = 6
[report]
zone = "Europe/Berlin"
currency = "EUR"
[pricing]
key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
"#;
    let said = [
        ("HALTON_METER_DAEMON__EDGE_PORT", "1"),
        ("HALTON_METER_DAEMON__INTERNAL_PORT", "2"),
        ("HALTON_METER_DAEMON__API_PORT", "3"),
        ("HALTON_METER_UPSTREAM__CA_FILE", "/ca.pem"),
        ("HALTON_METER_UPSTREAM__PROXY", "http://user:pass@proxy.example:3128"),
        ("HALTON_METER_UPSTREAM__NO_PROXY", "a.example, .b.example"),
        ("HALTON_METER_UPSTREAM__RESOLVE", "api.acme.example=127.0.0.1:8443,b.example:444=::1"),
        ("HALTON_METER_UPSTREAM__SPARES", "false"),
        ("HALTON_METER_CORS__ALLOW_ORIGINS", "http://localhost:3000,https://app.example"),
        ("HALTON_METER_API__TOKEN_FILE", "/token"),
        ("HALTON_METER_CAPTURE__BODIES", "true"),
        ("HALTON_METER_RETENTION__ROWS_DAYS", "5"),
        ("HALTON_METER_RETENTION__BODIES_DAYS", "6"),
        ("HALTON_METER_REPORT__ZONE", "Europe/Berlin"),
        ("HALTON_METER_REPORT__CURRENCY", "EUR"),
        ("HALTON_METER_PRICING__KEY", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"),
    ];
    assert_eq!(said.len(), KEYS.len(), "a new key belongs into this test");
    let (from_file, found) = load(Some(&file(text)), &[], &[]);
    assert_eq!(found, []);
    let (from_env, found) = load(None, &pairs(&said), &[]);
    assert_eq!(found, []);
    assert_eq!(from_file, from_env);
    assert_eq!(from_file.upstream.resolve["api.acme.example"], "127.0.0.1:8443");
    assert_ne!(from_file, Config::default());
}

#[test]
fn a_bad_setting_is_reported_where_it_stands() {
    let text = r#"
[daemon]
edge_port = 8080
#           ^^^^ error[HM0701]
api_prot = 1
# ^ error[HM0107]
internal_port = "8090"
#               ^^^^^^ error[HM0109]
[upstream]
proxy = "proxy.example:3128"
#       ^^^^^^^^^^^^^^^^^^^^ error[HM0703]
resolve = { "a.example" = "b.example" }
#         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error[HM0704]
[cors]
allow_origins = ["*"]
#               ^^^^^ error[HM0705]
[report]
currency = "euro"
#          ^^^^^^ error[HM0115]
[pricing]
key = "untrusted comment: minisign public key"
#     ^ error[HM0115]
[retention]
rows_days = -1
#           ^^ error[HM0115]
[cloud]
# ^ error[HM0107]
"#;
    check_with("config.toml", text, |file| load(Some(file), &[], &[]).1);
}

#[test]
fn a_bad_value_leaves_the_layer_below_in_force() {
    let (config, found) =
        load(Some(&file("[daemon]\nedge_port = 9001\n")), &pairs(&[("HALTON_METER_DAEMON__EDGE_PORT", "many")]), &[]);
    assert_eq!(config.daemon.edge_port, 9001);
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["$HALTON_METER_DAEMON__EDGE_PORT:1:1: error[HM0701]: `many` is no whole number"]
    );
}

#[test]
fn variables_that_are_no_settings_are_told_apart() {
    let env = pairs(&[
        ("HALTON_METER_HOME", "/x"),
        ("HALTON_METER_RUN", "1"),
        ("HALTON_METER_DEAMON__EDGE_PORT", "1"),
        ("HALTON_PROJECT", "p"),
    ]);
    let (_, found) = load(None, &env, &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, codes::UNKNOWN_VARIABLE);
    assert_eq!(found[0].help.as_deref(), Some("did you mean `daemon.edge_port`?"));
}

#[test]
fn two_roles_cannot_share_a_port() {
    let (_, found) = load(Some(&file("[daemon]\nedge_port = 8090\n")), &[], &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, codes::SAME_PORT);
}

#[test]
fn a_password_is_not_printed() {
    let proxy = Secret("http://user:pa@ss@proxy.example:3128".into());
    assert_eq!(proxy.to_string(), "http://***@proxy.example:3128");
    assert!(!format!("{proxy:?}").contains("pa@ss"));
    let (_, found) = load(Some(&file("[upstream]\nproxy = \"https://user:hush@proxy.example\"\n")), &[], &[]);
    assert!(found[0].to_string().contains("HM0703") && !found[0].to_string().contains("hush"));
}

#[test]
fn an_empty_settings_file_is_fine() {
    assert_eq!(load(Some(&file("# nothing yet\n")), &[], &[]), (Config::default(), vec![]));
}
