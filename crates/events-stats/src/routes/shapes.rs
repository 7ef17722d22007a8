//! The JSON of the interface: one struct per object of the contract.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::gap::Gap;
use crate::policy::Policy;
use crate::statistics::Statistics;
use crate::store::Repository;
use crate::window::WindowReport;

/// A watched repository.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RepositoryObject {
    /// `owner/name`, as GitHub has it now.
    #[schema(example = "octocat/Hello-World")]
    pub full_name: String,
    pub owner: String,
    pub name: String,
    /// Its address in GitHub's API.
    pub url: String,
    /// Whether it is polled.
    pub active: bool,
    pub added_at: Timestamp,
    /// Null before the first activation.
    pub activated_at: Option<Timestamp>,
    /// When GitHub answered last.
    pub last_poll_at: Option<Timestamp>,
    /// When GitHub will be asked; null while it is not active.
    pub next_poll_at: Option<Timestamp>,
    /// Seconds between polls, as chosen last.
    pub interval_s: Option<f64>,
    /// By which policy.
    pub policy: Policy,
    /// The entity tag of its feed.
    pub etag: Option<String>,
    pub events_stored: u64,
    pub oldest_event_at: Option<Timestamp>,
    pub newest_event_at: Option<Timestamp>,
    /// Where events may be missing, oldest first.
    pub gaps: Vec<Gap>,
    /// What went wrong last; null after success or activation.
    pub last_error: Option<String>,
}

impl RepositoryObject {
    /// Puts together what the store knows.
    pub(crate) fn new(
        repository: Repository,
        gaps: Vec<Gap>,
        upstream: &str,
        policy: Policy,
    ) -> Self {
        let name = &repository.full_name;
        Self {
            full_name: name.to_string(),
            owner: name.owner().to_owned(),
            name: name.name().to_owned(),
            url: format!("{}/repos/{name}", upstream.trim_end_matches('/')),
            active: repository.standing.is_active(),
            added_at: repository.added_at,
            activated_at: repository.activated_at,
            last_poll_at: repository.last_poll_at,
            next_poll_at: repository
                .next_poll_at
                .filter(|_| repository.standing.is_active()),
            interval_s: repository.interval_seconds,
            policy: repository.policy.unwrap_or(policy),
            etag: repository.etag,
            events_stored: repository.events_stored,
            oldest_event_at: repository.oldest_event_at,
            newest_event_at: repository.newest_event_at,
            gaps,
            last_error: repository.last_error,
        }
    }
}

/// How far apart the events of a repository are.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct StatisticsObject {
    /// `owner/name`.
    pub repository: String,
    pub window: WindowReport,
    pub computed_at: Timestamp,
    /// By type, in order of their names.
    pub stats: Vec<Statistics>,
    /// All these types together.
    pub all: Statistics,
}

/// A repository that is to be watched: `url` or `full_name`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Wanted {
    /// The address of its page, of its clone or in the API.
    #[schema(example = "https://github.com/octocat/Hello-World")]
    pub url: Option<String>,
    #[schema(example = "octocat/Hello-World")]
    pub full_name: Option<String>,
    /// Whether it is to be polled; true where it is left out.
    pub active: Option<bool>,
}

/// One repository, or several of which all are added or none.
#[derive(Clone, Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "describes bodies that are read element by element"
)]
pub(crate) enum OneOrMany {
    /// Answered by an object.
    #[schema(title = "one")]
    One(Wanted),
    /// Answered by a list.
    #[schema(title = "several")]
    Many(Vec<Wanted>),
}

/// A poll that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PollObject {
    pub next_poll_at: Timestamp,
}

/// What became of a delivery.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryObject {
    /// `pong`, `poll brought forward`, or why nothing was done.
    pub message: &'static str,
}

/// The body of every error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorObject {
    pub message: String,
}

/// A parameter that cannot be read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ParameterErrorObject {
    /// Begins with the parameter's name.
    #[schema(example = "per_page: expected a number from 1 to 100")]
    pub message: String,
    pub errors: Vec<ParameterErrorDetail>,
}

/// Which parameter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ParameterErrorDetail {
    #[schema(example = "per_page")]
    pub field: String,
    #[schema(example = "invalid")]
    pub code: String,
}

/// No more repositories can be active.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LimitErrorObject {
    #[schema(example = "at most 5 repositories can be active")]
    pub message: String,
    /// Full names of those that are.
    pub active: Vec<String>,
}

/// GitHub allows no poll yet.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EarlyErrorObject {
    pub message: String,
    pub next_poll_at: Timestamp,
}
