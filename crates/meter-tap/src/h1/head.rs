//! Collects and parses the heads of HTTP/1 messages.

use httparse::{EMPTY_HEADER, Error, Header, ParserConfig, Request, Response, Status};
use memchr::memchr_iter;

use super::body::Framing;
use crate::{Fields, RequestHead, ResponseHead, Unreadable};

/// Longest head of a message, from its first line to its blank line.
pub(crate) const HEAD_MAX: usize = 1024 * 1024;
/// Most fields a head may have; few heads have more than the first, cheap guess.
const FIELDS_MAX: usize = 1024;
const FIELDS_GUESS: usize = 64;

/// Gathers one head over any number of reads.
#[derive(Debug, Default)]
pub(crate) struct HeadBuffer {
    bytes: Vec<u8>,
    /// Length of the line under way, without its end.
    line: usize,
    /// A line with something on it was seen; blank lines before it are tolerated (RFC 9112 section 2.2).
    begun: bool,
}

impl HeadBuffer {
    /// Takes from `input` up to the head's blank line. Returns what was taken, and whether the head is complete.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<(usize, bool), Unreadable> {
        let mut start = 0;
        let mut complete = false;
        for newline in memchr_iter(b'\n', input) {
            let len = self.line + (newline - start);
            let last = if newline > start { input[newline - 1] } else { self.bytes.last().copied().unwrap_or(b'\n') };
            start = newline + 1;
            self.line = 0;
            if len > 1 || (len == 1 && last != b'\r') {
                self.begun = true;
            } else if self.begun {
                complete = true;
                break;
            }
        }
        let taken = if complete { start } else { input.len() };
        self.line += taken - start;
        if self.bytes.len() + taken > HEAD_MAX {
            return Err(Unreadable("a head is over the limit"));
        }
        self.bytes.extend_from_slice(&input[..taken]);
        Ok((taken, complete))
    }

    /// Whether nothing of a head was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes taken so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Parses a complete request head. Strict where leniency would let us and the origin disagree about the framing.
pub(crate) fn parse_request(bytes: &[u8]) -> Result<(RequestHead, Framing), Unreadable> {
    let mut config = ParserConfig::default();
    config.allow_multiple_spaces_in_request_line_delimiters(true);
    let mut slots = vec![EMPTY_HEADER; FIELDS_GUESS];
    let mut request = Request::new(&mut slots);
    let mut wide;
    let mut parsed = config.parse_request(&mut request, bytes);
    if parsed == Err(Error::TooManyHeaders) {
        wide = vec![EMPTY_HEADER; FIELDS_MAX];
        request = Request::new(&mut wide);
        parsed = config.parse_request(&mut request, bytes);
    }
    if !matches!(parsed, Ok(Status::Complete(_))) {
        return Err(Unreadable("a request head does not parse"));
    }
    let fields = owned(request.headers);
    let sent = request.path.unwrap_or_default();
    let (from_target, target) = split_target(sent);
    let head = RequestHead {
        method: request.method.unwrap_or_default().to_owned(),
        target: target.to_owned(),
        authority: from_target.map(str::to_owned).or_else(|| text(&fields, b"host")),
        upgrade: text(&fields, b"upgrade").map(|value| value.to_ascii_lowercase()),
        fields,
    };
    let framing = match transfer(&head.fields)? {
        Transfer::Chunked => Framing::Chunked,
        Transfer::Other => return Err(Unreadable("a request's transfer coding does not end with chunked")),
        Transfer::Length(bytes) => Framing::Length(bytes),
        Transfer::Unsaid => Framing::Length(0),
    };
    Ok((head, framing))
}

/// Parses a complete answer head. `bodiless`: the request was a HEAD.
pub(crate) fn parse_response(bytes: &[u8], bodiless: bool) -> Result<(ResponseHead, Framing), Unreadable> {
    let mut config = ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_responses(true);
    let mut slots = vec![EMPTY_HEADER; FIELDS_GUESS];
    let mut response = Response::new(&mut slots);
    let mut wide;
    let mut parsed = config.parse_response(&mut response, bytes);
    if parsed == Err(Error::TooManyHeaders) {
        wide = vec![EMPTY_HEADER; FIELDS_MAX];
        response = Response::new(&mut wide);
        parsed = config.parse_response(&mut response, bytes);
    }
    if !matches!(parsed, Ok(Status::Complete(_))) {
        return Err(Unreadable("an answer's head does not parse"));
    }
    let head = ResponseHead { status: response.code.unwrap_or_default(), fields: owned(response.headers) };
    let framing = if bodiless || matches!(head.status, 100..=199 | 204 | 304) {
        Framing::Length(0)
    } else {
        match transfer(&head.fields)? {
            Transfer::Chunked => Framing::Chunked,
            Transfer::Length(bytes) => Framing::Length(bytes),
            Transfer::Other | Transfer::Unsaid => Framing::UntilClose,
        }
    };
    Ok((head, framing))
}

/// Parses a trailer section, its blank line included. What does not parse is left out: it frames nothing.
pub(crate) fn parse_trailers(section: &[u8]) -> Fields {
    let mut slots = vec![EMPTY_HEADER; FIELDS_MAX];
    match httparse::parse_headers(section, &mut slots) {
        Ok(Status::Complete((_, headers))) => owned(headers),
        _ => Vec::new(),
    }
}

enum Transfer {
    Chunked,
    /// A transfer coding that is not `chunked` at its end.
    Other,
    Length(u64),
    Unsaid,
}

/// What the fields say about the body's length (RFC 9112 section 6.3). A message with both answers is how requests are
/// smuggled: the two peers may read different ones, so nobody in the middle can know where it ends.
fn transfer(fields: &Fields) -> Result<Transfer, Unreadable> {
    let mut length = None;
    let mut coding = None;
    for (name, value) in fields {
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
            coding = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
        } else if name.eq_ignore_ascii_case(b"content-length") {
            for one in value.split(|&byte| byte == b',') {
                let stated = decimal(one.trim_ascii()).ok_or(Unreadable("a content length is not a number"))?;
                if length.is_some_and(|before| before != stated) {
                    return Err(Unreadable("content lengths disagree"));
                }
                length = Some(stated);
            }
        }
    }
    match (coding, length) {
        (Some(_), Some(_)) => Err(Unreadable("a message has both a length and a transfer coding")),
        (Some(true), None) => Ok(Transfer::Chunked),
        (Some(false), None) => Ok(Transfer::Other),
        (None, Some(bytes)) => Ok(Transfer::Length(bytes)),
        (None, None) => Ok(Transfer::Unsaid),
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Splits an absolute-form target into authority and path; other forms are returned as they stand.
fn split_target(sent: &str) -> (Option<&str>, &str) {
    let Some((scheme, rest)) = sent.split_once("://") else { return (None, sent) };
    if !scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return (None, sent);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    (Some(&rest[..end]), if end == rest.len() { "/" } else { &rest[end..] })
}

fn owned(headers: &[Header<'_>]) -> Fields {
    headers.iter().map(|header| (header.name.as_bytes().into(), header.value.into())).collect()
}

fn text(fields: &Fields, name: &[u8]) -> Option<String> {
    let (_, value) = fields.iter().find(|(have, _)| have.eq_ignore_ascii_case(name))?;
    Some(String::from_utf8_lossy(value.trim_ascii()).into_owned())
}
