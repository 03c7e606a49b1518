//! Who may ask, and how.

use crate::server::{Api, agent, call};
use meter_http::Token;

impl Api {
    /// One request whose answer ends the connection, lower-cased.
    fn ask(&self, request: &str, headers: &str) -> String {
        self.raw(&format!("{request} HTTP/1.1\n{headers}Connection: close\n\n")).to_lowercase()
    }

    fn host(&self) -> String {
        format!("Host: 127.0.0.1:{}\n", self.port)
    }
}

#[test]
fn only_reading_is_allowed() {
    let api = Api::start(&[]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let answer = api.ask(&format!("{method} /v1/stats"), &format!("{}Content-Length: 0\n", api.host()));
        assert!(answer.starts_with("http/1.1 405 "), "{method}: {answer}");
        assert!(answer.contains("\r\nallow: get, head\r\n"), "{method}: {answer}");
    }
    let head = api.ask("HEAD /health", &api.host());
    assert!(head.starts_with("http/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn a_rebound_name_reads_nothing() {
    let api = Api::start(&[call(1, "acme")]);
    let port = api.port;
    let ask = |host: &str| api.ask("GET /v1/stats", &format!("Host: {host}\n"));
    for good in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let answer = ask(&format!("{good}:{port}"));
        assert!(answer.starts_with("http/1.1 200 "), "{good}: {answer}");
    }
    for bad in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        "127.0.0.1:1".to_owned(),
        "localhost".to_owned(),
        format!("localhost.:{port}"),
        format!("user@localhost:{port}"),
        String::new(),
    ] {
        let answer = ask(&bad);
        assert!(answer.starts_with("http/1.1 421 "), "{bad}: {answer}");
        assert!(!answer.contains("acme"));
    }
    let two = api.ask("GET /v1/stats", &format!("{}Host: evil.example\n", api.host()));
    assert!(two.starts_with("http/1.1 4"), "{two}");
    let absolute = api.ask("GET http://evil.example/v1/stats", &api.host());
    assert!(absolute.starts_with("http/1.1 421 "), "{absolute}");
    let none = api.raw("GET /v1/stats HTTP/1.0\n\n");
    assert!(none.contains(" 421 "), "{none}");
}

#[test]
fn only_configured_origins_are_answered() {
    let api = Api::start(&[call(1, "acme")]);
    let ask = |method: &str, origin: &str, more: &str| {
        api.ask(&format!("{method} /v1/stats"), &format!("{}Origin: {origin}\n{more}", api.host()))
    };
    let allowed = ask("GET", "http://localhost:3000", "");
    assert!(allowed.starts_with("http/1.1 200 "), "{allowed}");
    for header in ["access-control-allow-origin: http://localhost:3000", "vary: origin", "cache-control: no-store"] {
        assert!(allowed.contains(&format!("\r\n{header}\r\n")), "{header} in {allowed}");
    }
    for origin in ["http://evil.example", "http://localhost:3001", "http://localhost:3000.evil.example", "null"] {
        let refused = ask("GET", origin, "");
        assert!(refused.starts_with("http/1.1 403 "), "{origin}: {refused}");
        assert!(!refused.contains("access-control-allow-origin"));
    }
    let own = ask("GET", &format!("http://localhost:{}", api.port), "");
    assert!(own.starts_with("http/1.1 200 "), "{own}");
}

#[test]
fn a_preflight_says_what_is_allowed() {
    let api = Api::start(&[]);
    let ask = |origin: &str| {
        let wish = "Access-Control-Request-Method: GET\nAccess-Control-Request-Headers: authorization\n";
        api.ask("OPTIONS /v1/stats", &format!("{}Origin: {origin}\n{wish}", api.host()))
    };
    let allowed = ask("http://localhost:3000");
    assert!(allowed.starts_with("http/1.1 204 "), "{allowed}");
    for header in [
        "access-control-allow-origin: http://localhost:3000",
        "access-control-allow-methods: get, head",
        "access-control-allow-headers: authorization, content-type",
    ] {
        assert!(allowed.contains(&format!("\r\n{header}\r\n")), "{header} in {allowed}");
    }
    assert!(ask("http://evil.example").starts_with("http/1.1 403 "));
}

#[test]
fn a_token_guards_every_route_but_health() {
    let token = Token::new(b"correct-horse-battery").unwrap();
    let api = Api::start_with(&[call(1, "acme")], |state| state.token = Some(token));
    let status = |path: &str, authorization: Option<&str>| {
        let mut request = agent().get(api.url(path));
        if let Some(value) = authorization {
            request = request.header("Authorization", value);
        }
        request.call().unwrap().status().as_u16()
    };
    for path in
        ["/v1/stats", "/v1/projects", "/v1/requests", "/v1/requests.csv", "/v1/daemon/status", "/metrics", "/nothing"]
    {
        assert_eq!(status(path, None), 401, "{path}");
        assert_eq!(status(path, Some("Bearer wrong-horse-battery")), 401, "{path}");
        assert_eq!(status(path, Some("correct-horse-battery")), 401, "{path}");
    }
    assert_eq!(status("/v1/stats", Some("Bearer correct-horse-battery")), 200);
    assert_eq!(status("/v1/stats", Some("bearer correct-horse-battery")), 200);
    assert_eq!(status("/health", None), 200);
    let refused = api.ask("GET /v1/stats", &api.host());
    assert!(refused.contains("\r\nwww-authenticate: bearer\r\n"), "{refused}");
    // A browser sends no token with a preflight.
    let wish = "Origin: http://localhost:3000\nAccess-Control-Request-Method: GET\n";
    assert!(api.ask("OPTIONS /v1/stats", &format!("{}{wish}", api.host())).starts_with("http/1.1 204 "));
}
