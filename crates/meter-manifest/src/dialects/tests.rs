use super::*;
use crate::ManifestFile;
use crate::check::check_with;
use crate::table::Document;

const REFUSAL: &str = "\n[refusal]\nstatus = 403\nbody = { error = \"{message}\" }\n";

/// Findings of one dialect file, which ends with a good `[refusal]` unless it has its own.
fn check(text: &str) {
    let refusal = if text.contains("[refusal]") || text.contains("extends") { "" } else { REFUSAL };
    let text = format!("schema = 1\nid = \"x\"\n{text}{refusal}");
    check_with("manifests/dialects/x.toml", &text, |file| found(std::slice::from_ref(file)));
}

fn found(files: &[ManifestFile]) -> Vec<Diagnostic> {
    let documents: Vec<Document<'_>> = files.iter().map(|file| Document::parse(file).expect("TOML")).collect();
    let mut dialects = Dialects::default();
    documents.iter().for_each(|document| dialects.add(document));
    let mut found = dialects.finish(None);
    found.extend(documents.into_iter().flat_map(Document::findings));
    found
}

#[test]
fn expressions_are_told_at_their_column() {
    check(
        r#"
[usage]
input = "/prompt_tokens -cache_read"
#                      ^ error[HM0301]
output = "/a + frist(/b, /c)"
#              ^ error[HM0301]
cache_read = "/a/**/b"
#                ^ error[HM0301]
reasoning = "cap(/a)"
#                  ^ error[HM0301]
"#,
    );
}

#[test]
fn names_have_to_name_something() {
    check(
        r#"
[request]
model = "/model"
[usage]
input = "/prompt_tokens - cached"
#                         ^ error[HM0302]
output = "request(modle)"
#                 ^ error[HM0302]
cache_read = "response(model)"
#                      ^ error[HM0302]
"#,
    );
}

#[test]
fn a_circle_is_told_once_and_variants_count() {
    check(
        r#"
[usage]
input = "/in - output"
# ^ error[HM0303]
output = "/all - input"
"#,
    );
    check(
        r#"
[usage]
input = "/in"
# ^ error[HM0303]
output = "/all - input"
[[usage.variant]]
when = "output"
input = "/other"
"#,
    );
}

#[test]
fn unknown_words_are_told() {
    check(
        r#"
[usages]
# ^ error[HM0107]
input = "/in"
[usage]
final = "always"
#       ^^^^^^^^ error[HM0110]
merge = "first"
#       ^^^^^^^ error[HM0110]
inputs = "/in"
# ^ error[HM0107]
[error]
code = "/code"
kode = "/code"
# ^ error[HM0107]
class = { x = "ratelimit" }
#             ^^^^^^^^^^^ error[HM0110]
[framing]
"application/octet-stream" = "lines"
#                            ^^^^^^^ error[HM0110]
[refusal]
status = 200
#        ^^^ error[HM0115]
body = { error = "{massage}" }
#                 ^ error[HM0110]
"#,
    );
}

#[test]
fn what_has_to_be_there_is_missed() {
    check(
        r#"
[[usage.variant]]
# ^ error[HM0108]
input = "/in"
[usage.lines]
#      ^^^^^ error[HM0108]
model = "/model"
"#,
    );
    let found = found(&[ManifestFile::new("manifests/dialects/x.toml", "schema = 1\nid = \"x\"\n")]);
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), vec![codes::REFUSAL_WITHOUT_ANSWER]);
}

#[test]
fn parents_have_to_be_there() {
    check(
        r#"
extends = "y"
#         ^^^ error[HM0304]
"#,
    );
    check(
        r#"
extends = "x"
#         ^^^ error[HM0304]
"#,
    );
}

#[test]
fn what_nothing_reads_is_a_warning() {
    check(
        r#"
[response]
modle = "/model"
# ^ warning[HM0306]
item = "/item"
[kind]
transcription = "response(item)"
"#,
    );
}

#[test]
fn an_inherited_mistake_is_told_once() {
    let base = format!("schema = 1\nid = \"base\"\n[usage]\ninput = \"/a +\"\n{REFUSAL}");
    let files = [
        ManifestFile::new("manifests/dialects/base.toml", base),
        ManifestFile::new("manifests/dialects/heir.toml", "schema = 1\nid = \"heir\"\nextends = \"base\"\n"),
    ];
    let found = found(&files);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].place.file, "manifests/dialects/base.toml");
}

#[test]
fn a_capture_that_no_endpoint_makes_is_told() {
    let text = format!("schema = 1\nid = \"x\"\n[request]\nmodel = \"path(model)\"\n{REFUSAL}");
    let file = ManifestFile::new("manifests/dialects/x.toml", text);
    let document = Document::parse(&file).expect("TOML");
    let faults = |captures: &[&str]| {
        let mut dialects = Dialects::default();
        dialects.add(&document);
        let dialect = dialects.compiled("x", &[]).expect("compiles");
        dialects.used(&dialect, &captures.iter().map(|name| (*name).to_owned()).collect());
        dialects.finish(None)
    };
    assert!(faults(&["model"]).is_empty());
    let found = faults(&["deployment"]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].place.line, found[0].place.column), (codes::UNCAPTURED_PATH, 4, 15));
}

#[test]
fn every_bundled_dialect_is_clean() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/dialects");
    let files: Vec<ManifestFile> = std::fs::read_dir(folder)
        .expect("the folder of dialects")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = format!("manifests/dialects/{}", entry.file_name().to_string_lossy());
            ManifestFile::new(name, std::fs::read(entry.path()).expect("a file"))
        })
        .collect();
    assert!(files.len() >= 23, "{}", files.len());
    let found = found(&files);
    assert!(found.is_empty(), "{found:#?}");
}
