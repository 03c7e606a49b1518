//! Answers and errors as JSON.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use meter_api::{ErrorDocument, SCHEMA_VERSION};
use meter_store::StoreError;
use serde::Serialize;
use std::error::Error;

/// An error as it is answered.
#[derive(Debug)]
pub(crate) struct Failure {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, code, message: message.into() }
    }

    pub fn parameter(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "bad_parameter", message)
    }

    pub fn not_found(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, "not_found", message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        let message = format!("{error}{cause}");
        tracing::warn!(error = message, "api.database_unavailable");
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", message)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorDocument::new(self.code, self.message))).into_response()
    }
}

/// A JSON document. Its schema version is a header too, because some documented ones are arrays.
pub(crate) fn json(document: &impl Serialize) -> Response {
    let mut response = Json(document).into_response();
    response.headers_mut().insert("halton-schema-version", HeaderValue::from(SCHEMA_VERSION));
    response
}

/// Headers that every answer has: spend is nobody else's business, neither a cache's nor another site's.
pub(crate) fn seal(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}
