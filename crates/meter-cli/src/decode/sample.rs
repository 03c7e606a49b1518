//! A folder of captured exchanges with an `expected.toml` that describes them.

use super::captured::{Captured, Field, field, messages, route};
use meter_call::Billing;
use meter_manifest::{ManifestFile, Model, Route, Routed, Unmatched, bundled, load};
use std::path::Path;

/// A sample, loaded.
pub struct Sample {
    /// The folder's name.
    pub name: String,
    /// Its exchanges, in time order.
    pub exchanges: Vec<Written>,
    /// What `[[call]]` says, in order; empty when nothing is expected.
    pub calls: Vec<toml::Table>,
}

/// One exchange of a sample.
pub struct Written {
    /// The bytes.
    pub captured: Captured,
    /// It is a WebSocket, or asked to become one.
    pub websocket: bool,
}

fn tables(table: &toml::Table, key: &str) -> Vec<toml::Table> {
    let items = table.get(key).and_then(toml::Value::as_array).into_iter().flatten();
    items.filter_map(toml::Value::as_table).cloned().collect()
}

/// A text of a table, or nothing.
pub fn text<'a>(table: &'a toml::Table, key: &str) -> &'a str {
    table.get(key).and_then(toml::Value::as_str).unwrap_or("")
}

fn fields(table: &toml::Table, key: &str) -> Vec<Field> {
    let pairs = table.get(key).and_then(toml::Value::as_array).into_iter().flatten();
    pairs
        .filter_map(|pair| {
            let pair = pair.as_array()?;
            Some(field(pair.first()?.as_str()?, pair.get(1)?.as_str()?))
        })
        .collect()
}

/// The exchange a call belongs to, from 0.
pub fn exchange_of(call: &toml::Table) -> usize {
    let number = call.get("exchange").and_then(toml::Value::as_integer).unwrap_or(1);
    usize::try_from(number - 1).unwrap_or(0)
}

impl Sample {
    /// Loads a folder.
    ///
    /// # Errors
    /// A file that is missing or reads as nothing, by name.
    pub fn load(folder: &Path) -> Result<Sample, String> {
        let file = folder.join("expected.toml");
        let written = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let written: toml::Table = written.parse().map_err(|error| format!("{}: {error}", file.display()))?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let exchanges = tables(&written, "exchange");
        let exchanges: Result<Vec<Written>, String> = exchanges.iter().map(|one| Written::load(folder, one)).collect();
        Ok(Sample { name, exchanges: exchanges?, calls: tables(&written, "call") })
    }

    /// The provider label of an exchange's first call.
    pub fn label(&self, exchange: usize) -> &str {
        self.calls.iter().find(|call| exchange_of(call) == exchange).map_or("", |call| text(call, "provider"))
    }
}

impl Written {
    fn load(folder: &Path, table: &toml::Table) -> Result<Written, String> {
        let body = |key: &str| match text(table, key) {
            "" => Ok(Vec::new()),
            name => std::fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}")),
        };
        let status =
            table.get("status").and_then(toml::Value::as_integer).and_then(|status| u16::try_from(status).ok());
        let captured = Captured {
            host: text(table, "host").to_owned(),
            method: text(table, "method").to_owned(),
            target: text(table, "target").to_owned(),
            status,
            request_fields: fields(table, "request_headers"),
            request: body("request_body")?,
            response_fields: fields(table, "response_headers"),
            response: body("response_body")?,
            trailers: fields(table, "response_trailers"),
            messages: messages(&body("messages")?)?,
            clean: text(table, "body_end") != "reset",
        };
        let asked = field("upgrade", "websocket");
        let websocket = text(table, "transport") == "websocket" || captured.request_fields.contains(&asked);
        Ok(Written { captured, websocket })
    }

    /// Where it leads. A host that nobody meters (a resource of someone's own, a local server) leads where the provider
    /// that `label` names, or a file of three lines that extends it, would lead.
    ///
    /// Nothing: a path that its provider's file ignores, which has no row.
    ///
    /// # Errors
    /// Nowhere.
    pub fn route(&self, model: &Model, label: &str) -> Result<Option<Route>, String> {
        let Captured { host, method, target, .. } = &self.captured;
        let upgrade = self.websocket.then_some("websocket");
        match model.route(host, 443, method, target, upgrade) {
            Routed::Endpoint(route) => return Ok(Some(*route)),
            Routed::Unmatched { unmatched: Unmatched::Ignore, .. } => return Ok(None),
            Routed::Unmatched { .. } => return Err(format!("no endpoint of {host} has the path {target}")),
            Routed::NotMetered => {}
        }
        let own = format!("schema = 1\nid = \"a-host-of-ones-own\"\nhosts = [\"{host}\"]\nextends = \"{label}\"\n");
        let own = ManifestFile::new("providers.d/a-host-of-ones-own.toml", own);
        let extended = load(&bundled(), std::slice::from_ref(&own)).0;
        if let Routed::Endpoint(route) = extended.route(host, 443, method, target, upgrade) {
            return Ok(Some(*route));
        }
        let path = target.split('?').next().unwrap_or_default();
        // A server of one's own that no file names speaks OpenAI's shape.
        let known = model.providers.iter().any(|provider| provider.provider == label);
        let label = if known { label } else { "openai" };
        let same = model.providers.iter().filter(|provider| provider.provider == label);
        let found = same
            .flat_map(|provider| provider.endpoints.iter().map(move |endpoint| (provider, endpoint)))
            .find(|(_, endpoint)| endpoint.matches(method, path, upgrade).is_some());
        let (provider, endpoint) = found.ok_or_else(|| format!("{host} is not metered"))?;
        // A server of someone's own is under nobody's plan.
        let route = route(provider, endpoint, Some(target))?;
        Ok(Some(Route { billing: Billing::Api, ..route }))
    }
}
