//! Opens what verbs need: the home, its settings, its database.

use crate::failure::Failure;
use jiff::tz::TimeZone;
use meter_apply::{Compiled, Loaded, UserLayer, settings_of_environment};
use meter_hop::paths::{HOME_VARIABLE, Home};
use meter_manifest::Config;
use meter_store::{CallDetail, Found, Reader, StoreError};
use std::path::PathBuf;

/// The home that `--home` names, else the variable, else the default one; as an absolute path, not touched.
///
/// # Errors
/// Neither names one and the system knows no home of the user's.
pub fn home(named: Option<PathBuf>) -> Result<Home, Failure> {
    let home = match named {
        Some(root) if !root.as_os_str().is_empty() => Home::at(root),
        _ => {
            let user = std::env::home_dir()
                .ok_or_else(|| Failure::new(format!("there is no home folder: set {HOME_VARIABLE} or use --home")))?;
            Home::locate(None, &user)
        }
    };
    let root = std::path::absolute(home.root())
        .map_err(|error| Failure::because(format!("cannot find {}", home.root().display()), error))?;
    Ok(Home::at(root))
}

/// Makes the home's folder when it is missing.
///
/// # Errors
/// It cannot be used.
pub fn prepared(home: &Home) -> Result<(), Failure> {
    home.prepare(meter_sys::process::effective_uid()).map_err(|error| Failure::because("cannot go on", error))
}

/// What is in force; `None` before the first apply.
///
/// # Errors
/// It cannot be read.
pub fn current(home: &Home) -> Result<Option<Loaded>, Failure> {
    meter_apply::read_current(home).map_err(|error| Failure::because("cannot read what is in force", error))
}

/// Digest and settings of what is in force; `None` before the first apply.
///
/// # Errors
/// They cannot be read.
pub fn settings(home: &Home) -> Result<Option<(String, Config)>, Failure> {
    meter_apply::read_settings(home).map_err(|error| Failure::because("cannot read what is in force", error))
}

/// The files as they are now, over the bundled ones, with the settings of this environment, and what this home's authority
/// does not cover.
pub fn on_disk(home: &Home) -> (UserLayer, Compiled) {
    let user = UserLayer::read(home);
    let mut compiled = Compiled::of(&meter_manifest::bundled(), &user, &settings_of_environment());
    // An authority that cannot be read is told by whoever needs it.
    if let Ok(Some(authority)) = meter_ca::Authority::open(&home.ca()) {
        compiled.findings.extend(meter_manifest::outside_authority(&compiled.model, |host| authority.covers(host)));
        compiled.findings.sort();
    }
    (user, compiled)
}

/// The time zone of days: that of what is in force, else the machine's.
pub fn zone(home: &Home) -> TimeZone {
    match settings(home) {
        Ok(Some((_, config))) => meter_apply::zone(&config),
        _ => TimeZone::system(),
    }
}

/// The database; `None` when nothing was ever metered.
///
/// # Errors
/// It is there and cannot be read.
pub fn reader(home: &Home) -> Result<Option<Reader>, Failure> {
    match Reader::open(&home.database()) {
        Ok(reader) => Ok(Some(reader)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// A query failed.
pub fn unreadable(error: StoreError) -> Failure {
    Failure::because("cannot read the database", error)
}

/// The call that `text` means.
///
/// # Errors
/// None or several, with what to write in place of it.
pub fn call(home: &Home, text: &str) -> Result<CallDetail, Failure> {
    let nothing = || Failure::new("no call was metered yet");
    let reader = reader(home)?.ok_or_else(nothing)?;
    let id = match reader.find(text).map_err(unreadable)? {
        Found::One(id) => id,
        Found::Nothing if text == "last" => return Err(nothing()),
        Found::Nothing => return Err(Failure::new(format!("no call has the id `{text}`"))),
        Found::Several(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            return Err(Failure::new(format!("`{text}` means several calls:\n  {}", ids.join("\n  "))));
        }
        Found::NotAnId => {
            let least = meter_store::ID_PREFIX_MIN;
            let text =
                format!("`{text}` is no id: write `last`, or at least {least} characters of an id's beginning or end");
            return Err(Failure::new(text).with_code(meter_api::Exit::Usage));
        }
    };
    reader.call(id).map_err(unreadable)?.ok_or_else(|| Failure::new(format!("the call {id} is gone")))
}
