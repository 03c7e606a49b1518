//! Stored calls as they were priced, to be priced again.

use meter_call::Mode;
use meter_price::{Past, PriceBook, Served};
use meter_store::CallDetail;

/// A call at its own time and under its own conditions; `None` where it was metered before those were kept.
pub fn past<'a>(book: &'a PriceBook, detail: &'a CallDetail) -> Option<Past<'a>> {
    let row = &detail.row;
    // Rows name the provider, prices may be another's: the rows that priced it then say whose.
    let priced_by = detail.prices.first().map(|price| price.provider.as_str());
    Some(Past {
        provider: priced_by.or_else(|| book.provider_id(&row.provider)).unwrap_or(&row.provider),
        at: row.ended_at.unwrap_or(row.requested_at),
        lines: &detail.lines,
        served: Served {
            batched: row.mode == Mode::Batch,
            speed: row.speed.as_deref(),
            service_tier: row.service_tier.as_deref(),
            geo: row.geo.as_deref(),
            route: row.upstream.as_deref(),
            thinking: row.thinking_tokens.map(|tokens| tokens > 0),
            conditions: row.conditions.as_ref()?,
        },
    })
}
