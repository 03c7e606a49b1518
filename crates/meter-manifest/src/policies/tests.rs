use super::*;
use crate::check::check_with;
use crate::file::ManifestFile;
use meter_policy::{Budget, Limit, Per};

fn known() -> Known {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Known { providers: set(&["anthropic", "openai"]), kinds: set(&["chat", "embedding"]) }
}

fn load(file: &ManifestFile) -> (Policies, Vec<Diagnostic>) {
    let mut source = PolicySource::default();
    let doc = match Document::parse(file) {
        Ok(doc) => doc,
        Err(found) => return (Policies::none(), found),
    };
    read(&doc, &mut source);
    let mut found = doc.findings();
    let policies = source.finish(TimeZone::UTC, &known(), &mut found);
    (policies, found)
}

fn check(text: &str) {
    check_with("policies.d/x.toml", text, |file| load(file).1);
}

#[test]
fn the_manuals_example_loads_and_its_test_passes() {
    let text = r#"
schema = 1

[[rule]]
id = "acme_monthly"
stage = "enforce"
match = { project = "acme" }
budget = { usd = 200, per = "month", warn_at = [50, 80] }
on_error = "open"
message = "Project {project} has spent {spent} of {limit} this {period}; it resets {resets}."

[[rule]]
id = "no_opus_in_sandbox"
stage = "warn"
match = { project = "sandbox/*", model = "claude-opus-*" }
deny = "Use a smaller model in sandboxes."

[[test]]
given = { project = "acme", provider = "anthropic", model = "claude-sonnet-4-6", spent = { acme_monthly = 200 } }
expect = "refuse acme_monthly"
"#;
    let (policies, found) = load(&ManifestFile::new("policies.d/x.toml", text));
    assert_eq!(found, []);
    let [budget, deny] = policies.rules() else { panic!("two rules") };
    let Kind::Budget(Budget { limit: Limit::Usd(usd), per: Per::Month, warn_at }) = &budget.kind else {
        panic!("a budget")
    };
    assert_eq!((usd.pico(), warn_at.as_slice()), (200_000_000_000_000, [50, 80].as_slice()));
    assert!(matches!(deny.kind, Kind::Deny(_)));
}

#[test]
fn a_bad_rule_is_reported_where_it_goes_wrong() {
    check(
        r#"
schema = 1
[[rule]]
id = "a"
stage = "enforce"
match = { hours = "9-18", days = ["monday"], model = "[", projct = "x" }
#                 ^^^^^^ error[HM0601]
#                                ^^^^^^^^^^ error[HM0601]
#                                                    ^^^ error[HM0601]
#                                                         ^^^^^^ error[HM0107]
deny = "Not {projct}."
#           ^^^^^^^^ error[HM0602]
zone = "Europe/Berln"
#      ^^^^^^^^^^^^^^ error[HM0605]
[[rule]]
# ^ error[HM0603]
id = "b"
stage = "enforce"
[[rule]]
id = "c"
stage = "stop"
#       ^^^^^^ error[HM0110]
allow = true
budget = { usd = 1, tokens = 2, per = "month" }
# ^ error[HM0603]
[[rule]]
id = "d"
stage = "warn"
budget = { usd = 0, per = "year" }
#                ^ error[HM0604]
#                         ^^^^^^ error[HM0110]
[[rule]]
id = "e"
stage = "warn"
budget = { usd = 1, calls = 1, per = "day" }
#                   ^^^^^ error[HM0604]
[[rule]]
id = "f"
stage = "warn"
cap = { output = 1, request_bytes = 2 }
#     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error[HM0603]
"#,
    );
}

#[test]
fn rules_are_checked_against_each_other_and_against_what_is_metered() {
    check(
        r#"
schema = 1
[[rule]]
id = "all"
stage = "enforce"
deny = "No."
[[rule]]
id = "late"
#    ^^^^^^ warning[HM0607]
stage = "enforce"
match = { provider = "antropic", kind = "chat" }
#                    ^^^^^^^^^^ warning[HM0608]
allow = true
[[rule]]
id = "all"
#    ^^^^^ error[HM0116]
stage = "warn"
rate = { calls = 60, per = "hour" }
"#,
    );
}

#[test]
fn a_rules_own_test_is_run() {
    check(
        r#"
schema = 1
[[rule]]
id = "short"
stage = "enforce"
cap = { output = 100 }
[[test]]
given = { max_output = 101 }
expect = "refuse short"
[[test]]
given = { max_output = 100 }
expect = "refuse short"
#        ^^^^^^^^^^^^^^ error[HM0606]
[[test]]
given = { project = "Acme", at = 2026-01-01 }
#                   ^^^^^^ error[HM0502]
#                                ^^^^^^^^^^ error[HM0115]
expect = "deny short"
#        ^^^^^^^^^^^^ error[HM0110]
"#,
    );
}

#[test]
fn tests_take_place_on_a_wednesday_noon() {
    check(
        r#"
schema = 1
[[rule]]
id = "office"
stage = "enforce"
match = { days = "wed", hours = "12:00-12:01" }
deny = "At lunch."
[[test]]
given = {}
expect = "refuse office"
[[test]]
given = { at = 2026-11-25T12:01:00Z }
expect = "allow"
"#,
    );
}
