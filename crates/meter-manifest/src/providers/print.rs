//! A provider as one file that says everything itself: what `extends`, prefixes and mounts came to.
//!
//! People read it to see what is in force. Read again it is the same provider, except for what no file can say of itself:
//! what its dialects were overridden with (a comment names the dialect), and which provider is mounted behind a gateway
//! (a comment names it).

use super::{Endpoint, Provider, Unmatched};
use meter_call::{Billing, EndpointClass};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The port that goes without saying.
const PORTS_DEFAULT: &[u16] = &[443];

impl Provider {
    /// The file. Endpoints come in the order in which they are tried.
    pub fn to_toml(&self) -> String {
        let mut text = String::from("schema = 1\n");
        let mut line = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
        line("id", quoted(&self.id));
        line("name", quoted(&self.name));
        if self.provider != self.id {
            line("provider", quoted(&self.provider));
        }
        let mut patterns: Vec<&str> = Vec::new();
        let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for host in &self.hosts {
            if !patterns.contains(&host.written.as_str()) {
                patterns.push(&host.written);
            }
            for (name, value) in &host.captures {
                let list = lists.entry(name).or_default();
                if !list.contains(&value.as_str()) {
                    list.push(value);
                }
            }
        }
        line("hosts", list(patterns));
        for (name, values) in lists {
            line(name, list(values));
        }
        if self.hosts.iter().any(|host| super::host::is_shared(&host.name)) {
            line("broad", "true".into());
        }
        if self.ports != PORTS_DEFAULT {
            line("ports", format!("[{}]", self.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")));
        }
        if self.unmatched == Unmatched::Ignore {
            line("unmatched", quoted("ignore"));
        }
        for endpoint in &self.endpoints {
            text.push('\n');
            text.push_str(&self.endpoint(endpoint));
        }
        text
    }

    fn endpoint(&self, endpoint: &Endpoint) -> String {
        let mut text = String::from("[[endpoint]]\n");
        let mut line = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
        line("id", quoted(&endpoint.id));
        let mut conditions = Vec::new();
        match endpoint.methods.as_slice() {
            [] => {}
            [one] => conditions.push(format!("method = {}", quoted(one))),
            many => conditions.push(format!("method = {}", list(many.iter().map(String::as_str)))),
        }
        match endpoint.paths.as_slice() {
            [one] => conditions.push(format!("path = {}", quoted(one.as_str()))),
            many => conditions.push(format!("path = {}", list(many.iter().map(super::PathPattern::as_str)))),
        }
        if let Some(upgrade) = &endpoint.upgrade {
            conditions.push(format!("upgrade = {}", quoted(upgrade)));
        }
        if !endpoint.captures.is_empty() {
            let globs = endpoint.captures.iter().map(|(name, glob)| format!("{name} = {}", quoted(glob.glob().glob())));
            conditions.push(format!("capture = {{ {} }}", globs.collect::<Vec<_>>().join(", ")));
        }
        line("match", format!("{{ {} }}", conditions.join(", ")));
        line("class", quoted(endpoint.class.as_str()));
        if endpoint.kind != "other" || endpoint.class == EndpointClass::Costed {
            line("kind", quoted(&endpoint.kind));
        }
        if let Some(dialect) = &endpoint.dialect_id {
            line("dialect", quoted(dialect));
        }
        if let Some(stream) = endpoint.stream {
            line("stream", stream.to_string());
        }
        if endpoint.settles {
            line("settles", "true".into());
        }
        if endpoint.billing == Billing::Plan {
            line("billing", quoted("plan"));
        }
        if let Some((condition, _)) = &endpoint.free_when {
            line("free_when", quoted(condition));
        }
        if endpoint.provider != self.provider {
            line("provider", quoted(&endpoint.provider));
        }
        if endpoint.prices != endpoint.provider {
            line("prices", quoted(&endpoint.prices));
        }
        if let Some(upstream) = &endpoint.upstream {
            writeln!(text, "# mounted: {upstream}").expect("a String takes everything");
        }
        text
    }
}

fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", texts.into_iter().map(quoted).collect::<Vec<_>>().join(", "))
}

/// A basic string. JSON's escapes are TOML's too, but for DEL, which TOML wants escaped.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
