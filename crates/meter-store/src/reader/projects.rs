//! Projects and how much they were used.

use super::{
    Range, Reader,
    totals::{Filter, Totals},
};
use crate::{
    error::{Act, StoreError},
    rfc3339,
};
use meter_call::UnixMillis;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// Where this month and the one before begin, in the reader's time zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Months {
    /// First instant of the month before.
    pub previous: UnixMillis,
    /// First instant of this month.
    pub this: UnixMillis,
}

/// A project.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Project {
    /// UUIDv7.
    pub id: String,
    /// What calls are attributed to.
    pub slug: String,
    /// What people read; the slug until someone names it.
    pub name: String,
    /// Its first call.
    pub created_at: UnixMillis,
    /// When it was put away.
    pub archived_at: Option<UnixMillis>,
    /// Its use.
    pub used: ProjectUse,
}

/// How much a project was used.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProjectUse {
    /// This month.
    pub this_month: Totals,
    /// The month before.
    pub previous_month: Totals,
    /// Ever.
    pub all_time: Totals,
    /// When its newest call began.
    pub last_active_at: Option<UnixMillis>,
    /// (provider, model) with the most calls.
    pub primary: Option<(String, String)>,
    /// (provider, model) with the highest cost.
    pub top: Option<(String, String)>,
}

/// Whether the meter sees traffic.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Activity {
    /// When the newest call began.
    pub last_request_at: Option<UnixMillis>,
    /// Calls since the instant asked for.
    pub requests: u64,
}

impl Reader {
    /// All projects with their use, the one used last first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn projects(&self, months: Months) -> Result<Vec<Project>, StoreError> {
        self.snapshot(|reader| reader.projects_now(None, months))
    }

    /// One project with its use.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn project(&self, slug: &str, months: Months) -> Result<Option<Project>, StoreError> {
        self.snapshot(|reader| match reader.project_id(slug)? {
            None => Ok(None),
            Some(id) => Ok(reader.projects_now(Some(&id), months)?.pop()),
        })
    }

    /// Whether any call was attributed to that slug.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn has_project(&self, slug: &str) -> Result<bool, StoreError> {
        Ok(self.project_id(slug)?.is_some())
    }

    fn projects_now(&self, id: Option<&str>, months: Months) -> Result<Vec<Project>, StoreError> {
        let filter = Filter { project_id: id, ..Filter::default() };
        let by_project = |range| -> Result<BTreeMap<String, Totals>, StoreError> {
            let groups = self.grouped(range, filter, &["project_id"])?;
            Ok(groups.into_iter().map(|(mut key, totals)| (key.remove(0), totals)).collect())
        };
        let mut this_month = by_project(Range::since(months.this))?;
        let mut previous_month = by_project(Range::between(months.previous, months.this))?;
        let mut all: BTreeMap<String, Vec<(String, String, Totals)>> = BTreeMap::new();
        for (key, totals) in self.grouped(Range::ALL, filter, &["project_id", "provider", "model"])? {
            let [project, provider, model] = <[String; 3]>::try_from(key).expect("three columns were asked for");
            all.entry(project).or_default().push((provider, model, totals));
        }
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT id, slug, name, created_at, archived_at,
                    (SELECT MAX(requested_at) FROM requests WHERE project_id = projects.id)
                 FROM projects WHERE ?1 IS NULL OR id = ?1",
            )
            .act("prepare the list of projects")?;
        let mut rows = statement.query([id]).act("list projects")?;
        let mut projects = Vec::new();
        while let Some(row) = rows.next().act("list projects")? {
            let act = "read a project";
            let id: String = row.get(0).act(act)?;
            let models = all.remove(&id).unwrap_or_default();
            let mut all_time = Totals::default();
            for (_, _, totals) in &models {
                all_time.add(totals);
            }
            let name = |best: Option<&(String, String, Totals)>| {
                best.map(|(provider, model, _)| (provider.clone(), model.clone()))
            };
            let used = ProjectUse {
                this_month: this_month.remove(&id).unwrap_or_default(),
                previous_month: previous_month.remove(&id).unwrap_or_default(),
                all_time,
                last_active_at: instant("requests.requested_at", row.get(5).act(act)?)?,
                primary: name(models.iter().max_by_key(|(_, _, totals)| totals.requests)),
                top: name(models.iter().max_by_key(|(_, _, totals)| totals.charged_pico)),
            };
            projects.push(Project {
                slug: row.get(1).act(act)?,
                name: row.get(2).act(act)?,
                created_at: instant("projects.created_at", row.get(3).act(act)?)?.unwrap_or_default(),
                archived_at: instant("projects.archived_at", row.get(4).act(act)?)?,
                id,
                used,
            });
        }
        projects.sort_by(|a, b| b.used.last_active_at.cmp(&a.used.last_active_at).then_with(|| a.slug.cmp(&b.slug)));
        Ok(projects)
    }

    /// The newest call, of one project or of all, and the number of calls since an instant.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn activity(&self, project: Option<&str>, since: UnixMillis) -> Result<Activity, StoreError> {
        self.snapshot(|reader| {
            let project_id = match project {
                None => None,
                Some(slug) => match reader.project_id(slug)? {
                    None => return Ok(Activity::default()),
                    id => id,
                },
            };
            let newest = match &project_id {
                None => reader.db.prepare_cached("SELECT MAX(requested_at) FROM requests WHERE ?1 IS NULL"),
                Some(_) => reader.db.prepare_cached("SELECT MAX(requested_at) FROM requests WHERE project_id = ?1"),
            };
            let newest: Option<String> = newest
                .and_then(|mut statement| statement.query_row(params![project_id], |row| row.get(0)).optional())
                .act("look for the newest call")?
                .flatten();
            let filter = Filter { project_id: project_id.as_deref(), ..Filter::default() };
            Ok(Activity {
                last_request_at: instant("requests.requested_at", newest)?,
                requests: reader.total(Range::since(since), filter)?.requests,
            })
        })
    }
}

fn instant(column: &'static str, text: Option<String>) -> Result<Option<UnixMillis>, StoreError> {
    let Some(value) = text else { return Ok(None) };
    rfc3339::parse(&value).map(Some).ok_or(StoreError::Value { column, value })
}
