//! HM05xx: tagging, clients and services.

super::codes! {
    UNKNOWN_SOURCE = 501, "unknown-tagging-source", Error,
        "`order` names a source of attribution that does not exist.",
        wrong: "order = [\"rules\", \"enviroment\"]", right: "order = [\"rules\", \"env\"]";
    BAD_SLUG = 502, "bad-project", Error,
        "The text can be no project: lowercase letters, digits, `-`, `_`, `:` and `/`, 1 to 128 of them.",
        wrong: "default_project = \"Misc Things\"", right: "default_project = \"misc-things\"";
    BAD_TAGGING_RULE = 503, "bad-tagging-rule", Error,
        "The path or the project of a rule cannot be used; the message says why.",
        wrong: "path = \"~/clients/{slug}/**\"\nproject = \"{client}\"", right: "path = \"~/clients/{slug}/**\"\nproject = \"{slug}\"";
    SHADOWED_TAGGING_RULE = 504, "unreachable-tagging-rule", Warning,
        "An earlier rule has the same path, or one that this path lies in, so this one never names a project. Put the narrower rule first.",
        wrong: "path = \"~/a/**\"\nproject = \"a\"\n# and again\npath = \"~/a/**\"\nproject = \"b\"", right: "path = \"~/a/**\"\nproject = \"a\"";
    UNKNOWN_PLACEHOLDER = 505, "unknown-placeholder", Error,
        "The value has a placeholder that nothing fills.",
        wrong: "value = \"{budnle}\"", right: "value = \"{bundle}\"";
    DUPLICATE_VARIABLE = 506, "duplicate-variable", Error,
        "A variable is set twice. The second would silently win.",
        wrong: "name = \"HTTPS_PROXY\"\n# and again\nname = \"HTTPS_PROXY\"", right: "name = \"HTTPS_PROXY\"";
    BAD_LABEL = 507, "bad-label", Error,
        "A label names a service to the supervisor and is its file's name: letters, digits, `.`, `-` and `_`, once each.",
        wrong: "label = \"my meter\"", right: "label = \"com.haltonlabs.meter\"";
    NOT_LOOPBACK = 508, "not-loopback", Error,
        "A service listens on 127.0.0.1 only. Anything else would offer the proxy to the network.",
        wrong: "sockets = { edge = \"0.0.0.0:8081\" }", right: "sockets = { edge = \"127.0.0.1:{edge_port}\" }";
    SERVICE_MISSING = 509, "service-missing", Error,
        "One of the four roles (edge, daemon, watchdog, userenv) is not described.",
        wrong: "[service.edge]  # alone", right: "[service.edge]\n[service.daemon]\n[service.watchdog]\n[service.userenv]";
}
