//! HM07xx: config.toml.

super::codes! {}
