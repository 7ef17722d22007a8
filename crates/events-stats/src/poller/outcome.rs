//! What becomes of one poll: stored, then told.

use std::time::Duration;

use github_headers::EntityTag;

use super::attempt::{Attempt, Reading};
use super::{Division, Poller};
use crate::Timestamp;
use crate::herald::Topic;
use crate::name::FullName;
use crate::poll::{Depth, FeedEnd, Knowledge, Question, Running, Verdict, question};
use crate::schedule::{Schedule, USUAL_SECONDS};
use crate::source::{Cause, Failed, Hints};
use crate::store::{Begun, Kept, News, PollRequest, Repository, RepositoryId, Started, StoreError};
use crate::windows::Brought;

/// At most so often, a changed feed is read to its end, for events that came late.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PollOutcome {
    /// 304.
    Same,
    /// 200 with new events.
    News,
    /// 200 without any.
    NoNews,
    /// The repository is gone, and is not polled any more.
    Gone,
    /// GitHub gave nothing that can be used.
    Failed(Cause),
    /// Another process has begun a later poll.
    Overtaken,
}

impl PollOutcome {
    /// The word in logs and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::News => "news",
            Self::NoNews => "no-news",
            Self::Gone => "gone",
            Self::Failed(cause) => cause.as_str(),
            Self::Overtaken => "overtaken",
        }
    }
}

/// A poll that has begun.
struct Poll<'a> {
    repository: &'a Repository,
    started: Started,
    /// When it began.
    at: Timestamp,
    knowledge: Knowledge,
    schedule: &'a Schedule<RepositoryId>,
}

impl Poll<'_> {
    /// Seconds that GitHub wants between polls: what it says now, or else what it said last.
    fn floor_seconds(&self, hints: Hints) -> u64 {
        let last = self.repository.poll_interval_seconds;
        let interval = hints
            .poll_interval_seconds
            .or(last)
            .unwrap_or(USUAL_SECONDS);
        interval.max(hints.max_age_seconds.unwrap_or(0))
    }
}

impl Poller {
    pub(super) async fn poll(
        &self,
        repository: &Repository,
        schedule: &Schedule<RepositoryId>,
    ) -> Result<(), StoreError> {
        let at = self.now();
        let plan = schedule.plan(repository.id, at);
        let holder = match &self.division {
            Division::Alone { .. } => None,
            Division::Shared { holder } => Some((holder, self.lease_clock())),
        };
        let request = PollRequest {
            id: repository.id,
            now: at,
            next_poll_at: plan.next_poll_at,
            allowed_at: plan.allowed_at,
            interval_seconds: plan.interval_seconds,
            policy: schedule.policy(),
            holder,
        };
        let Begun::Yes(started) = self.parts.store.begin_poll(&request).await? else {
            return Ok(());
        };
        let poll = Poll {
            repository,
            started,
            at,
            knowledge: self.knowledge(repository, at),
            schedule,
        };
        let outcome = self.ask_and_keep(&poll).await?;
        self.instruments.polled(outcome);
        tracing::debug!(repository = %repository.full_name, outcome = outcome.as_str(), "polled");
        Ok(())
    }

    fn knowledge(&self, repository: &Repository, now: Timestamp) -> Knowledge {
        let rate = self.parts.windows.rate(repository.id);
        let running = match self.state.lock().polled.contains(&repository.id) {
            true => Running::Polled,
            false => Running::FirstPoll,
        };
        Knowledge {
            newest: repository
                .newest_event_at
                .filter(|_| repository.covered_from.is_some()),
            polled_at: repository.last_poll_at,
            running,
            silence: repository.silence,
            question: question(repository.etag.as_deref(), repository.silence, rate, now),
        }
    }

    async fn ask_and_keep(&self, poll: &Poll<'_>) -> Result<PollOutcome, StoreError> {
        let repository = poll.repository;
        let tag = repository
            .etag
            .as_deref()
            .filter(|_| poll.knowledge.question == Question::Conditional)
            .and_then(|tag| EntityTag::parse(tag).ok());
        let swept_lately = |swept: Timestamp| poll.at < swept.after(SWEEP_EVERY);
        let depth = match repository.swept_at.is_some_and(swept_lately) {
            true => Depth::Overlap,
            false => Depth::Everything,
        };
        match self.attempt(repository, tag.as_ref(), depth).await? {
            Attempt::Same(hints) => self.keep_same(poll, hints).await,
            Attempt::Read(reading) => self.keep_reading(poll, reading).await,
            Attempt::Gone(reason) => {
                tracing::warn!(repository = %repository.full_name, reason = reason.as_str(), "not polled any more");
                let store = &self.parts.store;
                store
                    .deactivate(repository.id, Some(reason.as_str()))
                    .await?;
                Ok(PollOutcome::Gone)
            }
            Attempt::Duplicate(other) => self.give_up_duplicate(poll, &other).await,
            Attempt::Failed(failed) => self.keep_failure(poll, failed).await,
        }
    }

    /// Two names of one repository: the events are the other one's.
    async fn give_up_duplicate(
        &self,
        poll: &Poll<'_>,
        other: &FullName,
    ) -> Result<PollOutcome, StoreError> {
        let repository = poll.repository;
        let reason = format!("this is {other}, which is watched already");
        tracing::warn!(repository = %repository.full_name, %other, "not polled any more: watched already");
        self.parts
            .store
            .deactivate(repository.id, Some(&reason))
            .await?;
        Ok(PollOutcome::Gone)
    }

    async fn keep_failure(
        &self,
        poll: &Poll<'_>,
        failed: Failed,
    ) -> Result<PollOutcome, StoreError> {
        let repository = poll.repository;
        let store = &self.parts.store;
        tracing::warn!(repository = %repository.full_name, cause = failed.cause.as_str(), "a poll failed");
        match failed.cause {
            Cause::RateLimited => {
                let now = self.now();
                let until = failed.retry_at.map_or(
                    now.after(Duration::from_secs(USUAL_SECONDS)),
                    // Not in the very second: the moment is that of GitHub's clock.
                    |at| Timestamp::of(at).after(Duration::from_secs(1)),
                );
                let trouble = format!("{} until {until}", failed.cause);
                store.silence_all(until.max(now), &trouble).await?;
            }
            cause => {
                let trouble = cause.to_string();
                store.fail_poll(repository.id, &trouble, None).await?;
            }
        }
        Ok(PollOutcome::Failed(failed.cause))
    }

    async fn keep_same(&self, poll: &Poll<'_>, hints: Hints) -> Result<PollOutcome, StoreError> {
        let now = self.now();
        let Verdict {
            silence, trouble, ..
        } = poll.knowledge.same(now);
        let floor = poll.floor_seconds(hints);
        let rate = self.parts.windows.rate(poll.repository.id);
        let plan = poll
            .schedule
            .revised(poll.repository.id, rate, floor, poll.at);
        let trouble = trouble.map(|trouble| trouble.to_string());
        let news = News {
            polled_at: Some(now),
            silence,
            poll_interval_seconds: Some(floor),
            allowed_at: Some(plan.allowed_at),
            next_poll_at: Some(plan.next_poll_at),
            trouble: trouble.as_deref(),
            ..News::default()
        };
        let kept = self
            .parts
            .store
            .finish_poll(poll.repository.id, poll.started, &news)
            .await?;
        Ok(match kept {
            Kept::Overtaken => PollOutcome::Overtaken,
            Kept::New(_) => {
                self.state.lock().polled.insert(poll.repository.id);
                PollOutcome::Same
            }
        })
    }

    async fn keep_reading(
        &self,
        poll: &Poll<'_>,
        reading: Reading,
    ) -> Result<PollOutcome, StoreError> {
        let repository = poll.repository;
        let (store, windows) = (&self.parts.store, &self.parts.windows);
        let now = self.now();
        if repository.github_id.is_none()
            && let Some(number) = reading.number
            && let Some(other) = store.repository_by_number(number).await?
        {
            return self.give_up_duplicate(poll, &other.full_name).await;
        }
        let found = &reading.found;
        let verdict = poll.knowledge.found(found, now);
        let covered_from = found.covers_from(now);
        let read_whole = reading.depth == Depth::Everything || found.end == FeedEnd::Reached;
        let floor = poll.floor_seconds(reading.hints);
        let rate = windows.rate_with(repository.id, &found.new);
        let plan = poll.schedule.revised(repository.id, rate, floor, poll.at);
        let tag = reading.tag.map(|tag| tag.to_header_value());
        let trouble = verdict.trouble.map(|trouble| trouble.to_string());
        let news = News {
            polled_at: Some(now),
            events: &found.new,
            etag: tag.as_ref().and_then(|tag| tag.to_str().ok()),
            silence: verdict.silence,
            covered_from,
            gap: verdict.gap.as_ref(),
            poll_interval_seconds: Some(floor),
            swept_at: read_whole.then_some(poll.at),
            github_id: reading.number,
            allowed_at: Some(plan.allowed_at),
            next_poll_at: Some(plan.next_poll_at),
            trouble: trouble.as_deref(),
        };
        let new = match store
            .finish_poll(repository.id, poll.started, &news)
            .await?
        {
            Kept::Overtaken => return Ok(PollOutcome::Overtaken),
            Kept::New(new) => new,
        };
        self.state.lock().polled.insert(repository.id);
        let brought = Brought {
            events: found
                .new
                .iter()
                .filter(|event| new.contains(&event.id))
                .collect(),
            gap: verdict.gap.as_ref(),
            covered_from,
        };
        windows.take(repository.id, &brought, now);
        self.tell(repository, &brought);
        Ok(match brought.events.is_empty() {
            true => PollOutcome::NoNews,
            false => PollOutcome::News,
        })
    }

    /// Everything is stored: now others may know.
    fn tell(&self, repository: &Repository, brought: &Brought<'_>) {
        let tell = &self.parts.tell;
        for _ in &brought.events {
            self.instruments.event();
            tell(Topic::Event);
        }
        if let Some(gap) = brought.gap {
            self.instruments.gap(gap.reason);
            tracing::warn!(
                repository = %repository.full_name, reason = gap.reason.as_str(), from = %gap.from, to = %gap.to,
                "events may be missing"
            );
            tell(Topic::Gap);
        }
        if !brought.events.is_empty() || brought.gap.is_some() {
            tell(Topic::Stats);
        }
    }
}
