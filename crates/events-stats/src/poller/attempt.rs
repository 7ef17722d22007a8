//! One poll's questions: page after page, under the name that the repository has by now.

use github_headers::EntityTag;

use super::Poller;
use crate::name::FullName;
use crate::poll::{CatchUp, Depth, Found, More, Progress};
use crate::source::{self, Answer, Failed, Feed, GoneReason, Hints};
use crate::store::{Repository, StoreError};

/// What one poll came to.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Nothing has changed.
    Same(Hints),
    /// This is there now.
    Read(Reading),
    /// The repository is not there any more.
    Gone(GoneReason),
    /// It is another one that is watched, under another name.
    Duplicate(FullName),
    /// No answer that can be used.
    Failed(Failed),
}

/// All pages of one poll.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) found: Found,
    /// Of page 1.
    pub(super) tag: Option<EntityTag>,
    pub(super) hints: Hints,
    pub(super) depth: Depth,
    /// The repository that the events name, where they name one.
    pub(super) number: Option<u64>,
}

/// Whose feed an answer was.
enum Heard {
    Attempt(Attempt),
    /// Under this name somebody else is found; the repository has this number.
    Elsewhere(u64),
}

impl Poller {
    /// Asks under the repository's name, and once more under its new one.
    pub(super) async fn attempt(
        &self,
        repository: &Repository,
        tag: Option<&EntityTag>,
        depth: Depth,
    ) -> Result<Attempt, StoreError> {
        let named = Feed::Named(repository.full_name.clone());
        let number = match self.read(&named, repository.github_id, tag, depth).await? {
            Heard::Attempt(attempt) => return Ok(attempt),
            Heard::Elsewhere(number) => number,
        };
        match self.renamed(repository, number).await? {
            Ok(()) => {}
            Err(instead) => return Ok(instead),
        }
        let numbered = Feed::Numbered(number);
        match self.read(&numbered, Some(number), tag, depth).await? {
            Heard::Attempt(attempt) => Ok(attempt),
            // By its number, a repository is nobody else.
            Heard::Elsewhere(_) => Ok(Attempt::Gone(GoneReason::NotFound)),
        }
    }

    /// Learns a repository's new name.
    async fn renamed(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Result<(), Attempt>, StoreError> {
        let store = &self.parts.store;
        if let Some(other) = store.repository_by_number(number).await?
            && other.id != repository.id
        {
            return Ok(Err(Attempt::Duplicate(other.full_name)));
        }
        match self.parts.source.repository(&Feed::Numbered(number)).await {
            Err(failed) => Ok(Err(Attempt::Failed(failed))),
            Ok(source::Found::Gone(reason)) => Ok(Err(Attempt::Gone(reason))),
            Ok(source::Found::Moved { .. }) => Ok(Err(Attempt::Gone(GoneReason::NotFound))),
            Ok(source::Found::Named { full_name, number }) => {
                if let Some(other) = store.repository(&full_name).await?
                    && other.id != repository.id
                    && other.full_name.key() == full_name.key()
                {
                    // Whoever had that name has lost it.
                    let reason = format!("{full_name} is another repository now");
                    store.surrender_name(other.id, &reason).await?;
                }
                tracing::info!(from = %repository.full_name, to = %full_name, "a repository was renamed");
                store.rename(repository.id, &full_name, number).await?;
                Ok(Ok(()))
            }
        }
    }

    async fn read(
        &self,
        feed: &Feed,
        expected: Option<u64>,
        tag: Option<&EntityTag>,
        depth: Depth,
    ) -> Result<Heard, StoreError> {
        let source = &self.parts.source;
        let mut reading = CatchUp::new(depth);
        let mut first: Option<(Option<EntityTag>, Hints)> = None;
        let mut number = None;
        let found = loop {
            let page = reading.wanted();
            // Only page 1 has a tag that is kept: when it is what it was, so are the others.
            let asked = tag.filter(|_| page == 1);
            let fetched = match source.page(feed, page, asked).await {
                Err(failed) => return Ok(Heard::Attempt(Attempt::Failed(failed))),
                Ok(Answer::Same(hints)) => return Ok(Heard::Attempt(Attempt::Same(hints))),
                Ok(Answer::Gone(reason)) => return Ok(Heard::Attempt(Attempt::Gone(reason))),
                Ok(Answer::Moved { number }) => return Ok(Heard::Elsewhere(number)),
                Ok(Answer::PastEnd) => break reading.at_end(),
                Ok(Answer::Page(fetched)) => fetched,
            };
            number = number.or(fetched.events.first().map(|event| event.repository_id));
            if let (Some(expected), Some(found)) = (expected, number)
                && expected != found
            {
                return Ok(Heard::Elsewhere(expected));
            }
            first.get_or_insert((fetched.tag, fetched.hints));
            let known = self.parts.store.known(&fetched.events).await?;
            let more = match page {
                // A feed has no more than three pages of a hundred: the next one would be a 422.
                3.. => More::Last,
                _ => fetched.more,
            };
            match reading.page(fetched.events, &known, more) {
                Progress::Wants(next) => reading = next,
                Progress::Done(found) => break found,
            }
        };
        let (tag, hints) = first.unwrap_or_default();
        Ok(Heard::Attempt(Attempt::Read(Reading {
            found,
            tag,
            hints,
            depth,
            number,
        })))
    }
}
