//! HM02xx: prices.
//!
//! Written by `meter-manifest`'s module of the same name; add an entry below for every kind of finding it can make.

super::codes! {
    BAD_FIGURE = 201, "bad-figure", Error,
        "A figure is a plain decimal: digits, one point, at most nine places. Exponents, signs and underscores behind the point are refused, because a price is read from its literal text and must look like what it is.",
        wrong: "input = 3e0", right: "input = 3";
    BAD_UNIT = 202, "bad-unit", Error,
        "The unit is unknown, or the meter is not counted in it. The list of units is closed.",
        wrong: "web_search = \"10 / 1000 pages\"", right: "web_search = \"10 / 1000 calls\"";
    DUPLICATE_NAME = 203, "duplicate-name", Error,
        "Two models claim one name, so a call could be priced at either, or one layer describes a model, a profile, a holiday list or a settlement twice. A name means exactly one.",
        wrong: "[[model]]\nid = \"acme-2\"\n[[model]]\nid = \"acme-3\"\naliases = [\"acme-2\"]",
        right: "[[model]]\nid = \"acme-2\"\n[[model]]\nid = \"acme-3\"";
    PATTERN_CLAIMS_NAME = 204, "pattern-claims-name", Error,
        "A pattern matches the exact name of another model. Patterns are anchored at both ends; make it narrower.",
        wrong: "match = ['acme-.*']", right: "match = ['acme-2-\\d{8}']";
    DUPLICATE_FROM = 205, "duplicate-from", Error,
        "Two rows of one model, or two meanings of one window or moving name, begin at the same instant. A change is a new entry with its own date.",
        wrong: "[[model.rates]]\nfrom = 2026-03-01\ninput = 3\n[[model.rates]]\nfrom = 2026-03-01\ninput = 2",
        right: "[[model.rates]]\nfrom = 2026-03-01\ninput = 3\n[[model.rates]]\nfrom = 2026-08-01\ninput = 2";
    BAD_TIER = 206, "bad-tier", Error,
        "A context tier has one bound, and bounds rise. It has either prices or scales.",
        wrong: "context = [{ over = 200_000, at_least = 200_000, input = 4, output = 20 }]",
        right: "context = [{ over = 200_000, input = 4, output = 20 }]";
    LACKS_METER = 207, "lacks-meter", Error,
        "A tier or an overlay with prices of its own must price every token meter that its row prices: half a tier would bill the rest at the low price without saying so.",
        wrong: "input = 2\noutput = 10\ncontext = [{ over = 200_000, input = 4 }]",
        right: "input = 2\noutput = 10\ncontext = [{ over = 200_000, input = 4, output = 20 }]";
    SET_TWICE = 208, "set-twice", Error,
        "Two overlays of equal specificity set the same meter for the same calls, so the amount would depend on their order.",
        wrong: "when = [{ class = \"batch\", scale = 0.5 }, { class = \"batch\", scale = 0.8 }]",
        right: "when = [{ class = \"batch\", scale = 0.5 }]";
    UNKNOWN_PROFILE = 209, "unknown-profile", Error,
        "`use` names a profile that no file of this provider defines.",
        wrong: "use = [\"cluade\"]", right: "use = [\"claude\"]";
    UNKNOWN_CLASS = 210, "unknown-class", Error,
        "`[tiers]` translates a word of the wire to a class that no rates of this provider know.",
        wrong: "[tiers]\nturbo = \"fastest\"", right: "[tiers]\nturbo = \"fast\"";
    NOT_COVERED = 211, "not-covered", Warning,
        "A row begins before the window it uses is described. Calls from before are priced as outside the window and graded estimated.",
        wrong: "[[window]]\nname = \"peak\"\nfrom = 2026-08-23\n# … used by a row from 2026-08-16",
        right: "[[window]]\nname = \"peak\"\nfrom = 2026-08-16";
    ZERO_WITHOUT_FREE = 212, "zero-without-free", Error,
        "A price of 0 often means that a source had no figure. It is accepted only beside a reason.",
        wrong: "input = 0", right: "free = \"preview, free until it is released\"\ninput = 0";
    BAD_INSTANT = 213, "bad-instant", Error,
        "Prices hold from an instant on that is the same everywhere: a date (00:00 UTC) or a time with its offset.",
        wrong: "from = 2026-08-16T16:00:00", right: "from = 2026-08-16T16:00:00Z";
    UNIT_MISSING = 214, "unit-missing", Error,
        "A bare number is dollars per million tokens. Everything else brings its unit.",
        wrong: "web_search = \"10\"", right: "web_search = \"10 / 1000 calls\"";
    BAD_PATTERN = 215, "bad-pattern", Error,
        "`match` holds regular expressions; this one cannot be read.",
        wrong: "match = ['acme-(2']", right: "match = ['acme-2(-\\d{8})?']";
    UNKNOWN_TARGET = 216, "unknown-target", Error,
        "The entry names a model or a meter that is not there.",
        wrong: "like = \"opnai/gpt-5.4\"", right: "like = \"openai/gpt-5.4\"";
    LIKE_TOO_DEEP = 217, "like-too-deep", Error,
        "`like` is followed three times at most, and never in a circle: nobody could tell where a price comes from.",
        wrong: "[[model]]\nid = \"a\"\nlike = \"acme/b\"\n[[model]]\nid = \"b\"\nlike = \"acme/a\"",
        right: "[[model]]\nid = \"a\"\nlike = \"acme/b\"";
    OVERLAPS = 218, "overlapping-dates", Warning,
        "A row, or a moving name, says that it still holds when the next one begins. While both hold the later one is taken; write when the earlier one ends, or leave its `until` out.",
        wrong: "[[model.rates]]\nfrom = 2026-03-01\nuntil = 2026-09-01\ninput = 3\n[[model.rates]]\nfrom = 2026-06-01\ninput = 2",
        right: "[[model.rates]]\nfrom = 2026-03-01\ninput = 3\n[[model.rates]]\nfrom = 2026-06-01\ninput = 2";
    UNKNOWN_WINDOW = 219, "unknown-window", Error,
        "An overlay names a window that the provider's files do not describe.",
        wrong: "when = [{ window = \"paek\", scale = 2 }]", right: "when = [{ window = \"peak\", scale = 2 }]";
    UNKNOWN_HOLIDAYS = 220, "unknown-holidays", Error,
        "A window names a list of holidays that is not there.",
        wrong: "not_on = \"china\"", right: "not_on = \"cn\"";
    ENDS_BEFORE_IT_BEGINS = 221, "ends-before-it-begins", Error,
        "`until` is exclusive and has to be after `from`.",
        wrong: "from = 2026-06-01\nuntil = 2026-06-01", right: "from = 2026-06-01\nuntil = 2026-07-01";
    BAD_OVERLAY = 222, "bad-overlay", Error,
        "An entry of `when` has conditions and one effect: a `scale`, or prices of its own.",
        wrong: "when = [{ class = \"batch\" }]", right: "when = [{ class = \"batch\", scale = 0.5 }]";
    BAD_WINDOW = 223, "bad-window", Error,
        "A window is made of hours in UTC (the end is exclusive), days and a fixed offset for the calendar.",
        wrong: "utc = [\"22:00-28:00\"]", right: "utc = [\"22:00-04:00\"]";
    UNKNOWN_CONDITION = 224, "unknown-condition", Error,
        "No call is known by this condition.",
        wrong: "drop = [\"tier\"]", right: "drop = [\"class\"]";
    LACKS_CONTEXT = 225, "lacks-context", Error,
        "The row has context tiers, and an overlay replaces its prices without saying what long prompts cost.",
        wrong: "context = [{ over = 200_000, scale_input = 2 }]\nwhen = [{ class = \"priority\", input = 10, output = 50 }]",
        right: "context = [{ over = 200_000, scale_input = 2 }]\nwhen = [{ class = \"priority\", input = 10, output = 50, context = [] }]";
    NO_ROWS = 226, "no-rows", Warning,
        "The model has a name and no rates, so its calls stay unpriced.",
        wrong: "[[model]]\nid = \"acme-2\"", right: "[[model]]\nid = \"acme-2\"\n[[model.rates]]\nfrom = 2026-03-01\ninput = 3\noutput = 15";
}
