//! A TLS origin that records the exact decrypted bytes it got.
