//! Calls whose daemon died before they ended.

use super::apply::{forget_open, insert};
use crate::error::{Act, StoreError};
use meter_call::{
    Billing, Buckets, CallRecord, Evidence, Mode, OpenRecord, ProcessFacts, ProjectSlug, Status, UsageState,
};
use meter_money::PicoUsd;
use rusqlite::Connection;

/// Turns what a dead owner left open into rows. Gives their number.
///
/// What such a call cost nobody knows: the row has no amount, but the money its budgets held stands as an estimate
/// between nothing and all of it, so a kill does not empty a budget.
pub(super) fn interrupt(db: &Connection, owner: &str, default: &ProjectSlug) -> Result<u64, StoreError> {
    let open: Vec<String> = db
        .prepare_cached("SELECT record FROM open_calls WHERE owner = ?1 ORDER BY id")
        .and_then(|mut statement| statement.query_map([owner], |row| row.get(0))?.collect())
        .act("list open calls")?;
    let count = open.len() as u64;
    for text in open {
        let Ok(open) = serde_json::from_str::<OpenRecord>(&text) else {
            return Err(StoreError::Value { column: "open_calls.record", value: text });
        };
        forget_open(db, open.id)?;
        insert(db, &lost(open, default), None, None)?;
    }
    Ok(count)
}

fn lost(open: OpenRecord, default: &ProjectSlug) -> CallRecord {
    let held = open.reservation.map(|reservation| reservation.amount.pico());
    let half = held.map(|held| PicoUsd::from_pico(held / 2));
    CallRecord {
        id: open.id,
        requested_at: open.requested_at,
        ended_at: open.requested_at,
        provider: open.provider,
        endpoint: open.endpoint,
        class: open.class,
        request_kind: "unknown".to_owned(),
        host: open.host,
        method: open.method,
        path: open.path,
        http_status: None,
        status: Status::Interrupted,
        mode: Mode::Standard,
        billing: Billing::Api,
        provider_request_id: None,
        response_id: None,
        model_requested: None,
        model: None,
        service_tier: None,
        speed: None,
        geo: None,
        upstream: None,
        conditions: None,
        finish: None,
        usage_state: UsageState::None,
        usage: Buckets::default(),
        reasoning_known: false,
        tokens_complete: false,
        evidence: Evidence::None,
        usage_flags: vec!["lost".to_owned()],
        lines: Vec::new(),
        prices: Vec::new(),
        list: None,
        contract: None,
        charged: None,
        provider_cost: None,
        estimated: half,
        estimated_bound: half,
        rates_source: None,
        manifest_digest: open.manifest_digest,
        error_class: None,
        provider_error_code: None,
        retry_after_ms: None,
        retry_of: None,
        run_id: open.run_id,
        process: ProcessFacts::default(),
        source: if open.project.is_some() { "open_record" } else { "default" }.to_owned(),
        project: open.project.unwrap_or_else(|| default.clone()),
        reason: "the daemon ended before the call did".to_owned(),
        branch: None,
        workdir: None,
        latency_ms: None,
        ttfb_ms: None,
        added_us: None,
        frames: None,
        policy_rule: None,
    }
}
