//! A strict reader of launchd property lists.
//!
//! launchd ignores what it does not understand and says so, at best, in a log; the usual readers keep the last of two equal
//! keys. So every file we write goes through this check first: keys and types of launchd.plist(5), as far as we use them,
//! and the rules that cost people hours.

use plist::{Dictionary, Value};
use std::collections::BTreeSet;

/// What is wrong with a property list.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {fault}")]
pub struct Fault {
    /// Path of the key: `Sockets.edge.0.SockFamily`; empty for the file itself.
    pub key: String,
    /// What is wrong, one sentence.
    pub fault: String,
}

/// What launchd wants under a key.
#[derive(Clone, Copy)]
enum Wants {
    AbsolutePath,
    Truth,
    Number(u64, u64),
    Texts,
    Word(&'static [&'static str]),
    /// Handled by a function of its own.
    Own,
}

/// The keys we may write. Others are faults: a misspelt key does nothing. `Disabled` (an override store wins over it) and
/// `EnableTransactions` (idle jobs are killed without a signal) are left out on purpose.
const KEYS: &[(&str, Wants)] = &[
    ("Label", Wants::Own),
    ("ProgramArguments", Wants::Own),
    ("RunAtLoad", Wants::Truth),
    ("KeepAlive", Wants::Own),
    ("ProcessType", Wants::Word(&["Interactive", "Standard", "Background", "Adaptive"])),
    ("LimitLoadToSessionType", Wants::Word(&["Aqua", "Background"])),
    ("EnvironmentVariables", Wants::Own),
    ("WorkingDirectory", Wants::AbsolutePath),
    ("Umask", Wants::Own),
    ("StandardOutPath", Wants::AbsolutePath),
    ("StandardErrorPath", Wants::AbsolutePath),
    // 0 means for ever.
    ("ExitTimeOut", Wants::Number(1, 60)),
    // 0 is ignored.
    ("ThrottleInterval", Wants::Number(1, 3600)),
    ("SoftResourceLimits", Wants::Own),
    ("HardResourceLimits", Wants::Own),
    ("Sockets", Wants::Own),
    ("AbandonProcessGroup", Wants::Truth),
    ("AssociatedBundleIdentifiers", Wants::Texts),
    ("Nice", Wants::Number(0, 20)),
];

/// Checks a file's text. `stem` is its name without `.plist`; `logs` is the folder that log files have to be in.
pub fn check(text: &str, stem: &str, logs: &str) -> Vec<Fault> {
    let mut found = Vec::new();
    for key in repeated_keys(text) {
        found.push(fault(&key, "stands twice; readers keep one of them silently"));
    }
    match Value::from_reader_xml(text.as_bytes()) {
        Err(error) => found.push(fault("", format!("no property list: {error}"))),
        Ok(Value::Dictionary(job)) => {
            whole(&job, stem, &mut found);
            for (key, value) in &job {
                match KEYS.iter().find(|(known, _)| known == key) {
                    None => found.push(fault(key, "launchd has no such key, or one we never write")),
                    Some((_, wants)) => one(key, value, *wants, &mut found),
                }
            }
            for key in ["StandardOutPath", "StandardErrorPath"] {
                let path = job.get(key).and_then(Value::as_string);
                // A log that cannot be opened keeps the job from starting at all.
                if path.is_none_or(|path| !path.starts_with(&format!("{}/", logs.trim_end_matches('/')))) {
                    found.push(fault(key, format!("must lie in `{logs}`, which we make ourselves")));
                }
            }
        }
        Ok(_) => found.push(fault("", "the top is no dictionary")),
    }
    found
}

fn fault(key: &str, fault: impl Into<String>) -> Fault {
    Fault { key: key.to_owned(), fault: fault.into() }
}

fn whole(job: &Dictionary, stem: &str, found: &mut Vec<Fault>) {
    match job.get("Label").and_then(Value::as_string) {
        None => found.push(fault("Label", "is missing or no text")),
        Some(label) if label != stem => found.push(fault("Label", format!("is `{label}`, the file is `{stem}.plist`"))),
        Some(_) => {}
    }
    if !job.contains_key("ProgramArguments") {
        found.push(fault("ProgramArguments", "is missing"));
    }
}

fn one(key: &str, value: &Value, wants: Wants, found: &mut Vec<Fault>) {
    let good = match wants {
        Wants::AbsolutePath => value.as_string().is_some_and(is_absolute),
        Wants::Truth => value.as_boolean().is_some(),
        Wants::Number(from, to) => value.as_unsigned_integer().is_some_and(|number| (from..=to).contains(&number)),
        Wants::Texts => value.as_array().is_some_and(|list| list.iter().all(|one| one.as_string().is_some())),
        Wants::Word(words) => value.as_string().is_some_and(|word| words.contains(&word)),
        Wants::Own => return own(key, value, found),
    };
    if !good {
        let needed = match wants {
            Wants::AbsolutePath => "an absolute path without `~`".to_owned(),
            Wants::Truth => "true or false".to_owned(),
            Wants::Number(from, to) => format!("a number from {from} to {to}"),
            Wants::Texts => "a list of texts".to_owned(),
            Wants::Word(words) => format!("one of {}", words.join(", ")),
            Wants::Own => return,
        };
        found.push(fault(key, format!("must be {needed}")));
    }
}

fn own(key: &str, value: &Value, found: &mut Vec<Fault>) {
    match key {
        "ProgramArguments" => {
            let Some(list) = value.as_array().filter(|list| list.iter().all(|one| one.as_string().is_some())) else {
                return found.push(fault(key, "must be a list of texts"));
            };
            match list.first().and_then(Value::as_string) {
                Some(program) if is_absolute(program) => {}
                _ => found.push(fault("ProgramArguments.0", "must be an absolute path without `~`: no shell reads it")),
            }
        }
        "KeepAlive" => match value {
            Value::Boolean(_) => {}
            Value::Dictionary(conditions) => {
                for (name, value) in conditions {
                    let path = format!("{key}.{name}");
                    match name.as_str() {
                        "SuccessfulExit" | "Crashed" if value.as_boolean().is_some() => {}
                        "SuccessfulExit" | "Crashed" => found.push(fault(&path, "must be true or false")),
                        _ => found.push(fault(&path, "is no condition we use")),
                    }
                }
            }
            _ => found.push(fault(key, "must be true, false or conditions")),
        },
        "EnvironmentVariables" => match value.as_dictionary() {
            None => found.push(fault(key, "must be a dictionary")),
            Some(variables) => {
                for (name, _) in variables.iter().filter(|(_, value)| value.as_string().is_none()) {
                    found.push(fault(&format!("{key}.{name}"), "must be a text: other types are ignored"));
                }
            }
        },
        "Umask" => {
            let octal = |text: &str| {
                text.starts_with('0') && text.len() <= 4 && text.bytes().all(|b| (b'0'..=b'7').contains(&b))
            };
            if !value.as_string().is_some_and(octal) {
                found.push(fault(key, "must be text with a leading 0: an integer is read as decimal"));
            }
        }
        "SoftResourceLimits" | "HardResourceLimits" => match value.as_dictionary() {
            None => found.push(fault(key, "must be a dictionary")),
            Some(limits) => {
                for (name, value) in limits {
                    if name != "NumberOfFiles" || value.as_unsigned_integer().is_none_or(|number| number < 256) {
                        found.push(fault(&format!("{key}.{name}"), "only `NumberOfFiles`, at least 256"));
                    }
                }
            }
        },
        "Sockets" => match value.as_dictionary() {
            None => found.push(fault(key, "must be a dictionary")),
            Some(named) => {
                for (name, listeners) in named {
                    let path = format!("{key}.{name}");
                    match listeners.as_array().filter(|list| !list.is_empty()) {
                        None => found.push(fault(&path, "must be a list of listeners")),
                        Some(list) => {
                            for (at, listener) in list.iter().enumerate() {
                                socket(&format!("{path}.{at}"), listener, found);
                            }
                        }
                    }
                }
            }
        },
        // Checked for the file as a whole.
        "Label" => {}
        _ => found.push(fault(key, "nothing checks it")),
    }
}

fn socket(path: &str, value: &Value, found: &mut Vec<Fault>) {
    let Some(socket) = value.as_dictionary() else { return found.push(fault(path, "must be a dictionary")) };
    let text = |key: &str| socket.get(key).and_then(Value::as_string);
    if text("SockNodeName") != Some("127.0.0.1") {
        found.push(fault(
            &format!("{path}.SockNodeName"),
            "must be 127.0.0.1: without it the socket is open to the network",
        ));
    }
    if !socket
        .get("SockServiceName")
        .and_then(Value::as_unsigned_integer)
        .is_some_and(|port| (1..=65535).contains(&port))
    {
        found.push(fault(&format!("{path}.SockServiceName"), "must be a port"));
    }
    if text("SockFamily") != Some("IPv4") {
        found.push(fault(&format!("{path}.SockFamily"), "must be IPv4"));
    }
    for key in socket.keys().filter(|key| !matches!(key.as_str(), "SockNodeName" | "SockServiceName" | "SockFamily")) {
        found.push(fault(&format!("{path}.{key}"), "is no socket key we use"));
    }
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') && !path.contains('~')
}

/// Keys that stand twice in one dictionary. The readers cannot tell, so the tags are walked.
fn repeated_keys(text: &str) -> Vec<String> {
    let mut open: Vec<BTreeSet<&str>> = Vec::new();
    let mut repeated = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if let Some(after) = rest.strip_prefix("<dict>") {
            open.push(BTreeSet::new());
            rest = after;
        } else if let Some(after) = rest.strip_prefix("</dict>") {
            open.pop();
            rest = after;
        } else if let Some(after) = rest.strip_prefix("<key>") {
            let (key, after) = after.split_once("</key>").unwrap_or((after, ""));
            if let Some(keys) = open.last_mut()
                && !keys.insert(key)
            {
                repeated.push(key.to_owned());
            }
            rest = after;
        } else {
            rest = &rest[1..];
        }
    }
    repeated
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>";
    const GOOD: &str = "<key>Label</key><string>x</string>\
        <key>ProgramArguments</key><array><string>/bin/x</string></array>\
        <key>StandardOutPath</key><string>/l/o</string><key>StandardErrorPath</key><string>/l/e</string>";

    fn faults(more: &str) -> Vec<String> {
        check(&format!("{HEAD}{GOOD}{more}</dict></plist>"), "x", "/l").into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn a_good_list_has_no_faults() {
        assert_eq!(faults(""), Vec::<String>::new());
    }

    #[test]
    fn what_launchd_would_ignore_or_misread_is_a_fault() {
        let cases = [
            ("<key>Label</key><string>x</string>", "Label"),
            ("<key>RunAtLod</key><true/>", "RunAtLod"),
            ("<key>RunAtLoad</key><string>yes</string>", "RunAtLoad"),
            ("<key>Disabled</key><false/>", "Disabled"),
            ("<key>EnableTransactions</key><true/>", "EnableTransactions"),
            ("<key>KeepAlive</key><dict><key>NetworkState</key><true/></dict>", "KeepAlive.NetworkState"),
            ("<key>ThrottleInterval</key><integer>0</integer>", "ThrottleInterval"),
            ("<key>ExitTimeOut</key><integer>0</integer>", "ExitTimeOut"),
            ("<key>ExitTimeOut</key><integer>61</integer>", "ExitTimeOut"),
            ("<key>Umask</key><integer>77</integer>", "Umask"),
            ("<key>EnvironmentVariables</key><dict><key>A</key><integer>1</integer></dict>", "EnvironmentVariables.A"),
            ("<key>SoftResourceLimits</key><dict><key>CPU</key><integer>1</integer></dict>", "SoftResourceLimits.CPU"),
            ("<key>WorkingDirectory</key><string>~/x</string>", "WorkingDirectory"),
            ("<key>Sockets</key><dict><key>e</key><array/></dict>", "Sockets.e"),
            (
                "<key>Sockets</key><dict><key>e</key><array><dict><key>SockServiceName</key><integer>1</integer>\
                 <key>SockFamily</key><string>IPv4</string></dict></array></dict>",
                "Sockets.e.0.SockNodeName",
            ),
            ("<key>ProcessType</key><string>Fast</string>", "ProcessType"),
        ];
        for (more, key) in cases {
            assert_eq!(faults(more), [key], "{more}");
        }
    }

    #[test]
    fn a_file_is_called_after_its_label_and_logs_where_we_made_a_folder() {
        let keys = |text: &str, stem: &str, logs: &str| -> Vec<String> {
            check(text, stem, logs).into_iter().map(|fault| fault.key).collect()
        };
        let text = format!("{HEAD}{GOOD}</dict></plist>");
        assert_eq!(keys(&text, "y", "/l"), ["Label"]);
        assert_eq!(keys(&text, "x", "/other"), ["StandardOutPath", "StandardErrorPath"]);
        assert_eq!(keys("<plist><integer>two</integer></plist>", "x", "/l").len(), 1);
        assert_eq!(keys("", "x", "/l"), [""]);
        let relative = format!("{HEAD}{}</dict></plist>", GOOD.replace("/bin/x", "bin/x"));
        assert_eq!(keys(&relative, "x", "/l"), ["ProgramArguments.0"]);
    }
}
