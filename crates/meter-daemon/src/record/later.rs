//! Reads of earlier calls (background, deferred): what they say of usage belongs to the call that was made.
//!
//! The read itself stays an observed exchange. Its usage completes the row with the same response id, once; an id we hold
//! no row for gets a costed row of its own. Looking a row up may block.

use super::Over;
use crate::connection::CallerFacts;
use crate::settle::{AskedFor, Exchange, Target, as_asked, settle};
use meter_call::{EndpointClass, ProcessFacts, UsageState};
use meter_store::{CallRow, Kept, Reader, StoreError};
use meter_tap::Finish;
use meter_wire::CallReading;
use std::time::Duration;

/// How long the earlier call's row may take into SQLite.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// Writes the read's own row, and completes or makes the one it is about.
pub(super) fn write(mut over: Over, caller: Option<&CallerFacts>) {
    let readings = std::mem::take(&mut over.readings);
    // Observed: no usage of its own, whatever stood in the answer. What one row says of ids is the read's own.
    if let [one] = &readings[..]
        && one.row_key.is_none()
    {
        over.readings = vec![one.clone()];
    }
    super::write(&over, caller);
    for (position, reading) in readings.iter().enumerate().filter(|(_, reading)| reading.is_last_word()) {
        let Some(response_id) = reading.response_id.as_deref() else { continue };
        match earlier(&over, response_id) {
            Ok(Some(row)) if row.settled_at.is_some() || row.usage_state == UsageState::Final => {}
            Ok(Some(row)) => complete(&over, &row, reading),
            Ok(None) => make(&over, position, reading, caller),
            Err(error) => tracing::warn!(%error, response_id, "settle.row_not_found"),
        }
    }
}

fn earlier(over: &Over, response_id: &str) -> Result<Option<CallRow>, StoreError> {
    if let Err(error) = over.services.journal.flush(FLUSH_PATIENCE) {
        tracing::debug!(%error, "settle.rows_late");
    }
    match Reader::open(&over.services.database) {
        Ok(reader) => {
            let found = reader.call_by_response(&over.exchange.target.provider, response_id)?;
            Ok(found.map(|detail| detail.row))
        }
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The earlier row again, with the usage that was missing.
fn complete(over: &Over, row: &CallRow, reading: &CallReading) {
    let exchange = Exchange {
        id: row.id,
        target: Target {
            provider: row.provider.clone(),
            prices: over.exchange.target.prices.clone(),
            endpoint: row.endpoint.clone(),
            class: row.class,
            kind: row.request_kind.clone(),
            billing: row.billing,
            upstream: row.upstream.clone(),
        },
        host: row.host.clone(),
        method: row.method.clone(),
        path: row.path.clone(),
        requested_at: row.requested_at,
        ended_at: over.exchange.ended_at,
        latency_ms: row.latency_ms.unwrap_or(0),
        ttfb_ms: row.ttfb_ms,
        added_us: row.added_us.unwrap_or(0),
        asked: true,
        http_status: row.http_status,
        finish: Finish::Whole,
        retry_after_ms: row.retry_after_ms,
        frames: None,
        free: false,
        marks: Vec::new(),
        rule: row.policy_rule.clone(),
        retry_of: row.retry_of,
        manifest_digest: row.manifest_digest.clone(),
    };
    let Ok(project) = row.project.parse() else { return };
    let caller = CallerFacts {
        process: ProcessFacts { pid: row.process_id, name: row.process.clone(), exe: row.process_exe.clone() },
        script: None,
        workdir: row.workdir.clone(),
        run_id: row.run_id.clone(),
        project,
        source: row.source.clone(),
        reason: row.reason.clone(),
        branch: row.branch.clone(),
    };
    let default = &over.loaded.model.tagging.default_project;
    let reading = &as_asked(
        reading,
        AskedFor {
            model_requested: row.model_requested.clone(),
            service_tier: row.service_tier.clone(),
            speed: row.speed.clone(),
            geo: row.geo.clone(),
            conditions: row.conditions.clone().unwrap_or_default(),
            request_id: row.provider_request_id.clone(),
        },
    );
    let record = settle(&over.loaded.model.prices, &exchange, reading, Some(&caller), default);
    if over.services.journal.amend(&record) == Kept::Lost {
        tracing::error!(call = %record.id, "call.amend_lost");
    }
    tracing::info!(call = %record.id, evidence = %record.evidence, "call.completed");
}

/// The call was made where we did not see it.
fn make(over: &Over, position: usize, reading: &CallReading, caller: Option<&CallerFacts>) {
    let mut exchange = over.exchange.clone();
    // The read has a row of its own.
    exchange.id = exchange.id.further(exchange.requested_at, position as u64 + 1);
    exchange.target.class = EndpointClass::Costed;
    let asked = crate::admit::Asked { id: exchange.id, target: exchange.target.clone(), ..over.asked.clone() };
    super::write(
        &Over {
            services: over.services.clone(),
            loaded: over.loaded.clone(),
            connection: over.connection.clone(),
            asked,
            exchange,
            readings: vec![reading.clone()],
            decided: true,
            settles: false,
        },
        caller,
    );
}
