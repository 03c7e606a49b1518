//! Signals, and a way out that cuts no more than it must.

use crate::door::Door;
use crate::reload::Reload;
use crate::run::{StartError, chain_text};
use async_trait::async_trait;
use meter_hop::paths::Home;
use meter_hop::{EdgeSection, EffectivePorts, Section, WriteError, rfc3339};
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::background::BackgroundService;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// How long tunnels may run on after SIGTERM. launchd kills what is still there after 20 s.
const GRACE: Duration = Duration::from_secs(15);

/// How long tunnels may run on after the listener was handed to a successor: nobody waits for this process then.
pub(crate) const HAND_OVER_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Why to stop, beside signals.
pub(crate) struct Stop {
    pub(crate) idle: Notify,
    pub(crate) handed_over: AtomicBool,
    pub(crate) upgrade_socket: PathBuf,
}

pub(crate) struct Signals {
    pub(crate) stop: Arc<Stop>,
    pub(crate) known: Known,
    /// Why the port could not be made known.
    pub(crate) failure: Arc<Mutex<Option<StartError>>>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let of = |kind| signal(kind).expect("the runtime has its signal driver, and the number is valid");
        let (mut quit, mut terminate, mut interrupt) =
            (of(SignalKind::quit()), of(SignalKind::terminate()), of(SignalKind::interrupt()));
        // Only now may others know our pid: a signal before this line would have ended the process without a word.
        if let Err(error) = self.known.publish() {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.into());
            return ShutdownSignal::FastShutdown;
        }
        loop {
            tokio::select! {
                _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
                _ = terminate.recv() => {
                    tracing::info!("edge.stopping");
                    return ShutdownSignal::GracefulTerminate;
                }
                () = self.stop.idle.notified() => {
                    tracing::info!("edge.idle");
                    return ShutdownSignal::GracefulTerminate;
                }
                // Pingora would stop all the same when nobody takes the listener.
                _ = quit.recv() => match successor_waits(&self.stop.upgrade_socket) {
                    true => {
                        tracing::info!("edge.handing_over");
                        self.stop.handed_over.store(true, Ordering::Release);
                        return ShutdownSignal::GracefulUpgrade;
                    }
                    false => tracing::warn!("upgrade.nobody_waits"),
                }
            }
        }
    }
}

/// Whether a process listens on the hand-over's socket: the file alone may be left over. Linux only, as the hand-over.
fn successor_waits(socket: &Path) -> bool {
    let path = socket.to_string_lossy();
    std::fs::read_to_string("/proc/net/unix").is_ok_and(|table| table.lines().any(|line| line.ends_with(&*path)))
}

/// What runs beside the connections: reloads, the idle limit, the way out.
pub(crate) struct Rim {
    pub(crate) reload: Mutex<Option<Reload>>,
    pub(crate) door: Arc<Door>,
    pub(crate) idle_exit: Option<Duration>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) known: Known,
}

#[async_trait]
impl BackgroundService for Rim {
    async fn start(&self, shutdown: ShutdownWatch) {
        let reload = self.reload.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut reload) = reload else { return };
        tokio::select! {
            () = reload.run(|| self.known.publish_again()) => {}
            () = self.watch_idle() => {}
            () = self.drain(shutdown) => {}
        }
        self.known.retract();
        tracing::info!("edge.stopped");
        std::process::exit(0);
    }
}

impl Rim {
    async fn watch_idle(&self) {
        let Some(limit) = self.idle_exit else { return std::future::pending().await };
        loop {
            match self.door.activity.idle_for(Instant::now()) {
                Some(idle) if idle >= limit => {
                    self.stop.idle.notify_one();
                    return std::future::pending().await;
                }
                Some(idle) => tokio::time::sleep(limit - idle).await,
                None => self.door.activity.until_none_is_open().await,
            }
        }
    }

    /// Comes back when nothing is open any more after a shutdown began, or nobody waits any longer.
    async fn drain(&self, mut shutdown: ShutdownWatch) {
        if shutdown.wait_for(|down| *down).await.is_err() {
            return;
        }
        let grace = match self.stop.handed_over.load(Ordering::Acquire) {
            true => HAND_OVER_GRACE,
            false => GRACE,
        };
        let again = async {
            match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
                (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                },
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.door.activity.until_none_is_open() => {}
            () = tokio::time::sleep(grace) => tracing::warn!(open = self.door.activity.open(), "tunnels.cut"),
            () = again => {}
        }
    }
}

/// Our section of effective-ports.json.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) home: Home,
    pub(crate) instance: String,
    pub(crate) port: u16,
}

impl Known {
    fn publish(&self) -> Result<(), WriteError> {
        let (port, pid) = (self.port, std::process::id());
        let section = EdgeSection { port, pid, started_at: rfc3339(SystemTime::now()) };
        EffectivePorts::publish(&self.home.effective_ports(), &self.instance, &Section::Edge(section))?;
        tracing::info!(port, pid, "edge.listening");
        Ok(())
    }

    fn publish_again(&self) {
        if let Err(error) = self.publish() {
            tracing::warn!(error = chain_text(&error), "ports.publish");
        }
    }

    pub(crate) fn retract(&self) {
        let path = self.home.effective_ports();
        if let Err(error) = EffectivePorts::retract_edge(&path, &self.instance, std::process::id()) {
            // A stale section is recognised by its pid.
            tracing::warn!(error = chain_text(&error), "ports.retract");
        }
    }
}
