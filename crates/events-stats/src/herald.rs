//! Tells those who listen what the store announces, whichever process has stored it.
//!
//! While somebody listens, the store is followed: at once after a poll of this process, and every second for what others
//! have stored. Messages have the numbers that the store gave them, so that a client may come back to any process, also
//! to one that has been started since, and goes on where it was.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use service_runtime::Clock;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::sync::{Mutex, Notify};

use crate::Timestamp;
use crate::store::{Announcement, RepositoryId, Store, StoreError, Stretch, Tidings};
use crate::windows::Windows;
use message::number_of;

pub(crate) use message::{Message, Topic};

mod message;

/// What other processes have stored is told after this time at the latest.
const FOLLOWED_EVERY: Duration = Duration::from_secs(1);

/// A database that failed is asked again after this time.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Announcements that are read at once.
const PAGE: u32 = 100;

/// What messages are made from.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) windows: Windows,
    pub(crate) clock: Arc<dyn Clock>,
    /// Who comes back gets so many messages at most; who falls behind by more is dropped.
    pub(crate) replay_messages: usize,
}

/// Follows the store for all who listen.
pub(crate) struct Herald {
    parts: Parts,
    epoch: String,
    /// The number of the last message. Locked while messages are sent and while somebody begins to listen, so that
    /// nothing comes between.
    told: Mutex<u64>,
    sender: Sender<Message>,
    bell: Notify,
}

/// One who listens: first what was missed, then what comes.
#[derive(Debug)]
pub(crate) struct Listener {
    herald: Arc<Herald>,
    /// Missed are the messages after this one, ...
    after: u64,
    /// ... up to this one.
    to: u64,
    read: VecDeque<Message>,
    coming: Receiver<Message>,
}

impl Herald {
    pub(crate) async fn new(parts: Parts) -> Result<Self, StoreError> {
        let announced = parts.store.announced().await?;
        let (sender, _) = broadcast::channel(parts.replay_messages.max(1));
        Ok(Self {
            parts,
            epoch: announced.epoch,
            told: Mutex::new(announced.newest),
            sender,
            bell: Notify::new(),
        })
    }

    /// Something has been announced.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Follows the store for ever.
    pub(crate) async fn run(&self) {
        let mut wait = FOLLOWED_EVERY;
        loop {
            tokio::select! {
                () = self.bell.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            wait = match self.follow().await {
                Ok(()) => FOLLOWED_EVERY,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the stream waits for the database"
                    );
                    AFTER_FAILURE
                }
            };
        }
    }

    /// Tells what is new. Nobody who listens: nothing is read.
    async fn follow(&self) -> Result<(), StoreError> {
        if self.sender.receiver_count() == 0 {
            return Ok(());
        }
        let mut told = self.told.lock().await;
        self.send(&mut told).await
    }

    async fn send(&self, told: &mut u64) -> Result<(), StoreError> {
        loop {
            let stretch = Stretch {
                after: *told,
                to: None,
                most: PAGE,
            };
            let messages = self.messages(stretch).await?;
            let Some(last) = messages.last else {
                return Ok(());
            };
            for message in messages.made {
                // All may have gone meanwhile.
                let _ = self.sender.send(message);
            }
            *told = last;
        }
    }

    /// Begins to listen, after the message with this id if there was one.
    ///
    /// An id that is not known, of another database or too old, gets all that may be had: rather twice than never.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        last_id: Option<&str>,
    ) -> Result<Listener, StoreError> {
        let mut told = self.told.lock().await;
        match self.sender.receiver_count() {
            // What happened while nobody listened is only for those who come back.
            0 => *told = self.parts.store.announced().await?.newest,
            _ => self.send(&mut told).await?,
        }
        let replay = u64::try_from(self.parts.replay_messages).unwrap_or(u64::MAX);
        let oldest = told.saturating_sub(replay);
        let after = match last_id {
            None => *told,
            Some(id) => number_of(id, &self.epoch)
                .filter(|number| *number <= *told)
                .map_or(oldest, |number| number.max(oldest)),
        };
        Ok(Listener {
            herald: Arc::clone(self),
            after,
            to: *told,
            read: VecDeque::new(),
            coming: self.sender.subscribe(),
        })
    }

    /// Some announcements as messages.
    async fn messages(&self, stretch: Stretch) -> Result<Messages, StoreError> {
        let announcements = self.parts.store.announcements(stretch).await?;
        let mut messages = Messages {
            last: announcements.last().map(|one| one.number),
            made: Vec::with_capacity(announcements.len()),
        };
        for announcement in announcements {
            messages.made.extend(self.message(announcement).await?);
        }
        Ok(messages)
    }

    /// None where the repository is gone.
    async fn message(&self, announcement: Announcement) -> Result<Option<Message>, StoreError> {
        let (topic, json) = match announcement.tidings {
            Tidings::Event(raw) => (Topic::Event, raw),
            Tidings::Gap(gap) => {
                let mut object = serde_json::json!(gap);
                object["repository"] = serde_json::json!(announcement.full_name);
                (Topic::Gap, object.to_string())
            }
            Tidings::Statistics => match self.statistics(announcement.repository).await? {
                Some(json) => (Topic::Stats, json),
                None => return Ok(None),
            },
        };
        let number = announcement.number;
        Ok(Some(Message::new(&self.epoch, number, topic, &json)))
    }

    /// The statistics as they are now: those that were announced may have changed since.
    async fn statistics(&self, id: RepositoryId) -> Result<Option<String>, StoreError> {
        let Parts { store, windows, .. } = &self.parts;
        let Some(repository) = store.repository_by_id(id).await? else {
            return Ok(None);
        };
        let now = Timestamp::of(self.parts.clock.now());
        let windowed = windows
            .windowed(store, &repository, windows.extent(), now)
            .await?;
        Ok(serde_json::to_string(&windowed.object(&[], now)).ok())
    }
}

/// Messages, and the number of the last announcement that was read for them.
struct Messages {
    last: Option<u64>,
    made: Vec<Message>,
}

impl fmt::Debug for Herald {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Herald")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// The next message; none for one who fell too far behind, and when the database fails: who comes back goes on.
    ///
    /// # Cancel safety
    /// No message is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.read.pop_front() {
                return Some(message);
            }
            if self.after >= self.to {
                // It fails for those who have fallen too far behind.
                return self.coming.recv().await.ok();
            }
            let stretch = Stretch {
                after: self.after,
                to: Some(self.to),
                most: PAGE,
            };
            let messages = self.herald.messages(stretch).await;
            let messages = messages
                .inspect_err(|error| tracing::warn!(%error, "a stream ends"))
                .ok()?;
            self.after = messages.last.unwrap_or(self.to);
            self.read.extend(messages.made);
        }
    }
}

#[cfg(test)]
mod tests;
