//! `repositories/`: what is known of them.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::collection::{self, Collection};
use super::query::{Links, Relations};
use super::relations::{Reader, Relation, RelationBody, SyncBody, gaps, sync, text};
use super::{Served, Shared, answer};
use crate::filter::{REPOSITORIES, Table};
use crate::identity::Resource;
use crate::problem::Problem;
use crate::store::{EdgeKind, Repository, Side, Store, StoreError, Subject};

/// A repository; what GitHub has not told is `null`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Repository)]
pub(super) struct RepositoryBody {
    id: String,
    url: String,
    owner: String,
    github_id: String,
    owner_github_id: String,
    name: String,
    full_name: String,
    description: Option<String>,
    homepage: Option<String>,
    language: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    has_downloads: Option<bool>,
    has_issues: Option<bool>,
    has_pages: Option<bool>,
    has_projects: Option<bool>,
    has_wiki: Option<bool>,
    private: Option<bool>,
    archived: Option<bool>,
    disabled: Option<bool>,
    #[serde(skip_serializing_if = "Relation::is_left_out")]
    #[schema(value_type = Option<RelationBody>)]
    stargazers: Relation,
    stargazers_count: Option<i64>,
    /// `null` until the repository itself was fetched: lists do not tell it.
    subscribers_count: Option<i64>,
    watchers_count: Option<i64>,
    open_issues_count: Option<i64>,
    sync: SyncBody,
}

/// Repositories, newest first.
#[utoipa::path(get, path = "/github/repositories/", tag = "data", responses(
    (status = 200, description = "One page", body = crate::api::docs::RepositoryPage),
    (status = 400, description = "A value that means nothing, under its parameter's name"),
    (status = 404, description = "No such page", body = crate::api::docs::Detail),
))]
pub(super) async fn list(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let outcome = collection::page::<Repositories>(&shared, &links, query.as_deref()).await;
    answer::told("repositories", outcome)
}

/// One repository.
#[utoipa::path(get, path = "/github/repositories/{id}/", tag = "data", params(
    ("id" = String, Path, description = "The repository's UUID"),
    ("relations" = Option<String>, Query, description = "`full`, `count` (numbers instead of lists) or `none`"),
), responses(
    (status = 200, description = "The repository", body = RepositoryBody),
    (status = 404, description = "None has this id", body = crate::api::docs::Detail),
))]
pub(super) async fn one(
    State(shared): Served,
    Extension(links): Extension<Links>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let outcome = collection::item::<Repositories>(&shared, &links, &id, query.as_deref()).await;
    answer::told("repository", outcome)
}

/// What is known of repositories.
struct Repositories;

impl Collection for Repositories {
    type Item = Repository;
    type Body = RepositoryBody;

    const RESOURCE: Resource = Resource::Repository;
    const PATH: &'static str = "/github/repositories/";

    fn table() -> &'static Table {
        &REPOSITORIES
    }

    async fn load(store: &Store, ids: &[i64]) -> Result<Vec<Repository>, StoreError> {
        store.repositories_of(ids).await
    }

    async fn bodies(
        shared: &Shared,
        links: &Links,
        asked: Relations,
        repositories: Vec<Repository>,
    ) -> Result<Vec<RepositoryBody>, Problem> {
        let ids: Vec<i64> = repositories
            .iter()
            .map(|one| one.record.github_id)
            .collect();
        let mut reader = Reader {
            store: &shared.store,
            links,
            asked,
            left: shared.limits.max_relations_per_page.into(),
        };
        let mut stargazers = reader
            .read(EdgeKind::Stars, Side::To, Resource::Developer, &ids)
            .await?;
        let mut gaps = gaps(&shared.store, Subject::Repository, &ids).await?;
        let body = |repository: Repository| {
            let record = repository.record;
            let (id, owner) = (record.github_id, record.owner_github_id);
            RepositoryBody {
                id: Resource::Repository.id(id).to_string(),
                url: links.item(Resource::Repository, id),
                owner: links.item(Resource::Developer, owner),
                github_id: id.to_string(),
                owner_github_id: owner.to_string(),
                name: record.name,
                full_name: record.full_name,
                description: record.description,
                homepage: record.homepage,
                language: record.language,
                created_at: text(record.created_at),
                updated_at: text(record.updated_at),
                has_downloads: record.flags.has_downloads,
                has_issues: record.flags.has_issues,
                has_pages: record.flags.has_pages,
                has_projects: record.flags.has_projects,
                has_wiki: record.flags.has_wiki,
                private: record.flags.private,
                archived: record.flags.archived,
                disabled: record.flags.disabled,
                stargazers: stargazers.take(id),
                stargazers_count: record.stargazers_count,
                subscribers_count: record.subscribers_count,
                watchers_count: record.watchers_count,
                open_issues_count: record.open_issues_count,
                sync: sync(&repository.sync, gaps.remove(&id)),
            }
        };
        Ok(repositories.into_iter().map(body).collect())
    }
}
