//! The static table (RFC 7541 appendix A) and the dynamic one (section 2.3.2 and 4).

use std::collections::VecDeque;

/// What an entry costs beyond its bytes (section 4.1).
const ENTRY_OVERHEAD: usize = 32;

type Entry = (Box<[u8]>, Box<[u8]>);

/// The dynamic table of one direction. Index 0 is the newest entry.
#[derive(Debug)]
pub(crate) struct Table {
    entries: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Table {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Name and value at an index of the joint address space (section 2.3.3), which starts at 1.
    pub(crate) fn at(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let index = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Some((name.as_bytes(), value.as_bytes()));
        }
        let (name, value) = self.entries.get(index - STATIC.len())?;
        Some((name, value))
    }

    /// Adds an entry; one larger than the table empties it (section 4.4).
    pub(crate) fn insert(&mut self, name: Box<[u8]>, value: Box<[u8]>) {
        let cost = name.len() + value.len() + ENTRY_OVERHEAD;
        self.evict_to(self.bytes_max.saturating_sub(cost));
        if cost <= self.bytes_max {
            self.bytes += cost;
            self.entries.push_front((name, value));
        }
    }

    pub(crate) fn resize(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.evict_to(bytes_max);
    }

    fn evict_to(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let Some((name, value)) = self.entries.pop_back() else { return };
            self.bytes -= name.len() + value.len() + ENTRY_OVERHEAD;
        }
    }
}

/// The index of the first static entry with this name.
pub(crate) fn static_name(name: &[u8]) -> Option<usize> {
    STATIC.iter().position(|(have, _)| have.as_bytes() == name).map(|position| position + 1)
}

#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];
