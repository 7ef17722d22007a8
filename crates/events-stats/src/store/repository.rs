//! Which repositories are watched.

use super::{Page, Store, StoreError, failed, read, write};
use crate::Timestamp;
use crate::gap::{Gap, GapReason};
use crate::name::FullName;
use crate::policy::Policy;
use crate::poll::Silence;
use crate::store::Pool;

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

/// A repository to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRepository {
    /// Its name.
    pub full_name: FullName,
    /// GitHub's number, where it was asked for.
    pub github_id: Option<u64>,
    /// Whether it is to be polled.
    pub standing: Standing,
}

/// Whether a repository was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It was not.
    New,
    /// It was.
    Known,
}

/// A repository that is in the store now.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// As it is now.
    pub repository: Repository,
    /// Whether it was there before.
    pub novelty: Novelty,
}

/// What became of a list of repositories: all of it, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Adding {
    /// They are there, in the order of the list.
    Done(Vec<Added>),
    /// More would be active than may be; these are.
    LimitReached(Vec<FullName>),
}

/// What became of an activation.
#[derive(Clone, Debug, PartialEq)]
pub enum Activation {
    /// It is polled from now on.
    Activated,
    /// It was already.
    AlreadyActive,
    /// As many as may be are active: these.
    LimitReached(Vec<FullName>),
    /// There is no such repository.
    Unknown,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    github_id: Option<i64>,
    full_name: String,
    active: bool,
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
const BY_NAME: &str = select!(
    "WHERE name_key = $1 OR id = (SELECT repository FROM former_names WHERE name_key = $1) \
     ORDER BY name_key = $1 DESC LIMIT 1"
);
const BY_GITHUB_ID: &str = select!("WHERE github_id = $1");
const BY_ID: &str = select!("WHERE id = $1");
const ACTIVE_NAMES: &str = "SELECT full_name FROM repositories WHERE active ORDER BY id";

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

fn name(text: &str) -> Result<FullName, StoreError> {
    FullName::parse(text).map_err(|_| StoreError::Unreadable {
        what: "repository name",
    })
}

fn names(rows: Vec<(String,)>) -> Result<Vec<FullName>, StoreError> {
    rows.iter().map(|(text,)| name(text)).collect()
}

/// One process at a time counts the active ones and adds to them. SQLite's transactions do that by themselves.
const ONE_AT_A_TIME: &str = "LOCK TABLE repositories IN SHARE ROW EXCLUSIVE MODE";

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

    /// Adds repositories; those that are known stay as they are, except that a wish to poll them activates them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(
        &self,
        new: &[NewRepository],
        most_active: usize,
        now: Timestamp,
    ) -> Result<Adding, StoreError> {
        let mut added = Vec::with_capacity(new.len());
        let failed = failed("add repositories");
        write!(self, "add repositories", transaction => {
            if let Pool::Postgres(_) = &self.pool {
                let lock = sqlx::query(ONE_AT_A_TIME).execute(&mut *transaction);
                lock.await.map_err(failed)?;
            }
            let already = sqlx::query_as::<_, (String,)>(ACTIVE_NAMES);
            let already = names(already.fetch_all(&mut *transaction).await.map_err(failed)?)?;
            let mut active = already.len();
            for one in new {
                let mut found = None;
                if let Some(number) = one.github_id {
                    let row = sqlx::query_as::<_, Row>(BY_GITHUB_ID).bind(number.cast_signed());
                    found = row.fetch_optional(&mut *transaction).await.map_err(failed)?;
                }
                if found.is_none() {
                    let row = sqlx::query_as::<_, Row>(BY_NAME).bind(one.full_name.key());
                    found = row.fetch_optional(&mut *transaction).await.map_err(failed)?
                        // A name that another repository has now is free for a new one.
                        .filter(|row| row.github_id.is_none() || one.github_id.is_none());
                }
                let (id, novelty, was_active) = match found {
                    Some(row) => (row.id, Novelty::Known, row.active),
                    None => {
                        let freed = sqlx::query("DELETE FROM former_names WHERE name_key = $1");
                        freed.bind(one.full_name.key()).execute(&mut *transaction).await.map_err(failed)?;
                        let insert = sqlx::query_as::<_, (i64,)>(
                            "INSERT INTO repositories (github_id, full_name, name_key, active, added_at) \
                             VALUES ($1, $2, $3, FALSE, $4) RETURNING id",
                        );
                        let (id,) = insert
                            .bind(one.github_id.map(u64::cast_signed))
                            .bind(one.full_name.as_str())
                            .bind(one.full_name.key())
                            .bind(now.seconds())
                            .fetch_one(&mut *transaction)
                            .await
                            .map_err(failed)?;
                        (id, Novelty::New, false)
                    }
                };
                if let Some(number) = one.github_id {
                    let learned = sqlx::query("UPDATE repositories SET github_id = $2 WHERE id = $1 AND github_id IS NULL");
                    learned.bind(id).bind(number.cast_signed()).execute(&mut *transaction).await.map_err(failed)?;
                }
                if one.standing == Standing::Active && !was_active {
                    active += 1;
                    if active > most_active {
                        return Ok(Adding::LimitReached(already));
                    }
                    let activate = sqlx::query(ACTIVATE).bind(id).bind(now.seconds());
                    activate.execute(&mut *transaction).await.map_err(failed)?;
                }
                let row = sqlx::query_as::<_, Row>(BY_ID).bind(id);
                let row = row.fetch_one(&mut *transaction).await.map_err(failed)?;
                added.push(Added { repository: row.try_into()?, novelty });
            }
        });
        Ok(Adding::Done(added))
    }

    /// Removes a repository with its events; whether it was there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove(&self, id: RepositoryId) -> Result<Novelty, StoreError> {
        let failed = failed("remove a repository");
        let removed = write!(self, "remove a repository", transaction => {
            let remove = sqlx::query("DELETE FROM repositories WHERE id = $1").bind(id.0);
            remove.execute(&mut *transaction).await.map_err(failed)?.rows_affected()
        });
        Ok(match removed {
            0 => Novelty::New,
            _ => Novelty::Known,
        })
    }

    /// Polls a repository from now on, unless too many are polled already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn activate(
        &self,
        id: RepositoryId,
        most_active: usize,
        now: Timestamp,
    ) -> Result<Activation, StoreError> {
        let failed = failed("activate a repository");
        write!(self, "activate a repository", transaction => {
            if let Pool::Postgres(_) = &self.pool {
                let lock = sqlx::query(ONE_AT_A_TIME).execute(&mut *transaction);
                lock.await.map_err(failed)?;
            }
            let standing = sqlx::query_as::<_, (bool,)>("SELECT active FROM repositories WHERE id = $1");
            let standing = standing.bind(id.0).fetch_optional(&mut *transaction).await;
            match standing.map_err(failed)? {
                None => return Ok(Activation::Unknown),
                Some((true,)) => return Ok(Activation::AlreadyActive),
                Some((false,)) => {}
            }
            let active = sqlx::query_as::<_, (String,)>(ACTIVE_NAMES);
            let active = active.fetch_all(&mut *transaction).await.map_err(failed)?;
            if active.len() >= most_active {
                return Ok(Activation::LimitReached(names(active)?));
            }
            let activate = sqlx::query(ACTIVATE).bind(id.0).bind(now.seconds());
            activate.execute(&mut *transaction).await.map_err(failed)?;
        });
        Ok(Activation::Activated)
    }

    /// Polls a repository no more; the reason, where GitHub gave one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deactivate(
        &self,
        id: RepositoryId,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let failed = failed("deactivate a repository");
        write!(self, "deactivate a repository", transaction => {
            let deactivate = sqlx::query(
                "UPDATE repositories SET active = FALSE, last_error = COALESCE($2, last_error) WHERE id = $1",
            );
            deactivate.bind(id.0).bind(reason).execute(&mut *transaction).await.map_err(failed)?;
        });
        Ok(())
    }

    /// Where events of a repository may be missing, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gaps(&self, id: RepositoryId) -> Result<Vec<Gap>, StoreError> {
        let failed = failed("list gaps");
        let rows = read!(self, pool => {
            let rows = sqlx::query_as::<_, (i64, i64, String, i64)>(
                "SELECT from_at, to_at, reason, missed_at_least FROM gaps WHERE repository = $1 ORDER BY to_at, from_at",
            );
            rows.bind(id.0).fetch_all(pool).await.map_err(failed)?
        });
        rows.into_iter()
            .map(|(from, to, reason, missed)| {
                let reason = GapReason::read(&reason);
                Ok(Gap {
                    from: Timestamp::from_seconds(from),
                    to: Timestamp::from_seconds(to),
                    reason: reason.ok_or(StoreError::Unreadable { what: "gap" })?,
                    events_missed_at_least: missed.cast_unsigned(),
                })
            })
            .collect()
    }
}

/// The time of the next poll stays: deactivating and activating again is no way to poll more often than GitHub allows.
const ACTIVATE: &str =
    "UPDATE repositories SET active = TRUE, activated_at = $2, last_error = NULL WHERE id = $1";
