//! Rebuilds what budgets have spent, from rows.

use super::chain_text;
use crate::services::Services;
use meter_call::{Billing, CallId, EndpointClass, ProjectSlug};
use meter_hop::paths::Home;
use meter_money::PicoUsd;
use meter_policy::{Call, Fact, Spend};
use meter_store::{Range, Reader, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How long rows may take into SQLite before they are counted without the late ones.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

/// Empties the ledger's spend and counts the rows of every open window again. Holds of running calls stay. Rows that
/// cannot be read leave the budgets at what they were: fail-open outranks enforcement.
pub(super) fn seed(services: &Arc<Services>, home: &Home) {
    let loaded = services.loaded.load_full();
    let policies = &loaded.model.policies;
    let Some(since) = policies.counts_from((services.now)()) else { return };
    if let Err(error) = services.journal.flush(FLUSH_PATIENCE) {
        tracing::warn!(error = chain_text(&error), "budgets.rows_late");
    }
    let spends = match spends(home, since) {
        Ok(spends) => spends,
        Err(StoreError::Missing { .. }) => return,
        Err(error) => {
            tracing::warn!(error = chain_text(&error), "budgets.not_rebuilt");
            return;
        }
    };
    let mut ledger = services.ledger();
    ledger.forget_spent();
    let mut random = [0u8; 10];
    for (number, row) in spends.iter().enumerate() {
        let project = row.project.parse::<ProjectSlug>().ok();
        let call = Call {
            at: row.bucket,
            provider: &row.provider,
            kind: Fact::Known(&row.request_kind),
            class: EndpointClass::Costed,
            billing: Billing::Api,
            project: project.as_ref().map_or(Fact::Never, Fact::Known),
            process: row.process.as_deref().map_or(Fact::Never, Fact::Known),
            model: row.model.as_deref().map_or(Fact::Never, Fact::Known),
            request_bytes: Fact::Never,
            max_output: Fact::Never,
            model_max_output: None,
            prices: None,
        };
        let usd = PicoUsd::from_pico(i64::try_from(row.charged_pico + row.estimated_pico).unwrap_or(i64::MAX));
        // The sums come once, the other calls of the group bring their number.
        for turn in 0..row.calls {
            random[2..6].copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
            random[6..].copy_from_slice(&u32::try_from(turn).unwrap_or(u32::MAX).to_be_bytes());
            // An id of year zero: no call of ours can have it.
            let id = CallId::new(0, random);
            let spend = if turn == 0 { Spend { usd: Some(usd), tokens: row.tokens } } else { Spend::default() };
            ledger.seed(policies, id, &call, spend);
        }
    }
    tracing::debug!(groups = spends.len(), "budgets.rebuilt");
}

fn spends(home: &Home, since: meter_call::UnixMillis) -> Result<Vec<meter_store::Spend>, StoreError> {
    Reader::open(&home.database())?.spend(Range { since: Some(since), until: None })
}
