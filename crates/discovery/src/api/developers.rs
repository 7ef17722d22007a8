//! `developers/`: who is known.

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
use crate::filter::{DEVELOPERS, Table};
use crate::identity::Resource;
use crate::problem::Problem;
use crate::store::{Developer, EdgeKind, Side, Store, StoreError, Subject};

/// A developer; what GitHub has not told yet is `null`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Developer)]
pub(super) struct DeveloperBody {
    id: String,
    url: String,
    github_id: String,
    login: String,
    name: Option<String>,
    location: Option<String>,
    bio: Option<String>,
    company: Option<String>,
    email: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    followers_count: Option<i64>,
    following_count: Option<i64>,
    public_gists: Option<i64>,
    public_repos: Option<i64>,
    #[serde(skip_serializing_if = "Relation::is_left_out")]
    #[schema(value_type = Option<RelationBody>)]
    followers: Relation,
    #[serde(skip_serializing_if = "Relation::is_left_out")]
    #[schema(value_type = Option<RelationBody>)]
    following: Relation,
    #[serde(skip_serializing_if = "Relation::is_left_out")]
    #[schema(value_type = Option<RelationBody>)]
    starred_repositories: Relation,
    #[serde(skip_serializing_if = "Relation::is_left_out")]
    #[schema(value_type = Option<RelationBody>)]
    repositories: Relation,
    sync: SyncBody,
}

/// Developers, newest first.
#[utoipa::path(get, path = "/github/developers/", tag = "data", responses(
    (status = 200, description = "One page", body = crate::api::docs::DeveloperPage),
    (status = 400, description = "A value that means nothing, under its parameter's name"),
    (status = 404, description = "No such page", body = crate::api::docs::Detail),
))]
pub(super) async fn list(
    State(shared): Served,
    Extension(links): Extension<Links>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let outcome = collection::page::<Developers>(&shared, &links, query.as_deref()).await;
    answer::told("developers", outcome)
}

/// One developer.
#[utoipa::path(get, path = "/github/developers/{id}/", tag = "data", params(
    ("id" = String, Path, description = "The developer's UUID"),
    ("relations" = Option<String>, Query, description = "`full`, `count` (numbers instead of lists) or `none`"),
), responses(
    (status = 200, description = "The developer", body = DeveloperBody),
    (status = 404, description = "None has this id", body = crate::api::docs::Detail),
))]
pub(super) async fn one(
    State(shared): Served,
    Extension(links): Extension<Links>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let outcome = collection::item::<Developers>(&shared, &links, &id, query.as_deref()).await;
    answer::told("developer", outcome)
}

/// What is known of developers.
struct Developers;

impl Collection for Developers {
    type Item = Developer;
    type Body = DeveloperBody;

    const RESOURCE: Resource = Resource::Developer;
    const PATH: &'static str = "/github/developers/";

    fn table() -> &'static Table {
        &DEVELOPERS
    }

    async fn load(store: &Store, ids: &[i64]) -> Result<Vec<Developer>, StoreError> {
        store.developers_of(ids).await
    }

    async fn bodies(
        shared: &Shared,
        links: &Links,
        asked: Relations,
        developers: Vec<Developer>,
    ) -> Result<Vec<DeveloperBody>, Problem> {
        let ids: Vec<i64> = developers.iter().map(|one| one.github_id).collect();
        let mut reader = Reader {
            store: &shared.store,
            links,
            asked,
            left: shared.limits.max_relations_per_page.into(),
        };
        use EdgeKind::{Follows, Owns, Stars};
        let people = Resource::Developer;
        let repositories = Resource::Repository;
        let mut followers = reader.read(Follows, Side::To, people, &ids).await?;
        let mut following = reader.read(Follows, Side::From, people, &ids).await?;
        let mut starred = reader.read(Stars, Side::From, repositories, &ids).await?;
        let mut owned = reader.read(Owns, Side::From, repositories, &ids).await?;
        let mut gaps = gaps(&shared.store, Subject::Developer, &ids).await?;
        let body = |developer: Developer| {
            let id = developer.github_id;
            let known = developer.detail.is_some();
            let detail = developer.detail.unwrap_or_default();
            let number = |number: i64| known.then_some(number);
            DeveloperBody {
                id: Resource::Developer.id(id).to_string(),
                url: links.item(Resource::Developer, id),
                github_id: id.to_string(),
                login: developer.login,
                name: detail.name,
                location: detail.location,
                bio: detail.bio,
                company: detail.company,
                email: detail.email,
                created_at: text(detail.created_at),
                updated_at: text(detail.updated_at),
                followers_count: number(detail.followers_count),
                following_count: number(detail.following_count),
                public_gists: number(detail.public_gists),
                public_repos: number(detail.public_repos),
                followers: followers.take(id),
                following: following.take(id),
                starred_repositories: starred.take(id),
                repositories: owned.take(id),
                sync: sync(&developer.sync, gaps.remove(&id)),
            }
        };
        Ok(developers.into_iter().map(body).collect())
    }
}
