//! What was metered, as a report is laid beside it.

use crate::cause::Cause;
use meter_call::Meter;
use std::collections::BTreeMap;

/// What was metered of a day and a model.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metered {
    /// Calls that could be billed.
    pub calls: u64,
    /// Calls that failed and told no usage: billed by nobody, as far as we know.
    pub failed: u64,
    /// Quantities by meter.
    pub meters: BTreeMap<Meter, u64>,
    /// What was charged.
    pub charged_pico: i128,
    /// The part of it by meter.
    pub by_meter_pico: BTreeMap<Meter, i128>,
    /// Calls without a price.
    pub unpriced: u64,
    /// Calls whose stream broke, or whose usage was guessed.
    pub incomplete: u64,
    /// Calls covered by a plan.
    pub on_plan: u64,
    /// What those would have cost.
    pub plan_pico: i128,
    /// What would have been charged otherwise; each cause once.
    pub as_if: Vec<AsIf>,
}

/// What would have been charged if a cause held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AsIf {
    /// The cause.
    pub cause: Cause,
    /// The amount for all calls of the day and model.
    pub charged_pico: i128,
}

impl Metered {
    /// Adds what was metered under another name of the same model.
    pub(crate) fn add(&mut self, other: &Metered) {
        let charged = (self.charged_pico, other.charged_pico);
        for as_if in &other.as_if {
            if self.as_if.iter().all(|own| own.cause != as_if.cause) {
                self.as_if.push(AsIf { cause: as_if.cause.clone(), charged_pico: charged.0 });
            }
        }
        for own in &mut self.as_if {
            let same = other.as_if.iter().find(|as_if| as_if.cause == own.cause);
            own.charged_pico += same.map_or(charged.1, |as_if| as_if.charged_pico);
        }
        for (meter, quantity) in &other.meters {
            *self.meters.entry(*meter).or_default() += quantity;
        }
        for (meter, pico) in &other.by_meter_pico {
            *self.by_meter_pico.entry(*meter).or_default() += pico;
        }
        self.calls += other.calls;
        self.failed += other.failed;
        self.charged_pico += other.charged_pico;
        self.unpriced += other.unpriced;
        self.incomplete += other.incomplete;
        self.on_plan += other.on_plan;
        self.plan_pico += other.plan_pico;
    }

    /// Takes the fees of these meters out, which the report has in rows of their own.
    pub(crate) fn take(&mut self, meters: &[Meter]) -> Metered {
        let pico: i128 = meters.iter().filter_map(|meter| self.by_meter_pico.remove(meter)).sum();
        let quantities = meters.iter().filter_map(|meter| Some((*meter, self.meters.remove(meter)?))).collect();
        self.charged_pico -= pico;
        for as_if in &mut self.as_if {
            as_if.charged_pico -= pico;
        }
        Metered { meters: quantities, charged_pico: pico, ..Metered::default() }
    }
}
