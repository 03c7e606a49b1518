//! Serves the API on loopback.
