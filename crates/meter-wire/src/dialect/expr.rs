//! The expression language: text to tree, with the column of what is wrong.

use super::pointer::{Filter, Pointer, Segment};
use crate::decimal::Decimal;

/// An expression as parsed; names and pointers are still text and paths.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parsed {
    Pointer(Pointer),
    Count(Pointer),
    Length(Pointer),
    Name(String, usize),
    Number(Decimal),
    Text(String),
    Truth(bool),
    Unknown,
    First(Vec<Parsed>),
    Cap(Box<Parsed>, Box<Parsed>),
    Tail(Box<Parsed>),
    /// `header(x)` and the like, with the column of the word.
    Source(Source, String, usize),
    /// Terms; `true` is subtracted.
    Sum(Vec<(bool, Parsed)>),
    Scale(Box<Parsed>, Decimal),
}

/// Where `word(x)` reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Header,
    Trailer,
    Path,
    Query,
    Frame,
    Request,
    Response,
}

/// A condition: a value alone, or compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParsedCondition {
    pub(crate) left: Parsed,
    pub(crate) right: Option<(Comparison, Parsed)>,
}

/// How two values of a condition are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `>=`, of numbers.
    AtLeast,
}

/// What is wrong and at which byte of the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) column: usize,
    pub(crate) message: String,
}

type Parse<T> = Result<T, SyntaxError>;

/// Deepest nesting of calls; only a mistake is deeper.
const DEPTH_MAX: usize = 16;

/// Reads a value.
pub(crate) fn value(text: &str) -> Parse<Parsed> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    parser.end()?;
    Ok(value)
}

/// Reads a condition.
pub(crate) fn condition(text: &str) -> Parse<ParsedCondition> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let left = parser.value()?;
    let comparisons = [(" == ", Comparison::Equal), (" != ", Comparison::Unequal), (" >= ", Comparison::AtLeast)];
    let written = comparisons.into_iter().find(|(sign, _)| parser.eat(sign));
    let right = written.map(|(_, comparison)| Ok((comparison, parser.value()?))).transpose()?;
    parser.end()?;
    Ok(ParsedCondition { left, right })
}

/// Reads a pointer alone; the empty text is the message itself.
pub(crate) fn pointer(text: &str) -> Parse<Pointer> {
    if text.is_empty() {
        return Ok(Pointer::default());
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    if !text.starts_with('/') {
        return parser.fail("a pointer begins with `/`");
    }
    let pointer = parser.pointer()?;
    parser.end()?;
    Ok(pointer)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parse<T> {
        Err(SyntaxError { column: self.at, message: message.into() })
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn run(&mut self, allowed: impl Fn(char) -> bool) -> String {
        let end = self.rest().find(|c| !allowed(c)).unwrap_or(self.rest().len());
        let run = self.rest()[..end].to_owned();
        self.at += end;
        run
    }

    fn end(&self) -> Parse<()> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            self.fail("nothing may follow here; operators have one space on each side")
        }
    }

    fn value(&mut self) -> Parse<Parsed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fail("too many calls inside one another");
        }
        let mut terms = vec![(false, self.term()?)];
        loop {
            if self.eat(" + ") {
                terms.push((false, self.term()?));
            } else if self.eat(" - ") {
                terms.push((true, self.term()?));
            } else {
                break;
            }
        }
        self.depth -= 1;
        match (terms.len(), terms.pop()) {
            (1, Some((_, only))) => Ok(only),
            (_, Some(last)) => {
                terms.push(last);
                Ok(Parsed::Sum(terms))
            }
            (_, None) => self.fail("a value is missing"),
        }
    }

    fn term(&mut self) -> Parse<Parsed> {
        let factor = self.factor()?;
        if self.eat(" * ") {
            return Ok(Parsed::Scale(Box::new(factor), self.number()?));
        }
        Ok(factor)
    }

    fn number(&mut self) -> Parse<Decimal> {
        let start = self.at;
        let text = self.run(|c| c.is_ascii_digit() || c == '.');
        Decimal::literal(&text)
            .ok_or_else(|| SyntaxError { column: start, message: "a number is missing, like 12 or 0.5".to_owned() })
    }

    fn factor(&mut self) -> Parse<Parsed> {
        match self.rest().chars().next() {
            Some('/') => Ok(Parsed::Pointer(self.pointer()?)),
            Some('\'') => {
                self.at += 1;
                let text = self.run(|c| c != '\'');
                if self.eat("'") { Ok(Parsed::Text(text)) } else { self.fail("the text is not closed by `'`") }
            }
            Some(c) if c.is_ascii_digit() => Ok(Parsed::Number(self.number()?)),
            Some(c) if c.is_ascii_lowercase() || c == '_' => {
                let start = self.at;
                let word = self.run(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                if self.rest().starts_with('(') { self.call(&word, start) } else { Ok(named(word, start)) }
            }
            _ => self.fail("a pointer, a name, a number, a 'text' or a call is missing"),
        }
    }

    fn call(&mut self, word: &str, start: usize) -> Parse<Parsed> {
        self.at += 1;
        let source = match word {
            "header" => Source::Header,
            "trailer" => Source::Trailer,
            "path" => Source::Path,
            "query" => Source::Query,
            "frame" => Source::Frame,
            "request" => Source::Request,
            "response" => Source::Response,
            "first" | "cap" | "tail" | "count" | "length" => return self.function(word),
            _ => {
                let message = format!("there is no function or source `{word}`");
                return Err(SyntaxError { column: start, message });
            }
        };
        let column = self.at;
        let inside = self.run(|c| c != ')');
        if inside.is_empty() {
            return self.fail("a word is missing between the brackets");
        }
        self.closed()?;
        Ok(Parsed::Source(source, inside, column))
    }

    fn function(&mut self, word: &str) -> Parse<Parsed> {
        if matches!(word, "count" | "length") {
            if !self.rest().starts_with('/') {
                return self.fail(format!("`{word}` takes a pointer"));
            }
            let pointer = self.pointer()?;
            self.closed()?;
            return Ok(if word == "count" { Parsed::Count(pointer) } else { Parsed::Length(pointer) });
        }
        let mut values = vec![self.value()?];
        while self.eat(", ") {
            values.push(self.value()?);
        }
        if word == "first" {
            self.closed()?;
            return Ok(Parsed::First(values));
        }
        if word == "tail" {
            return match (values.len(), values.pop()) {
                (1, Some(value)) => {
                    self.closed()?;
                    Ok(Parsed::Tail(Box::new(value)))
                }
                _ => self.fail("`tail` takes one value"),
            };
        }
        match <[Parsed; 2]>::try_from(values) {
            Ok([value, most]) => {
                self.closed()?;
                Ok(Parsed::Cap(Box::new(value), Box::new(most)))
            }
            Err(_) => self.fail("`cap` takes two values"),
        }
    }

    fn closed(&mut self) -> Parse<()> {
        if self.eat(")") { Ok(()) } else { self.fail("`)` is missing") }
    }

    fn pointer(&mut self) -> Parse<Pointer> {
        let mut segments = Vec::new();
        while self.eat("/") {
            let start = self.at;
            if self.rest().starts_with('[') {
                segments.push(self.filters()?);
                continue;
            }
            let key = self.run(|c| !" ,()[]/".contains(c));
            let segment = match key.as_str() {
                "" => return self.fail("a segment is missing after `/`"),
                "*" => Segment::Each,
                "**" if segments.is_empty() => Segment::Deep,
                "**" => return Err(SyntaxError { column: start, message: "`**` may only come first".to_owned() }),
                _ => Segment::Key(plain(&key, start)?),
            };
            segments.push(segment);
            if self.rest().starts_with('[') {
                return self.fail("a filter is a segment of its own: write `/[…]`");
            }
        }
        if segments.last() == Some(&Segment::Deep) {
            return self.fail("a key is missing after `**`");
        }
        Ok(Pointer(segments))
    }

    fn filters(&mut self) -> Parse<Segment> {
        let mut filters = Vec::new();
        while self.eat("[") {
            let mut path = Vec::new();
            while !self.rest().starts_with(['=', '!']) {
                let start = self.at;
                let key = self.run(|c| !" ,()[]/=!".contains(c));
                if key.is_empty() {
                    return self.fail("a filter is `[key=text]` or `[key!=text]`");
                }
                path.push(plain(&key, start)?);
                self.eat("/");
            }
            let equal = !self.eat("!");
            if !self.eat("=") {
                return self.fail("`=` is missing");
            }
            let text = self.run(|c| c != ']');
            if !self.eat("]") {
                return self.fail("`]` is missing");
            }
            filters.push(Filter { path, equal, text: text.into() });
        }
        Ok(Segment::Where(filters))
    }
}

fn named(word: String, start: usize) -> Parsed {
    match word.as_str() {
        "true" => Parsed::Truth(true),
        "false" => Parsed::Truth(false),
        "unknown" => Parsed::Unknown,
        _ => Parsed::Name(word, start),
    }
}

/// A key without its escapes (RFC 6901 section 4).
fn plain(key: &str, column: usize) -> Parse<Box<str>> {
    let mut out = String::with_capacity(key.len());
    let mut chars = key.chars();
    while let Some(c) = chars.next() {
        out.push(match (c, c == '~') {
            (_, true) => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => {
                    return Err(SyntaxError {
                        column,
                        message: "`~` is written `~0`, `/` inside a key `~1`".to_owned(),
                    });
                }
            },
            (c, false) => c,
        });
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_at(text: &str, column: usize) {
        let error = condition(text).expect_err(text);
        assert_eq!(error.column, column, "{text}: {}", error.message);
    }

    #[test]
    fn the_grammar_reads() {
        for right in [
            "/a/b - cache_read + /c * 0.5",
            "first(/a, cap(/b, /c - d), 0)",
            "count(/output/[type=web_search_call][action/type=search])",
            "length(/input)",
            "tail(/setup/model)",
            "header(x-amzn-bedrock-input-token-count)",
            "/9/[=1]",
            "/**/cache_control/ttl",
            "frame(data) == '[DONE]'",
            "/a != /b + /c",
            "/a >= /b + /c",
            "/amazon-bedrock-invocationMetrics/a~1b",
            "unknown",
        ] {
            assert!(condition(right).is_ok(), "{right}: {:?}", condition(right));
        }
    }

    #[test]
    fn a_mistake_has_its_column() {
        fails_at("", 0);
        fails_at("/a  + /b", 2);
        fails_at("/a + ", 5);
        fails_at("/a/**", 3);
        fails_at("frist(/a)", 0);
        fails_at("first(/a", 8);
        fails_at("cap(/a)", 6);
        fails_at("tail(/a, /b)", 11);
        fails_at("count(a)", 6);
        fails_at("/a[b=c]", 2);
        fails_at("/[b]", 3);
        fails_at("'x", 2);
        fails_at("/a * b", 5);
        fails_at("header()", 7);
        fails_at("/a~2", 1);
        fails_at("/a == /b == /c", 8);
        fails_at("/a > /b", 2);
    }
}
