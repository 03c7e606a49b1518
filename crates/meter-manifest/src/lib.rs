//! Turns TOML manifests into a checked model.
