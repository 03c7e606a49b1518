//! A strict reader of systemd units.
//!
//! systemd logs what it does not understand and goes on without it; `systemd-analyze verify` ends well on unknown keys. So
//! every unit we write goes through this check: the keys and values of ours, and nothing else.

use crate::plist_check::Fault;
use std::collections::BTreeSet;

/// What a key wants.
#[derive(Clone, Copy)]
enum Wants {
    Sentence,
    Word(&'static [&'static str]),
    Number(u64, u64),
    Limit,
    UnitName,
    Command,
    Variable,
    AbsolutePath,
    Loopback,
    Name,
}

/// Sections, their keys, whether a key may stand more than once, and what it wants.
const KEYS: &[(&str, &str, bool, Wants)] = &[
    ("Unit", "Description", false, Wants::Sentence),
    ("Unit", "Requires", true, Wants::UnitName),
    ("Unit", "After", true, Wants::UnitName),
    ("Unit", "StartLimitIntervalSec", false, Wants::Number(0, 3600)),
    ("Service", "Type", false, Wants::Word(&["exec", "oneshot"])),
    ("Service", "ExecStart", false, Wants::Command),
    ("Service", "RemainAfterExit", false, Wants::Word(&["yes"])),
    ("Service", "Restart", false, Wants::Word(&["always", "on-failure"])),
    ("Service", "RestartSec", false, Wants::Number(1, 3600)),
    // 0 is for ever.
    ("Service", "TimeoutStopSec", false, Wants::Number(1, 600)),
    ("Service", "Environment", true, Wants::Variable),
    ("Service", "WorkingDirectory", false, Wants::AbsolutePath),
    ("Service", "UMask", false, Wants::Word(&["0077"])),
    ("Service", "LimitNOFILE", false, Wants::Limit),
    ("Service", "Nice", false, Wants::Number(0, 19)),
    ("Socket", "ListenStream", false, Wants::Loopback),
    ("Socket", "FileDescriptorName", false, Wants::Name),
    ("Socket", "Service", false, Wants::UnitName),
    ("Install", "WantedBy", false, Wants::Word(&["default.target", "sockets.target"])),
    ("Install", "Also", true, Wants::UnitName),
];

/// Checks a unit's text. `file_name` is its own, which says what kind it is.
pub fn check(text: &str, file_name: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut section = "";
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    if !text.ends_with('\n') {
        found.push(fault("", "the last line has no end"));
    }
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = KEYS.iter().map(|(section, ..)| *section).find(|known| *known == name).unwrap_or("?");
            if !seen.insert((name.to_owned(), String::new())) || section == "?" {
                found.push(fault(name, "is a section we never write, or stands twice"));
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            found.push(fault(line, "is neither a section nor an assignment"));
            continue;
        };
        let path = format!("{section}.{key}");
        let Some((.., many, wants)) = KEYS.iter().find(|(of, name, ..)| *of == section && *name == key) else {
            found.push(fault(&path, "systemd has no such key there, or one we never write"));
            continue;
        };
        if !seen.insert((section.to_owned(), key.to_owned())) && !many {
            found.push(fault(&path, "stands twice; the last one wins silently"));
        }
        if let Some(why) = wrong(value, *wants) {
            found.push(fault(&path, why));
        }
    }
    let needed: &[(&str, &str)] = match file_name.rsplit_once('.') {
        Some((_, "service")) => &[("Unit", "Description"), ("Service", "Type"), ("Service", "ExecStart")],
        Some((_, "socket")) => &[("Socket", "ListenStream"), ("Socket", "FileDescriptorName"), ("Socket", "Service")],
        _ => {
            found.push(fault("", "the file's name is that of no unit we write"));
            &[]
        }
    };
    for (section, key) in needed {
        if !seen.contains(&((*section).to_owned(), (*key).to_owned())) {
            found.push(fault(&format!("{section}.{key}"), "is missing"));
        }
    }
    found
}

fn fault(key: &str, fault: impl Into<String>) -> Fault {
    Fault { key: key.to_owned(), fault: fault.into() }
}

/// What is wrong with a value.
fn wrong(value: &str, wants: Wants) -> Option<&'static str> {
    // A backslash at the end joins lines; a lone `%` is a specifier.
    if value.ends_with('\\') || value.contains(char::is_control) {
        return Some("would run into the next line");
    }
    if value.replace("%%", "").contains('%') {
        return Some("has a `%` that systemd would replace");
    }
    let good = match wants {
        Wants::Sentence => !value.trim().is_empty() && value.trim() == value,
        Wants::Word(words) => words.contains(&value),
        Wants::Number(from, to) => value.parse().is_ok_and(|number| (from..=to).contains(&number)),
        Wants::Limit => value.split_once(':').is_some_and(|(soft, hard)| {
            let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
            number(soft).zip(number(hard)).is_some_and(|(soft, hard)| soft <= hard)
        }),
        Wants::UnitName => {
            let stem = value.strip_suffix(".service").or_else(|| value.strip_suffix(".socket"));
            stem.is_some_and(is_name)
        }
        Wants::Command => words(value).is_some_and(|words| {
            let mut words = words.into_iter();
            let program = words.next().unwrap_or_default();
            let lone = |word: String| word.replace("$$", "").contains('$');
            program.starts_with('/') && !program.contains(['"', '\'', '\\']) && !words.any(lone)
        }),
        Wants::Variable => words(value).is_some_and(|words| {
            let name = |word: &String| {
                word.split_once('=').is_some_and(|(name, _)| {
                    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                })
            };
            words.len() == 1 && words.iter().all(name)
        }),
        Wants::AbsolutePath => value.starts_with('/'),
        Wants::Loopback => {
            value.strip_prefix("127.0.0.1:").is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        }
        Wants::Name => is_name(value),
    };
    (!good).then_some("has not the shape this key needs")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// The words of a value, quotes and escapes resolved; `None` when a quote is left open or stands inside a word.
fn words(value: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(' ');
        if rest.is_empty() {
            return Some(words);
        }
        let Some(inside) = rest.strip_prefix('"') else {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            if word.contains(['"', '\'', '\\']) {
                return None;
            }
            words.push(word.to_owned());
            rest = after;
            continue;
        };
        let mut word = String::new();
        let mut letters = inside.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at,
                (_, '\\') => match letters.next()?.1 {
                    escaped @ ('"' | '\\') => word.push(escaped),
                    _ => return None,
                },
                (_, letter) => word.push(letter),
            }
        };
        rest = &inside[end + 1..];
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[Unit]\nDescription=x\n\n[Service]\nType=exec\nExecStart=/bin/x \"a b\" $$c\nRestart=always\n";

    fn keys(text: &str) -> Vec<String> {
        check(text, "x.service").into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn what_systemd_would_only_log_is_a_fault() {
        assert_eq!(keys(GOOD), Vec::<String>::new());
        let slip = |from: &str, to: &str| keys(&GOOD.replace(from, to));
        assert_eq!(slip("Type=exec", "Typ=exec"), ["Service.Typ", "Service.Type"]);
        assert_eq!(slip("Type=exec", "Type=exec\nType=exec"), ["Service.Type"]);
        assert_eq!(slip("Type=exec", "Type=simplex"), ["Service.Type"]);
        assert_eq!(slip("/bin/x", "x"), ["Service.ExecStart"]);
        assert_eq!(slip("$$c", "$c"), ["Service.ExecStart"]);
        assert_eq!(slip("$$c", "%h"), ["Service.ExecStart"]);
        assert_eq!(slip("\"a b\"", "\"a b"), ["Service.ExecStart"]);
        assert_eq!(slip("\"a b\"", "a\"b\""), ["Service.ExecStart"]);
        assert_eq!(slip("always\n", "always \\\n"), ["Service.Restart"]);
        assert_eq!(slip("always\n", "always"), [""]);
        assert_eq!(slip("[Service]", "[Servce]").first().map(String::as_str), Some("Servce"));
        assert_eq!(slip("Restart=always", "Restart"), ["Restart"]);
        assert_eq!(
            check("[Socket]\nListenStream=0.0.0.0:1\nFileDescriptorName=e\nService=x.service\n", "x.socket").len(),
            1
        );
        assert_eq!(check(GOOD, "x.timer").len(), 1);
    }
}
