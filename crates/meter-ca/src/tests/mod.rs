//! The authority as others see it.

mod files;
mod server;
mod verifiers;

use crate::Authority;
use meter_call::UnixMillis;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const INSIDE: &str = "api.acme.example";
const OUTSIDE: &str = "api.other.example";

/// Real verifiers read the real clock, so the tests hand in that one.
fn now() -> UnixMillis {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    UnixMillis(i64::try_from(elapsed.as_millis()).expect("fits for ages"))
}

fn hosts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn authority(dir: &TempDir) -> Authority {
    Authority::open_or_create(&dir.path().join("ca"), &hosts(&[INSIDE, "llm.acme.example"]), now())
        .expect("a new authority")
}
