//! A manifest as it comes from a layer.

/// Largest manifest that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// One file: its name within the layer, and what it holds.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct ManifestFile {
    /// Relative path with `/` (`providers.d/anthropic.toml`); the same for the bundled and the user's layer.
    pub path: String,
    /// Bytes as stored. Not necessarily text.
    pub text: Vec<u8>,
}

impl ManifestFile {
    /// A file of the given name and content.
    pub fn new(path: impl Into<String>, text: impl Into<Vec<u8>>) -> ManifestFile {
        ManifestFile { path: path.into(), text: text.into() }
    }
}
