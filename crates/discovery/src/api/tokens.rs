//! `tokens/`: the quota of each token, which is shown masked.

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::page::{Asked, Page, size};
use super::query::{Links, Query};
use super::relations::text;
use super::{Outcome, Served, Shared, answer};
use crate::store::Rate;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenBody {
    /// Not the token, only what tells it from others.
    token: String,
    rate_limit: i64,
    rate_remaining: i64,
    rate_reset: String,
    /// A secondary limit holds until then.
    blocked_until: Option<String>,
    seen_at: String,
}

fn body(rate: Rate) -> TokenBody {
    TokenBody {
        token: rate.masked,
        rate_limit: rate.limit,
        rate_remaining: rate.remaining,
        rate_reset: rate.reset_at.to_string(),
        blocked_until: text(rate.blocked_until),
        seen_at: rate.seen_at.to_string(),
    }
}

/// What GitHub last said of each token.
#[utoipa::path(get, path = "/github/tokens/", tag = "quota", responses(
    (status = 200, description = "One page", body = crate::api::docs::TokenPage),
))]
pub(super) async fn list(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    answer::told("tokens", page(&shared, &links, query.as_deref()).await)
}

async fn page(shared: &Shared, links: &Links, query: Option<&str>) -> Outcome {
    let query = Query::parse(query);
    // As many as there are tokens in the settings: a handful.
    let rates = shared.store.rates().await?;
    let count = i64::try_from(rates.len()).unwrap_or(i64::MAX);
    let page = Page::of(Asked::parse(&query), size(&query, &shared.limits), count)?;
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(page.size).unwrap_or(usize::MAX);
    let results: Vec<TokenBody> = rates.into_iter().skip(skip).take(take).map(body).collect();
    answer::ok(&page.show(links, "/github/tokens/", &query, results))
}
