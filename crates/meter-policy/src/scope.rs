//! Which calls a rule is about.

use crate::{Call, Fact};
use globset::{Glob, GlobMatcher};
use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use meter_call::UnixMillis;
use std::str::FromStr;

/// Everything that is set has to hold; a scope with nothing set is about every call.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Project slugs.
    pub project: Globs,
    /// Provider names as in rows.
    pub provider: Globs,
    /// The model asked for.
    pub model: Globs,
    /// Endpoint kinds.
    pub kind: Globs,
    /// Names of the caller's executable.
    pub process: Globs,
    /// Time of day in the rule's zone.
    pub hours: Option<Hours>,
    /// Days of the week in the rule's zone.
    pub days: Option<Days>,
    /// The request's body has more bytes than this.
    pub request_bytes_over: Option<u64>,
    /// The call may be billed for more output tokens than this ([`Call::output_cap`]).
    pub output_over: Option<u64>,
}

/// What a scope says about a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fit {
    Yes,
    No,
    /// The named fact will be known with the body.
    Later,
    /// The named fact will never be known.
    Unknown(&'static str),
}

impl Scope {
    pub(crate) fn fit(&self, call: &Call<'_>, zone: &TimeZone) -> Fit {
        if self.holds_at(call.at, zone) { self.fit_at_some_time(call) } else { Fit::No }
    }

    /// The same with hours and days left out: a connection that opens outside of them may live into them.
    pub(crate) fn fit_at_some_time(&self, call: &Call<'_>) -> Fit {
        let tests = [
            self.provider.fit("provider", Fact::Known(call.provider)),
            self.kind.fit("kind", call.kind),
            self.project.fit("project", map(call.project, |slug| slug.as_str())),
            self.process.fit("process", call.process),
            self.model.fit("model", call.model),
            over("request size", self.request_bytes_over, call.request_bytes),
            over("output cap", self.output_over, call.output_cap()),
        ];
        // One certain "no" outweighs everything that is open; what is still to come may turn into one.
        let mut fit = Fit::Yes;
        for test in tests {
            match (test, fit) {
                (Fit::No, _) => return Fit::No,
                (Fit::Later, _) => fit = Fit::Later,
                (Fit::Unknown(what), Fit::Yes) => fit = Fit::Unknown(what),
                (Fit::Yes | Fit::Unknown(_), _) => {}
            }
        }
        fit
    }

    fn holds_at(&self, at: UnixMillis, zone: &TimeZone) -> bool {
        if self.hours.is_none() && self.days.is_none() {
            return true;
        }
        // An instant that no calendar can say is in no hour of any day.
        let Ok(at) = Timestamp::from_millisecond(at.0) else { return false };
        let local = zone.to_datetime(at);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        self.hours.is_none_or(|hours| hours.holds(minute)) && self.days.is_none_or(|days| days.holds(local.weekday()))
    }
}

/// Names with `*` for any run of characters (also across `/`), `?`, `[ab]`, `{a,b}`; one of them has to match. None = any.
#[derive(Clone, Debug, Default)]
pub struct Globs(pub(crate) Vec<GlobMatcher>);

impl Globs {
    /// Patterns as written.
    ///
    /// # Errors
    /// [`BadScope::Glob`] for the first that is no glob.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Globs, BadScope> {
        let compile = |pattern: &str| {
            let glob = Glob::new(pattern)
                .map_err(|error| BadScope::Glob { pattern: pattern.to_owned(), why: error.kind().to_string() })?;
            Ok(glob.compile_matcher())
        };
        patterns.into_iter().map(compile).collect::<Result<_, _>>().map(Globs)
    }

    /// Nothing is asked.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    fn fit(&self, what: &'static str, fact: Fact<&str>) -> Fit {
        if self.is_any() {
            return Fit::Yes;
        }
        match fact {
            Fact::Known(text) if self.0.iter().any(|glob| glob.is_match(text)) => Fit::Yes,
            Fact::Known(_) => Fit::No,
            Fact::Later => Fit::Later,
            Fact::Never => Fit::Unknown(what),
        }
    }
}

/// A time of day, `09:00-18:00`; over midnight when the end comes first. The end is not inside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hours {
    from: u16,
    to: u16,
}

impl Hours {
    fn holds(self, minute: u16) -> bool {
        if self.from < self.to {
            self.from <= minute && minute < self.to
        } else {
            self.from <= minute || minute < self.to
        }
    }
}

impl FromStr for Hours {
    type Err = BadScope;
    fn from_str(text: &str) -> Result<Hours, BadScope> {
        let bad = || BadScope::Hours(text.to_owned());
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let digits = |part: &str| {
                (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
                    .then(|| part.parse::<u16>().ok())
                    .flatten()
            };
            let (hour, minute) = (digits(hour)?, digits(minute)?);
            (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
        };
        let (from, to) = text.split_once('-').ok_or_else(bad)?;
        let (from, to) = (minute(from).ok_or_else(bad)?, minute(to).ok_or_else(bad)?);
        if from == to || from == 1440 { Err(bad()) } else { Ok(Hours { from, to }) }
    }
}

/// Days of the week.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Days(u8);

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Words such as `mon` or `mon-fri`; a range may run over Sunday.
    ///
    /// # Errors
    /// [`BadScope::Day`] for the first word that is neither; [`BadScope::NoDay`] for an empty list.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Days, BadScope> {
        let mut days = 0u8;
        for word in words {
            let day =
                |name: &str| DAYS.iter().position(|day| *day == name).ok_or_else(|| BadScope::Day(word.to_owned()));
            let (from, to) = word.split_once('-').unwrap_or((word, word));
            let (from, to) = (day(from)?, day(to)?);
            let length = (to + 7 - from) % 7;
            (0..=length).for_each(|offset| days |= 1 << ((from + offset) % 7));
        }
        if days == 0 { Err(BadScope::NoDay) } else { Ok(Days(days)) }
    }

    fn holds(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

/// Why a text is no part of a scope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadScope {
    /// Not a glob.
    #[error("`{pattern}` is no pattern: {why}")]
    Glob {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// Not `HH:MM-HH:MM`.
    #[error("`{0}` is no time of day; write `09:00-18:00`")]
    Hours(String),
    /// Not a day.
    #[error("`{0}` is no day; write `mon` to `sun`, or `mon-fri`")]
    Day(String),
    /// An empty list.
    #[error("no day is named, so the rule could never match")]
    NoDay,
}

fn over(what: &'static str, limit: Option<u64>, fact: Fact<u64>) -> Fit {
    let Some(limit) = limit else { return Fit::Yes };
    match fact {
        Fact::Known(amount) if amount > limit => Fit::Yes,
        Fact::Known(_) => Fit::No,
        Fact::Later => Fit::Later,
        Fact::Never => Fit::Unknown(what),
    }
}

fn map<T, U>(fact: Fact<T>, f: impl FnOnce(T) -> U) -> Fact<U> {
    match fact {
        Fact::Known(value) => Fact::Known(f(value)),
        Fact::Later => Fact::Later,
        Fact::Never => Fact::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{call, globs, ms};

    fn fit(scope: &Scope, call: &Call<'_>) -> Fit {
        scope.fit(call, &TimeZone::UTC)
    }

    #[test]
    fn everything_set_has_to_hold() {
        let scope = Scope { model: globs(&["claude-opus-*", "o?-pro"]), kind: globs(&["chat"]), ..Scope::default() };
        let mut call = call();
        call.model = Fact::Known("claude-opus-4");
        assert_eq!(fit(&scope, &call), Fit::Yes);
        call.model = Fact::Known("my-claude-opus-4");
        assert_eq!(fit(&scope, &call), Fit::No);
        call.model = Fact::Known("o3-pro");
        call.kind = Fact::Known("embedding");
        assert_eq!(fit(&scope, &call), Fit::No);
        assert_eq!(fit(&Scope::default(), &call), Fit::Yes);
    }

    #[test]
    fn a_certain_no_outweighs_what_is_open() {
        let scope = Scope {
            provider: globs(&["anthropic"]),
            model: globs(&["x"]),
            process: globs(&["node"]),
            ..Scope::default()
        };
        let mut call = call();
        call.model = Fact::Later;
        call.process = Fact::Never;
        assert_eq!(fit(&scope, &call), Fit::Later);
        call.model = Fact::Known("x");
        assert_eq!(fit(&scope, &call), Fit::Unknown("process"));
        call.model = Fact::Known("y");
        assert_eq!(fit(&scope, &call), Fit::No);
    }

    #[test]
    fn hours_and_days_are_read_in_the_zone() {
        let office = Scope {
            hours: Some("09:00-18:00".parse().expect("hours")),
            days: Some(Days::new(["mon-fri"]).expect("days")),
            ..Scope::default()
        };
        let tokyo = TimeZone::posix("JST-9").expect("a zone");
        let mut call = call();
        for (at, utc, japan) in [
            ("2026-11-24T09:00:00Z", Fit::Yes, Fit::No),
            ("2026-11-24T08:59:59Z", Fit::No, Fit::Yes),
            ("2026-11-27T00:30:00Z", Fit::No, Fit::Yes),
            ("2026-11-28T12:00:00Z", Fit::No, Fit::No),
        ] {
            call.at = ms(at);
            assert_eq!((office.fit(&call, &TimeZone::UTC), office.fit(&call, &tokyo)), (utc, japan), "{at}");
        }
        let night: Hours = "22:00-06:00".parse().expect("over midnight");
        assert!(night.holds(23 * 60) && night.holds(0) && !night.holds(6 * 60) && !night.holds(12 * 60));
        assert!("00:00-24:00".parse::<Hours>().is_ok_and(|all| all.holds(1439)));
    }

    #[test]
    fn what_is_no_time_is_told() {
        for bad in ["9-18", "09:00", "09:00-25:00", "09:60-10:00", "09:00-09:00", "+9:00-10:00", "24:00-06:00"] {
            assert_eq!(bad.parse::<Hours>(), Err(BadScope::Hours(bad.to_owned())));
        }
        assert_eq!(Days::new(["monday"]), Err(BadScope::Day("monday".to_owned())));
        assert_eq!(Days::new([]), Err(BadScope::NoDay));
        assert_eq!(Days::new(["sat-mon"]), Days::new(["sun", "mon", "sat"]));
        assert!(matches!(Globs::new(["a[b"]), Err(BadScope::Glob { .. })));
    }

    #[test]
    fn a_request_without_a_cap_may_use_what_the_model_allows() {
        let scope = Scope { output_over: Some(4000), ..Scope::default() };
        let mut call = call();
        call.max_output = Fact::Known(Some(4000));
        assert_eq!(fit(&scope, &call), Fit::No);
        call.max_output = Fact::Known(None);
        call.model_max_output = Some(64_000);
        assert_eq!(fit(&scope, &call), Fit::Yes);
    }
}
