//! What was spent, by project, model, provider or day.

use super::{
    Range, Reader,
    totals::{Filter, Totals},
};
use crate::{
    error::{Act, StoreError},
    rfc3339,
    rollup::COUNTED,
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::collections::{BTreeMap, BTreeSet};

/// What one row of a report stands for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum By {
    /// A project.
    Project,
    /// A model of a provider.
    Model,
    /// A provider.
    Provider,
}

/// Which calls a report sums.
#[derive(Clone, Debug)]
pub struct ReportQuery {
    /// By `requested_at`.
    pub range: Range,
    /// What one row is.
    pub by: By,
    /// Only this project's.
    pub project: Option<String>,
    /// Only this provider's.
    pub provider: Option<String>,
    /// Only those of this `run`.
    pub run_id: Option<String>,
    /// Also the 95th percentile of the latency. It reads rows instead of rollups, so leave it out where nobody looks.
    pub p95: bool,
}

/// One row. What the report is not grouped by is `None`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReportRow {
    /// Project slug, by project.
    pub project: Option<String>,
    /// Provider, by model or provider.
    pub provider: Option<String>,
    /// Model, by model; `""` when no model was named on the wire.
    pub model: Option<String>,
    /// The sums.
    pub totals: Totals,
    /// The smallest latency that 95 % of the timed calls do not exceed, in milliseconds.
    pub latency_p95_ms: Option<u64>,
}

/// A report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Everything together.
    pub total: Totals,
    /// Dearest first, then most calls, then by name.
    pub rows: Vec<ReportRow>,
    /// How many projects had calls.
    pub projects: usize,
    /// How many models were called.
    pub models: usize,
}

/// What one `run` has used so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RunTotals {
    /// Of calls that have ended.
    pub totals: Totals,
    /// The projects they belong to, in order.
    pub projects: Vec<String>,
    /// Calls still under way.
    pub open: u64,
}

/// The calls of one project with one model.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Use {
    /// Project slug.
    pub project: String,
    /// Provider name.
    pub provider: String,
    /// Model id; `""` when no model was named on the wire.
    pub model: String,
    /// The sums.
    pub totals: Totals,
}

/// One provider's calls of one day in some time zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DayUse {
    /// The day.
    pub date: Date,
    /// The provider.
    pub provider: String,
    /// The sums.
    pub totals: Totals,
}

impl Reader {
    /// Sums calls, grouped.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn report(&self, query: &ReportQuery) -> Result<Report, StoreError> {
        self.snapshot(|reader| reader.report_now(query, false))
    }

    /// The same with the first bill of every call that was repriced. It reads rows, not sums.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn report_as_first(&self, query: &ReportQuery) -> Result<Report, StoreError> {
        self.snapshot(|reader| reader.report_now(query, true))
    }

    fn report_now(&self, query: &ReportQuery, first: bool) -> Result<Report, StoreError> {
        let empty = Report { total: Totals::default(), rows: Vec::new(), projects: 0, models: 0 };
        let project_id = match &query.project {
            None => None,
            Some(slug) => match self.project_id(slug)? {
                None => return Ok(empty),
                id => id,
            },
        };
        let filter = Filter {
            project_id: project_id.as_deref(),
            provider: query.provider.as_deref(),
            run_id: query.run_id.as_deref(),
            first,
        };
        let slugs = self.slugs()?;
        let groups = self.grouped(query.range, filter, &["project_id", "provider", "model"])?;
        let (mut projects, mut models) = (BTreeSet::new(), BTreeSet::new());
        let mut rows: BTreeMap<[String; 3], Totals> = BTreeMap::new();
        let mut total = Totals::default();
        for (key, totals) in groups {
            let [project, provider, model] = <[String; 3]>::try_from(key).expect("three columns were asked for");
            total.add(&totals);
            let slug = slugs.get(&project).cloned().unwrap_or(project);
            projects.insert(slug.clone());
            if !model.is_empty() {
                models.insert((provider.clone(), model.clone()));
            }
            let none = String::new;
            let key = match query.by {
                By::Project => [slug, none(), none()],
                By::Model => [none(), provider, model],
                By::Provider => [none(), provider, none()],
            };
            rows.entry(key).or_default().add(&totals);
        }
        let mut rows = rows
            .into_iter()
            .map(|(key, totals)| self.report_row(query, project_id.as_deref(), key, totals))
            .collect::<Result<Vec<_>, _>>()?;
        // Stable: equal rows stay in the order of their names.
        rows.sort_by_key(|row| std::cmp::Reverse((row.totals.charged_pico, row.totals.requests)));
        Ok(Report { total, rows, projects: projects.len(), models: models.len() })
    }

    fn report_row(
        &self,
        query: &ReportQuery,
        project_id: Option<&str>,
        [project, provider, model]: [String; 3],
        totals: Totals,
    ) -> Result<ReportRow, StoreError> {
        let latency_p95_ms = match totals.timed {
            timed if query.p95 && timed > 0 => {
                let (since, until) = query.range.texts();
                // The rank of the nearest-rank method, counted from 0.
                let rank = (timed * 95).div_ceil(100) - 1;
                let (by, id) = match query.by {
                    By::Project => ("r.project_id = (SELECT id FROM projects WHERE slug = ?3)", project.as_str()),
                    By::Model | By::Provider => ("r.provider = ?3", provider.as_str()),
                };
                let model = (query.by == By::Model).then_some(model.as_str());
                let sql = format!(
                    "SELECT latency_ms FROM requests r WHERE requested_at >= ?1 AND requested_at < ?2 AND {by}
                     AND (?4 IS NULL OR COALESCE(model, '') = ?4) AND (?5 IS NULL OR project_id = ?5)
                     AND (?6 IS NULL OR provider = ?6) AND (?7 IS NULL OR run_id = ?7)
                     AND {COUNTED} AND latency_ms IS NOT NULL ORDER BY latency_ms LIMIT 1 OFFSET ?8"
                );
                let rank = i64::try_from(rank).unwrap_or(i64::MAX);
                let values = rusqlite::params![since, until, id, model, project_id, query.provider, query.run_id, rank];
                let latency: Option<i64> = self
                    .db
                    .prepare_cached(&sql)
                    .and_then(|mut statement| statement.query_map(values, |row| row.get(0))?.next().transpose())
                    .act("read a percentile")?;
                latency.map(i64::unsigned_abs)
            }
            _ => None,
        };
        Ok(ReportRow {
            project: (query.by == By::Project).then_some(project),
            provider: (query.by != By::Project).then_some(provider),
            model: (query.by == By::Model).then_some(model),
            totals,
            latency_p95_ms,
        })
    }

    /// What the calls of one `run` used, and how many of them are still under way. What the daemon has written to its
    /// journal only is not seen yet: see [`Reader::journal_lag`].
    ///
    /// # Errors
    /// What SQLite says.
    pub fn run_totals(&self, run_id: &str) -> Result<RunTotals, StoreError> {
        self.snapshot(|reader| {
            let filter = Filter { run_id: Some(run_id), ..Filter::default() };
            let slugs = reader.slugs()?;
            let mut run = RunTotals::default();
            for (mut key, totals) in reader.grouped(Range::ALL, filter, &["project_id"])? {
                let id = key.remove(0);
                run.projects.push(slugs.get(&id).cloned().unwrap_or(id));
                run.totals.add(&totals);
            }
            run.projects.sort();
            let open = reader.open_calls()?;
            run.open = open.iter().filter(|open| open.run_id.as_deref() == Some(run_id)).count() as u64;
            Ok(run)
        })
    }

    /// The sums of every project with every model, for metrics.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn uses(&self) -> Result<Vec<Use>, StoreError> {
        self.snapshot(|reader| {
            let slugs = reader.slugs()?;
            let groups = reader.grouped(Range::ALL, Filter::default(), &["project_id", "provider", "model"])?;
            let named = groups.into_iter().map(|(key, totals)| {
                let [project, provider, model] = <[String; 3]>::try_from(key).expect("three columns were asked for");
                Use { project: slugs.get(&project).cloned().unwrap_or(project), provider, model, totals }
            });
            Ok(named.collect())
        })
    }

    /// Sums per day of a time zone and provider, in order. Days without calls are left out.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn days(&self, range: Range, project: Option<&str>, zone: &TimeZone) -> Result<Vec<DayUse>, StoreError> {
        self.snapshot(|reader| {
            let project_id = match project {
                None => None,
                Some(slug) => match reader.project_id(slug)? {
                    None => return Ok(Vec::new()),
                    id => id,
                },
            };
            let filter = Filter { project_id: project_id.as_deref(), ..Filter::default() };
            let mut days: BTreeMap<(Date, String), Totals> = BTreeMap::new();
            for (key, totals) in reader.grouped(range, filter, &["bucket", "provider"])? {
                let [bucket, provider] = <[String; 2]>::try_from(key).expect("two columns were asked for");
                let at = rfc3339::parse(&bucket).and_then(|at| Timestamp::from_millisecond(at.0).ok());
                let at = at.ok_or(StoreError::Value { column: "rollups.bucket", value: bucket })?;
                let date = zone.to_datetime(at).date();
                days.entry((date, provider)).or_default().add(&totals);
            }
            Ok(days.into_iter().map(|((date, provider), totals)| DayUse { date, provider, totals }).collect())
        })
    }

    pub(super) fn slugs(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.db
            .prepare_cached("SELECT id, slug FROM projects")
            .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .act("list projects")
    }
}
