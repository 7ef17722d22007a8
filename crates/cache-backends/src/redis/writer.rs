//! The workers behind the queue: carry one change into Redis, without losing what others have written.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use fred::error::Error;
use fred::interfaces::{KeysInterface, LuaInterface};
use fred::types::Value;
use sha1::{Digest, Sha1};
use tokio::time::Instant;

use super::change::Change;
use super::connection::{Commands, pause_before_attempt};
use super::entry::{self, Found};
use super::failure::Failure;
use super::queue::Job;
use super::{Shared, random};
use crate::beside::beside_large;
use crate::{Persist, StoreKey};

/// Stores `ARGV[2]` for `ARGV[3]` milliseconds if the entry still begins with the revision `ARGV[1]` (empty: if there
/// is none), and says 1; else says what is there. One key, so that a cluster can run it.
const STORE_IF_UNCHANGED: &str = "\
local revision = redis.call('GETRANGE', KEYS[1], 0, 7)
if revision ~= ARGV[1] then return redis.call('GET', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

static STORE_IF_UNCHANGED_HASH: LazyLock<String> =
    LazyLock::new(|| hex::encode(Sha1::digest(STORE_IF_UNCHANGED)));

/// Lost races after which a change goes back into the queue.
const MOST_CONFLICTS: u32 = 16;
/// Lost races after which a writer pauses before it tries again.
const PATIENT_CONFLICTS: u32 = 2;

/// Carries out changes for as long as the store lives.
pub(super) async fn work<V: Persist>(shared: Arc<Shared<V>>) {
    loop {
        let job = shared.queue.next().await;
        let outcome = shared.carry_out(&job.key, &job.change).await;
        let waited = job.since.elapsed();
        match next_step(outcome, waited, shared.options.write_patience) {
            Step::Done => shared.done(&job, waited),
            Step::GiveUp => {
                shared.counters.writes_dropped.add_one();
                shared.queue.landed(&job.key);
            }
            Step::TryLater => {
                shared.counters.write_retries.add_one();
                let pause = pause_before_attempt(job.failures);
                shared.queue.failed(job);
                // This worker's pause is what keeps the queue from spinning while Redis is away.
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Written,
    Failed(Failure),
    /// Others wrote the key again and again.
    Contended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Done,
    TryLater,
    GiveUp,
}

fn next_step(outcome: Outcome, waited: Duration, patience: Duration) -> Step {
    match outcome {
        Outcome::Written => Step::Done,
        Outcome::Failed(Failure::Refused | Failure::NotAnEntry) => Step::GiveUp,
        _ if waited >= patience => Step::GiveUp,
        Outcome::Failed(Failure::Away | Failure::Timeout) | Outcome::Contended => Step::TryLater,
    }
}

/// What the script found.
enum Swap {
    Stored,
    Other(Option<Bytes>),
}

impl<V: Persist> Shared<V> {
    fn done(&self, job: &Job<V>, waited: Duration) {
        self.counters.writes_done.add_one();
        self.counters.write_latency.record(waited);
        self.keeper.written(&job.key, Instant::now());
        if let Some(reader) = &self.reader {
            // Before the change leaves the queue, so that no reader falls between.
            reader.recent.lock().note(job.key, Instant::now());
        }
        self.queue.landed(&job.key);
    }

    async fn carry_out(&self, key: &StoreKey, change: &Change<V>) -> Outcome {
        if !self.primary.is_up() {
            return Outcome::Failed(Failure::Away);
        }
        let name = self.naming.name(key);
        let done = match change {
            Change::Remove => self.unlink(&name).await,
            Change::Merge(value) => self.join(&name, value).await,
            Change::Replace(value) => match self.unlink(&name).await {
                Ok(Outcome::Written) => self.join(&name, value).await,
                other => other,
            },
        };
        done.unwrap_or_else(|error| {
            let failure = Failure::of(&error);
            match failure {
                Failure::Timeout => self.counters.write_timeouts.add_one(),
                _ => self.counters.write_errors.add_one(),
            }
            self.counters.note_error(&error);
            Outcome::Failed(failure)
        })
    }

    async fn unlink(&self, name: &str) -> Result<Outcome, Error> {
        self.ask(name, |commands| async move {
            commands.unlink::<u64, _>(name).await
        })
        .await?;
        Ok(Outcome::Written)
    }

    async fn join(&self, name: &str, value: &V) -> Result<Outcome, Error> {
        let mut stored: Option<Bytes> = self
            .ask(name, |commands| async move { commands.get(name).await })
            .await?;
        for conflicts in 0..MOST_CONFLICTS {
            let Some((revision, joined)) = self.joined(stored, value.clone()).await else {
                self.counters.writes_too_large.add_one();
                return self.unlink(name).await;
            };
            match self.swap(name, revision, joined).await? {
                Swap::Stored => return Ok(Outcome::Written),
                Swap::Other(other) => stored = other,
            }
            self.counters.write_conflicts.add_one();
            if conflicts >= PATIENT_CONFLICTS {
                let longest = Duration::from_millis(1 << conflicts.min(6));
                tokio::time::sleep(longest.mul_f64(random::part())).await;
            }
        }
        Ok(Outcome::Contended)
    }

    /// The revision that was read, and the bytes to put in its place; `None` = too many bytes.
    async fn joined(&self, stored: Option<Bytes>, value: V) -> Option<(Bytes, Bytes)> {
        let most = self.options.max_entry_bytes;
        let bytes = stored.as_ref().map_or(0, Bytes::len) + value.weight_bytes();
        let dictionaries = self.options.dictionaries.clone();
        beside_large(bytes, move || {
            let found = stored
                .as_ref()
                .map(|stored| entry::read(stored, &dictionaries));
            let (revision, value) = match found {
                Some(Found {
                    revision,
                    value: Some(stored),
                }) => (revision, V::merge(&stored, value)),
                // What cannot be read is written over, if it is still the same.
                Some(Found { revision, .. }) => (revision, value),
                None => (Bytes::new(), value),
            };
            if value.weight_bytes() > most {
                return None;
            }
            let bytes = entry::written(&value, random::word().to_le_bytes(), &dictionaries);
            (bytes.len() <= most).then_some((revision, bytes))
        })
        .await?
    }

    async fn swap(&self, name: &str, revision: Bytes, joined: Bytes) -> Result<Swap, Error> {
        let lives = self.lifetime_milliseconds();
        let arguments = vec![
            Value::Bytes(revision),
            Value::Bytes(joined),
            Value::Integer(lives),
        ];
        let answer = self
            .ask(name, |commands| async move {
                let hash = STORE_IF_UNCHANGED_HASH.as_str();
                match commands.evalsha(hash, name, arguments.clone()).await {
                    // A server that has been restarted, or another node, has not seen the script.
                    Err(error) if error.details().starts_with("NOSCRIPT") => {
                        commands.eval(STORE_IF_UNCHANGED, name, arguments).await
                    }
                    answer => answer,
                }
            })
            .await?;
        Ok(match answer {
            Value::Integer(_) => Swap::Stored,
            Value::Null => Swap::Other(None),
            other => Swap::Other(other.into_bytes()),
        })
    }

    async fn ask<T, F: Future<Output = Result<T, Error>>>(
        &self,
        name: &str,
        command: impl FnOnce(Commands) -> F,
    ) -> Result<T, Error> {
        self.primary
            .ask(name, self.options.write_timeout, command)
            .await
    }

    /// How long an entry is to live from now on.
    pub(super) fn lifetime_milliseconds(&self) -> i64 {
        i64::try_from(self.lifetime().as_millis()).unwrap_or(i64::MAX)
    }

    fn lifetime(&self) -> Duration {
        let shorter = self.options.ttl_jitter * random::part();
        self.options
            .ttl
            .mul_f64(1.0 - shorter)
            .max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_an_outcome() {
        #[track_caller]
        fn check(outcome: Outcome, early: Step, late: Step) {
            let patience = Duration::from_secs(10);
            let step = |seconds| next_step(outcome, Duration::from_secs(seconds), patience);
            assert_eq!((step(9), step(10)), (early, late), "{outcome:?}");
        }
        check(Outcome::Written, Step::Done, Step::Done);
        check(Outcome::Contended, Step::TryLater, Step::GiveUp);
        let failed = Outcome::Failed;
        check(failed(Failure::Away), Step::TryLater, Step::GiveUp);
        check(failed(Failure::Timeout), Step::TryLater, Step::GiveUp);
        check(failed(Failure::Refused), Step::GiveUp, Step::GiveUp);
        check(failed(Failure::NotAnEntry), Step::GiveUp, Step::GiveUp);
    }

    #[test]
    fn the_hash_is_the_servers() {
        assert_eq!(STORE_IF_UNCHANGED_HASH.len(), 40);
    }
}
