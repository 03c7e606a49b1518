//! Coded findings that point at a place in a text.
