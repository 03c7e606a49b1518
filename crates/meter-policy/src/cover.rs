//! Whether one rule is about every call that another is about.

use crate::{Globs, Rule};
use globset::Glob;

impl Rule {
    /// Whether every call that `other` is about is one of this rule's too. A "no" may be too careful, a "yes" is certain:
    /// patterns are compared by what they say, not by everything they could match.
    pub fn covers(&self, other: &Rule) -> bool {
        let (ours, theirs) = (&self.scope, &other.scope);
        let globs = [
            (&ours.project, &theirs.project),
            (&ours.provider, &theirs.provider),
            (&ours.model, &theirs.model),
            (&ours.kind, &theirs.kind),
            (&ours.process, &theirs.process),
        ];
        let over = |ours: Option<u64>, theirs: Option<u64>| match (ours, theirs) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => ours <= theirs,
        };
        let timeless = ours.hours.is_none() && ours.days.is_none();
        let same_time = ours.hours == theirs.hours && ours.days == theirs.days && self.zone == other.zone;
        globs.iter().all(|(ours, theirs)| ours.cover(theirs))
            && (timeless || same_time)
            && over(ours.request_bytes_over, theirs.request_bytes_over)
            && over(ours.output_over, theirs.output_over)
    }
}

impl Globs {
    /// Whether every name that fits `other` fits here.
    fn cover(&self, other: &Globs) -> bool {
        let patterns = |globs: &Globs| globs.0.iter().map(|one| one.glob().glob().to_owned()).collect::<Vec<_>>();
        let ours = patterns(self);
        let covered = |pattern: &String| {
            let plain = Glob::new(pattern).is_ok() && !pattern.contains(['*', '?', '[', '{', '\\']);
            ours.iter().any(|our| {
                match our.strip_suffix('*').filter(|start| !start.contains(['*', '?', '[', '{', '\\'])) {
                    // One star at the end: whatever begins alike.
                    Some(start) => pattern.starts_with(start),
                    None => our == pattern,
                }
            }) || (plain && self.0.iter().any(|our| our.is_match(pattern)))
        };
        self.is_any() || (!other.is_any() && patterns(other).iter().all(covered))
    }
}

#[cfg(test)]
mod tests {
    use crate::*;

    fn rule(scope: Scope) -> Rule {
        let kind = Kind::Allow;
        Rule { id: "r".into(), stage: Stage::Enforce, scope, kind, on_error: OnError::Open, message: None, zone: None }
    }

    fn globs<const N: usize>(patterns: [&str; N]) -> Globs {
        Globs::new(patterns).unwrap()
    }

    fn model<const N: usize>(patterns: [&str; N]) -> Rule {
        rule(Scope { model: globs(patterns), ..Scope::default() })
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        let all = rule(Scope::default());
        assert!(all.covers(&model(["a*"])) && !model(["a*"]).covers(&all));
        assert!(model(["gpt-*"]).covers(&model(["gpt-5*", "gpt-4o"])));
        assert!(model(["*-mini"]).covers(&model(["gpt-mini"])), "a plain name is matched");
        assert!(!model(["*-mini"]).covers(&model(["gpt-*-mini"])), "patterns are not solved");
        assert!(!model(["gpt-5*"]).covers(&model(["gpt-*"])));
        assert!(!model(["gpt-[45]*"]).covers(&model(["gpt-[4"; 0])));
        assert!(!model(["gpt-*"]).covers(&model(["[g]pt-5"])));
    }

    #[test]
    fn limits_and_hours_narrow() {
        let over = |bytes| rule(Scope { request_bytes_over: Some(bytes), ..Scope::default() });
        assert!(over(10).covers(&over(20)) && !over(20).covers(&over(10)));
        assert!(!over(10).covers(&rule(Scope::default())));
        let at = |hours: &str| rule(Scope { hours: Some(hours.parse().unwrap()), ..Scope::default() });
        assert!(at("09:00-18:00").covers(&at("09:00-18:00")));
        assert!(!at("09:00-18:00").covers(&at("10:00-11:00")), "hours are compared, not solved");
        assert!(rule(Scope::default()).covers(&at("09:00-18:00")));
    }
}
