//! `rate_limit/`: the quota of all tokens together, which is item 1 and the only one.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::page::{Asked, Page, size};
use super::query::{Links, Query};
use super::{Outcome, Served, Shared, answer};
use crate::filter::{Filter, RATE_LIMIT};
use crate::problem::Problem;
use crate::store::RateSum;

/// The sum over all tokens, and the earliest reset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RateLimit)]
pub(super) struct RateLimitBody {
    url: String,
    rate_limit: i64,
    rate_remaining: i64,
    /// Seconds since 1970.
    rate_reset_raw: i64,
    rate_reset: String,
}

fn body(links: &Links, sum: &RateSum) -> RateLimitBody {
    RateLimitBody {
        url: links.to("/github/rate_limit/1/"),
        rate_limit: sum.limit,
        rate_remaining: sum.remaining,
        rate_reset_raw: sum.reset_at.seconds(),
        rate_reset: sum.reset_at.to_string(),
    }
}

/// The quota as a list: empty before GitHub was asked for the first time.
#[utoipa::path(get, path = "/github/rate_limit/", tag = "quota", responses(
    (status = 200, description = "A list of at most one", body = crate::api::docs::RateLimitPage),
    (status = 400, description = "A value that means nothing, under its parameter's name"),
))]
pub(super) async fn list(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let outcome = page(&shared, &links, query.as_deref()).await;
    answer::told("rate-limits", outcome)
}

/// The quota.
#[utoipa::path(get, path = "/github/rate_limit/{id}/", tag = "quota", params(
    ("id" = String, Path, description = "`1`"),
), responses(
    (status = 200, description = "The quota", body = RateLimitBody),
    (status = 404, description = "GitHub was not asked yet, or not 1", body = crate::api::docs::Detail),
))]
pub(super) async fn one(
    State(shared): Served,
    Extension(links): Extension<Links>,
    Path(id): Path<String>,
) -> Response<Body> {
    answer::told("rate-limit", item(&shared, &links, &id).await)
}

async fn page(shared: &Shared, links: &Links, query: Option<&str>) -> Outcome {
    let query = Query::parse(query);
    let filter = Filter::parse(&RATE_LIMIT, &query.0, shared.limits.max_filter_values)
        .map_err(Problem::BadValues)?;
    let count = shared.store.count_matching(&RATE_LIMIT, &filter).await?;
    let page = Page::of(Asked::parse(&query), size(&query, &shared.limits), count)?;
    let sum = shared.store.rate_sum().await?.filter(|_| count > 0);
    let results: Vec<RateLimitBody> = sum.iter().map(|sum| body(links, sum)).collect();
    answer::ok(&page.show(links, "/github/rate_limit/", &query, results))
}

async fn item(shared: &Shared, links: &Links, id: &str) -> Outcome {
    let sum = match id {
        "1" => shared.store.rate_sum().await?,
        _ => None,
    };
    answer::ok(&body(links, &sum.ok_or(Problem::NotFound)?))
}
