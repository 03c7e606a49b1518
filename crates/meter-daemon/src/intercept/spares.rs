//! Keeps one connection ready to each origin that was used lately.
//!
//! TCP and TLS are done and no HTTP byte is sent, so a client that comes within seconds of the last one saves the round
//! trips. Each client still has a connection to the origin for itself alone: a spare is taken once and never comes back.
//! Whatever is wrong with a spare costs the spare, and the client gets a fresh connection.

use super::Interceptor;
use super::greeting::is_greeting;
use super::opened::Opened;
use meter_call::UnixMillis;
use meter_sys::socket::{self, Waiting};
use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;

/// How old a spare may become. Servers give a client at least so long for its first byte.
const AGE_MAX: Duration = Duration::from_secs(20);
/// Where the origin closes sooner than twice this, spares are not worth their handshakes.
const AGE_MIN: Duration = Duration::from_secs(1);
/// How long after its last use an origin has a spare.
const USED_WITHIN_MS: i64 = 60_000;
/// Origins times offers. A machine uses a handful within a minute.
const SLOTS_MAX: usize = 16;
/// Reads for which a spare is looked at when it is taken.
const LOOKS_MAX: usize = 8;

/// What a spare is good for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    pub(super) host: String,
    pub(super) port: u16,
    /// The client's ALPN offer, in its order.
    pub(super) offer: Vec<Vec<u8>>,
}

/// The clock that spares age by. It has to go on while the machine sleeps: a connection from before is dead by then.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// The spares of one configuration. A new configuration begins with none, so a spare never took another road than the
/// one in force.
pub struct Spares {
    slots: Mutex<Slots>,
    now: Clock,
}

#[derive(Default)]
struct Slots {
    by_key: HashMap<Key, Slot>,
    /// Nothing more is kept.
    retired: bool,
}

struct Slot {
    used: UnixMillis,
    /// Less than [`AGE_MAX`] where the origin was seen to close sooner.
    age_max: Duration,
    spare: Option<Spare>,
    /// A task fills it.
    tended: bool,
    /// Told when the spare was taken.
    taken: Arc<Notify>,
}

struct Spare {
    opened: Opened,
    made: UnixMillis,
}

impl Spares {
    /// None yet.
    pub fn new(now: Clock) -> Arc<Spares> {
        Arc::new(Spares { slots: Mutex::default(), now })
    }

    /// None, ever.
    pub fn none() -> Arc<Spares> {
        let spares = Spares::new(Arc::new(|| UnixMillis(0)));
        spares.retire();
        spares
    }

    /// Drops all and keeps none from now on: another configuration is in force.
    pub fn retire(&self) {
        let mut slots = self.lock();
        slots.retired = true;
        for (_, slot) in slots.by_key.drain() {
            slot.taken.notify_one();
        }
    }

    /// How many are ready.
    pub fn count(&self) -> usize {
        self.lock().by_key.values().filter(|slot| slot.spare.is_some()).count()
    }

    /// Whether a connection to the origin is ready, whatever its offer.
    pub(super) fn has(&self, host: &str, port: u16) -> bool {
        let slots = self.lock();
        slots.by_key.iter().any(|(key, slot)| slot.spare.is_some() && key.port == port && key.host == host)
    }

    /// The connection that is ready for `key`, if it is still good.
    pub(super) async fn take(&self, key: &Key) -> Option<Opened> {
        let (spare, age_max) = {
            let mut slots = self.lock();
            let slot = slots.by_key.get_mut(key)?;
            let spare = slot.spare.take()?;
            slot.taken.notify_one();
            (spare, slot.age_max)
        };
        let Spare { mut opened, made } = spare;
        let young = self.age(made).is_some_and(|age| age <= age_max);
        if !young || !is_good(&mut opened).await {
            tracing::debug!(host = key.host, young, "spare.unfit");
            return None;
        }
        tracing::debug!(host = key.host, "spare.taken");
        Some(opened)
    }

    /// Notes a use. True when somebody has to fill the slot.
    fn begin(&self, key: &Key) -> bool {
        let now = (self.now)();
        let mut slots = self.lock();
        if slots.retired {
            return false;
        }
        if !slots.by_key.contains_key(key) && slots.by_key.len() >= SLOTS_MAX {
            slots.by_key.retain(|_, slot| slot.tended);
            if slots.by_key.len() >= SLOTS_MAX {
                return false;
            }
        }
        let slot = slots.by_key.entry(key.clone()).or_insert_with(|| Slot {
            used: now,
            age_max: AGE_MAX,
            spare: None,
            tended: false,
            taken: Arc::default(),
        });
        slot.used = now;
        slot.age_max >= AGE_MIN && !std::mem::replace(&mut slot.tended, true)
    }

    /// Whether the slot is still worth a spare; else its task has to end.
    fn wants(&self, key: &Key) -> bool {
        let mut slots = self.lock();
        let Some(slot) = slots.by_key.get_mut(key) else { return false };
        let since = (self.now)().0 - slot.used.0;
        slot.tended = slot.age_max >= AGE_MIN && (0..=USED_WITHIN_MS).contains(&since);
        slot.tended
    }

    fn put(&self, key: &Key, opened: Opened) {
        let made = (self.now)();
        if let Some(slot) = self.lock().by_key.get_mut(key) {
            slot.spare = Some(Spare { opened, made });
        }
    }

    /// Leaves the slot to the next use.
    fn abandon(&self, key: &Key) {
        if let Some(slot) = self.lock().by_key.get_mut(key) {
            (slot.spare, slot.tended) = (None, false);
        }
    }

    /// Until the spare is taken or too old. False when the origin ended it.
    async fn watch(&self, key: &Key) -> bool {
        let (taken, age_max) = match self.lock().by_key.get(key) {
            Some(slot) => (slot.taken.clone(), slot.age_max),
            None => return true,
        };
        let lives = tokio::select! {
            () = taken.notified() => true,
            () = tokio::time::sleep(age_max) => true,
            () = poll_fn(|cx| self.poll_ended(key, cx)) => false,
        };
        if let Some(slot) = self.lock().by_key.get_mut(key) {
            slot.spare = None;
        }
        lives
    }

    /// Reads the greeting as it comes; ready when the spare is of no use any more.
    fn poll_ended(&self, key: &Key, cx: &mut Context<'_>) -> Poll<()> {
        let mut slots = self.lock();
        // Without a spare it was taken just now, and the note about that is on its way.
        let Some(slot) = slots.by_key.get_mut(key) else { return Poll::Pending };
        let Some(spare) = &mut slot.spare else { return Poll::Pending };
        if is_quiet(&mut spare.opened, cx) {
            return Poll::Pending;
        }
        // Half of what it lived: the next one is gone from here before the origin closes it.
        let lived = self.age(spare.made).unwrap_or_default();
        slot.age_max = slot.age_max.min(lived / 2);
        slot.spare = None;
        Poll::Ready(())
    }

    /// `None` when the clock was set back.
    fn age(&self, made: UnixMillis) -> Option<Duration> {
        u64::try_from((self.now)().0 - made.0).ok().map(Duration::from_millis)
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's connection was opened as `key`: sees to it that the next one finds another ready.
pub(super) fn keep(interceptor: &Arc<Interceptor>, key: Key) {
    if interceptor.spares.begin(&key) {
        tokio::spawn(tend(Arc::downgrade(interceptor), key));
    }
}

/// Fills one slot for as long as it is used. An origin that fails or ends a spare is left alone until its next use.
async fn tend(interceptor: Weak<Interceptor>, key: Key) {
    while let Some(strong) = interceptor.upgrade() {
        let spares = strong.spares.clone();
        if !spares.wants(&key) {
            return;
        }
        match strong.open_spare(&key).await {
            Some(opened) => spares.put(&key, opened),
            None => return spares.abandon(&key),
        }
        drop(strong);
        if !spares.watch(&key).await {
            return spares.abandon(&key);
        }
    }
}

fn is_quiet(opened: &mut Opened, cx: &mut Context<'_>) -> bool {
    let protocol = opened.protocol().map(<[u8]>::to_vec);
    opened.poll_said(cx).is_some_and(|said| is_greeting(protocol.as_deref(), said))
}

/// Whether the origin is still there and has only greeted. The system is asked, because the runtime may not have heard of
/// an end that is a moment old.
async fn is_good(opened: &mut Opened) -> bool {
    for _ in 0..LOOKS_MAX {
        if !poll_fn(|cx| Poll::Ready(is_quiet(opened, cx))).await {
            return false;
        }
        match socket::waiting(opened.socket()) {
            Waiting::Nothing => return true,
            Waiting::End => return false,
            Waiting::Bytes => {
                if opened.socket().readable().await.is_err() {
                    return false;
                }
            }
        }
    }
    false
}
