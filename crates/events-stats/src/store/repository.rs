//! Repositories as they are kept, and as they are found.

use super::{Page, Store, StoreError, failed, read};
use crate::Timestamp;
use crate::name::FullName;
use crate::policy::Policy;
use crate::poll::Silence;

/// The store's own number of a repository. It never changes, and is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId(pub i64);

/// Whether a repository is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Active,
    /// Its events are kept and shown, and no new ones fetched.
    Inactive,
}

impl Standing {
    /// Of the word in the store and in answers.
    pub fn of(active: bool) -> Self {
        match active {
            true => Self::Active,
            false => Self::Inactive,
        }
    }

    /// Whether it is polled, where JSON wants a boolean.
    pub fn is_active(self) -> bool {
        self == Self::Active
    }
}

/// All that is known of a repository but its events and gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Repository {
    /// The store's number.
    pub id: RepositoryId,
    /// GitHub's number, as soon as an answer has named it.
    pub github_id: Option<u64>,
    /// Its name now.
    pub full_name: FullName,
    /// Whether it is polled.
    pub standing: Standing,
    /// When it was added.
    pub added_at: Timestamp,
    /// When it was activated; none before the first time.
    pub activated_at: Option<Timestamp>,
    /// When GitHub was asked and answered last.
    pub last_poll_at: Option<Timestamp>,
    /// When it will be asked.
    pub next_poll_at: Option<Timestamp>,
    /// Before this moment GitHub wants no poll.
    pub allowed_at: Option<Timestamp>,
    /// When the whole feed was read last.
    pub swept_at: Option<Timestamp>,
    /// How many polls have begun.
    pub poll_number: i64,
    /// Seconds between polls, as chosen last.
    pub interval_seconds: Option<f64>,
    /// By which policy.
    pub policy: Option<Policy>,
    /// What GitHub last said in `X-Poll-Interval`, in seconds.
    pub poll_interval_seconds: Option<u64>,
    /// The feed's entity tag.
    pub etag: Option<String>,
    /// How long nothing new has come.
    pub silence: Silence,
    /// Since when all events are known, but for gaps; none before the first poll.
    pub covered_from: Option<Timestamp>,
    /// How many events are stored.
    pub events_stored: u64,
    /// The oldest of them.
    pub oldest_event_at: Option<Timestamp>,
    /// The newest of them.
    pub newest_event_at: Option<Timestamp>,
    /// What went wrong last; none after success.
    pub last_error: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) github_id: Option<i64>,
    full_name: String,
    pub(super) active: bool,
    added_at: i64,
    activated_at: Option<i64>,
    last_poll_at: Option<i64>,
    next_poll_at: Option<i64>,
    allowed_at: Option<i64>,
    swept_at: Option<i64>,
    poll_number: i64,
    interval_seconds: Option<f64>,
    policy: Option<String>,
    poll_interval_seconds: Option<i64>,
    etag: Option<String>,
    silent_since: Option<i64>,
    silence_doubted: i64,
    covered_from: Option<i64>,
    events_stored: i64,
    oldest_event_at: Option<i64>,
    newest_event_at: Option<i64>,
    last_error: Option<String>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, github_id, full_name, active, added_at, activated_at, last_poll_at, next_poll_at, allowed_at, ",
            "swept_at, poll_number, interval_seconds, policy, poll_interval_seconds, etag, silent_since, ",
            "silence_doubted, covered_from, events_stored, last_error, ",
            "(SELECT MIN(created_at) FROM events WHERE repository = r.id) AS oldest_event_at, ",
            "(SELECT MAX(created_at) FROM events WHERE repository = r.id) AS newest_event_at ",
            "FROM repositories r ",
            $condition
        )
    };
}

/// By its name, or by one that it had before.
pub(super) const BY_NAME: &str = select!(
    "WHERE name_key = $1 OR id = (SELECT repository FROM former_names WHERE name_key = $1) \
     ORDER BY name_key = $1 DESC LIMIT 1"
);
pub(super) const BY_GITHUB_ID: &str = select!("WHERE github_id = $1");
pub(super) const BY_ID: &str = select!("WHERE id = $1");

impl TryFrom<Row> for Repository {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let moment = |seconds: Option<i64>| seconds.map(Timestamp::from_seconds);
        Ok(Self {
            id: RepositoryId(row.id),
            github_id: row.github_id.map(i64::cast_unsigned),
            full_name: name(&row.full_name)?,
            standing: Standing::of(row.active),
            added_at: Timestamp::from_seconds(row.added_at),
            activated_at: moment(row.activated_at),
            last_poll_at: moment(row.last_poll_at),
            next_poll_at: moment(row.next_poll_at),
            allowed_at: moment(row.allowed_at),
            swept_at: moment(row.swept_at),
            poll_number: row.poll_number,
            interval_seconds: row.interval_seconds,
            policy: row.policy.as_deref().and_then(Policy::read),
            poll_interval_seconds: row.poll_interval_seconds.map(i64::cast_unsigned),
            etag: row.etag,
            silence: Silence {
                since: moment(row.silent_since),
                doubted: u32::try_from(row.silence_doubted).unwrap_or(u32::MAX),
            },
            covered_from: moment(row.covered_from),
            events_stored: row.events_stored.cast_unsigned(),
            oldest_event_at: moment(row.oldest_event_at),
            newest_event_at: moment(row.newest_event_at),
            last_error: row.last_error,
        })
    }
}

pub(super) fn name(text: &str) -> Result<FullName, StoreError> {
    FullName::parse(text).map_err(|_| StoreError::Unreadable {
        what: "repository name",
    })
}

impl Store {
    /// All repositories in the order in which they were added, and how many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn repositories(&self, page: Page) -> Result<(Vec<Repository>, u64), StoreError> {
        let failed = failed("list repositories");
        let (rows, total) = read!(self, pool => {
            let rows = sqlx::query_as::<_, Row>(select!("ORDER BY id LIMIT $1 OFFSET $2"))
                .bind(page.limit())
                .bind(page.offset())
                .fetch_all(pool)
                .await
                .map_err(failed)?;
            let total = sqlx::query_as::<_, (i64,)>("SELECT COUNT(*) FROM repositories");
            (rows, total.fetch_one(pool).await.map_err(failed)?.0)
        });
        let repositories = rows.into_iter().map(Repository::try_from);
        Ok((
            repositories.collect::<Result<_, _>>()?,
            total.cast_unsigned(),
        ))
    }

    /// Those that are polled, in the order in which they were added.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn active(&self) -> Result<Vec<Repository>, StoreError> {
        let failed = failed("list active repositories");
        let rows = read!(self, pool => {
            let rows = sqlx::query_as::<_, Row>(select!("WHERE active ORDER BY id"));
            rows.fetch_all(pool).await.map_err(failed)?
        });
        rows.into_iter().map(Repository::try_from).collect()
    }

    /// The repository of this name, or that once had it, in whatever case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn repository(&self, name: &FullName) -> Result<Option<Repository>, StoreError> {
        let failed = failed("find a repository");
        let row = read!(self, pool => {
            let row = sqlx::query_as::<_, Row>(BY_NAME).bind(name.key());
            row.fetch_optional(pool).await.map_err(failed)?
        });
        row.map(Repository::try_from).transpose()
    }

    /// The repository of this number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn repository_by_id(
        &self,
        id: RepositoryId,
    ) -> Result<Option<Repository>, StoreError> {
        let failed = failed("find a repository");
        let row = read!(self, pool => {
            let row = sqlx::query_as::<_, Row>(BY_ID).bind(id.0);
            row.fetch_optional(pool).await.map_err(failed)?
        });
        row.map(Repository::try_from).transpose()
    }

    /// The repository to which GitHub gave this number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn repository_by_number(
        &self,
        number: u64,
    ) -> Result<Option<Repository>, StoreError> {
        let failed = failed("find a repository");
        let row = read!(self, pool => {
            let row = sqlx::query_as::<_, Row>(BY_GITHUB_ID).bind(number.cast_signed());
            row.fetch_optional(pool).await.map_err(failed)?
        });
        row.map(Repository::try_from).transpose()
    }

    /// All names in lower case, former ones included, that lead to a repository.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn names(&self) -> Result<Vec<(String, RepositoryId)>, StoreError> {
        let failed = failed("list names");
        let rows = read!(self, pool => {
            // The name that a repository has now comes last, and wins.
            let rows = sqlx::query_as::<_, (String, i64)>(
                "SELECT name_key, repository FROM former_names UNION ALL SELECT name_key, id FROM repositories",
            );
            rows.fetch_all(pool).await.map_err(failed)?
        });
        let names = rows.into_iter().map(|(name, id)| (name, RepositoryId(id)));
        Ok(names.collect())
    }
}
