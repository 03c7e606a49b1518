//! What a starting daemon runs on.

use crate::compile::{Compiled, settings_of_environment};
use crate::error::ApplyError;
use crate::layer::UserLayer;
use crate::notice::{self, FINDINGS_MAX, Notice};
use crate::put;
use crate::rendered::{self, Site};
use crate::shelf::{Lock, Shelf};
use meter_diag::Diagnostic;
use meter_hop::paths::Home;
use meter_manifest::{Config, ManifestFile, Model, Snapshot, bundled};

/// What is in force.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `b3:…`, as in `edge.json`, health answers and rows.
    pub digest: String,
    /// What the manifests say.
    pub model: Model,
    /// The settings, frozen when they were applied.
    pub config: Config,
    /// What happened without anybody having asked; log it, `status` shows it.
    pub notice: Option<Notice>,
}

/// What is in force in `home`, for a daemon that starts or was told to look again (SIGHUP).
///
/// Edits that were not applied are never taken up. Three things happen here by themselves, each told in
/// [`Loaded::notice`] where a person should know:
/// - Nothing was applied yet: the bundled files, the user's and the settings (`config.toml` and this process's
///   `HALTON_METER_*`) are applied when they have no error, else the bundled files alone with the settings as far as they
///   can be used.
/// - This binary's bundled files are not those of the snapshot: they are applied under the user's applied files when that
///   gives no error, else the old snapshot stays.
/// - The snapshot in force cannot be read: the one before it is taken, else it is as if nothing had been applied.
///
/// `edge.json` is written when it does not match. Cheap enough to be called at every signal (it parses every manifest), but
/// it reads and writes files: not on a thread that carries traffic.
///
/// # Errors
/// [`ApplyError`] only when the home cannot be written at all or the edge's file would be unusable. A running daemon keeps
/// what it has then.
pub fn load_current(home: &Home) -> Result<Loaded, ApplyError> {
    load_current_at(home, &Site::of_process()?, &bundled(), &settings_of_environment())
}

/// As [`load_current`], with everything it takes from the process given: where it lies, its bundled files, and the settings
/// of its environment.
///
/// # Errors
/// As [`load_current`].
pub fn load_current_at(
    home: &Home,
    site: &Site,
    bundled: &[ManifestFile],
    env: &[(String, String)],
) -> Result<Loaded, ApplyError> {
    let lock = Lock::take(home)?;
    let shelf = Shelf::of(home);
    let mut trouble = None;
    let stored = match stored(&shelf, shelf.current()) {
        Ok(stored) => stored,
        Err(error) => {
            tracing::error!(error = chain(&error), "snapshot.unreadable");
            trouble = Some(chain(&error));
            stored(&shelf, shelf.previous()).ok().flatten()
        }
    };
    let (compiled, notice) = match stored {
        Some(snapshot) => upgraded(snapshot, bundled),
        None => first(bundled, &UserLayer::read(home), env),
    };
    let digest = compiled.snapshot.digest.clone();
    let notice = trouble.map(|why| Notice::Replaced { why, to: digest }).or(notice);
    if shelf.current().ok().flatten().as_deref() == Some(&compiled.snapshot.digest) {
        rendered::write_edge(home, &rendered::edge_config(&compiled)?)?;
    } else {
        put::locked(home, &compiled, site, &lock)?;
    }
    if let Some(notice) = &notice {
        notice::write(home, notice)?;
    }
    // One from an earlier start stands until the next apply.
    let notice = notice.or_else(|| notice::read(home));
    Ok(loaded(compiled, notice))
}

/// What is in force, without changing anything; `None` when nothing was applied yet.
///
/// # Errors
/// [`ApplyError`] when it cannot be read.
pub fn read_current(home: &Home) -> Result<Option<Loaded>, ApplyError> {
    let shelf = Shelf::of(home);
    let stored = stored(&shelf, shelf.current())?;
    Ok(stored.map(|snapshot| loaded(Compiled::of_snapshot(snapshot), notice::read(home))))
}

/// Digest and settings of what is in force, for whoever needs no manifest: nothing is parsed.
///
/// # Errors
/// As [`read_current`].
pub fn read_settings(home: &Home) -> Result<Option<(String, Config)>, ApplyError> {
    let shelf = Shelf::of(home);
    Ok(stored(&shelf, shelf.current())?.map(|snapshot| (snapshot.digest, snapshot.config)))
}

/// What happened at a start, until the next apply.
pub fn read_notice(home: &Home) -> Option<Notice> {
    notice::read(home)
}

fn loaded(compiled: Compiled, notice: Option<Notice>) -> Loaded {
    let Compiled { snapshot, model, .. } = compiled;
    Loaded { digest: snapshot.digest, model, config: snapshot.config, notice }
}

fn stored(shelf: &Shelf, digest: Result<Option<String>, ApplyError>) -> Result<Option<Snapshot>, ApplyError> {
    digest?.map(|digest| shelf.read(&digest)).transpose()
}

/// Nothing was applied yet.
fn first(bundled: &[ManifestFile], user: &UserLayer, env: &[(String, String)]) -> (Compiled, Option<Notice>) {
    let compiled = Compiled::of(bundled, user, env);
    if compiled.is_valid() {
        return (compiled, None);
    }
    let findings = lines(&compiled.findings);
    let alone = Compiled::of_snapshot(Snapshot::of(bundled, &[], compiled.snapshot.config));
    (alone, Some(Notice::BundledOnly { findings }))
}

/// The stored state under this binary's files, when they are others.
fn upgraded(stored: Snapshot, bundled: &[ManifestFile]) -> (Compiled, Option<Notice>) {
    let rebased = stored.rebased(bundled);
    if rebased.digest == stored.digest {
        return (Compiled::of_snapshot(stored), None);
    }
    let from = stored.digest.clone();
    let new = Compiled::of_snapshot(rebased);
    if new.is_valid() {
        let to = new.snapshot.digest.clone();
        return (new, Some(Notice::Upgraded { from, to }));
    }
    let findings = lines(&new.findings);
    let old = Compiled::of_snapshot(stored);
    if old.is_valid() {
        return (old, Some(Notice::KeptOld { findings }));
    }
    // Not even the old one means anything to this binary: better the bundled files than half of the user's.
    let alone = Compiled::of_snapshot(Snapshot::of(bundled, &[], old.snapshot.config));
    (alone, Some(Notice::BundledOnly { findings }))
}

fn lines(findings: &[Diagnostic]) -> Vec<String> {
    findings.iter().filter(|finding| finding.is_error()).take(FINDINGS_MAX).map(ToString::to_string).collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
