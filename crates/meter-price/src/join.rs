//! One bill out of several: a call whose steps were served by different models.

use crate::{Costing, WhyUnpriced};
use meter_call::Evidence;
use meter_money::PicoUsd;

impl Costing {
    /// The bills of a call's parts as one: all lines, exact sums, the worst grade. No parts cost nothing.
    ///
    /// A part without any price leaves a sum of the others that [`Costing::unpriced`] marks as incomplete.
    pub fn join(parts: impl IntoIterator<Item = Costing>) -> Costing {
        let mut whole = Costing {
            lines: Vec::new(),
            list: None,
            contract: None,
            evidence: Evidence::ProviderUsage,
            prices: Vec::new(),
            unpriced: Vec::new(),
            guesses: Vec::new(),
        };
        let (mut list, mut contract, mut any) = (Vec::new(), Vec::new(), false);
        for part in parts {
            any = true;
            whole.lines.extend(part.lines);
            list.extend(part.list);
            contract.extend(part.contract);
            whole.evidence = whole.evidence.max(part.evidence);
            add_new(&mut whole.prices, part.prices);
            add_new(&mut whole.unpriced, part.unpriced);
            add_new(&mut whole.guesses, part.guesses);
        }
        let mut sum = |amounts: Vec<PicoUsd>| {
            let known = !any || !amounts.is_empty();
            match PicoUsd::sum(amounts) {
                Ok(total) => known.then_some(total),
                Err(_) => {
                    add_new(&mut whole.unpriced, vec![WhyUnpriced::Overflow]);
                    whole.evidence = Evidence::Unpriced;
                    None
                }
            }
        };
        (whole.list, whole.contract) = (sum(list), sum(contract));
        whole
    }
}

fn add_new<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !known.contains(&item) {
            known.push(item);
        }
    }
}
