//! Hands calls over to the journal: an open record before the request is whole at the origin, rows when it is over.
//!
//! The relay waits for one write(2) at most. The row is made on a task of its own, because it needs to know who called,
//! and finding that out may take longer than the call.

mod later;

use crate::admit::{self, Admitted, Asked, Who};
use crate::connection::{CallerFacts, Connection};
use crate::fallout::Unmetered;
use crate::services::{Loaded, Services};
use crate::settle::{Exchange, settle};
use meter_call::{CallRecord, EndpointClass, OpenRecord, Side};
use meter_money::PicoUsd;
use meter_policy::Spend;
use meter_store::Kept;
use meter_tap::Finish;
use meter_wire::CallReading;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How long a row waits to learn who called. The lookup walks every process of the machine at worst.
const CALLER_PATIENCE: Duration = Duration::from_secs(10);

/// A call that is over, with all that its rows are made of.
pub struct Over {
    /// Shared by all.
    pub services: Arc<Services>,
    /// The snapshot the call began with.
    pub loaded: Arc<Loaded>,
    /// Its connection.
    pub connection: Arc<Connection>,
    /// What rules were or will be asked.
    pub asked: Asked,
    /// What passed.
    pub exchange: Exchange,
    /// What the bodies said, one for each row; empty when nothing was read.
    pub readings: Vec<CallReading>,
    /// The rules have been asked already.
    pub decided: bool,
    /// It reads an earlier call, whose row it may complete.
    pub settles: bool,
}

/// Writes the open record. Answers why not, when the journal took nothing: the call goes on all the same.
pub fn open(
    services: &Services,
    loaded: &Loaded,
    connection: &Connection,
    asked: &Asked,
    request: (&str, &str),
    admitted: &Admitted,
) -> Result<(), Unmetered> {
    let caller = connection.caller.now();
    let (method, path) = request;
    let kept = services.journal.open(&OpenRecord {
        id: asked.id,
        requested_at: asked.at,
        provider: asked.target.provider.clone(),
        endpoint: asked.target.endpoint.clone(),
        class: asked.target.class,
        host: connection.host.clone(),
        method: method.to_owned(),
        path: path.to_owned(),
        project: caller.as_ref().map(|facts| facts.project.clone()),
        reservation: admitted.reservation.clone(),
        manifest_digest: loaded.digest.clone(),
        run_id: caller.as_ref().and_then(|facts| facts.run_id.clone()),
        daemon_pid: services.pid,
    });
    match kept {
        Kept::OnDisk | Kept::InMemory => Ok(()),
        Kept::Lost => {
            tracing::error!(call = %asked.id, "call.open_lost");
            Err(Unmetered::JournalRefused)
        }
    }
}

/// Makes the rows of a call that is over, on a task of its own.
pub fn close(over: Over) {
    let pending = over.services.pending.one();
    tokio::spawn(async move {
        let caller = tokio::time::timeout(CALLER_PATIENCE, over.connection.caller.known()).await.ok().flatten();
        if !over.settles {
            write(&over, caller.as_deref());
        } else if tokio::task::spawn_blocking(move || later::write(over, caller.as_deref())).await.is_err() {
            tracing::error!("settle.later_failed");
        }
        drop(pending);
    });
}

fn write(over: &Over, caller: Option<&CallerFacts>) {
    let Over { services, asked, exchange, .. } = over;
    let who = caller.map_or(Who::Unknown, Who::Known);
    let mut exchange = exchange.clone();
    if !over.decided && exchange.finish != Finish::Refused {
        exchange.rule = admit::observe(services, &over.loaded, asked, who).or(exchange.rule);
    }
    if caller.is_none() {
        exchange.marks.push(Unmetered::CallerUnknown.flag());
    }
    let silent = [CallReading::default()];
    let readings = if over.readings.is_empty() { &silent[..] } else { &over.readings };
    for (position, reading) in readings.iter().enumerate() {
        if position > 0 {
            exchange.id = over.exchange.id.further(exchange.requested_at, position as u64);
        }
        let record = make(over, &exchange, reading, caller);
        if services.journal.close(&record) == Kept::Lost {
            tracing::error!(call = %record.id, "call.row_lost");
        }
        balance(over, &record, who);
        tracing::info!(
            call = %record.id, provider = %record.provider, project = %record.project, status = %record.status,
            evidence = %record.evidence, "call.settled"
        );
    }
}

/// A fault of ours in here costs figures, not the row.
fn make(over: &Over, exchange: &Exchange, reading: &CallReading, caller: Option<&CallerFacts>) -> CallRecord {
    let default = &over.loaded.model.tagging.default_project;
    let book = &over.loaded.model.prices;
    catch_unwind(AssertUnwindSafe(|| settle(book, exchange, reading, caller, default))).unwrap_or_else(|_| {
        tracing::error!(call = %exchange.id, "settle.panicked");
        let mut marked = exchange.clone();
        marked.marks.push(Unmetered::Panicked.flag());
        // Nothing of a reading is left that could fail again.
        marked.target.class = EndpointClass::Observed;
        let mut record = settle(book, &marked, &CallReading::default(), caller, default);
        record.class = exchange.target.class;
        record.evidence = meter_call::Evidence::Unpriced;
        (record.list, record.contract, record.charged) = (None, None, None);
        record
    })
}

/// Budgets: what was held goes, what was used counts.
fn balance(over: &Over, record: &CallRecord, who: Who<'_>) {
    let services = &over.services;
    let loaded = services.loaded.load();
    if loaded.model.policies.is_empty() {
        return;
    }
    let started = over.exchange.asked || over.exchange.http_status.is_some();
    let mut ledger = services.ledger();
    if over.exchange.finish == Finish::Refused || !started {
        ledger.release(record.id);
        return;
    }
    let spend = Spend {
        usd: spent(record),
        tokens: record.usage.total(Side::Input).saturating_add(record.usage.total(Side::Output)),
    };
    let asked = Asked { id: record.id, ..over.asked.clone() };
    let call = asked.call(&loaded.model.prices, who);
    let audits = ledger.settle(&loaded.model.policies, record.id, &call, spend);
    drop(ledger);
    admit::note(services, &asked, who, &audits);
}

/// What a dollar budget counts: the charge and, where a part is only estimated, the middle of the estimate. The same
/// sum is made of rows when budgets are rebuilt.
fn spent(record: &CallRecord) -> Option<PicoUsd> {
    match (record.charged, record.estimated) {
        (Some(charged), Some(estimated)) => charged.checked_add(estimated).ok(),
        (charged, estimated) => charged.or(estimated),
    }
}
