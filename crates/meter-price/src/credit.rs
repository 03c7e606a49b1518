//! Credits: what is left of them after the spend so far.
//!
//! A credit reduces a balance, never the cost of a call: two calls of one size cost the same whether a credit was there or
//! not, and only the account owes less.

use meter_call::UnixMillis;
use meter_money::{MoneyError, PicoUsd};

/// An amount that spend is drawn from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credit {
    /// For people: its own name, else the contract's.
    pub name: String,
    /// How much, above 0.
    pub amount: PicoUsd,
    /// First instant it can be drawn.
    pub from: UnixMillis,
    /// First instant it is gone; `None` = it stays.
    pub until: Option<UnixMillis>,
}

/// A credit and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Balance {
    /// The credit.
    pub credit: Credit,
    /// Drawn so far.
    pub drawn: PicoUsd,
    /// Left; 0 once `until` has passed, whatever was not drawn.
    pub left: PicoUsd,
}

/// What is left of each credit at `now`, and the spend that none covered.
///
/// `spend` is what was charged and when, in order of time. Each amount is drawn from the credit that ends first; one that
/// ends never comes last. A refund (an amount below 0) lowers what was not covered.
///
/// # Errors
/// [`MoneyError::Overflow`] when a sum does not fit.
pub fn balances(
    credits: &[Credit],
    spend: impl IntoIterator<Item = (UnixMillis, PicoUsd)>,
    now: UnixMillis,
) -> Result<(Vec<Balance>, PicoUsd), MoneyError> {
    let mut credits = credits.to_vec();
    credits.sort_by_key(|credit| (credit.until.map_or(i64::MAX, |until| until.0), credit.from));
    let fresh = |credit| Balance { credit, drawn: PicoUsd::ZERO, left: PicoUsd::ZERO };
    let mut balances: Vec<Balance> = credits.into_iter().map(fresh).collect();
    let mut uncovered = PicoUsd::ZERO;
    for (at, mut amount) in spend {
        let holds = |credit: &Credit| credit.from <= at && credit.until.is_none_or(|until| at < until);
        for balance in balances.iter_mut().filter(|balance| holds(&balance.credit)) {
            let part = amount.min(balance.credit.amount.checked_sub(balance.drawn)?).max(PicoUsd::ZERO);
            balance.drawn = balance.drawn.checked_add(part)?;
            amount = amount.checked_sub(part)?;
        }
        uncovered = uncovered.checked_add(amount)?;
    }
    for balance in &mut balances {
        let gone = balance.credit.until.is_some_and(|until| until <= now);
        balance.left = if gone { PicoUsd::ZERO } else { balance.credit.amount.checked_sub(balance.drawn)? };
    }
    Ok((balances, uncovered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn credit(name: &str, usd: i64, from: i64, until: Option<i64>) -> Credit {
        let amount = PicoUsd::from_pico(usd);
        Credit { name: name.into(), amount, from: UnixMillis(from), until: until.map(UnixMillis) }
    }

    fn check(credits: &[Credit], spend: &[(i64, i64)], now: i64, left: &[(&str, i64)], uncovered: i64) {
        let spend = spend.iter().map(|(at, pico)| (UnixMillis(*at), PicoUsd::from_pico(*pico)));
        let (balances, open) = balances(credits, spend, UnixMillis(now)).unwrap();
        let got: Vec<_> = balances.iter().map(|b| (b.credit.name.as_str(), b.left.pico())).collect();
        assert_eq!((got.as_slice(), open.pico()), (left, uncovered));
    }

    #[test]
    fn the_credit_that_ends_first_is_drawn_first() {
        let both = [credit("stays", 500, 0, None), credit("gift", 100, 0, Some(50))];
        check(&both, &[(10, 60)], 20, &[("gift", 40), ("stays", 500)], 0);
        check(&both, &[(10, 60), (11, 60)], 20, &[("gift", 0), ("stays", 480)], 0);
        check(&both, &[(10, 700)], 20, &[("gift", 0), ("stays", 0)], 100);
    }

    #[test]
    fn what_was_not_drawn_in_time_is_gone() {
        check(&[credit("gift", 100, 5, Some(50))], &[(4, 10), (49, 10), (50, 10)], 50, &[("gift", 0)], 20);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(amounts in proptest::collection::vec((0i64..100, 0i64..1000), 0..20)) {
            let both = [credit("a", 700, 10, Some(60)), credit("b", 900, 0, None)];
            let spend = amounts.iter().map(|(at, pico)| (UnixMillis(*at), PicoUsd::from_pico(*pico)));
            let (balances, open) = balances(&both, spend, UnixMillis(100)).unwrap();
            let drawn: i64 = balances.iter().map(|balance| balance.drawn.pico()).sum();
            prop_assert_eq!(drawn + open.pico(), amounts.iter().map(|(_, pico)| pico).sum::<i64>());
            prop_assert!(balances.iter().all(|balance| balance.drawn <= balance.credit.amount));
        }
    }
}
