//! What can be wrong with price files.

use crate::Mark;
use crate::near::near;

/// One fault, with the marks of the places it speaks of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PriceFault {
    /// Which kind.
    pub kind: FaultKind,
    /// Where.
    pub mark: Mark,
    /// Another place that disagrees, and what stands there.
    pub other: Option<(Mark, String)>,
    /// One sentence, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// The kinds of fault; each has a lasting code in the diagnostics.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FaultKind {
    /// A number that is no plain figure.
    BadFigure,
    /// A unit that is unknown or does not fit the meter.
    BadUnit,
    /// A price without the unit it needs.
    UnitMissing,
    /// A price of 0 without a reason.
    ZeroWithoutFree,
    /// A text that is no date or UTC instant.
    BadInstant,
    /// An `until` that is not after `from`.
    EndsBeforeItBegins,
    /// An id or alias that two models claim.
    DuplicateName,
    /// A name that another model's pattern matches too.
    PatternClaimsName,
    /// A text that is no regular expression.
    BadPattern,
    /// Two rows of one model with one `from`.
    DuplicateFrom,
    /// Two dated entries that both say they hold. A warning.
    Overlaps,
    /// Tier bounds that do not rise, or a tier without a bound.
    BadTier,
    /// A tier or overlay without a token meter that the row has.
    LacksMeter,
    /// Absolute prices without tiers of their own on a row that has tiers.
    LacksContext,
    /// A meter set twice by overlays of equal specificity.
    SetTwice,
    /// An overlay without an effect, with two, or without a condition.
    BadOverlay,
    /// A condition that does not exist.
    UnknownCondition,
    /// A profile that is not there.
    UnknownProfile,
    /// A class that no overlay prices.
    UnknownClass,
    /// A window that is not there.
    UnknownWindow,
    /// A holiday list that is not there.
    UnknownHolidays,
    /// A window or holiday list that cannot be read.
    BadWindow,
    /// A row that begins before the window or the holidays it uses. A warning.
    NotCovered,
    /// An `as`-meter or a target that is not there.
    UnknownTarget,
    /// A `like` in a circle or too deep.
    LikeTooDeep,
    /// A model without any row. A warning.
    NoRows,
    /// A word that a settlement or a row does not know.
    UnknownWord,
}

impl FaultKind {
    /// Whether the book can be used all the same.
    pub fn is_warning(self) -> bool {
        matches!(self, FaultKind::NotCovered | FaultKind::NoRows | FaultKind::Overlaps)
    }
}

/// Where faults gather while a book is built.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub Vec<PriceFault>);

impl Faults {
    pub(crate) fn push(&mut self, kind: FaultKind, mark: Mark, message: impl Into<String>) -> &mut PriceFault {
        self.0.push(PriceFault { kind, mark, other: None, message: message.into(), help: None });
        self.0.last_mut().expect("pushed just now")
    }
}

impl PriceFault {
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// "Did you mean", when one of the names is near.
    pub(crate) fn nearest<'a>(&mut self, written: &str, names: impl Iterator<Item = &'a str>) -> &mut Self {
        if let Some(name) = near(written, names).first() {
            self.help = Some(format!("did you mean `{name}`?"));
        }
        self
    }

    pub(crate) fn other(&mut self, mark: Mark, label: impl Into<String>) -> &mut Self {
        self.other = Some((mark, label.into()));
        self
    }
}
