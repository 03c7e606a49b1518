//! What a request asks the demo provider to answer.

/// The request header that carries a script, e.g. `input=1200, cache_read=900, output=340, web_search=1`.
pub const HEADER: &str = "x-demo";

/// The numbers and the manner of one answer. Counts are tokens in disjoint buckets; the answer words them as its
/// provider does (inclusive or exclusive).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Script {
    /// Uncached prompt tokens.
    pub input: u64,
    /// Prompt tokens read from a cache.
    pub cache_read: u64,
    /// Prompt tokens written to a five-minute cache, where the provider has one.
    pub cache_write: u64,
    /// Visible answer tokens.
    pub output: u64,
    /// Reasoning tokens.
    pub reasoning: u64,
    /// Web searches, billed apart.
    pub web_search: u64,
    /// Text events of a stream.
    pub events: u64,
    /// Pause between two events, in milliseconds.
    pub gap_ms: u64,
    /// Break the connection after this many text events.
    pub cut_after: Option<u64>,
    /// Answer with this error status instead.
    pub status: Option<u16>,
    /// Compress the answer with gzip.
    pub gzip: bool,
    /// Extra bytes of text in the answer.
    pub pad: u64,
    /// Number in the answer's id; without one the provider counts.
    pub id: Option<u64>,
}

impl Default for Script {
    fn default() -> Self {
        Script {
            input: 1_200,
            cache_read: 0,
            cache_write: 0,
            output: 340,
            reasoning: 0,
            web_search: 0,
            events: 5,
            gap_ms: 0,
            cut_after: None,
            status: None,
            gzip: false,
            pad: 0,
            id: None,
        }
    }
}

impl Script {
    /// Reads a header value. Unknown words and bad numbers are an error: a typo must not turn into a default.
    ///
    /// # Errors
    /// The word that was not understood.
    pub fn parse(text: &str) -> Result<Script, String> {
        let mut script = Script::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (key, value) = item.split_once('=').unwrap_or((item, "1"));
            let number: u64 = value.trim().parse().map_err(|_| format!("`{item}` is no number"))?;
            match key.trim() {
                "input" => script.input = number,
                "cache_read" => script.cache_read = number,
                "cache_write" => script.cache_write = number,
                "output" => script.output = number,
                "reasoning" => script.reasoning = number,
                "web_search" => script.web_search = number,
                "events" => script.events = number,
                "gap_ms" => script.gap_ms = number,
                "cut_after" => script.cut_after = Some(number),
                "status" => script.status = Some(u16::try_from(number).map_err(|_| format!("`{item}` is no status"))?),
                "gzip" => script.gzip = number != 0,
                "pad" => script.pad = number,
                "id" => script.id = Some(number),
                _ => return Err(format!("`{key}` is no word of a script")),
            }
        }
        Ok(script)
    }

    /// An id of this answer.
    pub fn named(&self, prefix: &str) -> String {
        self.id.map_or_else(|| prefix.to_owned(), |number| format!("{prefix}{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_words_and_refuses_typos() {
        let script = Script::parse("input=7, output=3, gzip, cut_after=2").unwrap();
        assert_eq!((script.input, script.output, script.gzip, script.cut_after), (7, 3, true, Some(2)));
        assert!(Script::parse("inptu=7").is_err());
        assert!(Script::parse("input=many").is_err());
        assert_eq!(Script::parse(""), Ok(Script::default()));
    }
}
