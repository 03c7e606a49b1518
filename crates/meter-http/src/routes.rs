//! The routes. Every one reads one state of the database and answers one document of `meter-api`.

use crate::{
    ApiState,
    answer::{Failure, json},
    export, guard, metrics,
    params::{Params, months},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use meter_api::{DaemonStatus, Document, HealthWord};
use meter_call::UnixMillis;
use meter_store::{Activity, By, CallPage, CallQuery, Range, Reader, ReportQuery, StoreError, rfc3339, stats_document};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Queries at a time; more wait.
const READERS_MAX: usize = 8;

/// What the routes share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub state: Arc<ApiState>,
    pub readers: Arc<Semaphore>,
}

/// All routes behind the guard.
pub(crate) fn router(state: Arc<ApiState>, port: u16) -> Router {
    let shared = Shared { state: state.clone(), readers: Arc::new(Semaphore::new(READERS_MAX)) };
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/daemon/status", get(daemon_status))
        .route("/v1/projects", get(projects))
        .route("/v1/projects/{slug}", get(project))
        .route("/v1/projects/{slug}/stats", get(project_stats))
        .route("/v1/projects/{slug}/requests", get(project_requests))
        .route("/v1/projects/{slug}/requests.csv", get(project_csv))
        .route("/v1/stats", get(all_stats))
        .route("/v1/requests", get(all_requests))
        .route("/v1/requests.csv", get(all_csv))
        .route("/v1/requests/{id}", get(request))
        .fallback(async || Failure::not_found("there is no such route"))
        .with_state(shared)
        .layer(middleware::from_fn_with_state(guard::Guard { state, port }, guard::check))
}

impl Shared {
    /// Opens the database on a thread that may block and reads it there; `None` while there is none.
    ///
    /// A connection per request: opening costs a fraction of a millisecond, and a file that was moved or replaced is
    /// noticed.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        let broken = || Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "a query did not end well");
        let permit = self.readers.clone().acquire_owned().await.map_err(|_| broken())?;
        let path = self.state.database.clone();
        let result = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match Reader::open(&path) {
                Ok(reader) => reader.snapshot(read).map(Some),
                Err(StoreError::Missing { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        });
        Ok(result.await.map_err(|_| broken())??)
    }

    fn now(&self) -> UnixMillis {
        (self.state.clock)()
    }
}

async fn health(State(shared): State<Shared>) -> Response {
    let health = (shared.state.health)();
    let status = match health.status {
        HealthWord::Ok => StatusCode::OK,
        HealthWord::Stalled => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, json(&Document::new(health))).into_response()
}

async fn metrics(State(shared): State<Shared>) -> Result<Response, Failure> {
    let uses = shared.read(Reader::uses).await?.unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::text(&uses)).into_response())
}

async fn daemon_status(State(shared): State<Shared>) -> Result<Response, Failure> {
    let hour_ago = UnixMillis(shared.now().0.saturating_sub(3_600_000));
    let activity: Activity = shared.read(move |reader| reader.activity(None, hour_ago)).await?.unwrap_or_default();
    Ok(json(&Document::new(DaemonStatus {
        last_seen_at: activity.last_request_at.map(rfc3339),
        request_count_last_hour: activity.requests,
        ledger: (shared.state.ledger)(),
    })))
}

async fn projects(State(shared): State<Shared>) -> Result<Response, Failure> {
    let months = months(shared.now(), &shared.state.zone);
    let projects = shared.read(move |reader| reader.projects(months)).await?.unwrap_or_default();
    let documents: Vec<meter_api::Project> = projects.iter().map(Into::into).collect();
    Ok(json(&documents))
}

async fn project(State(shared): State<Shared>, Path(slug): Path<String>) -> Result<Response, Failure> {
    let months = months(shared.now(), &shared.state.zone);
    let asked = slug.clone();
    let project = shared.read(move |reader| reader.project(&asked, months)).await?.flatten();
    let project = project.ok_or_else(|| unknown(&slug))?;
    Ok(json(&Document::new(meter_api::Project::from(&project))))
}

fn unknown(slug: &str) -> Failure {
    Failure::not_found(format!("there is no project `{slug}`"))
}

/// Whether there is such a project; `true` when none is named.
fn exists(reader: &Reader, slug: Option<&str>) -> Result<bool, StoreError> {
    slug.map_or(Ok(true), |slug| reader.has_project(slug))
}

async fn project_stats(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    params: Params,
) -> Result<Response, Failure> {
    stats(shared, Some(slug), params).await
}

async fn all_stats(State(shared): State<Shared>, params: Params) -> Result<Response, Failure> {
    stats(shared, None, params).await
}

async fn stats(shared: Shared, project: Option<String>, params: Params) -> Result<Response, Failure> {
    let zone = shared.state.zone.clone();
    let range = Range { since: params.since(&zone)?, until: None };
    let asked = project.clone();
    let read = move |reader: &Reader| {
        if !exists(reader, asked.as_deref())? {
            return Ok(None);
        }
        let report = reader.report(&ReportQuery {
            range,
            by: By::Model,
            project: asked.clone(),
            provider: None,
            run_id: None,
            p95: false,
        })?;
        let days = reader.days(range, asked.as_deref(), &zone)?;
        let newest = reader.activity(asked.as_deref(), UnixMillis(i64::MAX))?.last_request_at;
        // The newest call of the span, so none when the span begins after it.
        let newest = newest.filter(|at| range.since.is_none_or(|since| *at >= since));
        Ok(Some(stats_document(&report, &days, newest)))
    };
    match (shared.read(read).await?, project) {
        (Some(Some(stats)), _) => Ok(json(&Document::new(stats))),
        (_, Some(slug)) => Err(unknown(&slug)),
        (_, None) => {
            let none = meter_store::Report { total: Default::default(), rows: Vec::new(), projects: 0, models: 0 };
            Ok(json(&Document::new(stats_document(&none, &[], None))))
        }
    }
}

async fn project_requests(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    params: Params,
) -> Result<Response, Failure> {
    requests(shared, Some(slug), params).await
}

async fn all_requests(State(shared): State<Shared>, params: Params) -> Result<Response, Failure> {
    requests(shared, None, params).await
}

/// The calls that the parameters name.
fn query(shared: &Shared, project: Option<String>, params: &Params) -> Result<CallQuery, Failure> {
    Ok(CallQuery {
        range: Range { since: params.since(&shared.state.zone)?, until: None },
        project,
        provider: params.text("provider"),
        status: params.status()?,
        run_id: params.text("run_id"),
        observed: params.flag("observed")?,
        limit: params.limit()?,
        cursor: params.cursor()?,
    })
}

async fn requests(shared: Shared, project: Option<String>, params: Params) -> Result<Response, Failure> {
    let query = query(&shared, project.clone(), &params)?;
    let read = move |reader: &Reader| {
        let there = exists(reader, query.project.as_deref())?;
        there.then(|| reader.calls(&query)).transpose()
    };
    match (shared.read(read).await?, project) {
        (Some(Some(page)), _) => Ok(json(&Document::new(meter_api::RequestPage::from(&page)))),
        (_, Some(slug)) => Err(unknown(&slug)),
        (_, None) => {
            let none = CallPage { items: Vec::new(), next: None, total: 0 };
            Ok(json(&Document::new(meter_api::RequestPage::from(&none))))
        }
    }
}

async fn request(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Response, Failure> {
    let id = id.parse().map_err(|_| Failure::parameter("a call's id is a UUID"))?;
    let call = shared.read(move |reader| reader.call(id)).await?.flatten();
    let call = call.ok_or_else(|| Failure::not_found(format!("there is no call {id}")))?;
    Ok(json(&Document::new(meter_api::Call::from(&call))))
}

async fn project_csv(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    params: Params,
) -> Result<Response, Failure> {
    let query = query(&shared, Some(slug.clone()), &params)?;
    let asked = slug.clone();
    match shared.read(move |reader| reader.has_project(&asked)).await? {
        Some(true) => export::csv(shared, query).await,
        _ => Err(unknown(&slug)),
    }
}

async fn all_csv(State(shared): State<Shared>, params: Params) -> Result<Response, Failure> {
    let query = query(&shared, None, &params)?;
    export::csv(shared, query).await
}
