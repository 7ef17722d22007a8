//! Which repositories are watched: list, add, remove, activate, deactivate.

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Path, State};
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::answer::{Answer, json};
use super::described::{NoDatabase, NoKey, NotWatched, Paging, RepositoryPath, WrongParameter};
use super::paging::link;
use super::query::Parameters;
use super::shapes::{ErrorObject, LimitErrorObject, OneOrMany, RepositoryObject, Wanted};
use super::{Monitor, PathName};
use crate::name::FullName;
use crate::problem::Problem;
use crate::service::Shared;
use crate::store::{Activation, Adding, NewRepository, Novelty, Page, Repository, Standing};

/// Repositories of one request at most: each unknown one is asked for upstream.
const MOST_WANTED: usize = 100;

/// All watched repositories, in the order in which they were added.
#[utoipa::path(
    get, path = "/api/repos", tag = "repositories",
    params(Paging),
    responses(
        (status = 200, description = "A page of the list; `Link` as GitHub has it", body = [RepositoryObject]),
        NoKey,
        WrongParameter,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn list(State(shared): Monitor, uri: OriginalUri, asked: HeaderMap) -> Answer {
    let page = Parameters::of(&uri.0)?.page()?;
    let (repositories, total) = shared.desk.store.repositories(page).await?;
    listed(&shared, repositories, &uri, &asked, page, total).await
}

/// Those that are polled.
#[utoipa::path(
    get, path = "/api/repos/active", tag = "repositories",
    params(Paging),
    responses(
        (status = 200, description = "A page of the list; `Link` as GitHub has it", body = [RepositoryObject]),
        NoKey,
        WrongParameter,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn active(State(shared): Monitor, uri: OriginalUri, asked: HeaderMap) -> Answer {
    let page = Parameters::of(&uri.0)?.page()?;
    let (repositories, total) = active_page(&shared, page).await?;
    listed(&shared, repositories, &uri, &asked, page, total).await
}

/// A page of the active repositories: as many as the settings allow, so that they are read whole.
pub(super) async fn active_page(
    shared: &Shared,
    page: Page,
) -> Result<(Vec<Repository>, u64), Problem> {
    let all = shared.desk.store.active().await?;
    let total = all.len() as u64;
    let before = (page.number as usize - 1).saturating_mul(page.size as usize);
    let some = all.into_iter().skip(before).take(page.size as usize);
    Ok((some.collect(), total))
}

async fn listed(
    shared: &Shared,
    repositories: Vec<Repository>,
    uri: &OriginalUri,
    asked: &HeaderMap,
    page: Page,
    total: u64,
) -> Answer {
    let mut objects = Vec::with_capacity(repositories.len());
    for repository in repositories {
        objects.push(shared.desk.object(repository).await?);
    }
    let mut answer = json(StatusCode::OK, &objects)?;
    link(uri, asked, page, total, answer.headers_mut());
    Ok(answer)
}

/// Watches a repository, or several: all of the list or none.
#[utoipa::path(
    post, path = "/api/repos", tag = "repositories",
    request_body(content = OneOrMany, description = "By address or by full name; `active` is true where it is left out"),
    responses(
        (status = 200, description = "All were known", body = OneOrManyAnswer),
        (status = 201, description = "At least one is new", body = OneOrManyAnswer),
        (status = 400, description = "The body cannot be read, or names no repository", body = ErrorObject),
        NoKey,
        (status = 404, description = "GitHub knows no such repository", body = ErrorObject),
        (status = 409, description = "No more repositories can be active", body = LimitErrorObject),
        (status = 413, description = "The body is too large", body = ErrorObject),
        (status = 502, description = "GitHub could not be asked", body = ErrorObject),
        (status = 503, description = "The database does not answer, or GitHub's rate limit is used up", body = ErrorObject),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn add(State(shared): Monitor, body: Body) -> Answer {
    let body = super::read_body(body, shared.max_body_bytes).await?;
    let (wanted, form) = read(&body)?;
    let mut new = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        new.push(resolved(&shared, &wanted).await?);
    }
    let now = shared.now();
    let added = match shared
        .desk
        .store
        .add(&new, shared.desk.max_active, now)
        .await?
    {
        Adding::Done(added) => added,
        Adding::LimitReached(active) => {
            return Err(Problem::TooManyActive {
                most: shared.desk.max_active,
                active,
            });
        }
    };
    shared.wake();
    let status = match added.iter().any(|one| one.novelty == Novelty::New) {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let mut objects = Vec::with_capacity(added.len());
    for one in added {
        objects.push(shared.desk.object(one.repository).await?);
    }
    match (form, objects.as_slice()) {
        (Form::One, [object]) => json(status, object),
        _ => json(status, &objects),
    }
}

/// What an addition is answered with: an object for an object, a list for a list.
#[derive(utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "describes answers that are written as what they hold"
)]
pub(super) enum OneOrManyAnswer {
    #[schema(title = "one")]
    One(Box<RepositoryObject>),
    #[schema(title = "several")]
    Many(Vec<RepositoryObject>),
}

/// Whether an object was sent, or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    One,
    Many,
}

fn malformed(what: &str) -> Problem {
    Problem::Malformed(what.to_owned())
}

fn read(body: &Bytes) -> Result<(Vec<Wanted>, Form), Problem> {
    let value: Value =
        serde_json::from_slice(body).map_err(|_| malformed("Problems parsing JSON"))?;
    let (elements, form) = match value {
        Value::Array(elements) => (elements, Form::Many),
        one @ Value::Object(_) => (vec![one], Form::One),
        _ => return Err(malformed("expected an object or a list of objects")),
    };
    if elements.len() > MOST_WANTED {
        return Err(malformed("a list may have at most 100 repositories"));
    }
    let wanted = elements.into_iter().map(|element| {
        serde_json::from_value(element)
            .map_err(|_| malformed("expected {\"url\" or \"full_name\", \"active\"}"))
    });
    Ok((wanted.collect::<Result<_, _>>()?, form))
}

fn name_of(wanted: &Wanted) -> Result<FullName, Problem> {
    let parsed = |text: &String| {
        FullName::parse(text)
            .map_err(|_| malformed("expected owner/name or the url of a repository"))
    };
    match (&wanted.url, &wanted.full_name) {
        (Some(one), None) | (None, Some(one)) => parsed(one),
        (Some(url), Some(name)) => {
            let (url, name) = (parsed(url)?, parsed(name)?);
            match url.key() == name.key() {
                true => Ok(name),
                false => Err(malformed("url and full_name name two repositories")),
            }
        }
        (None, None) => Err(malformed("url or full_name is missing")),
    }
}

/// What is to be stored: one that is known as it is, any other as GitHub has it.
async fn resolved(shared: &Shared, wanted: &Wanted) -> Result<NewRepository, Problem> {
    let name = name_of(wanted)?;
    let standing = Standing::of(wanted.active.unwrap_or(true));
    let (full_name, github_id) = match shared.desk.store.repository(&name).await? {
        Some(known) => (known.full_name, known.github_id),
        None => {
            let found = shared.desk.look_up(&name).await?;
            (found.full_name, Some(found.github_id))
        }
    };
    Ok(NewRepository {
        full_name,
        github_id,
        standing,
    })
}

/// One watched repository, by its name now or by a former one.
#[utoipa::path(
    get, path = "/api/repos/{owner}/{repo}", tag = "repositories",
    params(RepositoryPath),
    responses(
        (status = 200, description = "The repository", body = RepositoryObject),
        NoKey,
        NotWatched,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn one(State(shared): Monitor, Path(name): PathName) -> Answer {
    let repository = shared.find(&name).await?;
    json(StatusCode::OK, &shared.desk.object(repository).await?)
}

/// Removes a repository with its events.
#[utoipa::path(
    delete, path = "/api/repos/{owner}/{repo}", tag = "repositories",
    params(RepositoryPath),
    responses(
        (status = 204, description = "It is gone"),
        NoKey,
        NotWatched,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn remove(State(shared): Monitor, Path(name): PathName) -> Answer {
    let repository = shared.find(&name).await?;
    if shared.desk.store.remove(repository.id).await? == Novelty::New {
        // Somebody else was faster.
        return Err(Problem::NoSuchRepository);
    }
    shared.wake();
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}

/// Polls a repository from now on.
#[utoipa::path(
    post, path = "/api/repos/{owner}/{repo}/activate", tag = "repositories",
    params(RepositoryPath),
    responses(
        (status = 200, description = "It is active", body = RepositoryObject),
        NoKey,
        NotWatched,
        (status = 409, description = "No more repositories can be active", body = LimitErrorObject),
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn activate(State(shared): Monitor, Path(name): PathName) -> Answer {
    let id = shared.find(&name).await?.id;
    let most = shared.desk.max_active;
    match shared.desk.store.activate(id, most, shared.now()).await? {
        Activation::Activated => shared.wake(),
        Activation::AlreadyActive => {}
        Activation::LimitReached(active) => return Err(Problem::TooManyActive { most, active }),
        Activation::Unknown => return Err(Problem::NoSuchRepository),
    }
    one(State(shared), Path(name)).await
}

/// Polls a repository no more; its events are kept.
#[utoipa::path(
    post, path = "/api/repos/{owner}/{repo}/deactivate", tag = "repositories",
    params(RepositoryPath),
    responses(
        (status = 200, description = "It is not active", body = RepositoryObject),
        NoKey,
        NotWatched,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn deactivate(State(shared): Monitor, Path(name): PathName) -> Answer {
    let id = shared.find(&name).await?.id;
    shared.desk.store.deactivate(id, None).await?;
    shared.wake();
    one(State(shared), Path(name)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        #[track_caller]
        fn check(body: &'static str, expected: Result<(usize, Form), &str>) {
            let found = read(&Bytes::from_static(body.as_bytes()));
            let found = found.and_then(|(wanted, form)| {
                wanted.iter().try_for_each(|one| name_of(one).map(drop))?;
                Ok((wanted.len(), form))
            });
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(Problem::Malformed(what)), Err(expected)) => {
                    assert!(what.contains(expected), "{what}");
                }
                (found, _) => panic!("{body}: {found:?}"),
            }
        }
        check(r#"{"full_name":"o/r"}"#, Ok((1, Form::One)));
        check(
            r#"{"url":"https://github.com/o/r","full_name":"O/R"}"#,
            Ok((1, Form::One)),
        );
        check(
            r#"[{"full_name":"o/r","active":false},{"url":"o/s"}]"#,
            Ok((2, Form::Many)),
        );
        check("[]", Ok((0, Form::Many)));
        check("{", Err("JSON"));
        check("", Err("JSON"));
        check("\"o/r\"", Err("object"));
        check("{}", Err("missing"));
        check(r#"{"full_name":"o"}"#, Err("owner/name"));
        check(r#"{"full_name":7}"#, Err("full_name"));
        check(r#"{"full_name":"o/r","active":"yes"}"#, Err("active"));
        check(r#"{"url":"o/r","full_name":"o/s"}"#, Err("two"));
    }
}
