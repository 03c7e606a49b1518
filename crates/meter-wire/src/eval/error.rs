//! The provider's error and its class.

use super::{Came, Scope, Wire};
use crate::dialect::{Dialect, TableId};
use crate::reading::WireError;
use crate::value::Value;
use meter_call::ErrorClass;
use std::cell::Cell as Mark;

/// The error of a row, if its cells or the HTTP status tell one.
pub(crate) fn wire_error(scope: &Scope<'_>, http_status: Option<u16>, text_max: usize) -> Option<WireError> {
    let errors = &scope.dialect.errors;
    // 0 and false say that there is none.
    let read = |key: usize| scope.key(TableId::Error, key).map(|read| read.value).filter(Value::holds);
    let codes: Vec<String> = errors
        .codes
        .iter()
        .filter_map(|key| read(*key))
        .map(|value| value.show(text_max))
        .map(|code| code.split(':').next().unwrap_or("").trim().to_owned())
        .filter(|code| !code.is_empty())
        .collect();
    let message = errors.message.and_then(read);
    let refused = http_status.filter(|status| *status >= 400);
    if codes.is_empty() && message.is_none() && refused.is_none() {
        return None;
    }
    let status = errors.status.and_then(|key| scope.key(TableId::Error, key));
    let status =
        status.and_then(|read| read.value.number()?.to_count()).and_then(|(status, _)| u16::try_from(status).ok());
    let message = message.map(|value| value.show(crate::value::TEXT_MAX).to_lowercase());
    let by_message = message.and_then(|message| {
        errors.message_class.iter().find(|(text, _)| message.contains(text.as_str())).map(|(_, class)| *class)
    });
    let by_code = || {
        codes
            .iter()
            .map(|code| code.to_lowercase())
            .find_map(|code| errors.class.iter().find(|(known, _)| *known == code).map(|(_, class)| *class))
    };
    let by_number = || {
        let status = codes.iter().filter_map(|code| code.parse::<u16>().ok()).find(|code| (400..=599).contains(code));
        status.map(of_status)
    };
    let by_status = || status.filter(|status| *status >= 400).or(refused).map(of_status);
    let class = by_message.or_else(by_code).or_else(by_number).or_else(by_status).unwrap_or(ErrorClass::Unknown);
    Some(WireError { class, code: codes.into_iter().next(), status })
}

/// Whether one message alone tells an error.
pub(crate) fn wire_error_of(dialect: &Dialect, wire: &Wire, cells: &[Option<Value>]) -> bool {
    let cut = Mark::new(false);
    let scope = Scope { dialect, wire, request: &[], response: cells, came: Came::ALL, inconsistent: &cut };
    wire_error(&scope, None, 64).is_some()
}

/// The class a status alone tells.
fn of_status(status: u16) -> ErrorClass {
    match status {
        429 => ErrorClass::RateLimit,
        401..=403 => ErrorClass::Auth,
        408 | 504 | 524 => ErrorClass::Timeout,
        400 | 404 | 405 | 409 | 413 | 415 | 422 => ErrorClass::BadRequest,
        500..=599 => ErrorClass::ServerError,
        _ => ErrorClass::Unknown,
    }
}
