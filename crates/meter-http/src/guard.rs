//! Who may ask: the checks before every route, in order.

use crate::{
    ApiState,
    answer::{self, Failure},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// What the checks need.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub state: Arc<ApiState>,
    pub port: u16,
}

const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Checks, then asks the route, then marks the answer.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match guard.admit(&request, origin.as_ref()) {
        Ok(Admitted::Ask) => next.run(request).await,
        Ok(Admitted::Preflight) => preflight(request.headers()),
        Err(response) => *response,
    };
    answer::seal(&mut response);
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    // Also on errors: a page that may read answers may read why there is none.
    if let Some(origin) = origin.filter(|origin| guard.may_read(origin)) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

enum Admitted {
    Ask,
    Preflight,
}

impl Guard {
    /// An error is boxed: it is rare and large.
    fn admit(&self, request: &Request, origin: Option<&HeaderValue>) -> Result<Admitted, Box<Response>> {
        let headers = request.headers();
        let refuse = |status, code, message: &str| Err(Box::new(Failure::new(status, code, message).into_response()));
        // A rebound name resolves to 127.0.0.1 but cannot help naming itself here.
        let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        if !self.names_us(headers) || authority.is_some_and(|authority| !self.is_ours(authority)) {
            return refuse(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "the Host header names another machine");
        }
        if origin.is_some_and(|origin| !self.may_read(origin)) {
            return refuse(StatusCode::FORBIDDEN, "wrong_origin", "this web origin is not in [cors] allow_origins");
        }
        if is_preflight(request) && origin.is_some() {
            return Ok(Admitted::Preflight);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response =
                Failure::new(StatusCode::METHOD_NOT_ALLOWED, "read_only", "this API only reads: GET or HEAD")
                    .into_response();
            response.headers_mut().insert(header::ALLOW, ALLOW);
            return Err(Box::new(response));
        }
        if request.uri().path() != "/health" && !self.has_token(headers) {
            let mut response =
                Failure::new(StatusCode::UNAUTHORIZED, "token_needed", "a bearer token is needed").into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Err(Box::new(response));
        }
        Ok(Admitted::Ask)
    }

    fn names_us(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        matches!((hosts.next(), hosts.next()), (Some(host), None) if self.is_ours(host.as_bytes()))
    }

    /// A loopback name with our port.
    fn is_ours(&self, authority: &[u8]) -> bool {
        let Ok(authority) = std::str::from_utf8(authority) else { return false };
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, port.parse().ok()),
            _ => (authority, Some(80)),
        };
        port == Some(self.port)
            && ["127.0.0.1", "localhost", "[::1]"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
    }

    /// The configured origins, and our own pages.
    fn may_read(&self, origin: &HeaderValue) -> bool {
        let origin = origin.as_bytes();
        self.state.allow_origins.iter().any(|allowed| allowed.as_bytes() == origin)
            || origin.strip_prefix(b"http://").is_some_and(|authority| self.is_ours(authority))
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.state.token else { return true };
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let (scheme, guess) = given.split_at(given.len().min(7));
        scheme.eq_ignore_ascii_case(b"Bearer ") && token.matches(guess)
    }
}

const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW);
    answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if headers.contains_key(REQUEST_PRIVATE_NETWORK) {
        answer.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    }
    response
}
