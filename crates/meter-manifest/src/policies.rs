//! Translates policy files into the rules of `meter-policy`, and runs the tests they bring along.

mod given;
mod rule;

use crate::table::Document;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use meter_diag::{Diagnostic, Place, codes::files, codes::policies as codes, nearest};
use meter_policy::{Kind, Policies, PolicyTest, Rule, Stage, run_tests};
use std::collections::BTreeSet;

/// What the files of `policies.d/` say, before the rules are put together.
#[derive(Debug, Default)]
pub(crate) struct PolicySource {
    rules: Vec<Ruled>,
    tests: Vec<Tested>,
}

/// A rule and where its parts stand.
#[derive(Debug)]
struct Ruled {
    rule: Rule,
    id: Place,
    /// Patterns of `match.provider` and `match.kind` as written.
    providers: Vec<(String, Place)>,
    kinds: Vec<(String, Place)>,
    unconditional: bool,
}

#[derive(Debug)]
struct Tested {
    test: PolicyTest,
    expect: Place,
}

/// Adds one file; files come in the order of their names.
pub(crate) fn read(doc: &Document<'_>, source: &mut PolicySource) {
    let root = doc.root();
    if !root.schema() {
        return;
    }
    for table in root.tables("rule") {
        source.rules.extend(rule::read(table));
    }
    for table in root.tables("test") {
        source.tests.extend(given::read(table));
    }
    root.finish();
}

/// Names that rules may ask for.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Provider names in rows.
    pub providers: BTreeSet<String>,
    /// Kinds of endpoints.
    pub kinds: BTreeSet<String>,
}

impl PolicySource {
    /// Puts the rules together, checks them against each other and against what is metered, and runs their tests.
    /// `zone` is that of rules which name none.
    pub(crate) fn finish(self, zone: TimeZone, known: &Known, found: &mut Vec<Diagnostic>) -> Policies {
        let mut kept: Vec<&Ruled> = Vec::new();
        for ruled in &self.rules {
            match kept.iter().find(|first| first.rule.id == ruled.rule.id) {
                Some(first) => {
                    let message = format!("a second rule `{}`", ruled.rule.id);
                    found.push(
                        Diagnostic::new(files::DUPLICATE_ID, ruled.id.clone(), message)
                            .other(first.id.clone(), "the first"),
                    );
                }
                None => kept.push(ruled),
            }
        }
        shadows(&kept, found);
        for ruled in &kept {
            unmatched("provider", &ruled.providers, &known.providers, found);
            unmatched("kind", &ruled.kinds, &known.kinds, found);
        }
        let rules = kept.iter().map(|ruled| ruled.rule.clone()).collect();
        // Ids are unique by now; were they not, no rule would be better than a wrong one.
        let policies = Policies::new(rules, zone).unwrap_or_else(|_| Policies::none());
        let tests: Vec<PolicyTest> = self.tests.iter().map(|tested| tested.test.clone()).collect();
        for failure in run_tests(&policies, &tests) {
            let message = format!("expected `{}`, got `{}`", failure.expected, failure.got);
            let finding = Diagnostic::new(codes::TEST_FAILED, self.tests[failure.test].expect.clone(), message);
            found.push(match failure.message {
                Some(said) => finding.help(format!("the client would have read: {said}")),
                None => finding,
            });
        }
        policies
    }
}

/// Rules that decide, behind one that decides all of their calls. Budgets count wherever they stand.
fn shadows(rules: &[&Ruled], found: &mut Vec<Diagnostic>) {
    let decides = |ruled: &Ruled| !matches!(ruled.rule.kind, Kind::Budget(_));
    for (at, ruled) in rules.iter().enumerate().filter(|(_, ruled)| decides(ruled)) {
        let answers = |earlier: &&&Ruled| {
            decides(earlier) && earlier.rule.stage == Stage::Enforce && earlier.rule.covers(&ruled.rule)
        };
        let Some(earlier) = rules[..at].iter().find(answers) else { continue };
        let what = if earlier.unconditional { "every call" } else { "all of its calls" };
        let message = format!("rule `{}` is never asked: `{}` answers {what}", ruled.rule.id, earlier.rule.id);
        found.push(
            Diagnostic::new(codes::SHADOWED_RULE, ruled.id.clone(), message).other(earlier.id.clone(), "this rule"),
        );
    }
}

fn unmatched(what: &str, patterns: &[(String, Place)], known: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    for (pattern, place) in patterns {
        // A pattern that is no glob was reported when it was read.
        let Ok(glob) = globset::Glob::new(pattern) else { continue };
        let glob = glob.compile_matcher();
        if known.iter().any(|name| glob.is_match(name)) {
            continue;
        }
        let finding = Diagnostic::new(codes::NEVER_MATCHES, place.clone(), format!("no {what} matches `{pattern}`"));
        found.push(match nearest(pattern, known.iter().map(String::as_str)) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
    }
}

/// A zone by its name, from the tables that are compiled in.
fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

#[cfg(test)]
mod tests;
