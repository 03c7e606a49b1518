//! `config`: the settings, where each comes from, and edits that leave comments alone.

use crate::args::ConfigCommand;
use crate::commands::findings;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{open, out};
use meter_api::Exit;
use meter_apply::{UserLayer, settings_of_environment};
use meter_hop::paths::Home;
use meter_manifest::config::{KEYS, Key, Origin, Shape, load_with_origins};
use meter_manifest::{Config, ManifestFile};
use serde::Serialize;
use serde_json::Value;
use toml_edit::DocumentMut;

/// The file's name within a home.
const FILE: &str = "config.toml";

/// `--json` of what is shown.
#[derive(Serialize)]
struct Document {
    settings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: Value,
    origin: String,
    about: &'static str,
}

/// Runs what was asked for.
pub fn run(home: &Home, command: &ConfigCommand) -> Result<u8, Failure> {
    match command {
        ConfigCommand::Show { origin, json } => show(home, *origin, *json),
        ConfigCommand::Get { key } => get(home, key),
        ConfigCommand::Set { key, value } => set(home, key, value),
        ConfigCommand::Unset { key } => unset(home, key),
    }
}

/// The settings as the next `apply` would take them; trouble with them is said on the side.
fn rows(home: &Home) -> Vec<Row> {
    let user = UserLayer::read(home);
    let (effective, found) = load_with_origins(user.settings.as_ref(), &settings_of_environment(), &[]);
    let found: Vec<_> = user.findings.iter().filter(|one| one.place.file == FILE).cloned().chain(found).collect();
    if !found.is_empty() {
        out::say(findings::text(&found, &user, out::interactive(), out::colour()).trim_end());
    }
    let values = serde_json::to_value(&effective.config).unwrap_or(Value::Null);
    let value = |key: &Key| {
        let value = values[key.section()][key.leaf()].clone();
        match (key.shape, value) {
            (Shape::ProxyUrl, Value::String(text)) => meter_manifest::config::Secret(text).to_string().into(),
            (_, value) => value,
        }
    };
    KEYS.iter()
        .map(|key| Row {
            key: key.name,
            value: value(key),
            origin: effective.origins.get(key.name).map_or_else(|| Origin::Default.to_string(), ToString::to_string),
            about: key.about,
        })
        .collect()
}

fn show(home: &Home, origin: bool, json: bool) -> Result<u8, Failure> {
    let rows = rows(home);
    if json {
        out::json(Document { settings: rows })?;
        return Ok(Exit::Ok.code());
    }
    let mut columns = vec![("setting", Align::Left), ("value", Align::Left)];
    columns.push(if origin { ("origin", Align::Left) } else { ("about", Align::Left) });
    let mut table = Table::new(&columns);
    for row in rows {
        let last = if origin { row.origin } else { row.about.to_owned() };
        table.row([row.key.to_owned(), row.value.to_string(), last]);
    }
    out::print(&table.text())?;
    Ok(Exit::Ok.code())
}

fn known(name: &str) -> Result<&'static Key, Failure> {
    Key::named(name).ok_or_else(|| {
        let near = meter_diag::nearest(name, KEYS.iter().map(|key| key.name));
        let hint =
            near.map_or("`halton-meter config show` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
        Failure::new(format!("no setting is called `{name}`; {hint}")).with_code(Exit::Usage)
    })
}

fn get(home: &Home, name: &str) -> Result<u8, Failure> {
    let key = known(name)?;
    let row = rows(home).into_iter().find(|row| row.key == key.name);
    let value = row.map_or(Value::Null, |row| row.value);
    // Texts without their quotes, for shells.
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    out::print(&format!("{text}\n"))?;
    Ok(Exit::Ok.code())
}

fn set(home: &Home, name: &str, text: &str) -> Result<u8, Failure> {
    let key = known(name)?;
    // The same door that a flag goes through, so that what is written will be read.
    let (config, found) = meter_manifest::config::load(None, &[], &[(key.name.to_owned(), text.to_owned())]);
    if let Some(first) = found.iter().find(|one| one.place.file == format!("--{}", key.name)) {
        return Err(Failure::new(format!("`{}`: {}", key.name, first.message)).with_code(Exit::Usage));
    }
    let value = value_of(&config, key)?;
    edit(home, |document| {
        let section = document.entry(key.section()).or_insert_with(toml_edit::table);
        let table = section.as_table_like_mut().ok_or("it is no table")?;
        match table.get_mut(key.leaf()).and_then(toml_edit::Item::as_value_mut) {
            // The old value's surroundings hold the comment behind it.
            Some(old) => {
                let decor = old.decor().clone();
                *old = value.clone();
                *old.decor_mut() = decor;
            }
            None => drop(table.insert(key.leaf(), toml_edit::value(value.clone()))),
        }
        Ok(())
    })
}

fn unset(home: &Home, name: &str) -> Result<u8, Failure> {
    let key = known(name)?;
    edit(home, |document| {
        if let Some(table) = document.get_mut(key.section()).and_then(toml_edit::Item::as_table_like_mut) {
            table.remove(key.leaf());
        }
        Ok(())
    })
}

/// The checked value as TOML.
fn value_of(config: &Config, key: &Key) -> Result<toml_edit::Value, Failure> {
    let values = serde_json::to_value(config).unwrap_or(Value::Null);
    let bug = || Failure::new(format!("`{}` cannot be written", key.name)).with_code(Exit::Bug);
    let value = match &values[key.section()][key.leaf()] {
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => number.as_i64().ok_or_else(bug)?.into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<toml_edit::Array>().into(),
        Value::Object(pairs) => {
            let pairs = pairs.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
            pairs.collect::<toml_edit::InlineTable>().into()
        }
        Value::Null => return Err(bug()),
    };
    Ok(value)
}

/// Changes the file in one step; a file that is no TOML is left alone.
fn edit(home: &Home, change: impl FnOnce(&mut DocumentMut) -> Result<(), &'static str>) -> Result<u8, Failure> {
    open::prepared(home)?;
    let path = home.root().join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::because(format!("cannot read {}", path.display()), error)),
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|_| Failure::new(format!("{} is no TOML: `halton-meter validate` says where", path.display())))?;
    change(&mut document).map_err(|why| Failure::new(format!("{}: {why}", path.display())))?;
    let new = document.to_string();
    if new != text {
        meter_hop::replace(&path, new.as_bytes())
            .map_err(|error| Failure::because("cannot write the settings", error))?;
    }
    let file = ManifestFile::new(FILE, new);
    let (_, found) = meter_manifest::config::load(Some(&file), &settings_of_environment(), &[]);
    if !found.is_empty() {
        let user = UserLayer { settings: Some(file), ..UserLayer::default() };
        out::say(findings::text(&found, &user, out::interactive(), out::colour()).trim_end());
    }
    out::say("`halton-meter apply` puts it in force");
    Ok(if found.iter().any(meter_diag::Diagnostic::is_error) { Exit::Found } else { Exit::Ok }.code())
}
