//! Translates price files.
