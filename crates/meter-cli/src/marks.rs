//! What the marks of a row mean.

/// A mark in words; `None` for one that a dialect file raises under a name of its own.
pub fn meaning(mark: &str) -> Option<&'static str> {
    Some(match mark {
        "body_limit" => "a body or a message was larger than what is read of one",
        "cache_write_split_from_start" => "how long cache writes live was told at the start of the stream only",
        "caller_unknown" => "nobody could tell which process made the call",
        "cost_drift" => "the provider's amount and our prices differ by more than the price file allows",
        "estimated_from_bytes" => "the answer told no usage: the estimate is made of sizes",
        "gateway_cache_hit" => "answered from a gateway's cache: nothing was spent",
        "journal_refused" => "the journal could not take the call when it began",
        "meter_fault" => "a fault of ours left figures out; the call itself went on",
        "opaque" => "the bytes could not be read any more: what passed later is not in the figures",
        "partly_unpriced" => "some of its lines have no price: the amount is a lower bound",
        "provider_cost_unreadable" => "the provider named an amount that is no number",
        "replayed" => "the answer was given before, to the same idempotency key: it was paid for then",
        "seen_on_another_host" => "another host gave the same answer before: one call that passed twice, by a gateway",
        "tier_as_requested" => "the answer does not name its tier: the price is that of the one asked for",
        "undecodable" => "the body's content coding was broken",
        "usage_inconsistent" => "the provider's counts contradict each other",
        "usage_later" => "the usage comes with a later read of this answer",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_a_dialects_own_has_no_meaning_here() {
        assert!(meaning("cost_drift").is_some());
        assert_eq!(meaning("half_price_on_tuesdays"), None);
    }
}
