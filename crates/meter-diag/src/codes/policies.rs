//! HM06xx: policies.

super::codes! {
    BAD_SCOPE = 601, "bad-match", Error,
        "A condition of `match` cannot be used: a glob that is none, a time of day or a day that does not exist.",
        wrong: "match = { hours = \"9-18\" }", right: "match = { hours = \"09:00-18:00\" }";
    BAD_MESSAGE = 602, "bad-message", Error,
        "The text has a brace that opens no known place.",
        wrong: "message = \"{projct} is out of money\"", right: "message = \"{project} is out of money\"";
    NO_KIND = 603, "rule-without-effect", Error,
        "A rule says exactly one of `allow`, `deny`, `budget`, `cap` and `rate`.",
        wrong: "[[rule]]\nid = \"x\"\nstage = \"warn\"", right: "[[rule]]\nid = \"x\"\nstage = \"warn\"\ndeny = \"Not here.\"";
    BAD_BUDGET = 604, "bad-budget", Error,
        "A budget has one limit (`usd`, `tokens` or `calls`), above zero, per hour, day, week or month.",
        wrong: "budget = { usd = 200, tokens = 1000, per = \"month\" }", right: "budget = { usd = 200, per = \"month\" }";
    BAD_ZONE = 605, "bad-zone", Error,
        "There is no time zone of this name.",
        wrong: "zone = \"Europe/Berln\"", right: "zone = \"Europe/Berlin\"";
    TEST_FAILED = 606, "policy-test-failed", Error,
        "A rule's own test came out otherwise. Either the rules do not do what was meant, or the expectation is out of date.",
        wrong: "given = { project = \"acme\", spent = { acme_monthly = 10 } }\nexpect = \"refuse acme_monthly\"",
        right: "given = { project = \"acme\", spent = { acme_monthly = 200 } }\nexpect = \"refuse acme_monthly\"";
    SHADOWED_RULE = 607, "unreachable-rule", Warning,
        "An earlier enforcing rule answers every call that this one is about, so this one never decides. Put the narrower rule first.",
        wrong: "[[rule]]\nid = \"all\"\nstage = \"enforce\"\nallow = true\n# and then another rule that denies", right: "# the narrower rule first";
    NEVER_MATCHES = 608, "rule-never-matches", Warning,
        "No metered provider or endpoint has what the rule asks for, so it can never match.",
        wrong: "match = { provider = \"antropic\" }", right: "match = { provider = \"anthropic\" }";
}
