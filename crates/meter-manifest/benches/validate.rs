//! How long `validate` works: the whole bundled set, and one file of the user's over it.
//!
//! `cargo bench -p meter-manifest`. Target: 50 ms for the bundled set.

use meter_manifest::{Config, ManifestFile, Snapshot, bundled, load};
use std::hint::black_box;

fn main() {
    divan::main();
}

/// Parsing, composing, compiling and checking everything that is bundled.
#[divan::bench]
fn validate_the_bundled_set(bencher: divan::Bencher) {
    let files = bundled();
    bencher.bench_local(|| load(black_box(&files), &[]));
}

/// The same with a provider of the user's: what an edit costs.
#[divan::bench]
fn validate_an_edit(bencher: divan::Bencher) {
    let files = bundled();
    let text = "schema = 1\nid = \"acme\"\nhosts = [\"api.acme.example\"]\nextends = \"openai\"\nprices = \"openai\"\n";
    let user = [ManifestFile::new("providers.d/acme.toml", text)];
    bencher.bench_local(|| load(black_box(&files), black_box(&user)));
}

/// Digest and stored form of a state.
#[divan::bench]
fn freeze_a_snapshot(bencher: divan::Bencher) {
    let files = bundled();
    bencher.bench_local(|| Snapshot::of(black_box(&files), &[], Config::default()));
}
