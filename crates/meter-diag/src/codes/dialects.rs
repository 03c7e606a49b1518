//! HM03xx: dialects.
//!
//! Written by `meter-manifest`'s module of the same name; add an entry below for every kind of finding it can make.

super::codes! {
    BAD_EXPRESSION = 301, "bad-expression", Error,
        "The expression does not read. Operators have one space on each side; a pointer has no space and no bracket outside a filter; `**` may only come first.",
        wrong: "input = \"/prompt_tokens -cache_read\"", right: "input = \"/prompt_tokens - cache_read\"";
    UNKNOWN_NAME = 302, "unknown-name", Error,
        "A bare name is another key of the same table; `request(key)` and `response(key)` name keys of those tables. There is no such key.",
        wrong: "input = \"/prompt_tokens - cached\"", right: "cache_read = \"/cached\"\ninput = \"/prompt_tokens - cache_read\"";
    NAME_CIRCLE = 303, "name-circle", Error,
        "The keys need each other, directly or through the conditions of variants, so neither has a value.",
        wrong: "input = \"/in - output\"\noutput = \"/all - input\"", right: "input = \"/in\"\noutput = \"/all - input\"";
    UNKNOWN_PARENT = 304, "unknown-parent", Error,
        "The dialect that is extended or overridden does not exist, or extends itself in a circle.",
        wrong: "extends = \"openai_chats\"", right: "extends = \"openai_chat\"";
    UNCAPTURED_PATH = 305, "uncaptured-path", Error,
        "The dialect reads a capture that none of the endpoints which use it makes, so the key could never have a value.",
        wrong: "model = \"path(model)\"       # and match = { path = \"/v1/models/*\" }", right: "model = \"path(model)\"       # and match = { path = \"/v1/models/{model}\" }";
    UNREAD_KEY = 306, "unread-key", Warning,
        "Nothing reads this key: it is no field of its table, and no expression names it.",
        wrong: "[response]\nmodle = \"/model\"", right: "[response]\nmodel = \"/model\"";
    UNPRICED_METER = 307, "unpriced-meter", Warning,
        "No price file has a rate for this meter, so calls that count it will be partly unpriced.",
        wrong: "x_search = \"/usage/x_search\"   # and no rate `x_search` anywhere", right: "x_search = \"/usage/x_search\"   # and x_search = \"5 / 1000 calls\" in a price file";
    REFUSAL_WITHOUT_ANSWER = 308, "no-refusal-shape", Error,
        "The dialect has no `[refusal]`, its own or inherited, so a policy could not answer in this provider's shape.",
        wrong: "[usage]\ninput = \"/in\"", right: "[usage]\ninput = \"/in\"\n[refusal]\nstatus = 403\nbody = { error = \"{message}\" }";
}
