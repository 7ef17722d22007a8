//! A list of what is stored, page by page, and one item of it: what developers and repositories have in common.

use std::future::Future;

use serde::Serialize;
use uuid::Uuid;

use super::page::{Asked, Page, size};
use super::query::{Links, Query, Relations};
use super::{Outcome, Shared, answer};
use crate::filter::{Filter, Table};
use crate::identity::Resource;
use crate::problem::Problem;
use crate::store::{Store, StoreError};

/// A kind of stored items.
pub(super) trait Collection {
    type Item: Send;
    /// An item as it is shown.
    type Body: Serialize + Send;

    const RESOURCE: Resource;
    /// Where the list is.
    const PATH: &'static str;

    /// What may be asked of the list.
    fn table() -> &'static Table;

    /// Those of these ids that are stored, in their order.
    fn load(
        store: &Store,
        ids: &[i64],
    ) -> impl Future<Output = Result<Vec<Self::Item>, StoreError>> + Send;

    fn bodies(
        shared: &Shared,
        links: &Links,
        asked: Relations,
        items: Vec<Self::Item>,
    ) -> impl Future<Output = Result<Vec<Self::Body>, Problem>> + Send;
}

pub(super) async fn page<C: Collection>(
    shared: &Shared,
    links: &Links,
    query: Option<&str>,
) -> Outcome {
    let query = Query::parse(query);
    let table = C::table();
    let filter = Filter::parse(table, &query.0, shared.limits.max_filter_values)
        .map_err(Problem::BadValues)?;
    let relations = Relations::parse(&query)?;
    let store = &shared.store;
    let count = shared.counts.of(store, table, &filter).await?;
    let page = Page::of(Asked::parse(&query), size(&query, &shared.limits), count)?;
    let ids = store
        .ids_matching(table, &filter, count, page.offset(), page.size)
        .await?;
    let items = C::load(store, &ids).await?;
    let bodies = C::bodies(shared, links, relations, items).await?;
    answer::ok(&page.show(links, C::PATH, &query, bodies))
}

pub(super) async fn item<C: Collection>(
    shared: &Shared,
    links: &Links,
    id: &str,
    query: Option<&str>,
) -> Outcome {
    let id = Uuid::parse_str(id).map_err(|_| Problem::NotFound)?;
    let github_id = C::RESOURCE.github_id(id).ok_or(Problem::NotFound)?;
    let relations = Relations::parse(&Query::parse(query))?;
    let items = C::load(&shared.store, &[github_id]).await?;
    let bodies = C::bodies(shared, links, relations, items).await?;
    match bodies.first() {
        Some(body) => answer::ok(body),
        None => Err(Problem::NotFound),
    }
}
