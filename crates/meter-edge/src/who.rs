//! Names the process behind a tunnel, beside the tunnel and never in its way.

use crate::chain::Ends;
use meter_sys::peer::{self, Owner, ProcessSnapshot};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Pids that held the last tunnels: nearly always the next one's too, and a look at them costs a fiftieth of a full scan.
const RECENT_MAX: usize = 8;

/// How long the record of a short tunnel waits for its name. The client has been served by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Finds processes, one at a time: a full scan is tens of milliseconds of work.
#[derive(Debug)]
pub(crate) struct Who {
    turn: Arc<Semaphore>,
    recent: Arc<Mutex<Vec<u32>>>,
}

/// A search under way.
#[derive(Debug)]
pub(crate) struct Search(JoinHandle<Option<String>>);

impl Who {
    pub(crate) fn new() -> Who {
        Who { turn: Arc::new(Semaphore::new(1)), recent: Arc::default() }
    }

    /// Starts looking for the client's process. The socket is looked up before this returns, because it may soon be
    /// closed; that is a matter of microseconds.
    pub(crate) fn search(&self, ends: Ends) -> Search {
        let owner = peer::owner(ends.client, ends.edge);
        let (turn, recent) = (Arc::clone(&self.turn), Arc::clone(&self.recent));
        Search(tokio::spawn(async move {
            let owner = owner.ok()?;
            let _turn = turn.acquire_owned().await.ok()?;
            tokio::task::spawn_blocking(move || name(&owner, &recent)).await.ok()?
        }))
    }
}

impl Search {
    /// The executable's name, if it is found soon.
    pub(crate) async fn found(mut self) -> Option<String> {
        let found = timeout(PATIENCE, &mut self.0).await;
        if found.is_err() {
            self.0.abort();
        }
        found.ok()?.ok()?
    }
}

fn name(owner: &Owner, recent: &Mutex<Vec<u32>>) -> Option<String> {
    let hint = recent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let process = peer::process_of(owner, &hint, &[])?;
    let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
    recent.retain(|pid| *pid != process.pid);
    recent.insert(0, process.pid);
    recent.truncate(RECENT_MAX);
    Some(executable(&process))
}

fn executable(process: &ProcessSnapshot) -> String {
    let file = process.exe.as_deref().and_then(|exe| exe.file_name());
    file.map_or_else(|| process.name.clone(), |file| file.to_string_lossy().into_owned())
}
