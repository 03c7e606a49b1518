//! `calls --json`, `explain --json`, `why --json`.

use crate::{Amount, Request};
use serde::{Deserialize, Serialize};

/// `calls --json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CallList {
    /// Newest first.
    pub calls: Vec<Request>,
    /// Calls that match, listed or not.
    pub total: u64,
}

/// `explain --json`: a call with its bill and where its project came from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Call {
    /// The row.
    pub call: Request,
    /// The bill.
    pub bill: Bill,
    /// Where the project came from.
    pub origin: Origin,
}

/// Every line of a bill with the prices it used.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Bill {
    /// In the order they are printed.
    pub lines: Vec<BillLine>,
    /// The price rows that the lines name, as they were.
    pub prices: Vec<PriceRow>,
    /// At list prices.
    pub list_usd: Option<Amount>,
    /// At the user's contract.
    pub contract_usd: Option<Amount>,
    /// What is charged; 0 on a plan.
    pub charged_usd: Option<Amount>,
    /// The provider's own figure.
    pub provider_cost_usd: Option<Amount>,
    /// How sure it is.
    pub evidence: String,
    /// Marks: what was odd about the usage.
    pub usage_flags: Vec<String>,
    /// What else the price depended on; `null` in rows from before it was kept.
    pub conditions: Option<meter_call::Conditions>,
    /// Date of the price file.
    pub rates_source: Option<String>,
    /// Digest of the snapshot in force when the call began.
    pub manifest_digest: String,
    /// Whether deriving the amount again gave the same; `null` where nobody tried.
    pub verified: Option<bool>,
    /// The first charge, when a reprice changed it.
    pub first_charged_usd: Option<Amount>,
    /// When it was repriced.
    pub repriced_at: Option<String>,
}

/// quantity × rate × factors = amount.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BillLine {
    /// What was counted.
    pub meter: String,
    /// The model it was priced at.
    pub model: String,
    /// How many.
    pub quantity: u64,
    /// The rate with its unit; `null` when unpriced.
    pub rate: Option<String>,
    /// Named factors, each `name × by`.
    pub multipliers: Vec<meter_call::Multiplier>,
    /// The price row.
    pub price_id: Option<String>,
    /// The amount; `null` when unpriced.
    pub amount_usd: Option<Amount>,
}

/// A price row as it was when the call was priced.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PriceRow {
    /// `provider/model@from#hash`.
    pub price_id: String,
    /// Provider of the price file.
    pub provider: String,
    /// Model of the row.
    pub model: String,
    /// First instant it holds.
    pub effective_from: String,
    /// Page the figures come from.
    pub source: String,
    /// The resolved row.
    pub row: serde_json::Value,
}

/// `why --json` beside the call's id: where its project came from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Origin {
    /// Project slug.
    pub project: String,
    /// The tagging source that named it.
    pub source: String,
    /// Why, in a sentence.
    pub reason: String,
    /// Git branch.
    pub branch: Option<String>,
    /// Working directory of the caller.
    pub workdir: Option<String>,
    /// Executable's file name.
    pub process: Option<String>,
    /// Its process id at the time.
    pub process_id: Option<u32>,
    /// Its path.
    pub process_exe: Option<String>,
    /// The policy rule that refused or warned.
    pub policy_rule: Option<String>,
}
