//! The gate between two strict peers: random schedules, and nothing that either peer may complain about.
//!
//! Both peers encode with a dynamic table, count every window, and know which streams are closed. The network in between
//! cuts and delays at will. At the end everything is delivered, and both sides' windows must be whole again.

mod peer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use peer::{Peer, WINDOW, Wanted};

use super::frame::{PREFACE, flag, kind};
use crate::{Event, ExchangeId, Fields, HeadVerdict, Observer, Output, Protocol, Refusal, RequestHead, Tap, Verdict};

/// What becomes of a request, by its plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Pass,
    Allow,
    Deny,
    Stop,
    LateAllow,
    LateStop,
}

/// A request that the client will make.
#[derive(Clone, Debug)]
struct Plan {
    fate: Fate,
    /// Sizes of its DATA frames; with none, HEADERS end it.
    body: Vec<u16>,
    trailers: bool,
    /// The client resets it after so many frames.
    gives_up_after: Option<usize>,
    /// The origin answers at the head instead of the end, and resets the stream after so many frames.
    early: Option<usize>,
    answer: Vec<u16>,
}

/// Decides by the plans.
struct Judge {
    fates: BTreeMap<String, Fate>,
    by_id: BTreeMap<u64, Fate>,
    late: Vec<u64>,
    open: BTreeSet<u64>,
}

fn refusal() -> Refusal {
    Refusal { status: 403, fields: Vec::new(), body: Vec::new() }
}

impl Observer for Judge {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::RequestHead(id, head) => {
                self.by_id.insert(id.0, self.fates[&head.target]);
                self.open.insert(id.0);
            }
            Event::Finished(id, _) => assert!(self.open.remove(&id.0)),
            Event::Opaque(reason) => panic!("unreadable: {reason}"),
            _ => {}
        }
    }

    fn head(&mut self, id: ExchangeId, _: &RequestHead) -> HeadVerdict {
        match self.by_id[&id.0] {
            Fate::Pass => HeadVerdict::Pass,
            Fate::Deny => HeadVerdict::Refuse(refusal()),
            Fate::Allow | Fate::Stop | Fate::LateAllow | Fate::LateStop => HeadVerdict::Hold,
        }
    }

    fn complete(&mut self, id: ExchangeId) -> Verdict {
        match self.by_id[&id.0] {
            Fate::Allow => Verdict::Allow,
            Fate::Stop => Verdict::Refuse(refusal()),
            Fate::LateAllow | Fate::LateStop => {
                self.late.push(id.0);
                Verdict::Later
            }
            Fate::Pass | Fate::Deny => panic!("asked about a request that was decided"),
        }
    }
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
}

struct World {
    tap: Tap,
    judge: Judge,
    client: Peer,
    origin: Peer,
    plans: Vec<Plan>,
    out: Output,
}

impl World {
    fn new(plans: &[Plan]) -> Self {
        let (mut client, mut origin) = (Peer::new("client"), Peer::new("origin"));
        client.sent.extend(PREFACE);
        client.frame(kind::SETTINGS, 0, 0, &[]);
        origin.frame(kind::SETTINGS, 0, 0, &[]);
        let mut fates = BTreeMap::new();
        for (number, plan) in plans.iter().enumerate() {
            let stream = number as u32 * 2 + 1;
            let path = format!("/{stream}");
            fates.insert(path.clone(), plan.fate);
            // Shared values, so that blocks point to what earlier ones have entered.
            let shared = format!("token-{}", number % 3);
            let head = fields(&[(":method", "POST"), (":path", &path), ("authorization", &shared), ("x-a", "b")]);
            let mut queue = VecDeque::from([Wanted::Block(head, plan.body.is_empty() && !plan.trailers)]);
            for (position, bytes) in plan.body.iter().enumerate() {
                let last = position + 1 == plan.body.len() && !plan.trailers;
                queue.push_back(Wanted::Data(usize::from(*bytes), last));
            }
            if plan.trailers {
                queue.push_back(Wanted::Block(fields(&[("x-sum", &shared)]), true));
            }
            if let Some(frames) = plan.gives_up_after {
                let at = frames.clamp(1, queue.len());
                queue.insert(at, Wanted::Reset);
            }
            client.queues.insert(stream, queue);
        }
        let judge = Judge { fates, by_id: BTreeMap::new(), late: Vec::new(), open: BTreeSet::new() };
        let tap = Tap::new(Protocol::H2, true);
        Self { tap, judge, client, origin, plans: plans.to_vec(), out: Output::default() }
    }

    fn flush(&mut self) {
        self.origin.got.append(&mut self.out.to_origin);
        self.client.got.append(&mut self.out.to_client);
        assert!(!self.out.close && self.tap.panics() == 0, "the tap gave up");
    }

    /// The network hands the tap what the client sent.
    fn client_to_tap(&mut self, bytes: usize) -> bool {
        let bytes = bytes.min(self.client.sent.len());
        let chunk: Vec<u8> = self.client.sent.drain(..bytes).collect();
        self.tap.client(&chunk, &mut self.out, &mut self.judge);
        self.flush();
        bytes > 0
    }

    /// The network hands the tap what the origin sent, as the relay does.
    fn origin_to_tap(&mut self, bytes: usize) -> bool {
        let bytes = bytes.min(self.origin.sent.len());
        let chunk: Vec<u8> = self.origin.sent.drain(..bytes).collect();
        if !self.tap.rewrites_origin() {
            self.client.got.extend_from_slice(&chunk);
        }
        self.tap.origin(&chunk, &mut self.out, &mut self.judge);
        self.flush();
        bytes > 0
    }

    fn decide(&mut self, choice: usize) -> bool {
        if self.judge.late.is_empty() {
            return false;
        }
        let id = self.judge.late.remove(choice % self.judge.late.len());
        let verdict =
            if self.judge.by_id[&id] == Fate::LateAllow { Verdict::Allow } else { Verdict::Refuse(refusal()) };
        self.tap.decide(ExchangeId(id), verdict, &mut self.out, &mut self.judge);
        self.flush();
        true
    }

    fn client_reads(&mut self) -> bool {
        self.client.consume(&mut self.origin).is_some()
    }

    /// The origin reads a frame, and answers what is due.
    fn origin_reads(&mut self) -> bool {
        let Some((first, block)) = self.origin.consume(&mut self.client) else { return false };
        let Some(plan) = self.plans.get((first.stream / 2) as usize).filter(|_| first.stream % 2 == 1) else {
            return true;
        };
        let opens = block.is_some_and(|fields| &*fields[0].0 == b":method");
        let ends = first.has(flag::END_STREAM) && matches!(first.kind, kind::DATA | kind::HEADERS);
        let gone = self.origin.did_reset.contains(&first.stream) || self.origin.was_reset.contains(&first.stream);
        if !gone && (if plan.early.is_some() { opens } else { ends }) {
            let shared = format!("region-{}", first.stream % 3);
            let head = fields(&[(":status", "200"), ("x-region", &shared), ("x-same", "always")]);
            let mut queue = VecDeque::from([Wanted::Block(head, false)]);
            queue.extend(plan.answer.iter().map(|bytes| Wanted::Data(usize::from(*bytes), false)));
            queue.push_back(Wanted::Block(fields(&[("grpc-status", "0"), ("x-region", &shared)]), true));
            if let Some(frames) = plan.early.filter(|frames| *frames < 4) {
                queue.insert(frames.clamp(1, queue.len()), Wanted::Reset);
            }
            self.origin.queues.insert(first.stream, queue);
        }
        true
    }

    fn act(&mut self, choice: u16) -> bool {
        let size = usize::from(choice >> 3);
        match choice & 7 {
            0 => self.client.produce(size),
            1 => self.client_to_tap(size % 97 + 1),
            2 => self.client_to_tap(size * 8),
            3 => self.origin_reads(),
            4 => self.origin.produce(size),
            5 => self.origin_to_tap(if size % 2 == 0 { size % 97 + 1 } else { size * 8 }),
            6 => self.client_reads(),
            _ => self.decide(size),
        }
    }

    /// Delivers everything, then looks at what is left.
    fn settle(&mut self) {
        while (0..8).fold(false, |moved, kind| self.act(kind | 0xfff8) | moved) {}
        for peer in [&self.client, &self.origin] {
            assert_eq!(peer.window_out, WINDOW, "{}: window was lost", peer.name);
            assert!(peer.sent.is_empty() && peer.got.is_empty(), "{}: bytes are left", peer.name);
            assert!(peer.queues.values().all(VecDeque::is_empty), "{}: frames are left", peer.name);
        }
        for (number, plan) in self.plans.iter().enumerate() {
            let stream = number as u32 * 2 + 1;
            let refused = matches!(plan.fate, Fate::Deny | Fate::Stop | Fate::LateStop);
            if refused {
                assert!(!self.origin.ended.contains(&stream), "a refused request came to its end: {stream}");
            } else if plan.gives_up_after.is_none() && plan.early.is_none() {
                assert!(self.origin.ended.contains(&stream) && self.client.ended.contains(&stream), "{stream}");
            }
            let told = self.client.was_reset.contains(&stream);
            if refused && plan.gives_up_after.is_none() && plan.early.is_none() {
                assert!(told, "the client hears of the refusal of {stream}");
            }
        }
        assert!(!self.tap.is_waiting());
    }
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let fate =
        prop::sample::select(vec![Fate::Pass, Fate::Allow, Fate::Deny, Fate::Stop, Fate::LateAllow, Fate::LateStop]);
    let sizes = || prop::collection::vec(prop_oneof![Just(0u16), 1u16..40, 8000u16..16_384], 0..5);
    let rarely = || prop::option::weighted(0.25, 1usize..6);
    (fate, sizes(), prop::bool::weighted(0.2), rarely(), rarely(), sizes()).prop_map(
        |(fate, body, trailers, gives_up_after, early, answer)| Plan {
            fate,
            body,
            trailers,
            gives_up_after,
            early,
            answer,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strict_peers_have_nothing_to_complain_about(
        plans in prop::collection::vec(any_plan(), 1..12),
        schedule in prop::collection::vec(any::<u16>(), 0..400),
    ) {
        let mut world = World::new(&plans);
        for choice in schedule {
            world.act(choice);
        }
        world.settle();
    }
}
