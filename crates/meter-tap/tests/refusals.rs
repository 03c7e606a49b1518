//! The HTTP/1 gate between a client that pipelines and an origin that answers what it got whole, on random schedules.

mod conversation;

use std::collections::VecDeque;

use conversation::{Played, Turn, client, origin, refusal};
use meter_tap::{Fault, Protocol, Side, Verdict};
use proptest::prelude::*;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";

#[derive(Clone, Debug)]
struct Plan {
    /// `pass`, `allow`, `deny`, `stop`, or `late` with what it comes to.
    word: &'static str,
    late_refused: bool,
    /// Sizes of chunks, or of a body with a length.
    body: Vec<usize>,
    chunked: bool,
}

impl Plan {
    fn refused(&self) -> bool {
        matches!(self.word, "deny" | "stop") || (self.word == "late" && self.late_refused)
    }

    fn bytes(&self, number: usize) -> String {
        let start = format!("POST /{number}/{} HTTP/1.1\r\nHost: a\r\n", self.word);
        if self.chunked {
            let chunks: String =
                self.body.iter().map(|size| format!("{size:x};e\r\n{}\r\n", "c".repeat(*size))).collect();
            return format!("{start}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\nT: 1\r\n\r\n");
        }
        let len: usize = self.body.iter().sum();
        format!("{start}Content-Length: {len}\r\n\r\n{}", "b".repeat(len))
    }
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let word = prop::sample::select(vec!["pass", "allow", "allow", "deny", "stop", "late"]);
    (word, any::<bool>(), prop::collection::vec(1usize..30, 0..4), any::<bool>())
        .prop_map(|(word, late_refused, body, chunked)| Plan { word, late_refused, body, chunked })
}

/// The connection with its two peers.
struct World {
    played: Played,
    plans: Vec<Plan>,
    from_client: VecDeque<u8>,
    from_origin: VecDeque<u8>,
    /// The origin's own parser, and how much it has read and answered.
    reader: Played,
    read: usize,
    answered: usize,
}

impl World {
    fn new(plans: Vec<Plan>) -> Self {
        let requests: String = plans.iter().enumerate().map(|(number, plan)| plan.bytes(number)).collect();
        Self {
            played: Played::new(Protocol::H1, true, Fault::Close),
            plans,
            from_client: requests.into_bytes().into(),
            from_origin: VecDeque::new(),
            reader: Played::new(Protocol::H1, false, Fault::Close),
            read: 0,
            answered: 0,
        }
    }

    fn whole_requests(&self) -> usize {
        self.reader.log.lines.iter().filter(|line| line.ends_with(" > end")).count()
    }

    /// One side's next `size` bytes, or a verdict, or an answer.
    fn act(&mut self, choice: u8) -> bool {
        let size = usize::from(choice >> 2) + 1;
        match choice & 3 {
            0 if self.played.tap.wants_client() => {
                let bytes: Vec<u8> = self.from_client.drain(..size.min(self.from_client.len())).collect();
                self.played.step(true, &client(&bytes));
                !bytes.is_empty()
            }
            1 => {
                let bytes: Vec<u8> = self.from_origin.drain(..size.min(self.from_origin.len())).collect();
                self.played.step(true, &origin(&bytes));
                !bytes.is_empty()
            }
            2 => {
                let new = self.played.to_origin[self.read..].to_vec();
                self.read += new.len();
                self.reader.step(false, &Turn::Sends(Side::Client, new));
                let due = self.whole_requests() - self.answered;
                self.answered += due;
                self.from_origin.extend(ANSWER.repeat(due).bytes());
                due > 0
            }
            _ if self.played.tap.is_waiting() => {
                let begun = self.played.log.lines.iter().filter(|line| line.contains(" > POST")).count() as u64;
                let plan = &self.plans[begun as usize - 1];
                let verdict = if plan.refused() { Verdict::Refuse(refusal()) } else { Verdict::Allow };
                self.played.step(true, &Turn::Decides(begun - 1, verdict));
                true
            }
            _ => false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refused_request_never_completes_and_earlier_ones_are_answered(
        plans in prop::collection::vec(any_plan(), 1..6),
        schedule in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut world = World::new(plans.clone());
        for choice in schedule {
            world.act(choice);
            prop_assert!(world.played.tap.panics() == 0 && !world.reader.tap.is_opaque());
        }
        while (0xfc..=0xff).fold(false, |moved, choice| world.act(choice) | moved) {}
        let before = plans.iter().position(Plan::refused);
        let allowed = before.unwrap_or(plans.len());
        prop_assert_eq!(world.whole_requests(), allowed);
        prop_assert_eq!(world.played.closed, before.is_some());
        let got = String::from_utf8(world.played.to_client).expect("text");
        let rest = got.strip_prefix(&ANSWER.repeat(allowed)).expect("the earlier answers, whole");
        prop_assert_eq!(rest.starts_with("HTTP/1.1 403 ") && rest.ends_with("{\"no\":1}"), before.is_some());
        prop_assert_eq!(rest.matches("HTTP/1.1").count(), usize::from(before.is_some()));
    }
}
