//! A loopback provider that speaks the bundled dialects.
