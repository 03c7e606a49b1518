//! From a row's cells to its reading: expressions run once, when the row closes.

use crate::dialect::{FinalWhen, TableId};
use crate::eval::{self, Came, Scope};
use crate::exchange::Ending;
use crate::framing::Framing;
use crate::reading::{CallReading, StreamEnd};
use crate::rows::Row;
use meter_call::{Conditions, EndpointClass, Meter, Side, UsageState};
use std::cell::Cell as Mark;
use std::collections::BTreeSet;

/// Longest text of a reading.
pub(crate) const TEXT_MAX: usize = 512;

/// The request's output cap, whichever key gave it.
pub(crate) fn max_output(scope: &Scope<'_>) -> Option<u64> {
    scope.named(TableId::Request, "max_output")?.number()?.to_count().map(|(count, _)| count)
}

pub(crate) fn reading(ending: &Ending<'_>, row: Row) -> CallReading {
    let dialect = ending.dialect;
    let refused_by_status = ending.status.is_some_and(|status| status >= 400);
    let came = Came { error: row.came.error || refused_by_status, ..row.came };
    let cut = Mark::new(false);
    let request = row.request.as_deref().unwrap_or(ending.request_cells);
    let scope = Scope { dialect, wire: ending.wire, request, response: &row.cells, came, inconsistent: &cut };
    let asked = |key| scope.named(TableId::Request, key).map(|value| value.show(TEXT_MAX));
    let told = |key| scope.named(TableId::Response, key).map(|value| value.show(TEXT_MAX));

    let model_answered = told("model");
    let finish = told("finish");
    let error = eval::wire_error(&scope, ending.status, TEXT_MAX);
    let asked_stream = scope.named(TableId::Request, "stream").and_then(|value| value.truth());
    let stream = ending.facts.stream.or(asked_stream).unwrap_or_else(|| streams(ending, refused_by_status));
    let ended = row.ended
        || ending.document
        || match &dialect.end {
            Some(end) => end.body && finish.is_some() && ending.whole,
            None => ending.whole,
        };
    let mut reading = CallReading {
        stream,
        model_requested: asked("model"),
        model_billed: told("model_billed"),
        request_id: told("request_id"),
        response_id: told("id"),
        service_tier: told("service_tier"),
        speed: told("speed"),
        geo: told("geo"),
        deployment: asked("deployment"),
        upstream: told("upstream"),
        conditions: Conditions {
            class: told("price_class"),
            tier_requested: asked("service_tier"),
            size: told("size").or_else(|| asked("size")),
            quality: told("quality").or_else(|| asked("quality")),
            resolution: told("resolution").or_else(|| asked("resolution")),
            search_context: told("search_context").or_else(|| asked("search_context")),
            cache_mode: told("cache_mode").or_else(|| asked("cache_mode")),
        },
        max_output: max_output(&scope),
        kind: dialect
            .kinds
            .iter()
            .find(|(_, condition)| scope.all_hold(TableId::Kind, std::slice::from_ref(condition)))
            .map(|(kind, _)| kind.clone()),
        stream_end: match (stream, &error, ended) {
            (false, ..) => StreamEnd::None,
            (true, Some(_), _) => StreamEnd::Error,
            (true, None, true) if !ending.open => StreamEnd::Normal,
            (true, None, _) => StreamEnd::Truncated,
        },
        flags: ending.flags.clone(),
        row_key: row.key.clone(),
        turn: row.turn,
        asked: row.asked,
        answer_bytes: ending.answer_bytes,
        request_bytes: ending.request_bytes,
        ..CallReading::default()
    };
    reading.flags.extend(eval::variant_flags(&scope));
    if ending.facts.class == EndpointClass::Costed {
        // A gRPC call that fails before its first message was refused: its HTTP status is 200 all the same.
        let silent = ending.framing == Some(Framing::Grpc) && !row.came.response;
        // Whoever is sent elsewhere got nothing here.
        let elsewhere = ending.status.is_some_and(|status| (300..400).contains(&status));
        let refused = elsewhere
            || error.as_ref().is_some_and(|error| {
                // A document that tells how an answer stopped is no refusal: something may have been made before it failed.
                let refusal = ending.document && finish.is_none();
                // A turn that had begun may have been billed, whatever ended it.
                let unbegun = finish.is_none() && error.status.is_some_and(|status| status >= 400);
                refused_by_status || refusal || silent || unbegun
            });
        let model = model_answered.as_deref().or(reading.model_requested.as_deref());
        let usage = eval::usage(&scope, &row.elements, model, TEXT_MAX);
        used(&mut reading, usage, dialect_meters(ending), finish.is_some(), ended, refused);
    }
    reading.model_answered = model_answered;
    reading.finish = finish;
    reading.error = error;
    reading
}

/// What the framing says of streaming, when nothing else does. An error in an array is a document all the same.
fn streams(ending: &Ending<'_>, refused_by_status: bool) -> bool {
    ending.framing.is_some_and(|framing| framing.is_stream() && !(refused_by_status && framing == Framing::JsonArray))
}

/// Token buckets that are unknown when nothing was read: those the dialect names, and the three everybody asks for.
fn dialect_meters(ending: &Ending<'_>) -> BTreeSet<Meter> {
    let named = ending.dialect.meters.iter().map(|meter| meter.meter).filter(|meter| meter.side() != Side::Unit);
    named.chain([Meter::Input, Meter::Output, Meter::Reasoning]).collect()
}

fn used(
    reading: &mut CallReading,
    usage: eval::UsageFound,
    named: BTreeSet<Meter>,
    finished: bool,
    ended: bool,
    refused: bool,
) {
    reading.provider_cost = usage.provider_cost;
    if !usage.seen {
        reading.usage = UsageState::None;
        reading.unknown = if refused { BTreeSet::new() } else { named };
        return;
    }
    let last_word = match usage.final_when {
        FinalWhen::Seen => true,
        FinalWhen::Finish => finished || ended,
        FinalWhen::End => ended,
    };
    reading.usage = if last_word { UsageState::Final } else { UsageState::Partial };
    reading.buckets = usage.buckets;
    reading.lines = usage.lines;
    reading.flags.extend(usage.flags);
    if usage.reasoning_unknown {
        reading.unknown.insert(Meter::Reasoning);
    }
}
