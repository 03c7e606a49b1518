//! HM04xx: providers and routes.

super::codes! {
    BAD_HOST = 401, "bad-host", Error,
        "A host is an exact DNS name: lower case, with a domain, without scheme, port, path or trailing dot. Certificates and name constraints need real names.",
        wrong: "hosts = [\"https://API.acme.example/\"]", right: "hosts = [\"api.acme.example\"]";
    HOST_TWICE = 402, "host-claimed-twice", Error,
        "Two entries claim the same host and port. Which endpoints hold would depend on the order of files.",
        wrong: "# a.toml\nhosts = [\"api.acme.example\"]\n# b.toml\nhosts = [\"api.acme.example\"]",
        right: "# only one file\nhosts = [\"api.acme.example\"]";
    BROAD_HOST = 403, "broad-host", Error,
        "The name is a domain below which many people have hosts. Naming it would let the certificate authority vouch for all of them; that needs `broad = true`, in a file of the user's own.",
        wrong: "hosts = [\"googleapis.com\"]", right: "hosts = [\"generativelanguage.googleapis.com\"]";
    BAD_PATH = 404, "bad-path", Error,
        "The path is no pattern. `*` is one segment, `**` the rest, `{name}` captures; the query is never matched.",
        wrong: "match = { path = \"/v1/models/{model\" }", right: "match = { path = \"/v1/models/{model}\" }";
    SHADOWED = 405, "unreachable-endpoint", Error,
        "An earlier endpoint takes every request this one could take; the first match wins. Put the narrower one first.",
        wrong: "[[endpoint]]\nid = \"other\"\nmatch = { path = \"/**\" }\n[[endpoint]]\nid = \"chat\"\nmatch = { path = \"/v1/chat\" }",
        right: "[[endpoint]]\nid = \"chat\"\nmatch = { path = \"/v1/chat\" }\n[[endpoint]]\nid = \"other\"\nmatch = { path = \"/**\" }";
    UNKNOWN_DIALECT = 406, "unknown-dialect", Error,
        "No file in `manifests/dialects/` has this id.",
        wrong: "dialect = \"openai_chats\"", right: "dialect = \"openai_chat\"";
    DIALECT_MISSING = 407, "dialect-missing", Error,
        "A costed endpoint needs a dialect: without one nothing says where its usage stands.",
        wrong: "class = \"costed\"\nkind = \"chat\"", right: "class = \"costed\"\nkind = \"chat\"\ndialect = \"openai_chat\"";
    NO_PRICES = 408, "unpriced-endpoint", Warning,
        "No price file covers this costed endpoint, so each of its calls will be a row without a cost.",
        wrong: "id = \"acme\"          # and no manifests/prices/acme.toml", right: "id = \"acme\"\nprices = \"openai\"";
    UNKNOWN_PROVIDER = 409, "unknown-provider", Error,
        "The provider that is extended or mounted does not exist, or is masked.",
        wrong: "extends = \"open-ai\"", right: "extends = \"openai\"";
    EXTENDS_CYCLE = 410, "provider-cycle", Error,
        "A provider that extends or mounts itself, directly or through others, has no end.",
        wrong: "id = \"acme\"\nextends = \"acme\"", right: "id = \"acme\"\nextends = \"openai\"";
    NO_PLACEHOLDER_LIST = 411, "placeholder-without-list", Error,
        "A host has a placeholder and the file has no list of what it stands for. Host families list their members, because certificates need real names.",
        wrong: "hosts = [\"{region}.acme.example\"]", right: "hosts = [\"{region}.acme.example\"]\nregion = [\"eu\", \"us\"]";
    UNKNOWN_CAPTURE = 412, "unknown-capture", Error,
        "A name that no path or host of the endpoint captures.",
        wrong: "match = { path = \"/v1/{model}\", capture = { modle = \"a*\" } }",
        right: "match = { path = \"/v1/{model}\", capture = { model = \"a*\" } }";
    STREAM_WITHOUT_END = 413, "stream-without-end", Error,
        "The endpoint always streams and its dialect has no `[end]`, so a whole answer could not be told from a cut one.",
        wrong: "stream = true\ndialect = \"openai_embeddings\"", right: "stream = true\ndialect = \"openai_chat\"";
    BAD_CONDITION = 415, "bad-condition", Error,
        "`free_when` is no condition over the answer's headers.",
        wrong: "free_when = \"header(x) = 'HIT'\"", right: "free_when = \"header(x) == 'HIT'\"";
    SETTLES_COSTED = 416, "settles-costed", Error,
        "An endpoint that settles reads what an earlier call left; it is observed, else the call would be counted twice.",
        wrong: "class = \"costed\"\nsettles = true", right: "class = \"observed\"\nsettles = true";
    NO_ENDPOINTS = 417, "no-endpoints", Error,
        "A provider needs endpoints: its own, or those of the one it extends or mounts.",
        wrong: "id = \"acme\"\nhosts = [\"api.acme.example\"]", right: "id = \"acme\"\nhosts = [\"api.acme.example\"]\nextends = \"openai\"";
    UNUSED_OVERRIDE = 418, "unused-override", Warning,
        "The override changes a dialect that no endpoint of this provider uses.",
        wrong: "extends = \"anthropic\"\ndialect_overrides = { openai_chat = { usage.input = \"/in\" } }",
        right: "extends = \"openai\"\ndialect_overrides = { openai_chat = { usage.input = \"/in\" } }";
    PREFIX_ALONE = 419, "prefix-alone", Error,
        "`path_prefix` stands before inherited endpoints; a file that extends nothing has none.",
        wrong: "id = \"acme\"\npath_prefix = \"/v1\"", right: "id = \"acme\"\nextends = \"openai\"\npath_prefix = \"/v1\"";
    OUTSIDE_AUTHORITY = 420, "host-outside-authority", Warning,
        "The certificate authority of this home was made for other hosts and may not vouch for this one. A further root is made for the new hosts alone; what clients trust already goes on working, and the new host is tunnelled until they trust the new root too.",
        wrong: "hosts = [\"api.acme.example\"]   # added after the authority was made", right: "hosts = [\"api.acme.example\"]   # and the new root trusted";
}
