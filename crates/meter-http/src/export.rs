//! All calls as CSV, page by page, so that a million rows need no memory.

use crate::{answer::Failure, routes::Shared};
use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use meter_api::{Csv, Request};
use meter_store::{CallQuery, Reader, StoreError};
use std::time::Duration;
use tokio::runtime::Handle;

/// Rows per chunk of the answer.
const PAGE: usize = 500;
/// Chunks made ahead of the client.
const AHEAD: usize = 2;
/// A client that takes nothing for so long is left: its snapshot keeps the database from tidying up.
const PATIENCE: Duration = Duration::from_secs(30);

const COLUMNS: [&str; 26] = [
    "id",
    "requested_at",
    "project",
    "provider",
    "model",
    "model_requested",
    "mode",
    "request_kind",
    "status",
    "http_status",
    "error_class",
    "evidence",
    "billing",
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_usd",
    "cost_usd_minor_units",
    "latency_ms",
    "ttfb_ms",
    "tokens_complete",
    "process",
    "branch",
    "run_id",
];

/// Streams every call that the query names; its limit and cursor do not count.
pub(crate) async fn csv(shared: Shared, query: CallQuery) -> Result<Response, Failure> {
    let broken = |_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the API is ending");
    let permit = shared.readers.clone().acquire_owned().await.map_err(broken)?;
    let (mut sender, body) = Channel::<Bytes, StoreError>::new(AHEAD);
    let path = shared.state.database.clone();
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let written = match Reader::open(&path) {
            Ok(reader) => reader.snapshot(|reader| write(reader, query, &mut sender, &runtime)),
            Err(StoreError::Missing { .. }) => {
                send(&mut sender, &runtime, head());
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::warn!(%error, "api.export_failed");
            // Cuts the answer, so that the client does not take a part for the whole.
            sender.abort(error);
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"halton-meter-requests.csv\""),
    ];
    Ok((headers, Body::new(body)).into_response())
}

fn head() -> Csv {
    let mut csv = Csv::default();
    for column in COLUMNS {
        csv.text(column);
    }
    csv.end();
    csv
}

fn write(
    reader: &Reader,
    mut query: CallQuery,
    sender: &mut Sender<Bytes, StoreError>,
    runtime: &Handle,
) -> Result<(), StoreError> {
    (query.limit, query.cursor) = (PAGE, None);
    let mut csv = head();
    loop {
        let page = reader.calls(&query)?;
        for row in &page.items {
            line(&mut csv, &row.into());
        }
        if !send(sender, runtime, std::mem::take(&mut csv)) {
            return Ok(());
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(()),
        }
    }
}

/// `false` when the client is gone.
fn send(sender: &mut Sender<Bytes, StoreError>, runtime: &Handle, mut csv: Csv) -> bool {
    let sent = tokio::time::timeout(PATIENCE, sender.send_data(Bytes::from(csv.take())));
    matches!(runtime.block_on(sent), Ok(Ok(())))
}

/// Unknown counts are empty cells: zero would be a claim.
fn line(csv: &mut Csv, call: &Request) {
    let known = |count: u64| call.tokens_known.then_some(count);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    csv.plain(Some(&call.id))
        .plain(Some(&call.requested_at))
        .text(&call.project)
        .text(&call.provider)
        .text(&call.model)
        .text(&text(&call.model_requested))
        .plain(Some(&call.mode))
        .text(&call.request_kind)
        .plain(Some(&call.status))
        .plain(call.http_status)
        .text(&text(&call.error_class))
        .plain(Some(&call.evidence))
        .plain(Some(&call.billing))
        .plain(known(call.input_tokens))
        .plain(known(call.output_tokens))
        .plain(call.thinking_known.then_some(call.thinking_tokens))
        .plain(known(call.cache_read_tokens))
        .plain(known(call.cache_write_tokens))
        .plain(call.cost_usd.as_ref().map(meter_api::Amount::as_str))
        .plain(call.cost_usd_minor_units)
        .plain(call.latency_ms)
        .plain(call.ttfb_ms)
        .plain(Some(call.tokens_complete))
        .text(&text(&call.process))
        .text(&text(&call.branch))
        .text(&text(&call.run_id))
        .end();
}
