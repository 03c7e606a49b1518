//! Writes a refusal as a complete HTTP/1 answer.

use crate::Refusal;

/// Fields that only the writer of the answer may state.
const OURS: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// The answer's bytes. It ends the connection: the rest of the refused request is still on its way and must not be
/// taken for the next one.
pub(crate) fn write_answer(refusal: &Refusal, head_request: bool) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} {}\r\n", refusal.status, reason(refusal.status));
    let mut typed = false;
    for (name, value) in &refusal.fields {
        let clean = !name.is_empty() && !name.contains([':', ' ', '\r', '\n']) && !value.contains(['\r', '\n', '\0']);
        if clean && !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            typed |= name.eq_ignore_ascii_case("content-type");
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if !typed {
        text.push_str("Content-Type: application/json\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", refusal.body.len()));
    let mut bytes = text.into_bytes();
    if !head_request {
        bytes.extend_from_slice(&refusal.body);
    }
    bytes
}

/// Reason phrases of the statuses a policy may use (RFC 9110 section 15, RFC 6585).
fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(fields: &[(&str, &str)]) -> Refusal {
        let fields = fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Refusal { status: 403, fields, body: b"{}".to_vec() }
    }

    fn check(refusal: &Refusal, head_request: bool, expected: &str) {
        assert_eq!(String::from_utf8(write_answer(refusal, head_request)).expect("text"), expected);
    }

    #[test]
    fn a_refusal_is_framed_and_closes() {
        check(
            &refusal(&[("x-rule", "budget"), ("content-length", "9"), ("bad\r\nname", "x"), ("x", "a\r\nb: c")]),
            false,
            "HTTP/1.1 403 Forbidden\r\nx-rule: budget\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
             Connection: close\r\n\r\n{}",
        );
    }

    #[test]
    fn a_head_request_gets_the_length_alone() {
        check(
            &refusal(&[("Content-Type", "text/plain")]),
            true,
            "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
        );
    }
}
