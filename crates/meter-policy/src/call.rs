//! What rules are asked about.

use meter_call::{Billing, EndpointClass, ProjectSlug, UnixMillis};

use crate::HoldPrices;

/// Something about a call that need not be known when a rule asks for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fact<T> {
    /// It is this.
    Known(T),
    /// It will be known once the request is complete: the decision waits.
    Later,
    /// It cannot be known for this call: the rule's `on_error` decides.
    Never,
}

/// A call as far as it is known. [`crate::Policies::may_refuse`] is asked when its connection opens, with hardly more than the provider;
/// [`crate::decide`] with the head, and once more with the body when that answered [`crate::Verdict::Later`]. Then every field is
/// [`Fact::Known`] or [`Fact::Never`].
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// When the request's head was complete; picks the window of every budget.
    pub at: UnixMillis,
    /// Provider name as in rows.
    pub provider: &'a str,
    /// Kind of the endpoint: `chat`, `embedding`, …
    pub kind: Fact<&'a str>,
    /// Only costed calls draw on budgets.
    pub class: EndpointClass,
    /// A plan's calls cost nothing, so dollar budgets pass them by.
    pub billing: Billing,
    /// Whose it is.
    pub project: Fact<&'a ProjectSlug>,
    /// The caller's executable name.
    pub process: Fact<&'a str>,
    /// The model asked for, also when another one answered.
    pub model: Fact<&'a str>,
    /// Bytes of the request's body as sent.
    pub request_bytes: Fact<u64>,
    /// The request's own cap on output tokens; `Known(None)` when it names none.
    pub max_output: Fact<Option<u64>>,
    /// The price book's maximum for the model, the cap of a request that names none.
    pub model_max_output: Option<u64>,
    /// What the model costs; `None` when no price is known.
    pub prices: Option<HoldPrices>,
}

impl Call<'_> {
    /// The output tokens this call can be billed for at most: the request's cap, else the model's, else
    /// [`crate::OUTPUT_DEFAULT`].
    pub fn output_cap(&self) -> Fact<u64> {
        match self.max_output {
            Fact::Known(cap) => Fact::Known(cap.or(self.model_max_output).unwrap_or(crate::OUTPUT_DEFAULT)),
            Fact::Later => Fact::Later,
            Fact::Never => Fact::Never,
        }
    }
}
