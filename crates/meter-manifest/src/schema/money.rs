//! Schemas of prices and policies.

use super::{any_keys, keys, list, table, text_of, texts, truth, whole, words};
use meter_call::Meter;
use meter_price::Axis;
use serde_json::{Map, Value, json};

/// A number, or one in quotes for people whose editor rewrites numbers.
fn number(about: &str) -> Value {
    json!({ "anyOf": [{ "type": "number" }, { "type": "string" }], "description": about })
}

/// A date or an instant. Editors show TOML's own dates to a schema as text.
fn moment(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// A table with these keys and a price for any meter.
fn with_rates<const N: usize>(fixed: [(&str, Value); N]) -> Value {
    let meters: Vec<&str> = Meter::ALL.iter().map(|meter| meter.name()).collect();
    let mut table = table(keys(fixed));
    // One pattern: a property for each meter in each place makes a schema of a quarter of a megabyte.
    table["patternProperties"][format!("^({})$", meters.join("|"))] =
        figure("USD per million tokens, or text with its unit: `10 / 1000 calls`.");
    table
}

/// A number, a text with its unit, or the same with a least quantity and a step.
fn figure(about: &str) -> Value {
    let terms = table(keys([
        ("price", number("The price.")),
        ("min", text_of("Least that is billed: `10 seconds`.")),
        ("step", text_of("What a quantity is raised to: `1 second`.")),
    ]));
    json!({ "anyOf": [{ "type": "number" }, { "type": "string" }, terms], "description": about })
}

/// Why a price of 0 is meant, or what is free to begin with.
fn free() -> Value {
    let quota = table(keys([
        ("meter", text_of("What is free.")),
        ("quantity", whole(1, i64::MAX, "How many.")),
        ("per", words(&["minute", "day", "month"], "How often.")),
        ("shared", text_of("Name of the group of models that share it.")),
    ]));
    json!({ "anyOf": [{ "type": "string" }, list(quota)], "description": "Why a 0 is meant, or free quotas, for people." })
}

pub(super) fn prices() -> Map<String, Value> {
    let tier = with_rates([
        ("over", whole(1, i64::MAX, "Prompts of more tokens than this.")),
        ("at_least", whole(1, i64::MAX, "Prompts of this many tokens or more.")),
        ("scale_input", number("Factor on every prompt meter.")),
        ("scale_output", number("Factor on every answer meter.")),
        ("scope", words(&["request", "excess"], "What the tier prices.")),
        ("free", text_of("Why a 0 is meant.")),
    ]);
    let when = {
        let Value::Object(mut when) = with_rates([
            ("scale", number("Factor on every token meter.")),
            ("keep", texts("Meters that are not scaled.")),
            ("only", texts("The meters that are scaled, fees too.")),
            ("free", text_of("Why a 0 is meant.")),
            ("context", list(tier.clone())),
        ]) else {
            return Map::new();
        };
        for (axis, _) in Axis::ALL {
            let condition = json!({ "anyOf": [{ "type": "boolean" }, texts("")] });
            when["properties"][*axis] = condition;
        }
        Value::Object(when)
    };
    let row = || {
        with_rates([
            ("from", moment("First instant it holds, UTC.")),
            ("until", moment("First instant it no longer holds.")),
            ("source", text_of("Where the figures stand.")),
            ("checked", moment("When they were last compared.")),
            ("basis", words(&["announced", "observed", "import"], "How they are known.")),
            ("note", text_of("For people.")),
            ("free", free()),
            ("cache_min_tokens", whole(1, i64::MAX, "Fewest tokens that a cache keeps, for people.")),
            ("use", texts("Profiles whose modifiers hold.")),
            ("context", list(tier.clone())),
            ("when", list(when.clone())),
        ])
    };
    let model = table(keys([
        ("id", text_of("Exact name on the wire.")),
        ("aliases", texts("Other exact names.")),
        ("match", texts("Regular expressions, anchored at both ends.")),
        ("like", text_of("`provider/model` whose rows hold here too.")),
        ("drop", texts("What is not taken from it.")),
        ("from", moment("From when it is taken.")),
        ("replace", truth("The user's rows replace the bundled ones whole.")),
        ("max_output", whole(1, i64::MAX, "Most answer tokens.")),
        ("use", texts("Profiles whose modifiers hold for every row.")),
        ("when", list(when.clone())),
        ("rates", list(row())),
    ]));
    let window = table(keys([
        ("name", text_of("Name in `window` conditions.")),
        ("from", moment("From when it holds.")),
        ("utc", texts("`00:30-08:30`.")),
        ("days", texts("Days of the week.")),
        ("zone", text_of("Zone of the days.")),
        ("not_on", text_of("A list of holidays.")),
    ]));
    let holidays = table(keys([
        ("name", text_of("Name in `not_on`.")),
        ("covers", list(moment("First and last day it knows."))),
        ("dates", list(moment("A holiday."))),
    ]));
    let alias = table(keys([
        ("name", text_of("The moving name.")),
        ("to", text_of("The model it means.")),
        ("from", moment("From when.")),
        ("until", moment("Until when.")),
    ]));
    let settlement = table(keys([
        ("prefer", text_of("Whose amount counts.")),
        ("unit", text_of("Its unit.")),
        ("usd", number("One unit in USD.")),
        ("check", number("How far both may differ.")),
        ("missing", text_of("What holds when it is absent.")),
    ]));
    let credit = table(keys([
        ("name", text_of("Its name.")),
        ("amount", number("US dollars that spend is drawn from.")),
        ("from", moment("First instant it can be drawn from.")),
        ("until", moment("When what is left is lost.")),
    ]));
    let contract = table(keys([
        ("name", text_of("Its name.")),
        ("account", text_of("A label for people.")),
        ("provider", text_of("Whose prices it changes.")),
        ("from", moment("First instant it holds.")),
        ("until", moment("First instant it no longer holds.")),
        ("discount", number("Share taken off.")),
        ("except", texts("Meters without the discount.")),
        ("credit", list(credit)),
        ("rates", list(with_rates([("model", text_of("The model.")), ("free", text_of("Why a 0 is meant."))]))),
    ]));
    let plan = table(keys([
        ("name", text_of("Its name.")),
        ("provider", text_of("Whose it is.")),
        ("usd_month", number("USD a month.")),
    ]));
    let fx = table(keys([
        ("currency", text_of("ISO 4217 code, such as EUR.")),
        ("from", moment("First instant it holds.")),
        ("per_usd", number("Units of the currency for one dollar.")),
    ]));
    keys([
        ("provider", text_of("The provider it is about.")),
        ("also", texts("Other names of it, in lists of cases and on the command line.")),
        ("source", text_of("Where the figures stand.")),
        ("checked", moment("When they were last compared.")),
        ("fees", list(row())),
        ("profile", any_keys(table(keys([("when", list(when))])))),
        ("tiers", any_keys(text_of("The price class of a tier's word on the wire."))),
        ("window", list(window)),
        ("holidays", list(holidays)),
        ("alias", list(alias)),
        ("settlement", settlement),
        ("model", list(model)),
        ("contract", list(contract)),
        ("plan", list(plan)),
        ("fx", list(fx)),
    ])
}

pub(super) fn policies() -> Map<String, Value> {
    let amount = |about: &str| whole(0, i64::MAX, about);
    let scope = table(keys([
        ("project", texts("Globs on projects.")),
        ("provider", texts("Globs on provider names.")),
        ("model", texts("Globs on the model asked for.")),
        ("kind", texts("Globs on kinds of calls.")),
        ("process", texts("Globs on the caller's executable.")),
        ("hours", text_of("`09:00-18:00`.")),
        ("days", texts("`mon`, `mon-fri`.")),
        ("request_bytes_over", amount("Requests with more bytes.")),
        ("output_over", amount("Calls that may be billed for more answer tokens.")),
    ]));
    let per = || words(&["hour", "day", "week", "month"], "How long it lasts before it starts anew.");
    let percent = || whole(1, 100, "Percent.");
    let warn_at = || json!({ "anyOf": [percent(), list(percent())], "description": "When the audit is told." });
    let limits =
        || keys([("tokens", amount("Tokens.")), ("calls", amount("Calls.")), ("per", per()), ("warn_at", warn_at())]);
    let mut budget = limits();
    budget.insert("usd".into(), number("US dollars."));
    let cap = keys([("output", amount("Answer tokens.")), ("request_bytes", amount("Bytes of the request."))]);
    let rule = table(keys([
        ("id", text_of("Unique among rules.")),
        ("stage", words(&["observe", "warn", "enforce"], "How far it goes.")),
        ("match", scope),
        ("allow", json!({ "const": true, "description": "Ends the search." })),
        ("deny", text_of("Refuses, with this text.")),
        ("budget", table(budget)),
        ("rate", table(limits())),
        ("cap", table(cap)),
        ("on_error", words(&["open", "closed"], "What happens when we cannot know.")),
        ("message", text_of("What the client is told; `{project}`, `{spent}`, `{limit}`, …")),
        ("zone", text_of("Time zone of hours, days and periods.")),
    ]));
    let given = table(keys([
        ("at", moment("When; default a Wednesday noon.")),
        ("project", text_of("Whose.")),
        ("provider", text_of("Provider name.")),
        ("kind", text_of("Kind of call; default `chat`.")),
        ("model", text_of("Model asked for.")),
        ("process", text_of("The caller's executable.")),
        ("request_bytes", amount("Bytes of the request.")),
        ("max_output", amount("The request's cap.")),
        ("spent", any_keys(number("Spent so far, by rule."))),
    ]));
    let test = table(keys([
        ("given", given),
        ("expect", text_of("`allow`, `warn` or `refuse`, and the rule: `refuse acme_monthly`.")),
    ]));
    keys([("rule", list(rule)), ("test", list(test))])
}
