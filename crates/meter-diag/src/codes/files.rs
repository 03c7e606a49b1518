//! HM01xx: what any file can get wrong.

super::codes! {
    NOT_TOML = 101, "not-toml", Error,
        "The file is no TOML 1.1 document. Nothing of it is used until it parses; the last good state stays in force.",
        wrong: "hosts = [\"api.acme.example\"", right: "hosts = [\"api.acme.example\"]";
    NOT_UTF8 = 102, "not-utf8", Error,
        "The file holds bytes that are no UTF-8 text. TOML allows no other encoding.",
        wrong: "name = \"Caf\\xe9\"  # saved as Latin-1", right: "name = \"Café\"      # saved as UTF-8";
    TOO_LARGE = 103, "too-large", Error,
        "The file is larger than 1 MiB. A manifest is written by people; a file of this size is something else.",
        wrong: "# two million lines", right: "# a file for each provider";
    EMPTY_FILE = 104, "empty-file", Error,
        "The file says nothing. A save that was cut off must not switch metering off, so an empty file is no way to hide a bundled one.",
        wrong: "", right: "schema = 1\nmasked = true";
    SCHEMA_MISSING = 105, "schema-missing", Error,
        "Every file begins with the version of the format it is written in.",
        wrong: "id = \"acme\"", right: "schema = 1\nid = \"acme\"";
    SCHEMA_NEWER = 106, "schema-newer", Error,
        "The file is written for a format that this version does not know. Update Halton Meter, or write the older format.",
        wrong: "schema = 2", right: "schema = 1";
    UNKNOWN_KEY = 107, "unknown-key", Error,
        "No key of this name exists here. Unknown keys are errors, because a misspelt one would silently do nothing.",
        wrong: "host = [\"api.acme.example\"]", right: "hosts = [\"api.acme.example\"]";
    MISSING_KEY = 108, "missing-key", Error,
        "The table lacks a key that it cannot do without.",
        wrong: "[[endpoint]]\nclass = \"costed\"", right: "[[endpoint]]\nid = \"chat\"\nclass = \"costed\"";
    WRONG_TYPE = 109, "wrong-type", Error,
        "The key holds another type of value than it needs.",
        wrong: "hosts = 443", right: "hosts = [\"api.acme.example\"]";
    UNKNOWN_WORD = 110, "unknown-word", Error,
        "The value is none of the words that this key knows.",
        wrong: "class = \"free\"", right: "class = \"zero_cost\"";
    OUT_OF_RANGE = 111, "out-of-range", Error,
        "The number lies outside what the key allows.",
        wrong: "edge_port = 70000", right: "edge_port = 8081";
    UNKNOWN_FILE = 112, "unknown-file", Warning,
        "The path belongs to no kind of manifest, so the file would never be read.",
        wrong: "# manifests/price/acme.toml", right: "# manifests/prices/acme.toml";
    MASKS_NOTHING = 113, "masks-nothing", Warning,
        "`masked = true` hides the bundled file of the same name, and there is none.",
        wrong: "# providers.d/antropic.toml\nschema = 1\nmasked = true", right: "# providers.d/anthropic.toml\nschema = 1\nmasked = true";
    MASKED_AND_MORE = 114, "masked-and-more", Error,
        "A file that is masked says nothing else: either it hides the bundled file or it replaces it.",
        wrong: "schema = 1\nmasked = true\nid = \"acme\"", right: "schema = 1\nmasked = true";
    BAD_VALUE = 115, "bad-value", Error,
        "The value has the right type but not the shape that this key needs; the message says which.",
        wrong: "proxy = \"proxy.example\"", right: "proxy = \"http://proxy.example:3128\"";
    DUPLICATE_ID = 116, "duplicate-id", Error,
        "Two entries carry the same id. The second would be unreachable, or would hide the first by accident.",
        wrong: "[[endpoint]]\nid = \"chat\"\n[[endpoint]]\nid = \"chat\"", right: "[[endpoint]]\nid = \"chat\"\n[[endpoint]]\nid = \"embeddings\"";
    UNREADABLE = 117, "unreadable", Error,
        "The path could not be read: a folder or something else stands where a file should be, permission is missing, or links lead in a circle. What cannot be read is not taken for absent, because that could switch metering off.",
        wrong: "# providers.d/acme.toml is a folder", right: "# providers.d/acme.toml is a file";
}
