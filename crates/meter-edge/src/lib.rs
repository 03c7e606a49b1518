//! The always-on door that chains to the daemon or tunnels past it.
