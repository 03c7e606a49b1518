//! One layer of settings, as figment wants it.

use super::keys::Key;
use super::{Config, Origin};
use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

/// A key with a checked value.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    pub key: &'static Key,
    pub value: Value,
    pub origin: Origin,
}

/// A layer for the merge.
pub(super) struct LayerOf {
    dict: Dict,
}

impl LayerOf {
    /// What is built in.
    pub(super) fn defaults() -> LayerOf {
        // Plain structs of texts, numbers and lists always become a dictionary.
        let dict = Value::serialize(Config::default()).ok().and_then(Value::into_dict).unwrap_or_default();
        LayerOf { dict }
    }

    /// Checked values; the last of equal keys wins.
    pub(super) fn of(assigned: &[Assigned]) -> LayerOf {
        let mut dict = Dict::new();
        for Assigned { key, value, .. } in assigned {
            let section = dict.entry(key.section().to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, section) = section {
                section.insert(key.leaf().to_owned(), value.clone());
            }
        }
        LayerOf { dict }
    }
}

impl Provider for LayerOf {
    fn metadata(&self) -> Metadata {
        Metadata::named("settings")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}
