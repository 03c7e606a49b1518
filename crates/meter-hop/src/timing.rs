//! How long one side waits for the other, and how much it reads meanwhile.

use std::time::Duration;

/// How long a good health answer is believed: long enough to keep the probe off the hot path, short enough that a
/// stopped daemon costs one second of failed chaining at worst.
pub const HEALTHY_TTL: Duration = Duration::from_millis(1000);

/// How long a bad health answer is believed: short, so that a revived daemon meters again almost at once.
pub const UNHEALTHY_TTL: Duration = Duration::from_millis(200);

/// How long the edge waits for the interim 102 of a chain before it asks for a sign of life.
pub const CHAIN_PATIENCE: Duration = Duration::from_millis(250);

/// How long the edge waits for the 102 in all when the daemon is alive but busy. Measured: a plain 0.4 s sent calls
/// past the meter under load.
pub const CHAIN_PATIENCE_BUSY: Duration = Duration::from_millis(1200);

/// How long a probe may take while the daemon was last known to be well, or was never asked.
pub const PROBE_PATIENCE: Duration = Duration::from_millis(1000);

/// How long a probe may take while the daemon was last known to be away. Shorter, because clients wait for it each
/// time [`UNHEALTHY_TTL`] has passed.
pub const PROBE_PATIENCE_UNHEALTHY: Duration = Duration::from_millis(250);

/// How long the edge waits for the final answer after a valid 102: above what the daemon's own connect timeouts add up
/// to for a host with several addresses.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(60);

/// Longest request or answer head either side reads, in bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// How long a client may take to send its whole request head.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// How often the edge looks at `edge.json` and `effective-ports.json`.
pub const RELOAD_EVERY: Duration = Duration::from_millis(500);
