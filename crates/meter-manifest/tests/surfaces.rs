//! Every bundled provider's surfaces: each line is an address and where it leads.

use meter_manifest::{Model, Routed, Unmatched, bundled, load};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static MODEL: LazyLock<Model> = LazyLock::new(|| load(&bundled(), &[]).0);

/// `file/endpoint name class kind dialect prices`, with `plan` behind it where a plan pays.
fn led(model: &Model, host: &str, method: &str, target: &str) -> (String, String) {
    let (method, upgrade) = if method == "WS" { ("GET", Some("websocket")) } else { (method, None) };
    match model.route(host, 443, method, target, upgrade) {
        Routed::Endpoint(route) => {
            let dialect = route.dialect.as_ref().map_or("-", |dialect| dialect.id());
            let plan = if route.billing == meter_call::Billing::Plan { " plan" } else { "" };
            let led = format!(
                "{} {} {} {} {dialect} {}{plan}",
                route.endpoint, route.provider, route.class, route.kind, route.prices
            );
            (route.provider_id.clone(), led)
        }
        Routed::Unmatched { provider_id, unmatched: Unmatched::Observed, .. } => (provider_id, "observed".to_owned()),
        Routed::Unmatched { provider_id, unmatched: Unmatched::Ignore, .. } => (provider_id, "ignored".to_owned()),
        Routed::NotMetered => (String::new(), "not metered".to_owned()),
    }
}

/// Lines of `METHOD host/path -> where it leads`.
const SURFACES: &str = include_str!("surfaces.txt");

fn lines() -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    SURFACES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let (address, expected) = line.split_once(" -> ").unwrap_or_else(|| panic!("no arrow in {line}"));
        let (method, url) = address.split_once(' ').expect("a method");
        let slash = url.find('/').expect("a path");
        (method, &url[..slash], &url[slash..], expected)
    })
}

#[test]
fn every_surface_leads_where_its_line_says() {
    let wrong: Vec<String> = lines()
        .map(|(method, host, target, expected)| (led(&MODEL, host, method, target).1, method, host, target, expected))
        .filter(|(led, .., expected)| led != expected)
        .map(|(led, method, host, target, _)| format!("{method} {host}{target} -> {led}"))
        .collect();
    assert!(wrong.is_empty(), "leads elsewhere:\n{}", wrong.join("\n"));
}

#[test]
fn every_provider_has_a_line() {
    let told: BTreeSet<String> = lines().map(|(method, host, target, _)| led(&MODEL, host, method, target).0).collect();
    let untold: Vec<&str> = MODEL
        .providers
        .iter()
        .filter(|provider| !provider.hosts.is_empty())
        .map(|provider| provider.id.as_str())
        .filter(|id| !told.contains(*id))
        .collect();
    assert_eq!(untold, Vec::<&str>::new());
    assert!(MODEL.providers.len() >= 30, "{}", MODEL.providers.len());
}

#[test]
fn a_resource_of_ones_own_takes_three_lines() {
    let own = "schema = 1\nid = \"contoso\"\nhosts = [\"contoso.openai.azure.com\"]\nextends = \"azure\"\n";
    let mut found = Vec::new();
    let user = [meter_manifest::ManifestFile::new("providers.d/contoso.toml", own)];
    let (model, diagnostics) = load(&bundled(), &user);
    found.extend(diagnostics.iter().map(ToString::to_string));
    assert_eq!(found, Vec::<String>::new());
    let at = |method, target| led(&model, "contoso.openai.azure.com", method, target).1;
    assert_eq!(
        at("POST", "/openai/deployments/prod/chat/completions?api-version=1"),
        "chat azure costed chat openai_chat azure"
    );
    assert_eq!(at("POST", "/openai/v1/responses"), "responses azure costed chat openai_responses azure");
    assert_eq!(at("WS", "/openai/realtime?deployment=x"), "realtime azure costed realtime openai_realtime azure");
    assert_eq!(at("POST", "/anthropic/v1/messages"), "messages azure costed chat anthropic_messages azure");
    assert_eq!(at("POST", "/openai/deployments/tts/audio/speech"), "speech azure costed audio openai_speech azure");
    assert_eq!(at("GET", "/openai/models"), "other azure observed other - azure");
}

#[test]
fn an_answer_from_a_gateways_cache_is_free() {
    let target = "/v1/acct/gw/anthropic/v1/messages";
    let Routed::Endpoint(route) = MODEL.route("gateway.ai.cloudflare.com", 443, "POST", target, None) else {
        panic!("an endpoint")
    };
    assert_eq!((route.provider.as_str(), route.upstream.as_deref()), ("cloudflare", Some("anthropic")));
    assert!(route.free_when.is_some());
}
