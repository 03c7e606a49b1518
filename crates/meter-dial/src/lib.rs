//! Connects to an origin directly or through an upstream proxy.
