//! What is believed of the daemon, and for how long: rules only, the clock comes in.

use meter_hop::TunnelReason;
use meter_hop::timing::{HEALTHY_TTL, PROBE_PATIENCE, PROBE_PATIENCE_UNHEALTHY, UNHEALTHY_TTL};
use std::time::{Duration, Instant};

/// What a probe or a chain found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Our daemon answers.
    Up,
    /// It does not; clients go past it for this reason.
    Down(TunnelReason),
}

/// What a client that needs to know should do.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Ask {
    /// Believe this.
    Known(Verdict),
    /// Probe, then [`settle`](HealthCache::settle).
    Probe(Ticket),
    /// Somebody is probing; wait for them.
    Join,
}

/// The right to probe; there is one at a time.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Ticket {
    epoch: u64,
    /// How long this probe may take.
    pub(crate) patience: Duration,
}

/// The last verdict and whether a probe is under way.
#[derive(Debug, Default)]
pub(crate) struct HealthCache {
    last: Option<(Verdict, Instant)>,
    probing: bool,
    /// Raised by everything that is newer than a probe under way.
    epoch: u64,
}

impl HealthCache {
    /// What to do at `now`.
    pub(crate) fn ask(&mut self, now: Instant) -> Ask {
        match self.fresh(now) {
            Some(verdict) => Ask::Known(verdict),
            None => self.ask_anew(),
        }
    }

    /// The same without believing the last verdict, however fresh.
    pub(crate) fn ask_anew(&mut self) -> Ask {
        if self.probing {
            return Ask::Join;
        }
        self.probing = true;
        let patience = match self.last {
            Some((Verdict::Down(_), _)) => PROBE_PATIENCE_UNHEALTHY,
            _ => PROBE_PATIENCE,
        };
        Ask::Probe(Ticket { epoch: self.epoch, patience })
    }

    /// Ends a probe. Its verdict is kept unless something newer is known by now.
    pub(crate) fn settle(&mut self, ticket: &Ticket, verdict: Verdict, now: Instant) {
        self.probing = false;
        if ticket.epoch == self.epoch {
            self.last = Some((verdict, now));
        }
    }

    /// A chain told what a probe would have.
    pub(crate) fn observe(&mut self, verdict: Verdict, now: Instant) {
        self.epoch += 1;
        self.last = Some((verdict, now));
    }

    /// The port refused a connection, or a connection broke off: whatever was believed is void.
    pub(crate) fn forget(&mut self) {
        self.epoch += 1;
        self.last = None;
    }

    /// The verdict that is still believed at `now`.
    pub(crate) fn fresh(&self, now: Instant) -> Option<Verdict> {
        let (verdict, at) = self.last?;
        let ttl = match verdict {
            Verdict::Up => HEALTHY_TTL,
            Verdict::Down(_) => UNHEALTHY_TTL,
        };
        (now.saturating_duration_since(at) < ttl).then_some(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY: Verdict = Verdict::Down(TunnelReason::DaemonAway);

    struct Fixture {
        cache: HealthCache,
        start: Instant,
    }

    impl Fixture {
        fn new() -> Fixture {
            Fixture { cache: HealthCache::default(), start: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn ask(&mut self, millis: u64) -> Ask {
            let now = self.at(millis);
            self.cache.ask(now)
        }

        fn probe(&mut self, millis: u64) -> Ticket {
            match self.ask(millis) {
                Ask::Probe(ticket) => ticket,
                other => panic!("expected a probe, got {other:?}"),
            }
        }

        fn settled(verdict: Verdict) -> Fixture {
            let mut f = Fixture::new();
            let ticket = f.probe(0);
            let now = f.at(0);
            f.cache.settle(&ticket, verdict, now);
            f
        }
    }

    #[test]
    fn a_good_answer_is_believed_for_a_second() {
        let mut f = Fixture::settled(Verdict::Up);
        assert_eq!(f.ask(0), Ask::Known(Verdict::Up));
        assert_eq!(f.ask(999), Ask::Known(Verdict::Up));
        f.probe(1001);
    }

    #[test]
    fn a_bad_answer_is_believed_for_a_fifth_of_a_second() {
        let mut f = Fixture::settled(AWAY);
        assert_eq!(f.ask(199), Ask::Known(AWAY));
        f.probe(201);
    }

    #[test]
    fn one_probe_at_a_time() {
        let mut f = Fixture::new();
        let ticket = f.probe(0);
        assert_eq!(f.ask(1), Ask::Join);
        assert_eq!(f.cache.ask_anew(), Ask::Join);
        let now = f.at(2);
        f.cache.settle(&ticket, Verdict::Up, now);
        assert_eq!(f.ask(3), Ask::Known(Verdict::Up));
    }

    #[test]
    fn a_refused_connection_voids_a_good_answer_at_once() {
        let mut f = Fixture::settled(Verdict::Up);
        f.cache.forget();
        f.probe(1);
    }

    #[test]
    fn a_probe_that_is_older_than_a_refusal_is_not_kept() {
        let mut f = Fixture::new();
        let ticket = f.probe(0);
        f.cache.forget();
        let now = f.at(1);
        f.cache.settle(&ticket, Verdict::Up, now);
        f.probe(2);
    }

    #[test]
    fn a_chain_counts_as_a_probe_and_outranks_an_older_one() {
        let mut f = Fixture::new();
        let ticket = f.probe(0);
        let now = f.at(1);
        f.cache.observe(AWAY, now);
        f.cache.settle(&ticket, Verdict::Up, now);
        assert_eq!(f.ask(2), Ask::Known(AWAY));
    }

    #[test]
    fn a_dead_daemon_is_probed_with_less_patience() {
        let mut f = Fixture::new();
        assert_eq!(f.probe(0).patience, PROBE_PATIENCE);
        let mut f = Fixture::settled(AWAY);
        assert_eq!(f.probe(201).patience, PROBE_PATIENCE_UNHEALTHY);
    }
}
