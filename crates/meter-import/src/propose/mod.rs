//! Compares a list with the price book.

mod compare;
mod fees;

use crate::figure::{Figure, Quote};
use crate::guard::{Guard, RunGuard};
use crate::ours::{Ours, own_meters};
use crate::read::{Upstream, UpstreamModel};
pub(crate) use compare::rounds_to;
use compare::{Compared, agrees, in_our_meters};
use meter_call::{Side, UnixMillis};
use meter_price::{FEES, PriceBook, parse_instant};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything a list would change.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Proposal {
    /// Models whose figures differ, and models that are new.
    pub changes: Vec<Change>,
    /// Where lists differ, or one list with itself.
    pub disagreements: Vec<Disagreement>,
    /// Why nothing of it may be taken.
    pub stops: Vec<RunGuard>,
    /// Models compared.
    pub compared: usize,
    /// Models without any difference.
    pub unchanged: usize,
    /// Figures that are ours, rounded.
    pub rounded: usize,
    /// Share of our (model, meter) pairs that the list still has, in per cent.
    pub retained_per_cent: u64,
}

/// One model, or the fees of a provider (`[fees]`).
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// Our price id of the provider.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// First day of the new row, ISO.
    pub from: String,
    /// The provider's page that the list cites.
    pub page: Option<String>,
    /// What differs.
    pub figures: Vec<FigureChange>,
    /// Why it waits for a person.
    pub guards: Vec<Guard>,
    /// Lists that say so.
    pub sources: Vec<String>,
    /// Taken: no guard holds it, or a reviewer named it.
    pub taken: bool,
    /// All that the list says of it, in our meters.
    #[serde(skip)]
    pub listed: BTreeMap<Figure, Quote>,
}

/// One price.
#[derive(Clone, Debug, Serialize)]
pub struct FigureChange {
    /// What it is for.
    pub figure: Figure,
    /// Today's price: dollars per million tokens, a fee with its unit, or a factor.
    pub old: Option<String>,
    /// In the list.
    pub new: Option<String>,
    /// How much dearer.
    pub per_cent: Option<String>,
}

/// Two statements about one figure.
#[derive(Clone, Debug, Serialize)]
pub struct Disagreement {
    /// Our price id of the provider.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// What it is for.
    pub figure: Figure,
    /// What each list says; where one list contradicts itself, what each of its entries says.
    pub says: BTreeMap<String, String>,
    /// Ours.
    pub ours: Option<String>,
}

/// Compares `first` with the book as of `today` (ISO), and with other lists where there are any. `accepted` holds
/// `provider/model` names that a reviewer has looked at: their guards do not stop them.
pub fn propose(
    book: &PriceBook,
    first: &Upstream,
    others: &[Upstream],
    accepted: &BTreeSet<String>,
    today: &str,
) -> Proposal {
    let Some(now) = parse_instant(today) else { return Proposal::default() };
    let book = book.at_list();
    let run = Run { book: &book, first, others, accepted, today, now, fees: fees::of_list(&book, first, now) };
    run.proposal()
}

pub(crate) struct Run<'a> {
    pub book: &'a PriceBook,
    pub first: &'a Upstream,
    pub others: &'a [Upstream],
    pub accepted: &'a BTreeSet<String>,
    pub today: &'a str,
    pub now: UnixMillis,
    pub fees: BTreeMap<String, UpstreamModel>,
}

impl Run<'_> {
    fn proposal(&self) -> Proposal {
        let mut proposal = Proposal::default();
        let (mut pairs, mut kept) = (0u64, 0u64);
        let mut by_provider: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        // A list may have several names of one model: its id speaks for it, else the first of its names.
        let mut spoken: BTreeSet<(&str, String, UnixMillis)> = BTreeSet::new();
        for ((provider, model), theirs) in self.entries() {
            let at = self.instant(theirs);
            let later = at > self.now;
            if !later {
                self.disagree((provider, model), theirs, at, &mut proposal.disagreements);
            }
            let view = self.book.view(provider, model, at);
            let Some(view) = view.filter(|view| view.row_at(at).is_some()) else {
                if !later {
                    proposal.changes.push(self.new_model(provider, model, theirs));
                }
                continue;
            };
            if !spoken.insert((provider, view.id.clone(), at)) {
                continue;
            }
            let figures = self.without_shared_fees(provider, in_our_meters(&view, theirs, at), &view, at);
            if !later {
                proposal.compared += 1;
                by_provider.entry(provider).or_default().1 += 1;
                for meter in own_meters(&view, at).into_iter().filter(|meter| meter.side() != Side::Unit) {
                    pairs += 1;
                    kept += u64::from(figures.keys().any(|figure| figure.meter == Some(meter)));
                }
            }
            let ours = Ours { book: self.book, provider, model, at };
            let compared = Compared { ours, view: &view, known: self.known_meters(provider) };
            match compared.change(&figures, &mut proposal.rounded) {
                None => proposal.unchanged += usize::from(!later),
                Some((changed, guards)) => {
                    by_provider.entry(provider).or_default().0 += usize::from(!later);
                    let others: Vec<(&str, BTreeMap<Figure, Quote>)> = self
                        .others
                        .iter()
                        .filter_map(|other| {
                            let theirs = other_entry(other, provider, model, theirs, later)?;
                            Some((other.source.name(), in_our_meters(&view, theirs, at)))
                        })
                        .collect();
                    proposal.changes.push(self.change((provider, model), theirs, changed, guards, figures, &others));
                }
            }
        }
        self.fee_changes(&mut proposal);
        self.conflicts(&mut proposal.disagreements);
        proposal.retained_per_cent = (kept * 100).checked_div(pairs).unwrap_or(100);
        if proposal.retained_per_cent < 95 {
            proposal.stops.push(RunGuard::TooLittleRetained { per_cent: proposal.retained_per_cent });
        }
        for (provider, (changed, compared)) in by_provider {
            if changed * 10 > compared {
                let provider = provider.to_owned();
                proposal.stops.push(RunGuard::TooManyChanged { provider, changed, compared });
            }
        }
        let lonely = |change: &&Change| change.taken && change.sources.len() < 2 && change.page.is_none();
        let changes = proposal.changes.iter().filter(lonely).count();
        if changes > 0 {
            proposal.stops.push(RunGuard::NobodyElseSaysSo { changes });
        }
        proposal
    }

    /// What holds today, ids before other names, then what is announced.
    fn entries(&self) -> Vec<(&(String, String), &UpstreamModel)> {
        let named_by_id = |(provider, model): &(String, String)| {
            self.book.view(provider, model, self.now).is_some_and(|view| view.id == *model)
        };
        let mut entries: Vec<_> = self.first.models.iter().collect();
        entries.sort_by_key(|(of, _)| !named_by_id(of));
        let mut later: Vec<_> = self.first.later.iter().map(|(of, model)| (of, model)).collect();
        later.sort_by_key(|(of, _)| !named_by_id(of));
        entries.extend(later);
        entries
    }

    /// When a list's figures are compared: today, or on the day from which they are announced.
    fn instant(&self, theirs: &UpstreamModel) -> UnixMillis {
        theirs.from.as_deref().and_then(parse_instant).map_or(self.now, |from| from.max(self.now))
    }

    pub(crate) fn change(
        &self,
        (provider, model): (&str, &str),
        theirs: &UpstreamModel,
        figures: Vec<FigureChange>,
        mut guards: Vec<Guard>,
        listed: BTreeMap<Figure, Quote>,
        others: &[(&str, BTreeMap<Figure, Quote>)],
    ) -> Change {
        let mut sources = vec![self.first.source.name().to_owned()];
        for (name, other) in others {
            match agrees(&figures, &listed, other) {
                Some(true) => sources.push((*name).to_owned()),
                Some(false) => guards.push(Guard::OtherSourceDisagrees),
                None => {}
            }
        }
        let from = theirs.from.clone().unwrap_or_else(|| self.today.to_owned());
        if parse_instant(&from).is_some_and(|from| (self.now.0 - from.0) / 86_400_000 > 7) {
            guards.push(Guard::LongAgo);
        }
        guards.sort();
        guards.dedup();
        let taken = guards.is_empty() || self.accepted.contains(&format!("{provider}/{model}"));
        let (provider, model, page) = (provider.to_owned(), model.to_owned(), theirs.page.clone());
        Change { provider, model, from, page, figures, guards, sources, taken, listed }
    }

    fn new_model(&self, provider: &str, model: &str, theirs: &UpstreamModel) -> Change {
        let new = |(figure, quote): (&Figure, &Quote)| FigureChange {
            figure: figure.clone(),
            old: None,
            new: Some(figure.text(quote.amount, quote.unit)),
            per_cent: None,
        };
        Change {
            provider: provider.to_owned(),
            model: model.to_owned(),
            from: theirs.from.clone().unwrap_or_else(|| self.today.to_owned()),
            page: theirs.page.clone(),
            figures: theirs.figures.iter().map(new).collect(),
            guards: vec![Guard::NewModel],
            sources: vec![self.first.source.name().to_owned()],
            taken: self.accepted.contains(&format!("{provider}/{model}")),
            listed: theirs.figures.clone(),
        }
    }

    /// Where other lists say something else.
    fn disagree(
        &self,
        (provider, model): (&str, &str),
        one: &UpstreamModel,
        at: UnixMillis,
        found: &mut Vec<Disagreement>,
    ) {
        for (figure, quote) in &one.figures {
            let mut says = BTreeMap::new();
            for other in self.others {
                let there = other.models.get(&(provider.to_owned(), model.to_owned()));
                let Some(there) = there.and_then(|there| there.figures.get(figure)) else { continue };
                let same = there.amount == quote.amount
                    || rounds_to(figure, there.amount, quote.amount)
                    || rounds_to(figure, quote.amount, there.amount);
                if !same {
                    says.insert(other.source.name().to_owned(), figure.text(there.amount, there.unit.or(quote.unit)));
                }
            }
            if !says.is_empty() {
                says.insert(self.first.source.name().to_owned(), figure.text(quote.amount, quote.unit));
                found.push(self.disagreement((provider, model), figure, says, at));
            }
        }
    }

    /// Where the list contradicts itself.
    fn conflicts(&self, found: &mut Vec<Disagreement>) {
        for conflict in &self.first.conflicts {
            let says = conflict
                .says
                .iter()
                .map(|(name, quote)| (name.clone(), conflict.figure.text(quote.amount, quote.unit)));
            let (provider, model) = &conflict.of;
            found.push(self.disagreement((provider, model), &conflict.figure, says.collect(), self.now));
        }
    }

    fn disagreement(
        &self,
        (provider, model): (&str, &str),
        figure: &Figure,
        says: BTreeMap<String, String>,
        at: UnixMillis,
    ) -> Disagreement {
        let ours = Ours { book: self.book, provider, model, at }.quote(figure);
        Disagreement {
            provider: provider.to_owned(),
            model: model.to_owned(),
            figure: figure.clone(),
            says,
            ours: ours.map(|ours| figure.text(ours.amount, ours.unit)),
        }
    }

    fn fee_changes(&self, proposal: &mut Proposal) {
        let others: Vec<(&str, BTreeMap<String, UpstreamModel>)> =
            self.others.iter().map(|other| (other.source.name(), fees::of_list(self.book, other, self.now))).collect();
        for (provider, theirs) in &self.fees {
            let ours = Ours { book: self.book, provider, model: FEES, at: self.now };
            let Some((figures, guards)) = compare::fees(ours, &theirs.figures, &mut proposal.rounded) else { continue };
            let say = |(name, fees): &(&'static str, BTreeMap<String, UpstreamModel>)| {
                Some((*name, fees.get(provider)?.figures.clone()))
            };
            let others: Vec<_> = others.iter().filter_map(say).collect();
            proposal.changes.push(self.change(
                (provider, FEES),
                theirs,
                figures,
                guards,
                theirs.figures.clone(),
                &others,
            ));
        }
    }
}

/// The entry of another list that speaks of the same time.
fn other_entry<'a>(
    other: &'a Upstream,
    provider: &str,
    model: &str,
    theirs: &UpstreamModel,
    later: bool,
) -> Option<&'a UpstreamModel> {
    let of = (provider.to_owned(), model.to_owned());
    if !later {
        return other.models.get(&of);
    }
    other
        .later
        .iter()
        .find(|(one, announced)| *one == of && announced.from == theirs.from)
        .map(|(_, announced)| announced)
}
