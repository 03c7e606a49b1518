//! Where a list inside a document begins whose elements are messages of their own (`[rows] each`).
//!
//! It looks at strings and brackets only, and remembers no more than one key of each object on the way to a list.

/// A list's keys from the root down; the pointer without its last `*`.
pub(crate) type ListPath = Box<[Box<str>]>;

/// Longest key that can be one of a path.
const KEY_MAX: usize = 256;

/// Finds lists in a document that arrives in pieces.
#[derive(Default)]
pub(crate) struct Lists {
    /// For each open object on the way to a list: the paths that lead into it.
    on_the_way: Vec<Vec<usize>>,
    /// The paths that the last key goes on.
    pending: Vec<usize>,
    begun: bool,
    /// Open brackets of what leads nowhere.
    aside: u32,
    in_text: bool,
    escaped: bool,
    /// The next text is a key.
    key_next: bool,
    key: Option<Vec<u8>>,
}

impl Lists {
    /// Up to and with the `[` of the next list, and whether there is one; else everything. After a list its elements and
    /// its `]` belong to whoever asked.
    pub(crate) fn next(&mut self, bytes: &[u8], paths: &[ListPath]) -> (usize, bool) {
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_text {
                self.text(*byte, paths);
            } else if self.structure(*byte, paths) {
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
    }

    fn text(&mut self, byte: u8, paths: &[ListPath]) {
        match byte {
            _ if std::mem::take(&mut self.escaped) => {}
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_text = false;
                if let Some(key) = self.key.take() {
                    self.key_ends(&key, paths);
                }
                return;
            }
            _ => {}
        }
        if let Some(key) = self.key.as_mut().filter(|key| key.len() < KEY_MAX) {
            key.push(byte);
        }
    }

    fn key_ends(&mut self, key: &[u8], paths: &[ListPath]) {
        let depth = self.on_the_way.len();
        let here = self.on_the_way.last().map(Vec::as_slice).unwrap_or_default();
        let goes_on = |path: &usize| {
            let wanted = paths.get(*path).and_then(|path| path.get(depth - 1));
            wanted.is_some_and(|wanted| wanted.as_bytes() == key)
        };
        self.pending = here.iter().copied().filter(goes_on).collect();
    }

    /// Takes a byte outside texts; whether it opens a list.
    fn structure(&mut self, byte: u8, paths: &[ListPath]) -> bool {
        match byte {
            b'"' => {
                self.in_text = true;
                if self.aside == 0 && std::mem::take(&mut self.key_next) {
                    self.key = Some(Vec::new());
                }
            }
            b'{' | b'[' => {
                let reached = std::mem::take(&mut self.pending);
                let depth = self.on_the_way.len();
                let first = !std::mem::replace(&mut self.begun, true);
                let complete = |path: &usize| paths.get(*path).is_some_and(|path| path.len() == depth);
                if self.aside > 0 {
                    self.aside += 1;
                } else if byte == b'{' && (first || !reached.is_empty()) {
                    self.on_the_way.push(if first { (0..paths.len()).collect() } else { reached });
                    self.key_next = true;
                } else if byte == b'[' && reached.iter().any(complete) {
                    return true;
                } else {
                    self.aside = 1;
                }
            }
            b'}' | b']' if self.aside > 0 => self.aside -= 1,
            b'}' | b']' => {
                self.on_the_way.pop();
            }
            b',' if self.aside == 0 => {
                self.pending.clear();
                self.key_next = true;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between the borders that are found, the lists' own elements left to the caller.
    fn found(document: &str, paths: &[&str], step: usize) -> Vec<usize> {
        let paths: Vec<ListPath> =
            paths.iter().map(|path| path.split('/').map(Into::into).collect::<Vec<_>>().into()).collect();
        let mut lists = Lists::default();
        let (mut borders, mut at, mut inside) = (Vec::new(), 0, 0);
        while at < document.len() {
            let piece = &document.as_bytes()[at..document.len().min(at + step)];
            if inside > 0 {
                // The caller reads elements; here they have no brackets but their own.
                inside = inside + usize::from(piece[0] == b'[') - usize::from(piece[0] == b']');
                at += 1;
                continue;
            }
            let (taken, opens) = lists.next(piece, &paths);
            at += taken;
            if opens {
                borders.push(at);
                inside = 1;
            }
        }
        borders
    }

    #[test]
    fn a_list_is_found_by_its_path_alone() {
        let document = r#"{"x":[{"a":{"b":[1]}}],"s":"{\"a\":[","a":{"c":[2],"b":[3,[4]],"d":{"b":[5]}},"b":[6],"a":{"b":{"b":[7]}}}"#;
        for step in [1, 3, 1000] {
            let at = |text: &str| document.find(text).expect("it is there");
            assert_eq!(found(document, &["a/b"], step), [at("3,[4]")]);
            assert_eq!(found(document, &["a/b", "a/b/b"], step), [at("3,[4]"), at("7]")]);
            assert_eq!(found(document, &["b"], step), [at("6]")]);
            assert!(found(document, &["c"], step).is_empty());
        }
        assert!(found("[[1]]", &["a"], 1).is_empty(), "a document that is no object has no keys");
    }
}
