//! The views: `[["Org/name", value], ...]`, a slice of what was printed when the repositories changed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use http::{HeaderMap, Method, Response};

use super::Cache;
use super::answer::{FromCopy, respond};
use crate::order::Metric;
use crate::problem::Problem;
use crate::service::Shared;
use crate::views::{Direction, Printed, parse_count};

const ROUTE: &str = "/orgs/{org}/view";

/// A view over the first organisation's repositories.
#[utoipa::path(
    get,
    path = "/view/{direction}/{count}/{metric}",
    tag = "views",
    params(
        ("direction" = String, Path, description = "`top`: the first n; `bottom`: the last n of the same order"),
        ("count" = u64, Path, description = "How many; more than there are gives all"),
        ("metric" = String, Path, description = "forks, last_updated, open_issues, stars or watchers"),
    ),
    responses(
        (status = 200, description = "Pairs of full name and value, the largest value first, ties by name in byte order", body = Vec<Vec<serde_json::Value>>),
        (status = 304, description = "As the condition says"),
        (status = 400, description = "n is not a positive integer", body = super::docs::Message),
        (status = 404, description = "Unknown direction, metric or organisation", body = super::docs::Message),
    )
)]
pub(super) async fn first(
    State(shared): Cache,
    method: Method,
    Path((direction, count, metric)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(org) = shared.orgs.first() else {
        return Problem::NoSuchPage.answer(ROUTE);
    };
    let asked = (direction.as_str(), count.as_str(), metric.as_str());
    serve(&shared, &method, &headers, org, asked).await
}

/// A view over one organisation's repositories.
#[utoipa::path(
    get,
    path = "/orgs/{org}/view/{direction}/{count}/{metric}",
    tag = "views",
    params(
        ("org" = String, Path, description = "A configured organisation, in any case"),
        ("direction" = String, Path, description = "`top` or `bottom`"),
        ("count" = u64, Path, description = "How many"),
        ("metric" = String, Path, description = "forks, last_updated, open_issues, stars or watchers"),
    ),
    responses(
        (status = 200, description = "As `/view/{direction}/{count}/{metric}`", body = Vec<Vec<serde_json::Value>>),
        (status = 400, description = "n is not a positive integer", body = super::docs::Message),
        (status = 404, description = "Unknown direction, metric or organisation", body = super::docs::Message),
    )
)]
pub(super) async fn of_org(
    State(shared): Cache,
    method: Method,
    Path((org, direction, count, metric)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let asked = (direction.as_str(), count.as_str(), metric.as_str());
    serve(&shared, &method, &headers, &org, asked).await
}

async fn serve(
    shared: &Arc<Shared>,
    method: &Method,
    headers: &HeaderMap,
    org: &str,
    (direction, count, metric): (&str, &str, &str),
) -> Response<Body> {
    let name = format!("/orgs/{}/repos", org.to_ascii_lowercase());
    let known = (
        Direction::parse(direction),
        Metric::parse(metric),
        shared.node(&name),
    );
    let (Some(direction), Some(metric), Some(node)) = known else {
        return Problem::NoSuchPage.answer(ROUTE);
    };
    let Some(count) = parse_count(count) else {
        return Problem::Count.answer(ROUTE);
    };
    let clock = &shared.clock;
    let served = match node.serve(&shared.patience, || clock.now()).await {
        Ok(served) => served,
        Err(unserved) => return Problem::of(unserved, clock.now()).answer(ROUTE),
    };
    let Some(views) = &served.copy.snapshot.content.views else {
        return Problem::NoSuchPage.answer(ROUTE);
    };
    let view = views.view(metric);
    let Printed(parts) = view.slice(direction, count);
    let from = FromCopy {
        route: ROUTE,
        served: &served,
        tag: &view.tag,
        parts,
    };
    respond(shared, method, headers, from)
}
