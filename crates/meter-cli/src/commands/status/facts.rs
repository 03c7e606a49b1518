//! Looks at everything a status tells.

use super::{Errors, Pinned, UnpricedModel};
use crate::failure::Failure;
use crate::instance::{self, Found, Role};
use crate::show::plural;
use crate::{open, when};
use jiff::{ToSpan, ZonedDateTime};
use meter_api::Ledger;
use meter_apply::Notice;
use meter_call::Status;
use meter_diag::Diagnostic;
use meter_hop::Identity;
use meter_hop::paths::Home;
use meter_store::{By, CallQuery, Range, Reader, ReportQuery, StoreError, Totals};
use std::collections::BTreeMap;

/// How far back models without a price are looked for.
const UNPRICED_DAYS: i64 = 7;

/// How many errors of the last hour are looked at.
const ERRORS_MAX: usize = 1000;

/// How far back tools that do not accept our certificate are looked for: as long as they are tunnelled.
const PINNED_HOURS: i64 = 24;

/// The daemon's words for a connection that ended at our certificate, and for those that were let pass afterwards.
fn distrusts(outcome: &str) -> bool {
    matches!(outcome, "client_refused" | "pinned")
}

/// When the pointer to what is in force was last written. A file system that does not say costs the answer only.
fn in_force_since(home: &Home) -> Option<String> {
    let written = std::fs::metadata(home.applied().join("current")).and_then(|file| file.modified()).ok()?;
    let at = jiff::Timestamp::try_from(written).ok()?.to_zoned_datetime(open::zone(home));
    Some(at.strftime("%Y-%m-%d %H:%M").to_string())
}

/// The user's files against what is in force, with their findings.
pub enum Files {
    /// Nothing to apply.
    Same(Vec<Diagnostic>),
    /// An edit waits.
    Differ(Vec<Diagnostic>),
    /// Cannot be applied; what is in force stays.
    Broken(Vec<Diagnostic>),
}

/// Everything a status tells.
pub struct Facts {
    pub instance: Option<String>,
    pub found: Found,
    /// In force by `applied/current`.
    pub digest: Option<String>,
    /// When that was put in force, to the minute, in the zone of reports.
    pub since: Option<String>,
    pub notice: Option<Notice>,
    /// Why what is in force cannot be read.
    pub unreadable: Option<String>,
    pub files: Files,
    /// The user's copies of bundled files that have changed since.
    pub moved: Vec<String>,
    pub ledger: Option<Ledger>,
    /// `None` without a database.
    pub today: Option<Totals>,
    pub unpriced: Vec<UnpricedModel>,
    pub errors: Vec<Errors>,
    /// Tools that do not accept our certificate.
    pub pinned: Vec<Pinned>,
    /// Why the database cannot be read.
    pub database: Option<String>,
}

impl Facts {
    /// Looks.
    pub fn gather(home: &Home) -> Result<Facts, Failure> {
        let (settings, unreadable) = match open::settings(home) {
            Ok(settings) => (settings, None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        let found = instance::find(home);
        let digest = settings.map(|(digest, _)| digest);
        let (files, moved) = files(home, digest.as_deref());
        let mut facts = Facts {
            instance: Identity::load(&home.instance_json()).ok().map(|identity| identity.id().to_owned()),
            files,
            moved,
            ledger: found.daemon.as_ref().and_then(|(_, api, ..)| instance::ledger(home, *api)),
            since: digest.as_ref().and_then(|_| in_force_since(home)),
            digest,
            notice: meter_apply::read_notice(home),
            unreadable,
            found,
            today: None,
            unpriced: Vec::new(),
            errors: Vec::new(),
            pinned: Vec::new(),
            database: None,
        };
        match open::reader(home) {
            Ok(None) => {}
            Ok(Some(reader)) => {
                let now = ZonedDateTime::now().with_time_zone(open::zone(home));
                reader.snapshot(|reader| facts.read(reader, &now)).map_err(open::unreadable)?;
            }
            Err(failure) => facts.database = Some(failure.to_string()),
        }
        Ok(facts)
    }

    fn read(&mut self, reader: &Reader, now: &ZonedDateTime) -> Result<(), StoreError> {
        let report =
            |range| ReportQuery { range, by: By::Model, project: None, provider: None, run_id: None, p95: false };
        let back = |span| now.checked_sub(span).map_or(Range::ALL, |at| Range::since(when::millis(&at)));
        self.today = Some(reader.report(&report(when::today(now)))?.total);
        let week = reader.report(&report(back(UNPRICED_DAYS.days())))?;
        self.unpriced = week
            .rows
            .iter()
            .filter(|row| row.totals.unpriced() > 0)
            .map(|row| UnpricedModel {
                provider: row.provider.clone().unwrap_or_default(),
                model: row
                    .model
                    .clone()
                    .filter(|model| !model.is_empty())
                    .unwrap_or_else(|| meter_api::UNKNOWN.to_owned()),
                requests: row.totals.unpriced(),
            })
            .collect();
        let query =
            CallQuery { range: back(1.hour()), status: Some(Status::Error), limit: ERRORS_MAX, ..CallQuery::default() };
        let mut errors: BTreeMap<(String, String), u64> = BTreeMap::new();
        for row in reader.calls(&query)?.items {
            let class = row.error_class.map_or_else(|| meter_api::UNKNOWN.to_owned(), |class| class.to_string());
            *errors.entry((row.provider, class)).or_default() += 1;
        }
        let mut pinned: BTreeMap<(String, String), u64> = BTreeMap::new();
        for row in reader.coverage(back(PINNED_HOURS.hours()))?.into_iter().filter(|row| distrusts(&row.outcome)) {
            let process = row.process.unwrap_or_else(|| meter_api::UNKNOWN.to_owned());
            *pinned.entry((process, row.host)).or_default() += row.connections;
        }
        self.pinned =
            pinned.into_iter().map(|((process, host), connections)| Pinned { process, host, connections }).collect();
        self.errors =
            errors.into_iter().map(|((provider, class), requests)| Errors { provider, class, requests }).collect();
        Ok(())
    }

    /// Neither role is there.
    pub fn nothing_runs(&self) -> bool {
        self.found.edge.is_none() && self.found.daemon.is_none() && self.found.silent.is_empty()
    }

    /// The process of a role that lives and does not answer.
    pub fn silent(&self, role: Role) -> Option<u32> {
        self.found.silent.iter().find(|(silent, _)| *silent == role).map(|(_, pid)| *pid)
    }

    /// Everything runs on what is in force, and nothing waits for a person to mend it.
    pub fn healthy(&self) -> bool {
        self.found.is_whole()
            && self.trouble_of_edge().is_none()
            && self.trouble_of_daemon().is_none()
            && self.unreadable.is_none()
            && self.database.is_none()
            && !matches!(self.files, Files::Broken(_))
    }

    /// What is wrong with a running edge.
    pub fn trouble_of_edge(&self) -> Option<String> {
        let (_, _, health) = self.found.edge.as_ref()?;
        if let Some(trouble) = &health.edge_json.trouble {
            return Some(format!("cannot use edge.json: {trouble}"));
        }
        self.another(health.digest.as_deref())
    }

    /// What is wrong with a running daemon.
    pub fn trouble_of_daemon(&self) -> Option<String> {
        let (_, _, _, health) = self.found.daemon.as_ref()?;
        if health.status != "ok" {
            return Some(format!("says it is {}", health.status));
        }
        if let Some(ledger) = self.ledger.as_ref().filter(|ledger| ledger.database == "failing") {
            let why = ledger.last_error.as_deref().unwrap_or("it does not say why");
            return Some(format!(
                "cannot write the database ({} wait in the journal): {why}",
                plural(ledger.pending, "record", "records")
            ));
        }
        self.another(Some(&health.digest))
    }

    fn another(&self, runs_on: Option<&str>) -> Option<String> {
        match (runs_on, &self.digest) {
            (Some(runs_on), Some(digest)) if runs_on != digest => {
                Some(format!("runs on {}, not on what is in force", crate::show::short_digest(runs_on)))
            }
            (None, Some(_)) => Some("has nothing in force: it tunnels everything".to_owned()),
            _ => None,
        }
    }

    /// What a person should know, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        warnings.extend(self.notice.as_ref().map(ToString::to_string));
        warnings.extend(self.unreadable.clone());
        warnings.extend(self.moved.iter().map(|path| crate::commands::manifests::told_moved(path)));
        warnings.extend(self.database.clone());
        if let Some((_, _, health)) = &self.found.edge
            && health.counters.bypassed > 0
        {
            let passed = plural(health.counters.bypassed, "connection", "connections");
            warnings.push(format!("{passed} to metered hosts went past the meter since the edge started"));
        }
        if let Some(ledger) = &self.ledger
            && ledger.lost + ledger.rejected > 0
        {
            warnings
                .push(format!("{} could not be stored", plural(ledger.lost + ledger.rejected, "record", "records")));
        }
        warnings
    }
}

fn files(home: &Home, in_force: Option<&str>) -> (Files, Vec<String>) {
    let (user, compiled) = open::on_disk(home);
    let moved = meter_manifest::eject::moved_on(&meter_manifest::bundled(), &user.manifests);
    let files = match in_force {
        _ if !compiled.is_valid() => Files::Broken(compiled.findings),
        // Before the first start there is nothing that could differ.
        Some(digest) if digest != compiled.snapshot.digest => Files::Differ(compiled.findings),
        _ => Files::Same(compiled.findings),
    };
    (files, moved)
}
