//! A user's files over the bundled ones: what changes, and what is said across files.

use meter_manifest::layers::Standing;
use meter_manifest::{ManifestFile, Model, Routed, bundled, load};

/// The model with these user's files, and the findings as `file:line code`.
fn with(files: &[(&str, &str)]) -> (Model, Vec<String>) {
    let user: Vec<ManifestFile> = files.iter().map(|(path, text)| ManifestFile::new(*path, *text)).collect();
    let (model, found) = load(&bundled(), &user);
    let shown =
        found.iter().map(|finding| format!("{}:{} {}", finding.place.file, finding.place.line, finding.code)).collect();
    (model, shown)
}

const ACME: &str = "\
schema = 1
id = \"acme\"
name = \"Acme AI\"
hosts = [\"api.acme.example\"]
extends = \"openai\"
path_prefix = \"/inference\"
prices = \"openai\"
";

#[test]
fn an_openai_shaped_provider_is_a_few_lines() {
    let text = format!(
        "{ACME}dialect_overrides = {{ openai_chat = {{ usage.cache_read = \"/prompt_cache_hit_tokens\" }} }}\n"
    );
    let (model, found) = with(&[("providers.d/acme.toml", &text)]);
    assert_eq!(found, Vec::<String>::new());
    let dialect = |host: &str, target: &str| match model.route(host, 443, "POST", target, None) {
        Routed::Endpoint(route) => route.dialect.unwrap(),
        other => panic!("{other:?}"),
    };
    let ours = dialect("api.acme.example", "/inference/v1/chat/completions");
    let theirs = dialect("api.openai.com", "/v1/chat/completions");
    assert_eq!(ours.id(), theirs.id());
    assert!(!std::sync::Arc::ptr_eq(&ours, &theirs), "an override makes another dialect");
    let untouched = dialect("api.acme.example", "/inference/v1/embeddings");
    assert!(std::sync::Arc::ptr_eq(&untouched, &dialect("api.openai.com", "/v1/embeddings")), "the rest is shared");
}

#[test]
fn what_names_nothing_is_reported_across_files() {
    let text = ACME.replace("extends = \"openai\"", "extends = \"openay\"");
    assert_eq!(with(&[("providers.d/acme.toml", &text)]).1, ["providers.d/acme.toml:5 HM0409"]);

    let text = format!(
        "{ACME}[dialect_overrides]\nopenai_chatt = {{ usage.input = \"/x\" }}\nollama = {{ usage.input = \"/x\" }}\n"
    );
    let found = with(&[("providers.d/acme.toml", &text)]).1;
    assert_eq!(found, ["providers.d/acme.toml:9 HM0304", "providers.d/acme.toml:10 HM0418"]);

    let text = format!(
        "{ACME}[[endpoint]]\nid = \"x\"\nmatch = {{ path = \"/x\" }}\nclass = \"observed\"\ndialect = \"openai_chut\"\n"
    );
    let (_, found) = with(&[("providers.d/acme.toml", &text)]);
    assert_eq!(found, ["providers.d/acme.toml:12 HM0406"]);

    let text = format!(
        "{ACME}[[endpoint]]\nid = \"x\"\nmatch = {{ path = \"/x\" }}\nclass = \"observed\"\ndialect = \"openai_embeddings\"\nstream = true\n"
    );
    assert_eq!(with(&[("providers.d/acme.toml", &text)]).1, ["providers.d/acme.toml:13 HM0413"]);

    let text = ACME.replace("api.acme.example", "api.openai.com");
    assert_eq!(with(&[("providers.d/acme.toml", &text)]).1, ["providers.d/acme.toml:4 HM0402"]);
}

#[test]
fn a_mistake_in_an_override_is_told_where_it_was_written() {
    let text = format!("{ACME}dialect_overrides = {{ openai_chat = {{ usage.input = \"/a - nothing\" }} }}\n");
    let (_, found) = load(&bundled(), &[ManifestFile::new("providers.d/acme.toml", text.as_str())]);
    assert_eq!(found.len(), 1, "{found:#?}");
    let place = &found[0].place;
    assert_eq!(
        (found[0].code.to_string().as_str(), place.file.as_str(), place.line),
        ("HM0302", "providers.d/acme.toml", 8)
    );
    assert_eq!(&text[place.span.start..place.span.end], "n");
}

#[test]
fn a_masked_provider_is_not_metered_and_says_so_in_the_list() {
    let (model, found) = with(&[("providers.d/xai.toml", "schema = 1\nmasked = true\n")]);
    assert_eq!(found, Vec::<String>::new());
    assert!(!model.is_metered("api.x.ai", 443) && model.is_metered("api.anthropic.com", 443));
    let row = model.files.iter().find(|row| row.path == "providers.d/xai.toml").unwrap();
    assert_eq!(row.standing, Standing::Masked);
    // What others extend cannot be hidden from them.
    let (_, found) = with(&[("providers.d/openai.toml", "schema = 1\nmasked = true\n")]);
    for heir in ["groq", "mistral", "openai_regional"] {
        let place = format!("providers.d/{heir}.toml:");
        assert!(found.iter().any(|line| line.starts_with(&place) && line.ends_with(" HM0409")), "{heir}: {found:?}");
    }
}

#[test]
fn a_truncated_save_switches_nothing_off() {
    let (model, found) = with(&[("providers.d/anthropic.toml", "")]);
    assert_eq!(found, ["providers.d/anthropic.toml:1 HM0104"]);
    assert!(model.is_metered("api.anthropic.com", 443));
}

#[test]
fn a_price_file_of_the_users_merges_and_others_replace_whole() {
    let price = "schema = 1\nprovider = \"acme\"\nsource = \"https://acme.example\"\nchecked = 2026-11-24\n\
        [[model]]\nid = \"acme-1\"\n[[model.rates]]\nfrom = 2026-01-01\ninput = 1\noutput = 2\n";
    let text = ACME.replace("prices = \"openai\"\n", "");
    let (model, found) = with(&[("providers.d/acme.toml", &text), ("manifests/prices/acme.toml", price)]);
    assert_eq!(found, Vec::<String>::new());
    assert!(model.prices.providers().any(|id| id == "acme") && model.prices.providers().any(|id| id == "anthropic"));
    let (_, found) = with(&[("providers.d/acme.toml", &text)]);
    assert_eq!(found, ["providers.d/acme.toml:2 HM0408"]);
}

#[test]
fn azure_is_a_template_to_extend() {
    let text = "schema = 1\nid = \"azure_contoso\"\nhosts = [\"contoso.openai.azure.com\"]\nextends = \"azure\"\n";
    let (model, found) = with(&[("providers.d/azure_contoso.toml", text)]);
    assert_eq!(found, Vec::<String>::new());
    let target = "/openai/deployments/team%2Dchat/chat/completions?api-version=2025-04-01-preview";
    let Routed::Endpoint(route) = model.route("contoso.openai.azure.com", 443, "POST", target, None) else {
        panic!("an endpoint")
    };
    assert_eq!(route.facts.captures["deployment"], "team-chat");
    assert_eq!((route.provider.as_str(), route.prices.as_str()), ("azure", "azure"));
    assert!(model.providers.iter().all(|provider| provider.id != "azure"), "a template has no hosts of its own");
}

#[test]
fn policies_see_what_is_metered() {
    let rule = |provider: &str| {
        format!(
            "schema = 1\n[[rule]]\nid = \"r\"\nstage = \"warn\"\nmatch = {{ provider = \"{provider}\" }}\ndeny = \"No.\"\n"
        )
    };
    assert_eq!(with(&[("policies.d/50-mine.toml", &rule("gem*"))]).1, Vec::<String>::new());
    assert_eq!(with(&[("policies.d/50-mine.toml", &rule("antropic"))]).1, ["policies.d/50-mine.toml:5 HM0608"]);
    let (model, _) = with(&[
        ("policies.d/50-b.toml", &rule("xai")),
        ("policies.d/40-a.toml", &rule("xai").replace("\"r\"", "\"first\"")),
    ]);
    let order: Vec<&str> = model.policies.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(order, ["first", "r"], "file names give the order");
}
