//! Which message belongs to which row of an exchange.

use crate::dialect::{Dialect, TableId};
use crate::eval::{Came, MessageCells, Wire, elements, merge, wire_error_of};
use crate::framing::Message;
use crate::json::Tree;
use crate::value::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most rows open at once; the oldest is closed beyond it.
const OPEN_MAX: usize = 1024;
/// Most client messages waiting for their row, and most lanes remembered.
const WAITING_MAX: usize = 1024;
/// Keys of closed rows that are remembered, so that a late message opens no second row.
const CLOSED_MAX: usize = 256;
/// Longest row key.
pub(crate) const KEY_MAX: usize = 512;

/// A row that is being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) key: Option<String>,
    /// From 1, in the order rows were opened.
    pub(crate) turn: u32,
    /// Number of the client message that asked for it, from 1.
    pub(crate) asked: Option<u64>,
    pub(crate) request: Option<Arc<MessageCells>>,
    pub(crate) cells: MessageCells,
    pub(crate) came: Came,
    pub(crate) elements: Vec<Vec<Tree>>,
    pub(crate) ended: bool,
}

impl Row {
    fn read(&mut self, dialect: &Dialect, message: &Message<'_>, cells: &[Option<Value>], came: Came) {
        merge(dialect, &mut self.cells, cells, None);
        self.came.response |= came.response;
        self.came.usage |= came.usage;
        self.came.error |= came.error;
        self.came.beside |= came.beside;
        if came.usage {
            elements(dialect, message, &mut self.elements);
        }
    }
}

/// A client message that asks for a row which has not begun.
struct Waiting {
    lane: String,
    asked: u64,
    cells: Arc<MessageCells>,
}

/// How rows are told apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Plan {
    /// The exchange is one row.
    One,
    /// A row for each key.
    Keyed,
    /// A row lasts until `[end]`.
    Turns,
}

/// The open rows of an exchange.
pub(crate) struct Rows {
    plan: Plan,
    /// Oldest first.
    open: Vec<Row>,
    /// Ended rows that nobody has taken yet.
    ended: Vec<Row>,
    closed: VecDeque<String>,
    /// What `[response]` read from messages without a key: later rows start with it.
    connection: Row,
    /// The last error without a key since a row was opened: of an exchange that has no row, or of the one that is open.
    stray: Option<Row>,
    waiting: VecDeque<Waiting>,
    /// Client messages that asked for a row so far.
    asked: u64,
    last: BTreeMap<String, Arc<MessageCells>>,
    turns: u32,
    pub(crate) over: bool,
}

/// What one server message is to its row.
pub(crate) struct Incoming<'a> {
    pub(crate) message: &'a Message<'a>,
    pub(crate) cells: &'a MessageCells,
    pub(crate) came: Came,
    pub(crate) ends: bool,
    pub(crate) key: Option<String>,
    pub(crate) lane: Option<String>,
}

impl Rows {
    pub(crate) fn new(dialect: &Dialect) -> Rows {
        let plan = match &dialect.rows {
            None => Plan::One,
            Some(rows) if rows.key.is_empty() => Plan::Turns,
            Some(_) => Plan::Keyed,
        };
        let connection = Row { cells: vec![None; dialect.response_cells.len()], ..Row::default() };
        let mut rows = Rows {
            plan,
            open: Vec::new(),
            ended: Vec::new(),
            closed: VecDeque::new(),
            connection,
            stray: None,
            waiting: VecDeque::new(),
            asked: 0,
            last: BTreeMap::new(),
            turns: 0,
            over: false,
        };
        if plan == Plan::One {
            rows.open(None, None);
        }
        rows
    }

    /// A row is asked for or open.
    pub(crate) fn are_under_way(&self) -> bool {
        !self.open.is_empty() || !self.waiting.is_empty()
    }

    /// A client message asks for a row.
    pub(crate) fn ask(&mut self, lane: Option<String>, cells: Arc<MessageCells>) {
        self.noticed(lane.clone(), Arc::clone(&cells));
        if self.waiting.len() >= WAITING_MAX {
            self.over = true;
            self.waiting.pop_front();
        }
        self.asked += 1;
        self.waiting.push_back(Waiting { lane: lane.unwrap_or_default(), asked: self.asked, cells });
    }

    /// Client messages that asked for a row so far.
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    /// Rows behind the row `turn` that are open: their number, and that of the client message that asked for them.
    pub(crate) fn begun_since(&self, turn: u32) -> impl Iterator<Item = (u32, Option<u64>)> {
        self.open.iter().rev().take_while(move |row| row.turn > turn).map(|row| (row.turn, row.asked))
    }

    /// The request is known, but asks for no row of its own: the request of an HTTP exchange.
    pub(crate) fn noticed(&mut self, lane: Option<String>, cells: Arc<MessageCells>) {
        if self.last.len() < WAITING_MAX || self.last.contains_key(lane.as_deref().unwrap_or("")) {
            self.last.insert(lane.unwrap_or_default(), cells);
        }
    }

    fn open(&mut self, key: Option<String>, lane: Option<&str>) -> usize {
        let lane = lane.unwrap_or("");
        let waiting = self.waiting.iter().position(|waiting| waiting.lane == lane);
        let served = waiting.and_then(|index| self.waiting.remove(index));
        self.turns += 1;
        self.stray = None;
        self.open.push(Row {
            key,
            turn: self.turns,
            asked: served.as_ref().map(|served| served.asked),
            request: served.map(|served| served.cells).or_else(|| self.last.get(lane).cloned()),
            ..self.connection.clone()
        });
        if self.open.len() > OPEN_MAX {
            self.close_row(0);
        }
        self.open.len() - 1
    }

    fn close_row(&mut self, index: usize) {
        let row = self.open.remove(index);
        if let Some(key) = &row.key {
            if self.closed.len() >= CLOSED_MAX {
                self.closed.pop_front();
            }
            self.closed.push_back(key.clone());
        }
        self.ended.push(row);
    }

    /// Gives a server message to its row.
    pub(crate) fn incoming(&mut self, dialect: &Dialect, wire: &Wire, incoming: &Incoming<'_>) {
        let Incoming { message, cells, came, ends, .. } = incoming;
        let read = came.any() || cells.iter().any(Option::is_some);
        let index = match (self.plan, &incoming.key) {
            (Plan::One, _) => 0,
            // A message that says nothing begins no turn.
            (Plan::Turns, _) if self.open.is_empty() && !cells.iter().any(Option::is_some) => return,
            (Plan::Turns, _) if self.open.is_empty() => self.open(None, incoming.lane.as_deref()),
            (Plan::Turns, _) => 0,
            (Plan::Keyed, None) => return self.keyless(dialect, wire, incoming),
            (Plan::Keyed, Some(key)) => match self.open.iter().position(|row| row.key.as_ref() == Some(key)) {
                Some(index) => index,
                None if !came.any() || self.closed.contains(key) => return,
                None => self.open(Some(key.clone()), incoming.lane.as_deref()),
            },
        };
        let Some(row) = self.open.get_mut(index) else { return };
        if read {
            row.read(dialect, message, cells, *came);
        }
        row.ended |= *ends;
        if *ends && self.plan != Plan::One {
            self.close_row(index);
        }
    }

    fn keyless(&mut self, dialect: &Dialect, wire: &Wire, incoming: &Incoming<'_>) {
        let Incoming { message, cells, came, lane, .. } = incoming;
        if came.error && wire_error_of(dialect, wire, cells) {
            let waits = match lane {
                Some(lane) => self.waiting.iter().any(|waiting| waiting.lane == *lane),
                None => !self.waiting.is_empty(),
            };
            if waits {
                let lane = lane.clone().or_else(|| self.waiting.front().map(|waiting| waiting.lane.clone()));
                let index = self.open(None, lane.as_deref());
                if let Some(row) = self.open.get_mut(index) {
                    row.read(dialect, message, cells, *came);
                }
                self.close_row(index);
            } else {
                let mut row = self.connection.clone();
                row.read(dialect, message, cells, *came);
                self.stray = Some(row);
            }
            return;
        }
        merge(dialect, &mut self.connection.cells, cells, Some(TableId::Response));
        self.connection.came.response |= came.response;
    }

    /// The row that lasts as long as the exchange has ended (a whole document, the trailers).
    pub(crate) fn end_all(&mut self) {
        self.open.iter_mut().for_each(|row| row.ended = true);
    }

    /// Changes every open row.
    pub(crate) fn each_open(&mut self, mut change: impl FnMut(&mut Row)) {
        self.open.iter_mut().for_each(&mut change);
    }

    /// Rows that have ended.
    pub(crate) fn take_ended(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.ended)
    }

    /// All rows that are left. Requests without a row become rows; an exchange that was `refused` has at least one.
    pub(crate) fn close(&mut self, dialect: &Dialect, refused: bool) -> Vec<Row> {
        // The only row that was open when an error came, and never ended, is what it ended.
        if let ([row], Some(stray)) = (&mut self.open[..], &self.stray)
            && self.plan == Plan::Keyed
        {
            merge(dialect, &mut row.cells, &stray.cells, Some(TableId::Error));
            row.came.error = true;
        }
        while let Some(lane) = self.waiting.front().map(|waiting| waiting.lane.clone()) {
            self.open(None, Some(&lane));
        }
        let mut rows = std::mem::take(&mut self.ended);
        rows.append(&mut self.open);
        if self.turns == 0 && refused {
            let stray = self.stray.take().unwrap_or_else(|| self.connection.clone());
            rows.push(Row { turn: 1, request: self.last.values().next().cloned(), ..stray });
        }
        rows.sort_by_key(|row| row.turn);
        rows
    }
}
