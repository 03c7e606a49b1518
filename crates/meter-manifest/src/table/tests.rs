use super::*;
use crate::check::check_with;
use crate::file::ManifestFile;
use meter_diag::codes::files;

/// Reads a made-up format that uses every getter.
fn read(doc: &Document<'_>) {
    let root = doc.root();
    if !root.schema() {
        return;
    }
    root.need_text("id");
    root.texts("hosts");
    root.bool("broad");
    root.integer("port", 1..=65535);
    root.number("rate");
    root.datetime("from");
    root.word("class", &[("costed", 1), ("observed", 2)]);
    if let Some(table) = root.table("match") {
        table.text("path");
        table.finish();
    }
    for table in root.tables("endpoint") {
        table.need_text("id");
        table.finish();
    }
    root.finish();
}

fn check(text: &str) {
    check_with("providers.d/x.toml", text, |file| match Document::parse(file) {
        Ok(doc) => {
            read(&doc);
            doc.findings()
        }
        Err(found) => found,
    });
}

#[test]
fn a_good_file_has_no_findings() {
    check(
        "schema = 1\nid = 'x'\nhosts = ['a', 'b']\nbroad = true\nport = 0x1F\nrate = 0.50\nfrom = 2026-03-01\nmatch.path = '/'\n[[endpoint]]\nid = 'a'\n",
    );
}

#[test]
fn every_finding_is_reported_at_its_place() {
    check(
        r#"
schema = 1
id = 3
#    ^ error[HM0109]
hosts = ["a", 3]
#             ^ error[HM0109]
broad = "yes"
#       ^^^^^ error[HM0109]
port = 70000
#      ^^^^^ error[HM0111]
rate = "1"
#      ^^^ error[HM0109]
class = "cost"
#       ^^^^^^ error[HM0110]
[match]
paht = "/"
# ^^^^ error[HM0107]
[[endpoint]]
# ^^^^^^^^^^ error[HM0108]
ids = "a"
# ^ error[HM0107]
"#,
    );
}

#[test]
fn an_unknown_key_offers_the_nearest_one_that_is_free() {
    let file = ManifestFile::new("x", "schema = 1\nid = 'x'\nhost = 'a'\n");
    let doc = Document::parse(&file).unwrap();
    read(&doc);
    let found = doc.findings();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].help.as_deref(), Some("did you mean `hosts`?"));
}

#[test]
fn a_newer_schema_is_not_read_further() {
    check("schema = 2\n#        ^ error[HM0106]\nnew = 'thing'\n");
}

#[test]
fn broken_toml_is_reported_as_such() {
    check("schema = 1\nid = \n#    ^ error[HM0101]\n");
    let found = Document::parse(&ManifestFile::new("x", "id = 1\nid = 2\n")).unwrap_err();
    assert_eq!((found[0].code, found[0].place.line), (files::NOT_TOML, 2), "{found:?}");
}

#[test]
fn what_is_no_text_or_no_content_is_refused_as_a_whole() {
    let one = |text: Vec<u8>| Document::parse(&ManifestFile::new("x", text)).unwrap_err()[0].clone();
    assert_eq!(one(Vec::new()).code, files::EMPTY_FILE);
    assert_eq!(one(b"# only a comment\n".to_vec()).code, files::EMPTY_FILE);
    let bad = one(b"a = 1\nb = \"\xff\"\n".to_vec());
    assert_eq!((bad.code, bad.place.line, bad.place.column), (files::NOT_UTF8, 2, 6));
    assert_eq!(one(vec![b'#'; crate::file::FILE_BYTES_MAX + 1]).code, files::TOO_LARGE);
}

#[test]
fn a_number_keeps_its_literal_text() {
    let file = ManifestFile::new("x", "a = 0.10\nb = 1_000\nc = 1e3\n");
    let doc = Document::parse(&file).unwrap();
    let root = doc.root();
    let text = |key| root.number(key).unwrap().value;
    assert_eq!(text("a"), Literal { text: "0.10", integer: false });
    assert_eq!(text("b"), Literal { text: "1_000", integer: true });
    assert_eq!(text("c"), Literal { text: "1e3", integer: false });
}

#[test]
fn entries_come_in_the_order_of_the_file() {
    let file = ManifestFile::new("x", "b = 1\na = 2\n[z]\nq = 1\n[c]\nd = 1\n");
    let doc = Document::parse(&file).unwrap();
    let names: Vec<&str> = doc.root().entries().iter().map(|(key, _)| key.value).collect();
    assert_eq!(names, ["b", "a", "z", "c"]);
}

#[test]
fn a_byte_order_mark_shifts_nothing() {
    let file = ManifestFile::new("x", "\u{feff}a = 12\nb = 345\n");
    let doc = Document::parse(&file).unwrap();
    assert_eq!(doc.root().number("a").unwrap().value.text, "12");
    assert_eq!(doc.root().number("b").unwrap().value.text, "345");
}
