//! Turns TOML manifests into a checked model.
//!
//! Text in, values and findings out: no files, no clock, no environment. Everything that is wrong is collected with its
//! place; whoever calls decides what stays in force.

mod dialects;
pub mod file;
mod prices;
pub mod table;

#[cfg(test)]
mod check;

pub use file::ManifestFile;
