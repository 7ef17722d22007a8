//! The state of polls: it is changed before anything is done, so that a process may be killed at any point.

use std::collections::HashSet;

use super::announcement::announce;
use super::event::insert;
use super::lease::held;
use super::{RepositoryId, Store, StoreError, failed, write};
use crate::event::Event;
use crate::gap::Gap;
use crate::lease::Holder;
use crate::name::FullName;
use crate::policy::Policy;
use crate::poll::Silence;
use crate::store::LeaseClock;
use crate::{EventId, Timestamp};

/// A poll that is about to begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollRequest<'a> {
    /// Whom to poll.
    pub(crate) id: RepositoryId,
    /// When.
    pub(crate) now: Timestamp,
    /// When the next one is due.
    pub(crate) next_poll_at: Timestamp,
    /// Until when GitHub wants no other.
    pub(crate) allowed_at: Timestamp,
    /// What the next one's time was computed from.
    pub(crate) interval_seconds: f64,
    /// By which policy.
    pub(crate) policy: Policy,
    /// Where processes share the database: who must hold the repository's lease.
    pub(crate) holder: Option<(&'a Holder, LeaseClock)>,
}

/// A poll that has begun: the number that it has among those of its repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Started(pub(crate) i64);

/// Whether a poll may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It has.
    Yes(Started),
    /// It is not due, not active, or another process polls it.
    No,
}

/// What a poll brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct News<'a> {
    /// When it was answered.
    pub(crate) polled_at: Option<Timestamp>,
    /// Events, oldest first; those that are stored already stay as they are.
    pub(crate) events: &'a [Event],
    /// The tag that came with page 1; none leaves the stored one.
    pub(crate) etag: Option<&'a str>,
    /// How long nothing new has come.
    pub(crate) silence: Silence,
    /// Since when all events are known.
    pub(crate) covered_from: Option<Timestamp>,
    /// Where events may be missing.
    pub(crate) gap: Option<&'a Gap>,
    /// `X-Poll-Interval`; none leaves the last one.
    pub(crate) poll_interval_seconds: Option<u64>,
    /// When the whole feed was read; none leaves the last time.
    pub(crate) swept_at: Option<Timestamp>,
    /// GitHub's number of the repository.
    pub(crate) github_id: Option<u64>,
    /// Before this moment GitHub wants no poll; none leaves what was said before.
    pub(crate) allowed_at: Option<Timestamp>,
    /// When the next poll should be, by what is known now: it is brought forward, as far as GitHub allows.
    pub(crate) next_poll_at: Option<Timestamp>,
    /// What is wrong, though GitHub answered.
    pub(crate) trouble: Option<&'a str>,
}

/// Whether what a poll brought is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is; these events were not there before.
    New(HashSet<EventId>),
    /// A later poll has begun meanwhile, or the repository is gone: nothing is stored.
    Overtaken,
}

/// What became of the wish for a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requested {
    /// It is due at this moment.
    At(Timestamp),
    /// GitHub wants none before this moment, at which it is due now.
    NotBefore(Timestamp),
    /// The repository is not polled.
    Inactive,
}

impl Store {
    /// Begins a poll, if it is due: the time of the next one is stored first.
    ///
    /// However many processes ask, one of them gets it.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn begin_poll(&self, poll: &PollRequest<'_>) -> Result<Begun, StoreError> {
        let failed = failed("begin a poll");
        let (owner, clock) = poll.holder.map_or((None, None), |(holder, clock)| {
            (Some(holder.as_str()), clock.milliseconds())
        });
        let row = write!(self, "begin a poll", transaction => {
            let mut number = None;
            let held = match owner {
                None => true,
                Some(owner) => held!(self, transaction, failed, poll.id, owner, clock),
            };
            if held {
                let update = sqlx::query_as::<_, (i64,)>(
                    "UPDATE repositories SET next_poll_at = $3, allowed_at = $4, interval_seconds = $5, policy = $6, \
                     poll_number = poll_number + 1 \
                     WHERE id = $1 AND active AND (next_poll_at IS NULL OR next_poll_at <= $2) \
                     RETURNING poll_number",
                );
                number = update
                    .bind(poll.id.0)
                    .bind(poll.now.seconds())
                    .bind(poll.next_poll_at.seconds())
                    .bind(poll.allowed_at.seconds())
                    .bind(poll.interval_seconds)
                    .bind(poll.policy.as_str())
                    .fetch_optional(&mut *transaction)
                    .await
                    .map_err(failed)?;
            }
            number
        });
        Ok(row.map_or(Begun::No, |(number,)| Begun::Yes(Started(number))))
    }

    /// Stores all that a poll brought and announces what is new of it, or nothing.
    ///
    /// # Errors
    /// When the database fails; then nothing is stored.
    pub(crate) async fn finish_poll(
        &self,
        id: RepositoryId,
        started: Started,
        news: &News<'_>,
    ) -> Result<Kept, StoreError> {
        let failed = failed("store a poll");
        let seconds = |moment: Option<Timestamp>| moment.map(Timestamp::seconds);
        let gap = news.gap.map(|gap| serde_json::json!(gap).to_string());
        let inserted = write!(self, "store a poll", transaction => {
            let update = sqlx::query(
                "UPDATE repositories SET \
                 last_poll_at = COALESCE($3, last_poll_at), \
                 etag = COALESCE($4, etag), \
                 silent_since = $5, silence_doubted = $6, \
                 covered_from = CASE WHEN covered_from <= $7 THEN covered_from ELSE COALESCE($7, covered_from) END, \
                 poll_interval_seconds = COALESCE($8, poll_interval_seconds), \
                 swept_at = COALESCE($9, swept_at), \
                 github_id = COALESCE(github_id, $10), \
                 next_poll_at = CASE \
                 WHEN COALESCE($11, allowed_at) > next_poll_at THEN COALESCE($11, allowed_at) \
                 WHEN COALESCE($11, allowed_at) > $13 THEN COALESCE($11, allowed_at) \
                 WHEN $13 < next_poll_at THEN $13 ELSE next_poll_at END, \
                 allowed_at = COALESCE($11, allowed_at), \
                 last_error = $12 \
                 WHERE id = $1 AND poll_number = $2",
            );
            let updated = update
                .bind(id.0)
                .bind(started.0)
                .bind(seconds(news.polled_at))
                .bind(news.etag)
                .bind(seconds(news.silence.since))
                .bind(i64::from(news.silence.doubted))
                .bind(seconds(news.covered_from))
                .bind(news.poll_interval_seconds.map(u64::cast_signed))
                .bind(seconds(news.swept_at))
                .bind(news.github_id.map(u64::cast_signed))
                .bind(seconds(news.allowed_at))
                .bind(news.trouble)
                .bind(seconds(news.next_poll_at))
                .execute(&mut *transaction)
                .await
                .map_err(failed)?
                .rows_affected();
            if updated == 0 {
                return Ok(Kept::Overtaken);
            }
            if let Some(gap) = news.gap {
                let insert = sqlx::query(
                    "INSERT INTO gaps (repository, from_at, to_at, reason, missed_at_least) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                );
                insert
                    .bind(id.0)
                    .bind(gap.from.seconds())
                    .bind(gap.to.seconds())
                    .bind(gap.reason.as_str())
                    .bind(gap.events_missed_at_least.cast_signed())
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
            }
            let inserted = insert!(transaction, failed, id, news.events);
            let mut left = inserted.clone();
            let new = news.events.iter().map(|event| event.id);
            let new: Vec<EventId> = new.filter(|id| left.remove(id)).collect();
            announce!(transaction, failed, id, &new, gap);
            inserted
        });
        Ok(Kept::New(inserted))
    }

    /// Stores that a poll failed, and until when GitHub wants none, if it said so.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn fail_poll(
        &self,
        id: RepositoryId,
        trouble: &str,
        not_before: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let failed = failed("store a failed poll");
        write!(self, "store a failed poll", transaction => {
            let update = sqlx::query(
                "UPDATE repositories SET last_error = $2, \
                 next_poll_at = CASE WHEN next_poll_at < $3 THEN $3 ELSE next_poll_at END, \
                 allowed_at = CASE WHEN allowed_at < $3 THEN $3 ELSE allowed_at END \
                 WHERE id = $1",
            );
            let update = update.bind(id.0).bind(trouble).bind(not_before.map(Timestamp::seconds));
            update.execute(&mut *transaction).await.map_err(failed)?;
        });
        Ok(())
    }

    /// No active repository is polled before this moment: the token that all are polled with is limited.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn silence_all(
        &self,
        until: Timestamp,
        trouble: &str,
    ) -> Result<(), StoreError> {
        let failed = failed("store a rate limit");
        write!(self, "store a rate limit", transaction => {
            let update = sqlx::query(
                "UPDATE repositories SET last_error = $2, \
                 next_poll_at = CASE WHEN next_poll_at > $1 THEN next_poll_at ELSE $1 END, \
                 allowed_at = CASE WHEN allowed_at > $1 THEN allowed_at ELSE $1 END \
                 WHERE active",
            );
            let update = update.bind(until.seconds()).bind(trouble);
            update.execute(&mut *transaction).await.map_err(failed)?;
        });
        Ok(())
    }

    /// Gives a repository the name that GitHub has for it now; the old one still leads to it.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn rename(
        &self,
        id: RepositoryId,
        name: &FullName,
        github_id: u64,
    ) -> Result<(), StoreError> {
        let failed = failed("rename a repository");
        write!(self, "rename a repository", transaction => {
            let keep = sqlx::query(
                "INSERT INTO former_names (name_key, repository) SELECT name_key, id FROM repositories \
                 WHERE id = $1 AND name_key <> $2 ON CONFLICT (name_key) DO UPDATE SET repository = excluded.repository",
            );
            keep.bind(id.0).bind(name.key()).execute(&mut *transaction).await.map_err(failed)?;
            let free = sqlx::query("DELETE FROM former_names WHERE name_key = $1").bind(name.key());
            free.execute(&mut *transaction).await.map_err(failed)?;
            let update = sqlx::query(
                "UPDATE repositories SET full_name = $2, name_key = $3, github_id = COALESCE(github_id, $4) WHERE id = $1",
            );
            let update = update.bind(id.0).bind(name.as_str()).bind(name.key()).bind(github_id.cast_signed());
            update.execute(&mut *transaction).await.map_err(failed)?;
        });
        Ok(())
    }

    /// A repository loses its name to another: it is not polled any more, and is found by nobody who asks for that name.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn surrender_name(
        &self,
        id: RepositoryId,
        reason: &str,
    ) -> Result<(), StoreError> {
        let failed = failed("take a name away");
        write!(self, "take a name away", transaction => {
            let update = sqlx::query(
                "UPDATE repositories SET active = FALSE, last_error = $2, name_key = name_key || '#' || id WHERE id = $1",
            );
            update.bind(id.0).bind(reason).execute(&mut *transaction).await.map_err(failed)?;
        });
        Ok(())
    }

    /// Brings the next poll forward to the earliest moment that GitHub allows.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn request_poll(
        &self,
        id: RepositoryId,
        now: Timestamp,
    ) -> Result<Requested, StoreError> {
        let failed = failed("bring a poll forward");
        let row = write!(self, "bring a poll forward", transaction => {
            let update = sqlx::query_as::<_, (i64,)>(
                "UPDATE repositories SET next_poll_at = \
                 CASE WHEN allowed_at > $2 THEN allowed_at ELSE $2 END \
                 WHERE id = $1 AND active RETURNING next_poll_at",
            );
            let update = update.bind(id.0).bind(now.seconds());
            update.fetch_optional(&mut *transaction).await.map_err(failed)?
        });
        Ok(match row.map(|(at,)| Timestamp::from_seconds(at)) {
            None => Requested::Inactive,
            Some(at) if at > now => Requested::NotBefore(at),
            Some(at) => Requested::At(at),
        })
    }
}
