//! Path patterns of endpoints.
//!
//! `*` is one segment, `**` the rest, `{name}` captures; a capture may share a segment with fixed text. Matching looks at
//! the path as it was sent: an encoded slash is no separator, and `%63hat` is not `chat`. Only captures are decoded.

use std::collections::BTreeMap;
use std::fmt;

/// Captures and fixed pieces one segment may mix; keeps matching cheap whatever a file says.
const PIECES_MAX: usize = 7;

/// A compiled pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
    /// Ends in `**`.
    rest: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    /// `*`
    Any,
    /// Fixed text alone, or fixed text and captures in turn.
    Pieces(Vec<Piece>),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(String),
    Capture(String),
}

/// Why a text is no pattern, and where in it (byte offset and length).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct BadPattern {
    /// One sentence.
    pub message: String,
    /// Offset of the offending part.
    pub offset: usize,
    /// Its length.
    pub len: usize,
}

impl PathPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The first part that is no pattern.
    pub fn parse(text: &str) -> Result<PathPattern, BadPattern> {
        let bad = |message: &str, offset: usize, len: usize| Err(BadPattern { message: message.into(), offset, len });
        if !text.starts_with('/') {
            return bad("a path begins with `/`", 0, 1);
        }
        if let Some(at) = text.find(['?', '#']) {
            return bad("a path has no query; the query is never matched", at, 1);
        }
        if let Some((at, c)) = text.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
            return bad("a path on the wire has printable ASCII only", at, c.len_utf8());
        }
        let mut segments = Vec::new();
        let mut rest = false;
        let mut names: Vec<String> = Vec::new();
        let mut offset = 1;
        for segment in text[1..].split('/') {
            if rest {
                return bad("`**` is the rest of the path, so nothing follows it", offset, segment.len());
            }
            match segment {
                "**" => rest = true,
                "*" => segments.push(Segment::Any),
                _ => segments.push(Segment::Pieces(pieces(segment, offset, &mut names)?)),
            }
            offset += segment.len() + 1;
        }
        Ok(PathPattern { text: text.to_owned(), segments, rest })
    }

    /// This pattern behind a prefix, which may have captures of its own. A prefix of `""` or `/` changes nothing.
    ///
    /// # Errors
    /// As [`PathPattern::parse`], for the whole.
    pub fn under(&self, prefix: &str) -> Result<PathPattern, BadPattern> {
        PathPattern::parse(&format!("{}{}", prefix.trim_end_matches('/'), self.text))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Names of its captures.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(|segment| {
            match segment {
                Segment::Any => [].iter(),
                Segment::Pieces(pieces) => pieces.iter(),
            }
            .filter_map(|piece| match piece {
                Piece::Capture(name) => Some(name.as_str()),
                Piece::Text(_) => None,
            })
        })
    }

    /// Matches a raw path (no query). The captures come percent-decoded, invalid UTF-8 replaced; `None` = no match.
    pub fn matches(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let mut captures = BTreeMap::new();
        let mut given = path.strip_prefix('/')?.split('/');
        for (at, segment) in self.segments.iter().enumerate() {
            let text = given.next()?;
            match segment {
                Segment::Any if text.is_empty() => return None,
                Segment::Any => {}
                Segment::Pieces(pieces) => {
                    let mut taken = Vec::new();
                    if !fits(pieces, text, &mut taken) {
                        return None;
                    }
                    for (name, value) in taken {
                        captures.insert(name.to_owned(), decoded(value));
                    }
                }
            }
            // `/a/**` also claims `/a` itself.
            if self.rest && at + 1 == self.segments.len() {
                return Some(captures);
            }
        }
        (self.rest || given.next().is_none()).then_some(captures)
    }

    /// Whether every path that `other` matches is matched by this pattern too. May miss exotic cases, never errs the
    /// other way.
    pub fn covers(&self, other: &PathPattern) -> bool {
        if self.segments.len() > other.segments.len()
            || (!self.rest && (other.rest || self.segments.len() != other.segments.len()))
        {
            return false;
        }
        self.segments.iter().zip(&other.segments).all(|(mine, theirs)| mine.covers(theirs))
    }
}

impl Segment {
    fn covers(&self, other: &Segment) -> bool {
        match (self, other) {
            (Segment::Any, Segment::Any) => true,
            (Segment::Any, Segment::Pieces(pieces)) => !pieces.is_empty(),
            (Segment::Pieces(mine), Segment::Any) => matches!(mine.as_slice(), [Piece::Capture(_)]),
            (Segment::Pieces(mine), Segment::Pieces(theirs)) => match theirs.as_slice() {
                [] => mine.is_empty(),
                [Piece::Text(text)] => fits(mine, text, &mut Vec::new()),
                _ => match mine.as_slice() {
                    [Piece::Capture(_)] => true,
                    [Piece::Capture(_), Piece::Text(tail)] => {
                        matches!(theirs.last(), Some(Piece::Text(end)) if end.ends_with(tail.as_str()))
                    }
                    [Piece::Text(head), Piece::Capture(_)] => {
                        matches!(theirs.first(), Some(Piece::Text(begin)) if begin.starts_with(head.as_str()))
                    }
                    _ => same_shape(mine, theirs),
                },
            },
        }
    }
}

fn same_shape(a: &[Piece], b: &[Piece]) -> bool {
    let alike = |(x, y): (&Piece, &Piece)| match (x, y) {
        (Piece::Text(x), Piece::Text(y)) => x == y,
        (Piece::Capture(_), Piece::Capture(_)) => true,
        _ => false,
    };
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// Cuts one segment into fixed text and captures. An empty segment has no pieces.
fn pieces(segment: &str, offset: usize, names: &mut Vec<String>) -> Result<Vec<Piece>, BadPattern> {
    let bad = |message: String, at: usize, len: usize| Err(BadPattern { message, offset: offset + at, len });
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < segment.len() {
        let rest = &segment[at..];
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(close) = inner.find('}') else { return bad("`{` without `}`".into(), at, 1) };
            let name = &inner[..close];
            let word =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !word {
                return bad(format!("`{name}` is no capture name (a-z, 0-9, `_`)"), at, close + 2);
            }
            if names.iter().any(|known| known == name) {
                return bad(format!("`{{{name}}}` captures twice"), at, close + 2);
            }
            if matches!(pieces.last(), Some(Piece::Capture(_))) {
                return bad("two captures need fixed text between them".into(), at, close + 2);
            }
            names.push(name.to_owned());
            pieces.push(Piece::Capture(name.to_owned()));
            at += close + 2;
        } else {
            let end = rest.find('{').unwrap_or(rest.len());
            if let Some(odd) = rest[..end].find(['*', '}']) {
                let message = "`*` stands for a whole segment, and `}` only ends a capture".into();
                return bad(message, at + odd, 1);
            }
            pieces.push(Piece::Text(rest[..end].to_owned()));
            at += end;
        }
        if pieces.len() > PIECES_MAX {
            return bad("too many captures in one segment".into(), 0, segment.len());
        }
    }
    Ok(pieces)
}

/// Matches pieces against one raw segment. A capture takes at least one byte and as much as it can, so that a model name
/// with a colon in it keeps the colon.
fn fits<'p, 't>(pieces: &'p [Piece], text: &'t str, taken: &mut Vec<(&'p str, &'t str)>) -> bool {
    match pieces {
        [] => text.is_empty(),
        [Piece::Text(fixed), after @ ..] => {
            text.strip_prefix(fixed.as_str()).is_some_and(|rest| fits(after, rest, taken))
        }
        [Piece::Capture(name)] => {
            taken.push((name, text));
            !text.is_empty()
        }
        [Piece::Capture(name), after @ ..] => {
            let next = match &after[0] {
                Piece::Text(fixed) => fixed.as_str(),
                Piece::Capture(_) => return false,
            };
            for (at, _) in text.rmatch_indices(next).filter(|(at, _)| *at > 0) {
                let depth = taken.len();
                taken.push((name, &text[..at]));
                if fits(after, &text[at..], taken) {
                    return true;
                }
                taken.truncate(depth);
            }
            false
        }
    }
}

/// Percent-decodes a part of a path or a query.
pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        PathPattern::parse(pattern).unwrap().matches(path).map(|found| found.into_iter().collect())
    }

    fn one(name: &str, value: &str) -> Option<Vec<(String, String)>> {
        Some(vec![(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn fixed_paths_match_exactly() {
        assert_eq!(captured("/v1/messages", "/v1/messages"), Some(vec![]));
        for path in [
            "/v1/messages/",
            "/v1",
            "/v1/messages/x",
            "v1/messages",
            "/V1/messages",
            "/v1/%6Dessages",
            "//v1/messages",
            "",
        ] {
            assert_eq!(captured("/v1/messages", path), None, "{path}");
        }
        assert_eq!(captured("/", "/"), Some(vec![]));
    }

    #[test]
    fn stars_take_one_segment_or_the_rest() {
        assert_eq!(captured("/v1/*/content", "/v1/x/content"), Some(vec![]));
        assert_eq!(captured("/v1/*/content", "/v1//content"), None);
        for path in ["/v1", "/v1/", "/v1/a/b"] {
            assert_eq!(captured("/v1/**", path), Some(vec![]), "{path}");
        }
        assert_eq!(captured("/v1/**", "/v2"), None);
        assert_eq!(captured("/**", "/"), Some(vec![]));
    }

    #[test]
    fn captures_end_inside_a_segment_and_are_decoded() {
        let pattern = "/v1beta/models/{model}:generateContent";
        assert_eq!(captured(pattern, "/v1beta/models/gemini-3-pro:generateContent"), one("model", "gemini-3-pro"));
        assert_eq!(captured(pattern, "/v1beta/models/:generateContent"), None);
        assert_eq!(captured(pattern, "/v1beta/models/x:streamGenerateContent"), None);
        assert_eq!(
            captured("/m/{model}:rawPredict", "/m/claude%4020250929:rawPredict"),
            one("model", "claude@20250929")
        );
        assert_eq!(captured("/model/{model}/invoke", "/model/arn%3Aaws%2Fx/invoke"), one("model", "arn:aws/x"));
        assert_eq!(captured("/m/{model}:x", "/m/a:0:x"), one("model", "a:0"));
        assert_eq!(
            captured("/m/{a}:{b}", "/m/v1:0:go"),
            Some(vec![("a".into(), "v1:0".into()), ("b".into(), "go".into())])
        );
        assert_eq!(captured("/{x}ab", "/aab"), one("x", "a"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_where_it_goes_wrong() {
        let bad = |text: &str| PathPattern::parse(text).map(|_| ()).map_err(|e| (e.offset, e.len));
        assert_eq!(bad("v1"), Err((0, 1)));
        assert_eq!(bad("/v1?x=1"), Err((3, 1)));
        assert_eq!(bad("/v1/**/x"), Err((7, 1)));
        assert_eq!(bad("/v1/a*"), Err((5, 1)));
        assert_eq!(bad("/v1/{model"), Err((4, 1)));
        assert_eq!(bad("/v1/{Model}"), Err((4, 7)));
        assert_eq!(bad("/{a}/{a}"), Err((5, 3)));
        assert_eq!(bad("/{a}{b}"), Err((4, 3)));
        assert_eq!(bad("/ä"), Err((1, 2)));
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        let covers = |a: &str, b: &str| PathPattern::parse(a).unwrap().covers(&PathPattern::parse(b).unwrap());
        assert!(covers("/**", "/v1/messages"));
        assert!(covers("/v1/**", "/v1/files/*"));
        assert!(covers("/m/{model}:rawPredict", "/m/count-tokens:rawPredict"));
        assert!(covers("/m/{a}:x", "/m/pre{b}:x"));
        assert!(covers("/m/*", "/m/{a}:x"));
        assert!(!covers("/m/count-tokens:rawPredict", "/m/{model}:rawPredict"));
        assert!(!covers("/v1/messages", "/v1/**"));
        assert!(!covers("/v1/a", "/v1/b"));
        assert!(!covers("/v1/*/x", "/v1/a"));
    }
}
