//! HM07xx: config.toml.

super::codes! {
    BAD_PORT = 701, "bad-port", Error,
        "A port is a number from 1 to 65535. 8080 is refused, because too many other tools think it is theirs.",
        wrong: "[daemon]\nedge_port = 8080", right: "[daemon]\nedge_port = 8081";
    SAME_PORT = 702, "same-port", Error,
        "Two roles would listen on the same port.",
        wrong: "[daemon]\nedge_port = 8090\ninternal_port = 8090", right: "[daemon]\nedge_port = 8081\ninternal_port = 8090";
    BAD_PROXY = 703, "bad-proxy", Error,
        "The upstream proxy is an `http://` address, with user and password where it wants them. It is spoken to in the clear on its first line only; the origin's TLS goes through it.",
        wrong: "[upstream]\nproxy = \"proxy.example:3128\"", right: "[upstream]\nproxy = \"http://proxy.example:3128\"";
    BAD_RESOLVE = 704, "bad-resolve", Error,
        "A pinned host stands for an address, with a port where it differs.",
        wrong: "[upstream]\nresolve = { \"api.acme.example\" = \"localhost\" }", right: "[upstream]\nresolve = { \"api.acme.example\" = \"127.0.0.1:8443\" }";
    BAD_ORIGIN = 705, "bad-origin", Error,
        "An origin is a scheme, a host and perhaps a port. A `*` would let any web site read your spend.",
        wrong: "[cors]\nallow_origins = [\"*\"]", right: "[cors]\nallow_origins = [\"http://localhost:3000\"]";
    UNKNOWN_VARIABLE = 706, "unknown-variable", Warning,
        "A variable with our prefix names no setting, so it does nothing.",
        wrong: "# HALTON_METER_DAEMON_EDGE_PORT=9000", right: "# HALTON_METER_DAEMON__EDGE_PORT=9000";
    UNKNOWN_FLAG = 707, "unknown-setting", Error,
        "The flag names no setting.",
        wrong: "# --set daemon.port=9000", right: "# --set daemon.edge_port=9000";
    UNUSABLE = 708, "settings-unusable", Error,
        "The settings passed every check and still do not fit together; the defaults hold. This is a mistake of ours: please report it.",
        wrong: "# none known", right: "# none known";
}
