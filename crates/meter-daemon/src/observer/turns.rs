//! When the turns of a WebSocket began, each for itself: several may be under way at once.

use meter_call::{CallId, UnixMillis};
use meter_wire::CallReading;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Most turns that wait for their answer and are remembered. The oldest is forgotten beyond it.
const WAITING_MAX: usize = 1024;

/// A turn of a WebSocket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// When the client's message came that asked for it, or the first one since the turn before; of a turn that the server
    /// began by itself, its first message.
    pub(super) at: UnixMillis,
    pub(super) began: Instant,
    /// From there to the first message of the answer; `None` where the answer is the beginning.
    pub(super) ttfb: Option<Duration>,
    /// The id of its open record.
    pub(super) id: Option<CallId>,
}

/// The turns that have no row yet.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Messages of the client that asked for a turn so far.
    asked: u64,
    /// Asked for and not begun, with the number of the message that asked, oldest first.
    waiting: VecDeque<(u64, Turn)>,
    /// What came since the last of them: a turn, should the server begin one by itself.
    unasked: Option<Turn>,
    /// Begun, by the number of their row.
    begun: BTreeMap<u32, Turn>,
    /// The newest row that has begun.
    newest: u32,
}

impl Turn {
    fn new(at: UnixMillis, began: Instant) -> Turn {
        Turn { at, began, ttfb: None, id: None }
    }
}

impl Turns {
    /// A message of the client came; `asked` tells how many have asked for a turn by now. Answers the open record of a turn
    /// that is forgotten for it.
    pub(super) fn client(&mut self, at: UnixMillis, now: Instant, asked: u64) -> Option<CallId> {
        if asked == self.asked {
            self.unasked.get_or_insert_with(|| Turn::new(at, now));
            return None;
        }
        // What came before belongs to it.
        self.unasked = None;
        self.asked = asked;
        self.waiting.push_back((asked, Turn::new(at, now)));
        if self.waiting.len() > WAITING_MAX { self.waiting.pop_front().and_then(|(_, turn)| turn.id) } else { None }
    }

    /// The newest row that has begun.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    /// A message of the server came, and began `rows`: the number of each, and of the client's message that asked for it.
    pub(super) fn server(&mut self, at: UnixMillis, now: Instant, rows: impl Iterator<Item = (u32, Option<u64>)>) {
        let known = self.newest;
        for (row, asked) in rows.filter(|(row, _)| *row > known) {
            let turn = match self.take_waiting(asked) {
                Some(turn) => Turn { ttfb: Some(now.duration_since(turn.began)), ..turn },
                None => Turn::new(at, now),
            };
            self.begun.insert(row, turn);
            self.newest = self.newest.max(row);
        }
    }

    /// The turn of a row that is over.
    pub(super) fn take(&mut self, reading: &CallReading, at: UnixMillis, now: Instant) -> Turn {
        self.begun
            .remove(&reading.turn)
            .or_else(|| self.take_waiting(reading.asked))
            .unwrap_or_else(|| Turn::new(at, now))
    }

    fn take_waiting(&mut self, asked: Option<u64>) -> Option<Turn> {
        let place = self.waiting.iter().position(|(number, _)| Some(*number) == asked);
        place.and_then(|place| self.waiting.remove(place)).map(|(_, turn)| turn).or_else(|| self.unasked.take())
    }

    /// Turns that were asked for or have begun, and have no open record.
    pub(super) fn unopened(&mut self) -> impl Iterator<Item = &mut Turn> {
        let waiting = self.waiting.iter_mut().map(|(_, turn)| turn);
        self.begun.values_mut().chain(waiting).filter(|turn| turn.id.is_none())
    }

    /// The open records of turns that get no row any more.
    pub(super) fn leftover(&mut self) -> Vec<CallId> {
        let turns = std::mem::take(self);
        let waiting = turns.waiting.into_iter().map(|(_, turn)| turn);
        turns.begun.into_values().chain(waiting).filter_map(|turn| turn.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(turn: u32, asked: Option<u64>) -> CallReading {
        CallReading { turn, asked, ..CallReading::default() }
    }

    /// A clock in seconds.
    fn clock() -> impl Fn(u64) -> (UnixMillis, Instant) {
        let start = Instant::now();
        move |second| (UnixMillis(second as i64 * 1000), start + Duration::from_secs(second))
    }

    fn times(turn: &Turn) -> (i64, Option<u64>) {
        (turn.at.0 / 1000, turn.ttfb.map(|ttfb| ttfb.as_secs()))
    }

    #[test]
    fn turns_that_overlap_have_their_own_times() {
        let (mut turns, at) = (Turns::default(), clock());
        for (second, asked) in [(1, 0), (5, 1), (6, 2), (7, 2)] {
            let (at, now) = at(second);
            assert_eq!(turns.client(at, now, asked), None);
        }
        assert_eq!(turns.unopened().count(), 2);
        for (second, row) in [(8, (1, Some(2))), (10, (2, Some(1)))] {
            let (at, now) = at(second);
            turns.server(at, now, [row].into_iter());
        }
        let (end, now) = at(20);
        assert_eq!(times(&turns.take(&reading(1, Some(2)), end, now)), (6, Some(2)));
        assert_eq!(times(&turns.take(&reading(2, Some(1)), end, now)), (5, Some(5)));
        // What the client said at 7 asked for nothing, but the server went on from it.
        turns.server(end, now, [(3, None)].into_iter());
        assert_eq!(times(&turns.take(&reading(3, None), end, now)), (7, Some(13)));
        // Nobody said anything before this one.
        turns.server(end, now, [(4, None)].into_iter());
        assert_eq!(times(&turns.take(&reading(4, None), end, now)), (20, None));
        assert_eq!(turns.newest(), 4);
    }

    #[test]
    fn a_turn_without_an_answer_has_no_first_token() {
        let (mut turns, at) = (Turns::default(), clock());
        let (asked, now) = at(3);
        turns.client(asked, now, 1);
        let (end, now) = at(9);
        assert_eq!(times(&turns.take(&reading(1, Some(1)), end, now)), (3, None));
    }

    #[test]
    fn what_is_forgotten_or_left_names_its_open_record() {
        let (mut turns, at) = (Turns::default(), clock());
        let (at, now) = at(1);
        let id = |number: usize| CallId::new(number as u64, [0; 10]);
        for number in 1..=WAITING_MAX {
            assert_eq!(turns.client(at, now, number as u64), None);
            turns.unopened().for_each(|turn| turn.id = Some(id(number)));
        }
        assert_eq!(turns.client(at, now, WAITING_MAX as u64 + 1), Some(id(1)));
        assert_eq!(turns.leftover().len(), WAITING_MAX - 1);
        assert!(turns.leftover().is_empty());
    }
}
