//! What the descriptions of several routes have in common: parameters, and answers that say what is wrong.
#![expect(dead_code, reason = "read by the description alone")]

use utoipa::{IntoParams, IntoResponses};

use super::shapes::{ErrorObject, ParameterErrorObject};

/// Of a path that names a repository.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RepositoryPath {
    owner: String,
    /// In any case
    repo: String,
}

/// Of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// From 1
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u32>,
    /// 30 where it is left out
    #[param(minimum = 1, maximum = 100)]
    per_page: Option<u32>,
}

/// Which events are counted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Counting {
    /// Only these types, after the window is cut; repeatable
    #[param(rename = "type")]
    kinds: Option<Vec<String>>,
    /// How far the window reaches back
    #[param(minimum = 1, maximum = 3650)]
    days: Option<u32>,
    /// The newest so many count
    #[param(minimum = 1, maximum = 100_000)]
    max_events: Option<u32>,
}

/// Of an answer with a tag.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct Condition {
    /// A tag that came with an earlier answer
    #[param(rename = "If-None-Match")]
    tag: Option<String>,
}

/// Of what needs a key.
#[derive(IntoResponses)]
#[response(status = 401, description = "No key, or a wrong one")]
pub(super) struct NoKey(ErrorObject);

/// Of what needs the database and nothing else.
#[derive(IntoResponses)]
#[response(status = 503, description = "The database does not answer")]
pub(super) struct NoDatabase(ErrorObject);

/// Of a path that names a repository.
#[derive(IntoResponses)]
#[response(status = 404, description = "The repository is not watched")]
pub(super) struct NotWatched(ErrorObject);

/// Of a query.
#[derive(IntoResponses)]
#[response(status = 422, description = "A parameter is wrong")]
pub(super) struct WrongParameter(ParameterErrorObject);
