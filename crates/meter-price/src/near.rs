//! Names near to one that no price knows, for the report; never for a price.

/// At most this many are offered.
const OFFERED_MAX: usize = 3;

/// The names nearest to `written`: at most a third of the letters differ, or one begins with the other. Best first.
pub(crate) fn near<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let allowed = (written.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let far = distance(written.as_bytes(), name.as_bytes(), allowed);
            let prefix = written.starts_with(name) || name.starts_with(written);
            match far {
                Some(far) => Some((far, name)),
                None => (prefix && !written.is_empty()).then_some((allowed + 1, name)),
            }
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(OFFERED_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// Letters to insert, delete or replace; `None` when more than `most`. Linear in memory, and cut short by length: names
/// come from the wire and may be long.
fn distance(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            row.push((last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1));
        }
        if row.iter().min().is_some_and(|least| *least > most) {
            return None;
        }
        last = row;
    }
    last.last().copied().filter(|far| *far <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_longer_names_are_offered_and_strangers_are_not() {
        let names = ["gpt-6.1-sol", "gpt-6.1-luna", "gpt-6-astra", "whisper-1"];
        assert_eq!(near("gpt-6.1-sol-mini", names.into_iter())[0], "gpt-6.1-sol");
        assert_eq!(near("gpt-6.1-sool", names.into_iter())[0], "gpt-6.1-sol");
        assert!(near("zeta-9-nocturne", names.into_iter()).is_empty());
        assert!(near("", names.into_iter()).is_empty());
    }
}
