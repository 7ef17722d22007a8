//! Which repositories are watched, and which of them are polled: no more than may be.

use super::repository::{BY_GITHUB_ID, BY_ID, BY_NAME, Row, name};
use super::{Repository, RepositoryId, Standing, Store, StoreError, failed, write};
use crate::Timestamp;
use crate::name::FullName;
use crate::store::Pool;

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

const ACTIVE_NAMES: &str = "SELECT full_name FROM repositories WHERE active ORDER BY id";

/// The time of the next poll stays: deactivating and activating again is no way to poll more often than GitHub allows.
const ACTIVATE: &str =
    "UPDATE repositories SET active = TRUE, activated_at = $2, last_error = NULL WHERE id = $1";

/// One process at a time counts the active ones and adds to them. SQLite's transactions do that by themselves.
const ONE_AT_A_TIME: &str = "LOCK TABLE repositories IN SHARE ROW EXCLUSIVE MODE";

impl Store {
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
}

fn names(rows: Vec<(String,)>) -> Result<Vec<FullName>, StoreError> {
    rows.iter().map(|(text,)| name(text)).collect()
}
