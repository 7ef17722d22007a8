//! How far apart events are: as numbers, and as pictures.

use axum::body::Body;
use axum::extract::{OriginalUri, Path, State};
use http::{HeaderMap, HeaderValue, Response, header};
use serde_json::json;

use super::answer::{Answer, JSON, Sameness, tag, tagged};
use super::described::{
    Condition, Counting, NoDatabase, NoKey, NotWatched, Paging, RepositoryPath, WrongParameter,
};
use super::paging::link;
use super::query::Parameters;
use super::repositories::active_page;
use super::shapes::StatisticsObject;
use super::{Monitor, PathName};
use crate::picture::{Kind, draw};
use crate::problem::Problem;
use crate::service::Shared;
use crate::store::Repository;
use crate::window::Extent;

const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml; charset=utf-8");

/// The statistics of one repository.
#[utoipa::path(
    get, path = "/api/repos/{owner}/{repo}/events/stats", tag = "statistics",
    params(RepositoryPath, Counting, Condition),
    responses(
        (status = 200, description = "The numbers, and what they cover", body = StatisticsObject),
        (status = 304, description = "The numbers are the same"),
        NoKey,
        NotWatched,
        WrongParameter,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn one(
    State(shared): Monitor,
    Path(name): PathName,
    OriginalUri(uri): OriginalUri,
    asked: HeaderMap,
) -> Answer {
    let parameters = Parameters::of(&uri)?;
    let (extent, types) = (parameters.extent(shared.extent)?, parameters.types()?);
    let repository = shared.find(&name).await?;
    let object = computed(&shared, &repository, extent, &types).await?;
    answered(&asked, &object, std::slice::from_ref(&object))
}

/// The statistics of all active repositories.
#[utoipa::path(
    get, path = "/api/stats", tag = "statistics",
    params(Counting, Paging, Condition),
    responses(
        (status = 200, description = "One object for each, in the order in which they were added", body = [StatisticsObject]),
        (status = 304, description = "The numbers are the same"),
        NoKey,
        WrongParameter,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn of_active(
    State(shared): Monitor,
    uri: OriginalUri,
    asked: HeaderMap,
) -> Answer {
    let parameters = Parameters::of(&uri.0)?;
    let (extent, types) = (parameters.extent(shared.extent)?, parameters.types()?);
    let page = parameters.page()?;
    let (repositories, total) = active_page(&shared, page).await?;
    let mut objects = Vec::with_capacity(repositories.len());
    for repository in &repositories {
        objects.push(computed(&shared, repository, extent, &types).await?);
    }
    let mut answer = answered(&asked, &objects, &objects)?;
    link(&uri, &asked, page, total, answer.headers_mut());
    Ok(answer)
}

async fn computed(
    shared: &Shared,
    repository: &Repository,
    extent: Extent,
    types: &[String],
) -> Result<StatisticsObject, Problem> {
    let windowed = shared.window(repository, extent).await?;
    Ok(windowed.object(types, shared.now()))
}

fn answered(
    asked: &HeaderMap,
    body: &impl serde::Serialize,
    objects: &[StatisticsObject],
) -> Answer {
    let broken = |_| Problem::Broken("no JSON could be made");
    // Its ends move with the clock while nothing happens: what has not changed has the same tag.
    let lasting: Vec<_> = objects
        .iter()
        .map(|object| {
            let window = &object.window;
            json!([
                object.repository,
                window.days,
                window.max_events,
                window.events,
                window.limited_by,
                window.complete,
                window.gaps,
                object.stats,
                object.all,
            ])
        })
        .collect();
    let lasting = serde_json::to_vec(&lasting).map_err(broken)?;
    let tag = tag(Sameness::Meaning, &[&lasting])?;
    let body = serde_json::to_vec(body).map_err(broken)?;
    Ok(tagged(asked, &tag, JSON, body))
}

/// A picture of one repository's window.
#[utoipa::path(
    get, path = "/api/repos/{owner}/{repo}/events/stats.svg", tag = "statistics",
    params(
        RepositoryPath,
        ("kind" = Option<String>, Query, description = "`gaps`: times between events; `rate`: events by time; `timeline`: events by type"),
        Counting,
        Condition,
    ),
    responses(
        (status = 200, description = "A picture that needs nothing from elsewhere", body = String, content_type = "image/svg+xml"),
        (status = 304, description = "The picture is the same"),
        NoKey,
        NotWatched,
        WrongParameter,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn picture(
    State(shared): Monitor,
    Path(name): PathName,
    OriginalUri(uri): OriginalUri,
    asked: HeaderMap,
) -> Answer {
    let parameters = Parameters::of(&uri)?;
    let (extent, types) = (parameters.extent(shared.extent)?, parameters.types()?);
    let kind = match parameters.one("kind")? {
        None => Kind::default(),
        Some(word) => Kind::read(word).ok_or(Problem::Parameter {
            name: "kind",
            expected: "gaps, rate or timeline",
        })?,
    };
    let repository = shared.find(&name).await?;
    let windowed = shared.window(&repository, extent).await?;
    let svg = windowed.scene(&types, |scene| draw(kind, scene));
    let tag = tag(Sameness::Bytes, &[svg.as_bytes()])?;
    Ok(on_its_own(tagged(&asked, &tag, SVG, svg)))
}

/// Shown by itself, a picture may do nothing but have its own style.
fn on_its_own(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
    );
    answer
}
