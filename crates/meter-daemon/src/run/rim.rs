//! What runs beside the connections: the API, reloads, the idle limit, the way out.

use super::force::Force;
use super::listen::Opened;
use super::{FLUSH_PATIENCE, StartError, budgets, chain_text, edge_ring};
use crate::accept::Gate;
use crate::services::Services;
use async_trait::async_trait;
use meter_api::{Health, HealthWord, Ledger};
use meter_hop::paths::Home;
use meter_hop::{DaemonSection, EffectivePorts, Section};
use meter_http::{ApiState, Token};
use meter_store::{DatabaseState, Journal, Writer};
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::background::BackgroundService;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// How long connections may run on after SIGTERM. launchd kills what is still there after 20 s.
pub(super) const GRACE: Duration = Duration::from_secs(15);
/// How long nothing may be under way on the connections that are left: a client that has its answer asks on at once or
/// not soon.
const QUIET: Duration = Duration::from_secs(1);
/// How long the last rows may take to be made.
const ROWS_PATIENCE: Duration = Duration::from_secs(3);
/// How long what earlier lives left may take on its way into SQLite before budgets are rebuilt without it.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(10);
/// How often the edge is asked what went past.
const COVERAGE_EVERY: Duration = Duration::from_secs(30);
/// How long our own interception port may take to answer us.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// Why to stop, beside signals, and what others are told of us.
pub(super) struct Stop {
    idle: Notify,
    home: Home,
    instance: String,
    section: DaemonSection,
    failure: Mutex<Option<StartError>>,
}

impl Stop {
    pub(super) fn new(home: Home, instance: String, section: DaemonSection) -> Stop {
        Stop { idle: Notify::new(), home, instance, section, failure: Mutex::new(None) }
    }

    /// Why the ports could not be made known.
    pub(super) fn failure(&self) -> Option<StartError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn publish(&self) -> Result<(), StartError> {
        let section = Section::Daemon(self.section.clone());
        EffectivePorts::publish(&self.home.effective_ports(), &self.instance, &section)?;
        let DaemonSection { intercept_port, api_port, pid, .. } = self.section;
        tracing::info!(intercept_port, api_port, pid, "daemon.listening");
        Ok(())
    }

    fn retract(&self) {
        let path = self.home.effective_ports();
        if let Err(error) = EffectivePorts::retract_daemon(&path, &self.instance, self.section.pid) {
            tracing::warn!(error = chain_text(&error), "ports.retract");
        }
    }
}

/// The shared writer; taken by whoever ends it.
pub(super) type SharedWriter = Arc<Mutex<Option<Writer>>>;

/// Takes our section out and sees the last records into SQLite. The second call finds nothing to do.
pub(super) fn last_words(stop: &Stop, writer: &SharedWriter) {
    let Some(writer) = writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    stop.retract();
    if let Err(error) = writer.stop(FLUSH_PATIENCE) {
        tracing::warn!(error = chain_text(&error), "ledger.unfinished");
    }
    tracing::info!("daemon.stopped");
}

pub(super) struct Signals(pub(super) Arc<Stop>);

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let of = |kind| signal(kind).expect("the runtime has its signal driver, and the number is valid");
        let (mut terminate, mut interrupt) = (of(SignalKind::terminate()), of(SignalKind::interrupt()));
        // Only now may others know our pid: a signal before this line would have ended the process without a word.
        if let Err(error) = self.0.publish() {
            *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return ShutdownSignal::FastShutdown;
        }
        tokio::select! {
            _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
            _ = terminate.recv() => tracing::info!("daemon.stopping"),
            () = self.0.idle.notified() => tracing::info!("daemon.idle"),
        }
        // New chains have to fall to raw tunnels at once, not when the last connection has ended.
        self.0.retract();
        ShutdownSignal::GracefulTerminate
    }
}

/// The background service.
pub(super) struct Rim {
    force: Arc<Force>,
    gate: Arc<Gate>,
    services: Arc<Services>,
    stop: Arc<Stop>,
    writer: SharedWriter,
    journal: Journal,
    api: Mutex<Option<TcpListener>>,
    started: Instant,
    idle_exit: Option<Duration>,
    probe: Arc<Probe>,
}

/// Whether our own interception port answers: asked for when somebody asks the API, told at the next question.
#[derive(Default)]
struct Probe {
    asked: Notify,
    stalled: AtomicBool,
}

impl Rim {
    #[allow(clippy::too_many_arguments, reason = "called once, and each is a thing of its own")]
    pub(super) fn new(
        force: Arc<Force>,
        gate: Arc<Gate>,
        services: Arc<Services>,
        stop: Arc<Stop>,
        writer: SharedWriter,
        api: Opened,
        started: Instant,
        idle_exit: Option<Duration>,
    ) -> Rim {
        let journal = services.journal.clone();
        let api = Mutex::new(Some(api.listener));
        Rim { force, gate, services, stop, writer, journal, api, started, idle_exit, probe: Arc::default() }
    }

    fn api_state(&self) -> Result<ApiState, StartError> {
        let config = self.force.config();
        let token = match config.api.token_file.as_str() {
            "" => None,
            path => Some(Token::read(Path::new(path))?),
        };
        let (services, instance, started) = (self.services.clone(), self.stop.instance.clone(), self.started);
        let probe = self.probe.clone();
        let journal = self.journal.clone();
        let now = self.services.now;
        Ok(ApiState {
            database: self.force.home().database(),
            zone: meter_apply::zone(&config),
            allow_origins: config.cors.allow_origins.clone(),
            token,
            health: Arc::new(move || {
                probe.asked.notify_one();
                let stalled = probe.stalled.load(Ordering::Relaxed);
                Health {
                    status: if stalled { HealthWord::Stalled } else { HealthWord::Ok },
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    digest: Some(services.loaded.load().digest.clone()),
                    uptime_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    instance: instance.clone(),
                }
            }),
            ledger: Arc::new(move || Some(ledger(&journal))),
            clock: Arc::new(now),
        })
    }

    async fn serve_api(&self, mut shutdown: ShutdownWatch) {
        let listener = self.api.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(listener) = listener else { return std::future::pending().await };
        let state = match self.api_state() {
            Ok(state) => state,
            Err(error) => {
                // Metering goes on without the API; answering without the token would be less than was asked for.
                tracing::error!(error = chain_text(&error), "api.not_served");
                return std::future::pending().await;
            }
        };
        let ending = async move {
            // The sender lives as long as the server does.
            let _ = shutdown.wait_for(|down| *down).await;
        };
        if let Err(error) = meter_http::serve(listener, state, ending).await {
            tracing::error!(%error, "api.failed");
        }
        std::future::pending().await
    }

    async fn reload_on_hangup(&self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return std::future::pending().await };
        while hangup.recv().await.is_some() {
            let (force, services) = (self.force.clone(), self.services.clone());
            match tokio::task::spawn_blocking(move || force.reload(&services)).await {
                Ok(Ok(Some(interceptor))) => self.gate.interceptor.swap(interceptor).spares.retire(),
                Ok(Ok(None)) => tracing::debug!("snapshot.unchanged"),
                Ok(Err(error)) => tracing::error!(error = chain_text(&error), "snapshot.refused"),
                Err(error) => tracing::error!(%error, "snapshot.reload_failed"),
            }
        }
        std::future::pending().await
    }

    async fn retry_trust(&self) {
        let Ok(mut asked) = signal(SignalKind::user_defined1()) else { return std::future::pending().await };
        while asked.recv().await.is_some() {
            self.force.retry_trust();
        }
        std::future::pending().await
    }

    /// Budgets begin with what rows say, once those of earlier lives are in.
    async fn rebuild_budgets(&self) {
        let (writer, services, home) = (self.writer.clone(), self.services.clone(), self.force.home().clone());
        let rebuilt = tokio::task::spawn_blocking(move || {
            let journal = services.journal.clone();
            let deadline = Instant::now() + RECOVERY_PATIENCE;
            while Instant::now() < deadline {
                let step = Duration::from_millis(200);
                match writer.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|one| one.wait_recovered(step))
                {
                    Some(Ok(_)) | None => break,
                    Some(Err(_)) => {}
                }
            }
            if !journal.status().recovered {
                tracing::warn!("budgets.begin_before_recovery");
            }
            budgets::seed(&services, &home);
            services.budgets.set();
        });
        if let Err(error) = rebuilt.await {
            tracing::error!(%error, "budgets.failed");
        }
    }

    async fn follow_edge(&self) {
        let mut cursor = edge_ring::Cursor::default();
        let mut every = tokio::time::interval(COVERAGE_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            edge_ring::fetch(&self.services, self.force.home(), &self.stop.instance, &mut cursor).await;
        }
    }

    async fn probe_self(&self) {
        loop {
            self.probe.asked.notified().await;
            let port = self.stop.section.intercept_port;
            let answered = tokio::time::timeout(PROBE_PATIENCE, answers(port)).await.unwrap_or(false);
            if self.probe.stalled.swap(!answered, Ordering::Relaxed) == answered {
                tracing::warn!(stalled = !answered, "intercept.probe");
            }
        }
    }

    async fn watch_idle(&self) {
        let Some(limit) = self.idle_exit else { return std::future::pending().await };
        loop {
            self.gate.open.none().await;
            let before = self.gate.open.ever();
            tokio::time::sleep(limit).await;
            if self.gate.open.count() == 0 && self.gate.open.ever() == before {
                self.stop.idle.notify_one();
                return std::future::pending().await;
            }
        }
    }

    /// Comes back when every connection that is left has been idle for a while: clients keep theirs for minutes, and until
    /// the next daemon is there their new ones pass unmetered.
    async fn nothing_under_way(&self) {
        let mut quiet_since = None;
        loop {
            match self.gate.open.count() <= self.services.idle.count() {
                true if quiet_since.get_or_insert_with(Instant::now).elapsed() >= QUIET => return,
                true => {}
                false => quiet_since = None,
            }
            tokio::time::sleep(QUIET / 10).await;
        }
    }

    /// Comes back when nothing is open any more after a shutdown began, or nobody waits any longer.
    async fn drain(&self, mut shutdown: ShutdownWatch) {
        if shutdown.wait_for(|down| *down).await.is_err() {
            return;
        }
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
            () = self.gate.open.none() => {}
            () = self.nothing_under_way() => tracing::info!(open = self.gate.open.count(), "connections.idle"),
            () = tokio::time::sleep(GRACE) => tracing::warn!(open = self.gate.open.count(), "connections.cut"),
            () = again => {}
        }
        if tokio::time::timeout(ROWS_PATIENCE, self.services.pending.none()).await.is_err() {
            tracing::warn!(rows = self.services.pending.count(), "rows.cut");
        }
    }
}

#[async_trait]
impl BackgroundService for Rim {
    async fn start(&self, shutdown: ShutdownWatch) {
        let never = async {
            tokio::join!(
                self.serve_api(shutdown.clone()),
                self.reload_on_hangup(),
                self.retry_trust(),
                self.rebuild_budgets(),
                self.follow_edge(),
                self.probe_self(),
                self.watch_idle(),
            )
        };
        tokio::select! {
            _ = never => {}
            () = self.drain(shutdown.clone()) => {}
        }
        // Pingora would sleep its whole grace period now.
        let (stop, writer) = (self.stop.clone(), self.writer.clone());
        if tokio::task::spawn_blocking(move || last_words(&stop, &writer)).await.is_err() {
            tracing::error!("daemon.ending_failed");
        }
        std::process::exit(0);
    }
}

fn ledger(journal: &Journal) -> Ledger {
    let status = journal.status();
    Ledger {
        database: match status.database {
            DatabaseState::Opening => "opening",
            DatabaseState::Ready => "ready",
            DatabaseState::Failing => "failing",
        }
        .to_owned(),
        pending: status.pending,
        lost: status.lost,
        rejected: status.rejected,
        failures: status.failures,
        last_error: status.last_error,
    }
}

/// Whether the interception port answers a question about health.
async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await?;
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await?;
        std::io::Result::Ok(begin == *b"HTTP/1.1 200")
    };
    ask.await.unwrap_or(false)
}
