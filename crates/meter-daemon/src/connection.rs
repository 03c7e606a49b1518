//! What is known of one client connection, from its CONNECT on.

use meter_call::{ProcessFacts, ProjectSlug};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The longest a connection waits to learn who calls, and only where something depends on it.
const CALLER_PATIENCE: Duration = Duration::from_millis(200);

/// A client connection that was accepted.
#[derive(Debug)]
pub struct Connection {
    /// Host of the CONNECT, normal form.
    pub host: String,
    /// Port of the CONNECT.
    pub port: u16,
    /// The client's end of its socket.
    pub client: SocketAddr,
    /// Our end of the client's socket: the edge's, or the daemon's own without an edge.
    pub server: SocketAddr,
    /// Who calls; found out while the connection is being opened.
    pub caller: Caller,
}

/// Who is behind a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallerFacts {
    /// The process.
    pub process: ProcessFacts,
    /// The script it runs, when it is an interpreter.
    pub script: Option<String>,
    /// Its working directory.
    pub workdir: Option<String>,
    /// `HALTON_METER_RUN` in its environment.
    pub run_id: Option<String>,
    /// Project.
    pub project: ProjectSlug,
    /// Tagging source that named it.
    pub source: String,
    /// Why.
    pub reason: String,
    /// Git branch, when the git source spoke.
    pub branch: Option<String>,
}

/// An answer that arrives once.
#[derive(Clone, Debug)]
pub struct Caller {
    answer: watch::Receiver<Option<Arc<CallerFacts>>>,
}

/// Where that answer is put.
pub struct CallerSlot {
    slot: watch::Sender<Option<Arc<CallerFacts>>>,
}

impl Caller {
    /// A question and the place of its answer. A slot dropped without one means that nobody can say.
    pub fn asked() -> (CallerSlot, Caller) {
        let (slot, answer) = watch::channel(None);
        (CallerSlot { slot }, Caller { answer })
    }

    /// A question that nobody will answer.
    pub fn unknown() -> Caller {
        Caller::asked().1
    }

    /// What is known by now.
    pub fn now(&self) -> Option<Arc<CallerFacts>> {
        self.answer.borrow().clone()
    }

    /// Nobody has answered yet, and somebody still may.
    pub fn is_asked(&self) -> bool {
        self.now().is_none() && self.answer.has_changed().is_ok()
    }

    /// Waits until it is known, or until nobody can say any more.
    pub async fn known(&self) -> Option<Arc<CallerFacts>> {
        let mut answer = self.answer.clone();
        answer.wait_for(Option::is_some).await.ok().and_then(|facts| facts.clone())
    }

    /// Waits at most 200 ms.
    pub async fn soon(&self) -> Option<Arc<CallerFacts>> {
        tokio::time::timeout(CALLER_PATIENCE, self.known()).await.ok().flatten()
    }
}

impl CallerSlot {
    /// Answers.
    pub fn put(self, facts: CallerFacts) {
        self.slot.send_replace(Some(Arc::new(facts)));
    }
}
