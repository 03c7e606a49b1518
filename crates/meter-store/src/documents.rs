//! Rows and sums as the documents that the API and `--json` print.

use crate::{
    reader::{CallDetail, CallPage, CallRow, DayUse, Part, Project, Report, ReportRow, Totals},
    rfc3339,
    writer::{DatabaseState, WriterStatus},
};
use meter_api::{Amount, MadeOf, UNKNOWN};
use meter_call::{CostLine, Evidence, PriceUse, UnixMillis};
use meter_money::PicoUsd;
use std::collections::BTreeMap;

fn millicents(pico: i128) -> i64 {
    let sum = meter_money::millicents(pico);
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

fn count(count: usize) -> u64 {
    count as u64
}

/// A model's name as people read it.
fn model_name(model: &str) -> String {
    if model.is_empty() { UNKNOWN } else { model }.to_owned()
}

impl From<&CallRow> for meter_api::Request {
    fn from(row: &CallRow) -> meter_api::Request {
        let model = row.model.clone().or_else(|| row.model_requested.clone());
        let amount = |amount: Option<PicoUsd>| amount.map(Amount::from);
        let charged = row.charged.or(row.list).filter(|_| row.cost_usd_minor_units.is_some());
        meter_api::Request {
            id: row.id.to_string(),
            provider: row.provider.clone(),
            model: model.unwrap_or_else(|| UNKNOWN.to_owned()),
            mode: row.mode.to_string(),
            input_tokens: row.input_tokens.unwrap_or(0),
            output_tokens: row.output_tokens.unwrap_or(0),
            thinking_tokens: row.thinking_tokens.unwrap_or(0),
            cache_read_tokens: row.cache_read_tokens.unwrap_or(0),
            cache_write_tokens: row.cache_write_tokens.unwrap_or(0),
            cost_usd_minor_units: row.cost_usd_minor_units,
            latency_ms: row.latency_ms,
            tokens_complete: row.tokens_complete,
            requested_at: rfc3339::text(row.requested_at),
            status: row.status.to_string(),
            project: row.project.clone(),
            class: row.class.to_string(),
            request_kind: row.request_kind.clone(),
            model_requested: row.model_requested.clone(),
            evidence: row.evidence.to_string(),
            cost_usd: amount(charged),
            list_usd: amount(row.list),
            provider_cost_usd: amount(row.provider_cost),
            tail_usd: amount(row.estimated),
            tail_bound_usd: amount(row.estimated_bound),
            billing: row.billing.to_string(),
            tokens_known: row.input_tokens.is_some(),
            thinking_known: row.thinking_tokens.is_some(),
            cache_write_tokens_5m: row.cache_write_tokens_5m.unwrap_or(0),
            cache_write_tokens_1h: row.cache_write_tokens_1h.unwrap_or(0),
            cache_write_tokens_other: row.cache_write_tokens_other.unwrap_or(0),
            cache_write_other_lifetime: row.cache_write_other_lifetime.clone(),
            host: row.host.clone(),
            method: row.method.clone(),
            path: row.path.clone(),
            http_status: row.http_status,
            error_class: row.error_class.map(|class| class.to_string()),
            provider_error_code: row.provider_error_code.clone(),
            ttfb_ms: row.ttfb_ms,
            added_us: row.added_us,
            provider_request_id: row.provider_request_id.clone(),
            service_tier: row.service_tier.clone(),
            process: row.process.clone(),
            branch: row.branch.clone(),
            source: row.source.clone(),
            run_id: row.run_id.clone(),
        }
    }
}

impl From<&CallPage> for meter_api::RequestPage {
    fn from(page: &CallPage) -> meter_api::RequestPage {
        meter_api::RequestPage {
            items: page.items.iter().map(Into::into).collect(),
            next_cursor: page.next.map(|cursor| cursor.to_string()),
            total: page.total,
        }
    }
}

impl From<&CallDetail> for meter_api::Call {
    fn from(detail: &CallDetail) -> meter_api::Call {
        let row = &detail.row;
        let amount = |amount: Option<PicoUsd>| amount.map(Amount::from);
        meter_api::Call {
            call: row.into(),
            bill: meter_api::Bill {
                lines: detail.lines.iter().map(bill_line).collect(),
                prices: detail.prices.iter().map(price_row).collect(),
                list_usd: amount(row.list),
                contract_usd: amount(row.contract),
                charged_usd: amount(row.charged),
                provider_cost_usd: amount(row.provider_cost),
                evidence: row.evidence.to_string(),
                usage_flags: row.usage_flags.clone(),
                conditions: row.conditions.clone(),
                rates_source: row.rates_source.clone(),
                manifest_digest: row.manifest_digest.clone(),
                verified: None,
                first_charged_usd: amount(row.first_charged),
                repriced_at: row.repriced_at.map(rfc3339::text),
            },
            origin: meter_api::Origin {
                project: row.project.clone(),
                source: row.source.clone(),
                reason: row.reason.clone(),
                branch: row.branch.clone(),
                workdir: row.workdir.clone(),
                process: row.process.clone(),
                process_id: row.process_id,
                process_exe: row.process_exe.clone(),
                policy_rule: row.policy_rule.clone(),
            },
        }
    }
}

fn bill_line(line: &CostLine) -> meter_api::BillLine {
    meter_api::BillLine {
        meter: line.meter.to_string(),
        model: line.model.clone(),
        quantity: line.quantity,
        rate: line.rate.clone(),
        multipliers: line.multipliers.clone(),
        price_id: line.price_id.clone(),
        amount_usd: line.amount.map(Amount::from),
    }
}

fn price_row(price: &PriceUse) -> meter_api::PriceRow {
    // A row that is no JSON is shown as the text it is.
    let row = serde_json::from_str(&price.row).unwrap_or_else(|_| price.row.clone().into());
    meter_api::PriceRow {
        price_id: price.price_id.clone(),
        provider: price.provider.clone(),
        model: price.model.clone(),
        effective_from: rfc3339::text(price.effective_from),
        source: price.source.clone(),
        row,
    }
}

impl From<&Totals> for MadeOf {
    fn from(totals: &Totals) -> MadeOf {
        let (mut exact, mut partial, mut guessed) = (Part::default(), Part::default(), Part::default());
        for evidence in Evidence::ALL {
            let sum = match evidence {
                // `none` costs nothing, and that is certain.
                Evidence::None | Evidence::ProviderCost | Evidence::ProviderUsage => &mut exact,
                Evidence::PartialStream => &mut partial,
                Evidence::Estimated => &mut guessed,
                Evidence::Unpriced => continue,
            };
            let part = totals.part(*evidence);
            sum.requests += part.requests;
            sum.charged_pico += part.charged_pico;
        }
        let unpriced = totals.part(Evidence::Unpriced);
        MadeOf {
            exact_usd: Amount::of(exact.charged_pico),
            exact_requests: exact.requests,
            partial_usd: Amount::of(partial.charged_pico),
            partial_requests: partial.requests,
            estimated_usd: Amount::of(guessed.charged_pico),
            estimated_requests: guessed.requests,
            tail_usd: Amount::of(totals.estimated_pico),
            tail_bound_usd: Amount::of(totals.bound_pico),
            unpriced_requests: unpriced.requests,
            unpriced_known_usd: Amount::of(unpriced.charged_pico),
            plan_equivalent_usd: Amount::of(totals.plan_list_pico),
        }
    }
}

impl From<&ReportRow> for meter_api::ReportRow {
    fn from(row: &ReportRow) -> meter_api::ReportRow {
        meter_api::ReportRow {
            project: row.project.clone(),
            provider: row.provider.clone(),
            model: row.model.as_deref().map(model_name),
            latency_p95_ms: row.latency_p95_ms,
            ..(&row.totals).into()
        }
    }
}

impl From<&Totals> for meter_api::ReportRow {
    fn from(totals: &Totals) -> meter_api::ReportRow {
        meter_api::ReportRow {
            project: None,
            provider: None,
            model: None,
            requests: totals.requests,
            failed_requests: totals.failed,
            prompt_tokens: totals.prompt_tokens(),
            input_tokens: totals.input_tokens,
            output_tokens: totals.output_tokens,
            thinking_tokens: totals.thinking_tokens,
            cache_read_tokens: totals.cache_read_tokens,
            cache_write_tokens: totals.cache_write_tokens,
            cost_usd: Amount::of(totals.charged_pico),
            cost_usd_minor_units: millicents(totals.charged_pico),
            list_usd: Amount::of(totals.list_pico),
            made_of: totals.into(),
            latency_mean_ms: totals.latency_mean_ms(),
            latency_p95_ms: None,
        }
    }
}

impl From<&Project> for meter_api::Project {
    fn from(project: &Project) -> meter_api::Project {
        let used = &project.used;
        let (primary_provider, primary_model) = used.primary.clone().unzip();
        let (top_provider, top_model) = used.top.clone().unzip();
        meter_api::Project {
            id: project.id.clone(),
            name: project.name.clone(),
            slug: project.slug.clone(),
            created_at: rfc3339::text(project.created_at),
            archived_at: project.archived_at.map(rfc3339::text),
            stats: meter_api::ProjectStats {
                requests_this_month: used.this_month.requests,
                cost_usd_this_month_minor_units: millicents(used.this_month.charged_pico),
                previous_month_cost_usd_minor_units: millicents(used.previous_month.charged_pico),
                all_time_cost_usd_minor_units: millicents(used.all_time.charged_pico),
                all_time_requests: used.all_time.requests,
                last_active_at: used.last_active_at.map(rfc3339::text),
                primary_model: primary_model.as_deref().map(model_name),
                primary_provider,
                top_model: top_model.as_deref().map(model_name),
                top_provider,
                unpriced_requests: used.all_time.unpriced(),
            },
        }
    }
}

/// The document of `/v1/stats` out of three queries over the same calls: a report by model, their days, and when the
/// newest of them began.
pub fn stats(by_model: &Report, days: &[DayUse], last_request_at: Option<UnixMillis>) -> meter_api::Stats {
    let total = &by_model.total;
    let mut providers: BTreeMap<&str, Totals> = BTreeMap::new();
    for row in &by_model.rows {
        providers.entry(row.provider.as_deref().unwrap_or(UNKNOWN)).or_default().add(&row.totals);
    }
    let mut by_provider: Vec<_> = providers.into_iter().collect();
    by_provider.sort_by_key(|(_, totals)| std::cmp::Reverse((totals.charged_pico, totals.requests)));
    let mut by_day: BTreeMap<String, Totals> = BTreeMap::new();
    for day in days {
        by_day.entry(day.date.to_string()).or_default().add(&day.totals);
    }
    let prompt = total.prompt_tokens();
    meter_api::Stats {
        summary: meter_api::Summary {
            total_requests: total.requests,
            total_input_tokens: total.input_tokens,
            total_output_tokens: total.output_tokens,
            total_thinking_tokens: total.thinking_tokens,
            total_cache_read_tokens: total.cache_read_tokens,
            total_cache_write_tokens: total.cache_write_tokens,
            total_cost_usd_minor_units: millicents(total.charged_pico),
            // A share, not money: a float is what the documented field is.
            cache_hit_rate: if prompt == 0 { 0.0 } else { total.cache_read_tokens as f64 / prompt as f64 },
            active_projects: count(by_model.projects),
            models_in_use: count(by_model.models),
            last_request_at: last_request_at.map(rfc3339::text),
            cost_usd: Amount::of(total.charged_pico),
            failed_requests: total.failed,
            made_of: total.into(),
        },
        by_day: by_day
            .into_iter()
            .map(|(date, totals)| meter_api::Day {
                date,
                requests: totals.requests,
                cost_usd_minor_units: millicents(totals.charged_pico),
            })
            .collect(),
        by_day_by_provider: days
            .iter()
            .map(|day| meter_api::DayOfProvider {
                date: day.date.to_string(),
                provider: day.provider.clone(),
                requests: day.totals.requests,
                cost_usd_minor_units: millicents(day.totals.charged_pico),
            })
            .collect(),
        by_provider: by_provider
            .into_iter()
            .map(|(provider, totals)| meter_api::ProviderUse {
                provider: provider.to_owned(),
                requests: totals.requests,
                cost_usd_minor_units: millicents(totals.charged_pico),
            })
            .collect(),
        by_model: by_model
            .rows
            .iter()
            .map(|row| meter_api::ModelUse {
                provider: row.provider.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
                model: model_name(row.model.as_deref().unwrap_or_default()),
                requests: row.totals.requests,
                input_tokens: row.totals.input_tokens,
                output_tokens: row.totals.output_tokens,
                cost_usd_minor_units: millicents(row.totals.charged_pico),
                unpriced_requests: row.totals.unpriced(),
            })
            .collect(),
    }
}

impl From<&WriterStatus> for meter_api::Ledger {
    fn from(status: &WriterStatus) -> meter_api::Ledger {
        meter_api::Ledger {
            database: match status.database {
                DatabaseState::Opening => "opening",
                DatabaseState::Ready => "ready",
                DatabaseState::Failing => "failing",
            }
            .to_owned(),
            pending: status.pending,
            lost: status.lost,
            rejected: status.rejected,
            failures: status.failures,
            last_error: status.last_error.clone(),
        }
    }
}
