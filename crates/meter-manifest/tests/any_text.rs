//! Whatever stands in a user's folder, loading it gives a model and findings, never a panic.

use meter_manifest::{ManifestFile, bundled, config, load};
use proptest::prelude::*;
use std::sync::LazyLock;

const PATHS: &[&str] = &[
    "providers.d/anthropic.toml",
    "providers.d/mine.toml",
    "manifests/dialects/openai_chat.toml",
    "manifests/dialects/mine.toml",
    "manifests/prices/anthropic.toml",
    "manifests/prices/mine.toml",
    "manifests/tagging.toml",
    "manifests/clients.toml",
    "manifests/services.toml",
    "policies.d/10-examples.toml",
    "policies.d/mine.toml",
    "config.toml",
    "../x",
];

/// Bundled files enough for every kind; all of them would make a run slow and reach nothing more.
fn few() -> &'static [ManifestFile] {
    static FEW: LazyLock<Vec<ManifestFile>> = LazyLock::new(|| {
        let kept = |file: &ManifestFile| {
            let rest = !file.path.contains("/prices/") && !file.path.contains("/dialects/");
            rest || file.path.contains("openai_") || file.path.contains("anthropic")
        };
        bundled().into_iter().filter(kept).collect()
    });
    &FEW
}

/// Loads a user's file and checks what holds for every finding.
fn loads(path: &str, text: &[u8]) {
    let file = ManifestFile::new(path, text);
    let (_, found) = load(few(), std::slice::from_ref(&file));
    for finding in &found {
        assert!(finding.place.line >= 1 && finding.place.column >= 1);
        assert!(!finding.message.is_empty());
        if finding.place.file == path {
            assert!(
                finding.place.span.start <= finding.place.span.end && finding.place.span.end <= text.len(),
                "{finding}"
            );
        }
    }
    let (_, _) =
        config::load(Some(&file), &[("HALTON_METER_X".into(), String::from_utf8_lossy(text).into_owned())], &[]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(path in prop::sample::select(PATHS), text in prop::collection::vec(any::<u8>(), 0..200)) {
        loads(path, &text);
    }

    /// Toml-like soup reaches further than random bytes.
    #[test]
    fn any_soup(path in prop::sample::select(PATHS), words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        loads(path, words.concat().as_bytes());
    }

    /// A good file with one piece of it overwritten.
    #[test]
    fn any_slip(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), cut in 0usize..12, word in prop::sample::select(WORDS)) {
        let file = which.get(few());
        let text = String::from_utf8(file.text.clone()).unwrap();
        let mut start = at.index(text.len());
        while !text.is_char_boundary(start) { start -= 1; }
        let mut end = (start + cut).min(text.len());
        while !text.is_char_boundary(end) { end += 1; }
        let slipped = format!("{}{word}{}", &text[..start], &text[end..]);
        loads(&file.path, slipped.as_bytes());
    }
}

const WORDS: &[&str] = &[
    "schema = 1\n",
    "schema = 2\n",
    "masked = true\n",
    "id = \"anthropic\"\n",
    "id = \"mine\"\n",
    "hosts = [\"{region}.a.b\"]\n",
    "region = [\"{region}\", \"é\"]\n",
    "extends = \"mine\"\n",
    "extends = \"openai\"\n",
    "path_prefix = \"/{a}\"\n",
    "[[endpoint]]\n",
    "[[rule]]\n",
    "[[test]]\n",
    "[[mount]]\nprovider = \"openai\"\n",
    "[[model]]\n",
    "[usage]\n",
    "[request]\n",
    "[[variable]]\n",
    "[service.edge]\n",
    "match = { path = \"/{a}:{b}\" }\n",
    "class = \"costed\"\n",
    "kind = \"chat\"\n",
    "dialect = \"openai_chat\"\n",
    "input = \"/a - cap(b, \"\n",
    "input = \"first(/é, input)\"\n",
    "stage = \"enforce\"\n",
    "deny = \"{é}\"\n",
    "budget = { usd = 1e9, per = \"day\" }\n",
    "given = { spent = { x = -1 } }\n",
    "expect = \"refuse x\"\n",
    "from = 2026-01-01\n",
    "input = 0.5\n",
    "a.b.c = 1\n",
    "[daemon]\n",
    "edge_port = 8080\n",
    "=",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "#",
    "é",
    "\u{feff}",
    "''' ",
    "1",
    "99999999999999999999",
    "inf",
    "dialect_overrides = { openai_chat = { usage.input = \"/x\" } }\n",
];
