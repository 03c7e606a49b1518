//! A provider, printed as one file, reads back as the same provider.
//!
//! Providers are what people write most and what files compose (`extends`, prefixes, regions), so they have a printer, for
//! people too. The other kinds have none: what is stored of them is their text, byte for byte, and the snapshot's own tests
//! hold that to be the identity.

use meter_manifest::layers::Kind;
use meter_manifest::{ManifestFile, Provider, bundled, load};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Dialects and the providers that files extend.
static BESIDE: LazyLock<Vec<ManifestFile>> = LazyLock::new(|| {
    let kept = |path: &str| match Kind::of(path) {
        Some(Kind::Dialect) => path.contains("/openai_") || path.contains("/anthropic_"),
        Some(Kind::Provider) => matches!(path, "providers.d/openai.toml" | "providers.d/anthropic.toml"),
        _ => false,
    };
    bundled().into_iter().filter(|file| kept(&file.path)).collect()
});

/// A provider without what is compiled apart from it.
fn bare(mut provider: Provider) -> String {
    for endpoint in &mut provider.endpoints {
        endpoint.dialect = None;
    }
    format!("{provider:#?}")
}

/// The provider of one file over the others, and the errors told of that file.
fn read(beside: &[ManifestFile], path: &str, text: &str) -> (Option<Provider>, Vec<String>) {
    let (model, found) = load(beside, &[ManifestFile::new(path, text)]);
    let id = text.lines().find_map(|line| line.strip_prefix("id = ")).map(|id| id.trim_matches('"').to_owned());
    let errors = found.iter().filter(|one| one.is_error() && one.place.file == path);
    (model.providers.into_iter().find(|one| Some(&one.id) == id.as_ref()), errors.map(ToString::to_string).collect())
}

#[test]
fn every_bundled_provider_reads_back() {
    // Without prices there are warnings only, and it is fast.
    let all: Vec<ManifestFile> =
        bundled().into_iter().filter(|file| Kind::of(&file.path) != Some(Kind::Prices)).collect();
    let (model, _) = load(&all, &[]);
    assert!(model.providers.len() >= 10);
    for provider in model.providers {
        let path = format!("providers.d/{}.toml", provider.id);
        let text = provider.to_toml();
        let (again, errors) = read(&all, &path, &text);
        assert_eq!(errors, Vec::<String>::new(), "{text}");
        let (mut wanted, mut again) = (provider, again.unwrap());
        for endpoint in wanted.endpoints.iter_mut().chain(&mut again.endpoints) {
            endpoint.upstream = None;
        }
        assert_eq!(bare(wanted), bare(again), "{text}");
    }
}

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,6}"
}

/// The text of one endpoint; `n` keeps ids apart.
fn endpoint(n: usize) -> impl Strategy<Value = String> {
    let path = prop::collection::vec(prop_oneof![word(), Just("{model}".to_owned()), Just("*".to_owned())], 1..4)
        .prop_map(move |parts| {
            format!("/e{n}/{}", parts.join("/").replacen("{model}", "{m}", 1).replace("{model}", "x"))
        });
    let paths = prop_oneof![
        path.clone().prop_map(|path| format!("'{path}'")),
        (path.clone(), path).prop_map(|(one, two)| format!("['{one}', '{two}/z']")),
    ];
    let method = prop_oneof![Just(""), Just("method = 'POST', "), Just("method = ['GET', 'PUT'], ")];
    let class = prop_oneof![
        Just("class = 'costed'\nkind = 'chat'\ndialect = 'openai_chat'\n"),
        Just("class = 'costed'\nkind = 'other'\ndialect = 'anthropic_messages'\nstream = true\n"),
        Just("class = 'zero_cost'\nkind = 'count'\n"),
        Just("class = 'observed'\ndialect = 'openai_responses'\nsettles = true\n"),
        Just("class = 'observed'\n"),
    ];
    let more = prop_oneof![
        Just(""),
        Just("billing = 'plan'\n"),
        Just("free_when = \"header(x-cache) == 'HIT'\"\n"),
        Just("provider = 'elsewhere'\n"),
        Just("prices = 'openai'\n"),
        Just("provider = 'elsewhere'\nprices = 'openai'\n"),
    ];
    let upgrade = prop_oneof![4 => Just(""), 1 => Just(", upgrade = 'websocket'")];
    (paths, method, class, more, upgrade).prop_map(move |(paths, method, class, more, upgrade)| {
        format!("[[endpoint]]\nid = 'e{n}'\nmatch = {{ {method}path = {paths}{upgrade} }}\n{class}{more}")
    })
}

/// The text of a provider's file, mostly a good one.
fn file() -> impl Strategy<Value = String> {
    let top = (
        word(),
        "[ -~é☃\u{7f}]{0,12}",
        prop_oneof![
            Just("hosts = ['api.acme.example']\n"),
            Just("hosts = ['a.acme.example', '{region}.acme.example']\nregion = ['eu', 'us-1']\n"),
            Just("hosts = ['azure.com']\nbroad = true\n"),
        ],
        prop_oneof![Just(""), Just("ports = 8443\n"), Just("ports = [443, 8443]\n")],
        prop_oneof![Just(""), Just("unmatched = 'ignore'\n"), Just("provider = 'other'\n"), Just("billing = 'plan'\n")],
        prop_oneof![
            Just(""),
            Just("extends = 'openai'\n"),
            Just("extends = 'anthropic'\npath_prefix = ['/in', '/of/{account}']\n"),
        ],
        prop_oneof![Just(""), Just("prices = 'openai'\n"), Just("free_when = 'header(x-free)'\n")],
    );
    (top, endpoint(0), endpoint(1), endpoint(2)).prop_map(|(top, one, two, three)| {
        let (id, name, hosts, ports, extra, extends, prices) = top;
        let name = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\u{7f}', "\\u007f");
        format!(
            "schema = 1\nid = \"x{id}\"\nname = \"{name}\"\n{hosts}{ports}{extra}{extends}{prices}{one}{two}{three}"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_provider_reads_back(text in file()) {
        let (provider, errors) = read(&BESIDE, "providers.d/mine.toml", &text);
        prop_assume!(errors.is_empty());
        let provider = provider.expect("a file without errors is a provider");
        let printed = provider.to_toml();
        let (again, errors) = read(&BESIDE, "providers.d/mine.toml", &printed);
        prop_assert_eq!(errors, Vec::<String>::new(), "{}\nprinted:\n{}", text, printed);
        let again = again.expect("printed as a provider");
        prop_assert_eq!(again.to_toml(), printed.clone());
        prop_assert_eq!(bare(provider), bare(again), "{}\nprinted:\n{}", text, printed);
    }
}
