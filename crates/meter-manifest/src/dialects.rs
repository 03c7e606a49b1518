//! Translates dialect files.
