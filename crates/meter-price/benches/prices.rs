//! What a price costs: one call, and reading every bundled price file.
//!
//! `cargo bench -p meter-price`. Targets: 2 µs a call, 20 ms to load.

use meter_call::{Buckets, Meter, UnixMillis};
use meter_manifest::{ManifestFile, bundled, prices};
use meter_price::{Attributes, PriceBook, Query, derive, price};
use std::hint::black_box;

fn main() {
    divan::main();
}

fn files() -> Vec<ManifestFile> {
    bundled().into_iter().filter(|file| file.path.starts_with("manifests/prices/")).collect()
}

fn book() -> PriceBook {
    prices::book(&files(), &[]).0
}

/// 2026-11-24T10:00:00Z.
const AT: UnixMillis = UnixMillis(1_795_514_400_000);

fn usage() -> Buckets {
    let counts = [
        (Meter::Input, 7_021),
        (Meter::CacheRead, 184_320),
        (Meter::CacheWrite1h, 2_048),
        (Meter::Output, 911),
        (Meter::WebSearch, 2),
    ];
    counts.into_iter().collect()
}

/// A call with five buckets at a model with overlays, found by its exact name.
#[divan::bench]
fn price_one_call(bencher: divan::Bencher) {
    let (book, usage) = (book(), usage());
    let attributes = Attributes { geo: Some("us".into()), class: Some("batch".into()), ..Attributes::default() };
    let query =
        Query { provider: "anthropic", model: "claude-opus-5-5", at: AT, usage: &usage, attributes: &attributes };
    bencher.bench_local(|| price(black_box(&book), black_box(&query)));
}

/// The same by a pattern: a dated snapshot.
#[divan::bench]
fn price_a_dated_snapshot(bencher: divan::Bencher) {
    let (book, usage, attributes) = (book(), usage(), Attributes::default());
    let model = "claude-opus-5-5-20260922";
    let query = Query { provider: "anthropic", model, at: AT, usage: &usage, attributes: &attributes };
    bencher.bench_local(|| price(black_box(&book), black_box(&query)));
}

/// A name that nothing prices, near names included.
#[divan::bench]
fn price_an_unknown_model(bencher: divan::Bencher) {
    let (book, usage, attributes) = (book(), usage(), Attributes::default());
    let query =
        Query { provider: "openrouter", model: "zeta/nocturne-9", at: AT, usage: &usage, attributes: &attributes };
    bencher.bench_local(|| price(black_box(&book), black_box(&query)));
}

/// A stored line once more, from the JSON of its row.
#[divan::bench]
fn derive_one_line(bencher: divan::Bencher) {
    let (book, usage, attributes) = (book(), usage(), Attributes::default());
    let query =
        Query { provider: "anthropic", model: "claude-opus-5-5", at: AT, usage: &usage, attributes: &attributes };
    let costing = price(&book, &query);
    bencher.bench_local(|| derive(black_box(&costing.prices[0].row), black_box(&costing.lines[0])));
}

/// Every bundled price file, parsed, checked and resolved.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn load_bundled_prices(bencher: divan::Bencher) {
    let files = files();
    bencher.bench_local(|| prices::book(black_box(&files), &[]));
}
