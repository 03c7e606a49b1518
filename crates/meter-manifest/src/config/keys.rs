//! Every key of `config.toml`, what its value looks like, and what may be wrong with it.

use crate::table::Value as Written;
use figment::value::{Dict, Value};
use meter_diag::{Code, codes::config as codes, codes::files};
use std::net::{IpAddr, SocketAddr};

/// One setting.
#[derive(Debug, Eq, PartialEq)]
pub struct Key {
    /// Dotted name: `daemon.edge_port`.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// One sentence for people.
    pub about: &'static str,
}

/// What a value looks like, in the file and as the text of a variable or flag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// A port from 1 to 65535, never 8080.
    Port,
    /// A file name; empty = none.
    File,
    /// `http://[user:pass@]host:port`; empty = none.
    ProxyUrl,
    /// A list of host patterns; `a,b` as text.
    Hosts,
    /// Host → address; `host=address,…` as text.
    Resolve,
    /// A list of origins; `a,b` as text.
    Origins,
    /// True or false.
    Switch,
    /// Days from 0 to 36500.
    Days,
    /// An IANA time zone; empty = local.
    Zone,
    /// An ISO 4217 code: `USD`, or one that `[[fx]]` has rates of.
    Currency,
    /// A minisign public key, its one line of base64; empty = none.
    PublicKey,
}

/// Every key, grouped by section.
pub const KEYS: &[Key] = &[
    Key { name: "daemon.edge_port", shape: Shape::Port, about: "Port on 127.0.0.1 that clients use." },
    Key { name: "daemon.internal_port", shape: Shape::Port, about: "Port on 127.0.0.1 the edge chains to." },
    Key { name: "daemon.api_port", shape: Shape::Port, about: "Port on 127.0.0.1 of the HTTP API." },
    Key { name: "upstream.ca_file", shape: Shape::File, about: "PEM file of roots added to the system's." },
    Key { name: "upstream.proxy", shape: Shape::ProxyUrl, about: "HTTP proxy through which origins are reached." },
    Key { name: "upstream.no_proxy", shape: Shape::Hosts, about: "Hosts that are reached without the proxy." },
    Key { name: "upstream.resolve", shape: Shape::Resolve, about: "Hosts pinned to an address, without name service." },
    Key { name: "upstream.spares", shape: Shape::Switch, about: "Keep a connection ready to hosts in use." },
    Key { name: "cors.allow_origins", shape: Shape::Origins, about: "Origins whose pages may read the API." },
    Key { name: "api.token_file", shape: Shape::File, about: "File with the bearer token of the API." },
    Key { name: "capture.bodies", shape: Shape::Switch, about: "Keep request and answer bodies." },
    Key { name: "retention.rows_days", shape: Shape::Days, about: "Days that rows are kept; 0 = for ever." },
    Key { name: "retention.bodies_days", shape: Shape::Days, about: "Days that bodies are kept; 0 = for ever." },
    Key { name: "report.zone", shape: Shape::Zone, about: "Time zone of days and months in reports." },
    Key { name: "report.currency", shape: Shape::Currency, about: "Currency of reports, at the rates of `[[fx]]`." },
    Key {
        name: "pricing.key",
        shape: Shape::PublicKey,
        about: "Minisign public key that price bundles are signed with.",
    },
];

/// The port that proxies of other tools like best; never ours.
const PORT_NEVER: i64 = 8080;

impl Key {
    /// The key of a dotted name.
    pub fn named(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The table it stands in.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within the table.
    pub fn leaf(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, leaf)| leaf)
    }

    /// The code of findings about its value.
    pub(super) fn code(&self) -> Code {
        match self.shape {
            Shape::Port => codes::BAD_PORT,
            Shape::ProxyUrl => codes::BAD_PROXY,
            Shape::Resolve => codes::BAD_RESOLVE,
            Shape::Origins => codes::BAD_ORIGIN,
            Shape::File
            | Shape::Hosts
            | Shape::Switch
            | Shape::Days
            | Shape::Zone
            | Shape::Currency
            | Shape::PublicKey => files::BAD_VALUE,
        }
    }

    /// The value in the file; a wrong type is reported there.
    pub(super) fn written(&self, value: &Written<'_, '_>) -> Option<Value> {
        match self.shape {
            Shape::Port => value.integer(i64::MIN..=i64::MAX).map(|at| Value::from(at.value)),
            Shape::Days => value.integer(i64::MIN..=i64::MAX).map(|at| Value::from(at.value)),
            Shape::Switch => value.bool().map(|at| Value::from(at.value)),
            Shape::File | Shape::ProxyUrl | Shape::Zone | Shape::Currency | Shape::PublicKey => {
                value.text().map(|at| Value::from(at.value))
            }
            Shape::Hosts | Shape::Origins => {
                Some(Value::from(value.texts().iter().map(|at| at.value.to_owned()).collect::<Vec<String>>()))
            }
            Shape::Resolve => {
                let entries = value.table()?.entries();
                let pair = |(key, value): &(crate::table::At<&str>, Written<'_, '_>)| {
                    Some((key.value.to_owned(), Value::from(value.text()?.value)))
                };
                Some(Value::from(entries.iter().filter_map(pair).collect::<Dict>()))
            }
        }
    }

    /// The value of a variable's or flag's text.
    pub(super) fn parsed(&self, text: &str) -> Result<Value, String> {
        let list = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
        match self.shape {
            Shape::Port | Shape::Days => {
                text.trim().parse::<i64>().map(Value::from).map_err(|_| format!("`{}` is no whole number", text.trim()))
            }
            Shape::Switch => match text.trim() {
                "true" | "1" | "on" => Ok(Value::from(true)),
                "false" | "0" | "off" => Ok(Value::from(false)),
                other => Err(format!("`{other}` is neither true nor false")),
            },
            Shape::File | Shape::ProxyUrl | Shape::Zone | Shape::Currency | Shape::PublicKey => Ok(Value::from(text)),
            Shape::Hosts | Shape::Origins => Ok(Value::from(list().map(str::to_owned).collect::<Vec<String>>())),
            Shape::Resolve => list()
                .map(|pair| pair.split_once('=').map(|(host, address)| (host.to_owned(), Value::from(address))))
                .collect::<Option<Dict>>()
                .map(Value::from)
                .ok_or_else(|| "write `host=address,host=address`".to_owned()),
        }
    }

    /// The value if it can be used, else what is wrong with it.
    pub(super) fn checked(&self, value: Value) -> Result<Value, String> {
        let number = || value.to_i128().and_then(|number| i64::try_from(number).ok()).unwrap_or(-1);
        let text = || value.as_str().unwrap_or_default();
        let texts = || value.as_array().unwrap_or_default().iter().filter_map(Value::as_str);
        let fault = match self.shape {
            Shape::Port => match number() {
                PORT_NEVER => Some("8080 is never used: too many tools think it is theirs".to_owned()),
                1..=65535 => None,
                _ => Some("a port is from 1 to 65535".to_owned()),
            },
            Shape::Days => (!(0..=36_500).contains(&number())).then(|| "days are from 0 to 36500".to_owned()),
            Shape::Switch | Shape::File => None,
            Shape::Zone => {
                let word = |b: u8| b.is_ascii_alphanumeric() || b"_+-/".contains(&b);
                (!text().bytes().all(word)).then(|| format!("`{}` is no time zone: write `Europe/Berlin`", text()))
            }
            Shape::Currency => {
                let code = text().len() == 3 && text().bytes().all(|b| b.is_ascii_uppercase());
                (!code).then(|| format!("`{}` is no currency: three capital letters, such as EUR", text()))
            }
            Shape::PublicKey => {
                let letter = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
                let key = text().is_empty() || text().len() == 56 && text().starts_with("RW") && text().bytes().all(letter);
                (!key).then(|| "a key is the line of 56 letters that begins with `RW`".to_owned())
            }
            // The text is left out: it may hold a password.
            Shape::ProxyUrl => (!is_proxy(text())).then(|| "a proxy looks like `http://user:pass@host:port`".to_owned()),
            Shape::Hosts => texts().find(|host| host.is_empty() || host.contains(char::is_whitespace)).map(|host| format!("`{host}` is no host")),
            Shape::Origins => texts().find(|origin| !is_origin(origin)).map(|origin| {
                format!("`{origin}` is no origin: write `http://localhost:3000`, without a path; `*` would let any site read your spend")
            }),
            Shape::Resolve => value.as_dict().and_then(|pairs| {
                pairs.iter().find_map(|(host, address)| {
                    let address = address.as_str().unwrap_or_default();
                    let good = is_authority(host) && (address.parse::<IpAddr>().is_ok() || address.parse::<SocketAddr>().is_ok());
                    (!good).then(|| format!("`{host}` = `{address}` is not host = address or address:port"))
                })
            }),
        };
        match fault {
            None => Ok(value),
            Some(fault) => Err(fault),
        }
    }
}

fn is_proxy(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://") else { return text.is_empty() };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    is_authority(host.strip_suffix('/').unwrap_or(host))
}

fn is_origin(text: &str) -> bool {
    ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme)).is_some_and(is_authority)
}

/// `host` or `host:port`, addresses included.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, after)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
            ("v6", after.strip_prefix(':').or(after.is_empty().then_some("1")))
        }
        Some(_) => return false,
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, Some("1")),
        },
    };
    let word = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let port = port
        .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0));
    port && !host.is_empty() && host.bytes().all(word)
}
