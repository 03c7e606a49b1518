//! Schemas of everything but prices and policies.

use super::{any_keys, keys, list, table, text_of, texts, truth, whole, words};
use crate::config::{KEYS, Shape};
use meter_attribution::Source;
use meter_call::{EndpointClass, ErrorClass, Meter};
use serde_json::{Map, Value, json};

pub(super) fn provider() -> Map<String, Value> {
    let classes: Vec<&str> = EndpointClass::ALL.iter().map(|class| class.as_str()).collect();
    let billing = || words(&["api", "plan"], "Who pays how: per use, or a flat subscription.");
    let condition = || text_of("Condition on the answer's headers under which a call costs nothing.");
    let request = table(keys([
        ("method", texts("`GET`, `POST`, …; absent = any.")),
        ("path", texts("`*` one segment, `**` the rest, `{name}` captures. The query is never matched.")),
        ("upgrade", words(&["websocket"], "Only an upgrade matches; without it none does.")),
        ("capture", any_keys(text_of("Glob that the capture of this name must match."))),
    ]));
    let endpoint = table(keys([
        ("id", text_of("Unique within the provider.")),
        ("match", request),
        ("class", words(&classes, "What it means for the bill.")),
        ("kind", text_of("Kind of call in rows and policies: `chat`, `embeddings`, …")),
        ("dialect", text_of("How to read it: an id of `manifests/dialects/`.")),
        ("stream", truth("Whether it streams, where neither request nor framing tells.")),
        ("settles", truth("A read of an earlier call: its usage closes that call's row, once.")),
        ("billing", billing()),
        ("free_when", condition()),
        ("provider", text_of("The name in rows.")),
        ("prices", text_of("Whose price file holds.")),
    ]));
    let mount = table(keys([
        ("provider", text_of("The provider whose endpoints are mounted.")),
        ("path_prefix", texts("What stands before its paths.")),
    ]));
    let members = || texts("What the placeholder of this name in `hosts` stands for.");
    keys([
        ("id", text_of("Unique among providers.")),
        ("name", text_of("Name for people.")),
        ("hosts", texts("Exact names, lower case; `{region}` and the like are listed beside.")),
        ("region", members()),
        ("location", members()),
        ("resource", members()),
        ("tenant", members()),
        ("ports", json!({ "anyOf": [whole(1, 65535, ""), list(whole(1, 65535, ""))], "description": "Default 443." })),
        ("broad", truth("Allows a name that many people have hosts below.")),
        ("template", truth("Has no hosts; only others extend it.")),
        ("provider", text_of("The name in rows; default the id.")),
        (
            "prices",
            text_of("Whose price file holds; default the provider. `none`: nobody keeps a list, rows say unpriced."),
        ),
        ("billing", billing()),
        ("free_when", condition()),
        ("unmatched", words(&["observed", "ignore"], "What a path that no endpoint claims becomes.")),
        ("extends", text_of("The provider whose endpoints are inherited.")),
        ("path_prefix", texts("What stands before inherited paths.")),
        ("dialect_overrides", any_keys(json!({ "type": "object" }))),
        ("endpoint", list(endpoint)),
        ("mount", list(mount)),
    ])
}

pub(super) fn dialect() -> Map<String, Value> {
    // Expressions are the loader's; here only the tables and the closed words stand.
    let fields = |about: &str| json!({ "type": "object", "description": about });
    let meters: Map<String, Value> = Meter::ALL
        .iter()
        .map(|meter| (meter.name().to_owned(), texts("Expression over the message.")))
        .chain(keys([
            ("merge", words(&["last", "nonzero"], "`nonzero`: counts that are all 0 replace nothing.")),
            ("final", words(&["seen", "finish", "end"], "When usage is the last word.")),
        ]))
        .collect();
    let classes: Vec<&str> = ErrorClass::ALL.iter().map(|class| class.as_str()).collect();
    let class = || any_keys(words(&classes, "Class of the error."));
    keys([
        ("id", text_of("Id and file name.")),
        ("extends", text_of("The dialect whose tables are merged under this one.")),
        ("name", text_of("Where a message's name stands; default `/type`.")),
        ("request", fields("What the client sent.")),
        ("response", fields("What the server sent.")),
        ("usage", json!({ "type": "object", "properties": meters, "description": "Meters as expressions." })),
        ("beside", fields("Tokens of a second model beside the first, and where it is named.")),
        ("rows", fields("How one exchange becomes several rows.")),
        ("end", fields("How a stream ends.")),
        ("error", json!({ "type": "object", "properties": keys([("class", class()), ("message_class", class())]) })),
        ("kind", any_keys(texts("Condition that names the kind of a row."))),
        ("refusal", fields("How a policy answers.")),
        ("framing", any_keys(text_of("Framing of an odd content type."))),
    ])
}

pub(super) fn tagging() -> Map<String, Value> {
    let sources: Vec<&str> = Source::ALL.iter().map(|source| source.as_str()).collect();
    let rule = table(keys([
        ("path", text_of("Glob on the working directory; `~` is the home, `{slug}` captures.")),
        ("project", text_of("The project; may use what the path captures.")),
    ]));
    let git = words(&["repository", "remote", "worktree"], "Which of a repository's names is the project.");
    keys([
        ("default_project", text_of("The project of calls that no source names.")),
        ("order", list(words(&sources, "Sources in the order they are asked."))),
        ("rule", list(rule)),
        ("env", table(keys([("variable", text_of("The variable that names the project."))]))),
        ("rcfile", table(keys([("name", text_of("The file that names the project."))]))),
        ("git", table(keys([("use", git)]))),
        ("parents", table(keys([("depth", whole(1, 64, "How many ancestors are asked."))]))),
    ])
}

pub(super) fn clients() -> Map<String, Value> {
    let variable = table(keys([
        ("name", text_of("The variable.")),
        ("value", text_of("May hold `{proxy}`, `{bundle}`, `{roots}`.")),
        ("effect", words(&["append", "replace"], "What tools do with the certificates.")),
        ("earlier", words(&["replace", "merge", "list"], "What becomes of a value the user had.")),
        ("why", text_of("Who needs it.")),
    ]));
    keys([("variable", list(variable))])
}

pub(super) fn services() -> Map<String, Value> {
    let on_failure = table(keys([("successful_exit", json!({ "const": false }))]));
    let service = table(keys([
        ("label", text_of("Name to the supervisor.")),
        ("program", text_of("File name of the binary.")),
        ("arguments", texts("Arguments behind it.")),
        ("keep_alive", json!({ "anyOf": [{ "type": "boolean" }, on_failure] })),
        ("run_at_load", truth("Started when loaded.")),
        ("process_type", words(&["Interactive", "Standard", "Background"], "How much it may be throttled.")),
        ("sockets", any_keys(text_of("`127.0.0.1:` and a port or `{edge_port}`."))),
        ("files_max", whole(256, 1_048_576, "Limit of open files.")),
        ("exit_timeout_s", whole(1, 60, "Seconds from the request to end to the kill.")),
        ("throttle_s", whole(1, 3600, "Seconds between two starts.")),
        ("environment", any_keys(text_of("Variable of its environment."))),
    ]));
    let roles = crate::services::Role::ALL.map(|role| (role.as_str(), service.clone()));
    keys([("service", table(keys(roles)))])
}

pub(super) fn config() -> Map<String, Value> {
    let mut sections: Map<String, Value> = Map::new();
    for key in KEYS {
        let value = match key.shape {
            Shape::Port => whole(1, 65535, key.about),
            Shape::Days => whole(0, 36_500, key.about),
            Shape::Switch => truth(key.about),
            Shape::File | Shape::ProxyUrl | Shape::Zone | Shape::Currency | Shape::PublicKey => text_of(key.about),
            Shape::Hosts | Shape::Origins => texts(key.about),
            Shape::Resolve => any_keys(text_of(key.about)),
        };
        let section = sections.entry(key.section()).or_insert_with(|| table(Map::new()));
        section["properties"][key.leaf()] = value;
    }
    sections
}
