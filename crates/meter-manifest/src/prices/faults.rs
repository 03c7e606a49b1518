//! Faults of the price book as diagnostics.

use meter_diag::{Code, Diagnostic, Place, codes::files, codes::prices};
use meter_price::{FaultKind, Mark, PriceFault};

/// The diagnostic of a fault; `None` only when its place is in no file.
pub(super) fn diagnostic(fault: PriceFault, place: &impl Fn(Mark) -> Option<Place>) -> Option<Diagnostic> {
    let mut found = Diagnostic::new(code(fault.kind), place(fault.mark)?, fault.message);
    if let Some((mark, label)) = fault.other
        && let Some(other) = place(mark)
    {
        found = found.other(other, label);
    }
    Some(match fault.help {
        Some(help) => found.help(help),
        None => found,
    })
}

fn code(kind: FaultKind) -> Code {
    match kind {
        FaultKind::BadFigure => prices::BAD_FIGURE,
        FaultKind::BadUnit => prices::BAD_UNIT,
        FaultKind::UnitMissing => prices::UNIT_MISSING,
        FaultKind::ZeroWithoutFree => prices::ZERO_WITHOUT_FREE,
        FaultKind::BadInstant => prices::BAD_INSTANT,
        FaultKind::EndsBeforeItBegins => prices::ENDS_BEFORE_IT_BEGINS,
        FaultKind::DuplicateName => prices::DUPLICATE_NAME,
        FaultKind::PatternClaimsName => prices::PATTERN_CLAIMS_NAME,
        FaultKind::BadPattern => prices::BAD_PATTERN,
        FaultKind::DuplicateFrom => prices::DUPLICATE_FROM,
        FaultKind::Overlaps => prices::OVERLAPS,
        FaultKind::BadTier => prices::BAD_TIER,
        FaultKind::LacksMeter => prices::LACKS_METER,
        FaultKind::LacksContext => prices::LACKS_CONTEXT,
        FaultKind::SetTwice => prices::SET_TWICE,
        FaultKind::BadOverlay => prices::BAD_OVERLAY,
        FaultKind::UnknownCondition => prices::UNKNOWN_CONDITION,
        FaultKind::UnknownProfile => prices::UNKNOWN_PROFILE,
        FaultKind::UnknownClass => prices::UNKNOWN_CLASS,
        FaultKind::UnknownWindow => prices::UNKNOWN_WINDOW,
        FaultKind::UnknownHolidays => prices::UNKNOWN_HOLIDAYS,
        FaultKind::BadWindow => prices::BAD_WINDOW,
        FaultKind::NotCovered => prices::NOT_COVERED,
        FaultKind::UnknownTarget => prices::UNKNOWN_TARGET,
        FaultKind::LikeTooDeep => prices::LIKE_TOO_DEEP,
        FaultKind::NoRows => prices::NO_ROWS,
        FaultKind::UnknownWord => files::UNKNOWN_WORD,
    }
}
