//! The one thread that writes: takes what waits as one transaction, makes it durable in time, gets over failures.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use redb::Database;

use super::Reply;
use super::counters::Counters;
use super::engine::{
    self, Batch, Committed, Failure, Limits, Merged, PAGE_BYTES, Room, Slot, Sync,
};
use super::file::{Open, Start};
use crate::{Dictionaries, Persist, StoreKey, Written};

/// Writes taken into one transaction at most.
const MAX_BATCH: usize = 256;
/// How long a closed file is left alone before it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long readers of a file that is being closed are waited for.
const READERS_END_WITHIN: Duration = Duration::from_secs(2);

/// What the writing thread is asked for.
pub(super) enum Command<V> {
    Merge {
        key: StoreKey,
        value: V,
        reply: Reply<Written>,
    },
    Remove {
        key: StoreKey,
        reply: Reply<()>,
    },
    Flush {
        reply: Reply<()>,
    },
    /// A reader found a damaged value.
    Discard {
        key: StoreKey,
        stamp: u64,
    },
    /// A reader found the file damaged, the one of this generation.
    Replace {
        generation: u64,
    },
}

impl<V: Persist> Command<V> {
    /// Bytes of the file that it may write anew.
    fn most_bytes(&self) -> u64 {
        match self {
            Self::Merge { value, .. } => engine::footprint(value.weight_bytes()),
            _ => 0,
        }
        .max(PAGE_BYTES as u64)
    }
}

/// A write whose transaction is not committed yet.
enum Pending {
    Merge(Reply<Written>, Option<Merged>),
    Plain(Reply<()>),
}

pub(super) struct Worker<V: Persist> {
    slot: Arc<Slot>,
    counters: Arc<Counters>,
    queue: Receiver<Command<V>>,
    open: Open,
    limits: Limits,
    commit_interval: Duration,
    state: State,
}

/// What the thread does when nothing arrives.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Everything is on the disk.
    Durable,
    /// Some writes are not, since then.
    Waiting { since: Instant, bytes: u64 },
    /// There is more than fits: goes on dropping at once.
    Evicting,
    /// The file is closed after an error, and tried again then.
    Closed { retry_at: Instant },
}

impl<V: Persist> Worker<V> {
    pub(super) fn new(
        slot: Arc<Slot>,
        counters: Arc<Counters>,
        queue: Receiver<Command<V>>,
        open: Open,
        limits: Limits,
        commit_interval: Duration,
    ) -> Self {
        let mut worker = Self {
            slot,
            counters,
            queue,
            open,
            limits,
            commit_interval,
            state: State::Evicting,
        };
        worker.count_what_is_there();
        worker
    }

    pub(super) fn run(mut self) {
        loop {
            match self.next() {
                Ok(first) => {
                    let commands = self.batch(first);
                    self.apply(commands);
                }
                Err(RecvTimeoutError::Timeout) => self.apply(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if matches!(self.state, State::Waiting { .. } | State::Evicting) {
            self.apply(Vec::new());
        }
        self.close();
    }

    /// The next command, or `Timeout` when something is to be done without one.
    fn next(&self) -> Result<Command<V>, RecvTimeoutError> {
        let due = match self.state {
            State::Durable => return self.queue.recv().map_err(RecvTimeoutError::from),
            State::Waiting { since, .. } => since + self.commit_interval,
            State::Evicting => return self.queue.recv_timeout(Duration::ZERO),
            State::Closed { retry_at } => retry_at,
        };
        self.queue
            .recv_timeout(due.saturating_duration_since(now()))
    }

    /// What is taken into one transaction.
    fn batch(&self, first: Command<V>) -> Vec<Command<V>> {
        let mut bytes = first.most_bytes();
        let mut commands = vec![first];
        while commands.len() < MAX_BATCH && bytes < self.limits.max_batch_bytes() {
            let Ok(next) = self.queue.try_recv() else {
                break;
            };
            bytes += next.most_bytes();
            commands.push(next);
        }
        commands
    }

    /// One transaction with all of these; without any, it makes earlier ones durable.
    fn apply(&mut self, commands: Vec<Command<V>>) {
        // Of many readers who find the same damage the first one counts.
        let current = self.slot.generation();
        let asks_to_replace = |command: &Command<V>| matches!(command, Command::Replace { generation } if *generation == current);
        if commands.iter().any(asks_to_replace) {
            self.recover(Failure::Damaged("found by a reader".to_owned()));
        }
        let Some(database) = self.database() else {
            refuse(commands, &Arc::new(Failure::Closed));
            return;
        };
        let sync = self.sync(&commands);
        let mut pending = Vec::with_capacity(commands.len());
        let (limits, counters) = (self.limits, &*self.counters);
        let dictionaries = self.slot.dictionaries();
        let committed = engine::guarded(|| {
            engine::write(&database, sync, limits, |batch| {
                for command in commands {
                    write_one(batch, command, counters, dictionaries, &mut pending)?;
                }
                batch.evict(counters)
            })
        });
        drop(database);
        match committed {
            Ok(committed) => {
                self.committed(sync, &committed);
                for pending in pending {
                    pending.done();
                }
            }
            Err(failure) => {
                self.counters.failed_batches.increment();
                let cause = Arc::new(failure);
                for pending in pending {
                    pending.failed(&cause);
                }
                match Arc::into_inner(cause) {
                    Some(cause) => self.recover(cause),
                    // An answer has it now. Reopening finds out what is wrong.
                    None => self.recover(Failure::Closed),
                }
            }
        }
    }

    fn sync(&self, commands: &[Command<V>]) -> Sync {
        let asks_for_it = |command: &Command<V>| matches!(command, Command::Flush { .. });
        let is_due = match self.state {
            State::Waiting { since, bytes } => {
                commands.is_empty()
                    || bytes >= self.limits.max_waiting_bytes()
                    || now() >= since + self.commit_interval
            }
            State::Evicting => commands.is_empty(),
            State::Durable | State::Closed { .. } => false,
        };
        if is_due || commands.iter().any(asks_for_it) {
            Sync::Durable
        } else {
            Sync::Later
        }
    }

    fn committed(&mut self, sync: Sync, committed: &Committed<Room>) {
        self.counters.set_usage(committed.usage);
        let (since, before) = match self.state {
            State::Waiting { since, bytes } => (since, bytes),
            _ => (now(), 0),
        };
        self.state = match (sync, committed.outcome) {
            (_, Room::Wanting) => State::Evicting,
            (Sync::Durable, Room::Enough) => State::Durable,
            (Sync::Later, Room::Enough) => State::Waiting {
                since,
                bytes: before + committed.written_bytes,
            },
        };
        if sync == Sync::Durable {
            self.counters.commits.increment();
        }
    }

    /// The open file; tries to open it again when that is due.
    fn database(&mut self) -> Option<Arc<Database>> {
        if let State::Closed { retry_at } = self.state
            && now() >= retry_at
        {
            self.reopen(Start::Keep);
        }
        self.slot.database()
    }

    /// After a failure the engine wants to be opened anew; after damage it wants another file.
    fn recover(&mut self, failure: Failure) {
        self.close();
        let start = if failure.is_damage() {
            Start::Afresh
        } else {
            Start::Keep
        };
        drop(failure);
        self.reopen(start);
    }

    fn reopen(&mut self, start: Start) {
        match (self.open)(start) {
            Ok((database, opened)) => {
                self.counters.count_opened(&opened);
                self.counters.reopened.increment();
                self.slot.put(database);
                self.state = State::Evicting;
                self.count_what_is_there();
            }
            Err(_) => {
                self.state = State::Closed {
                    retry_at: now() + RETRY_AFTER,
                };
            }
        }
    }

    /// Closes the file once nobody reads it any more, so that it can be opened again.
    fn close(&self) {
        let Some(database) = self.slot.take() else {
            return;
        };
        let deadline = now() + READERS_END_WITHIN;
        while Arc::strong_count(&database) > 1 && now() < deadline {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        // Closing writes, which may fail as the writing before it did.
        let _ = engine::guarded(|| {
            drop(database);
            Ok(())
        });
    }

    fn count_what_is_there(&mut self) {
        let usage = self.slot.database().map(|database| {
            let usage = engine::guarded(|| engine::usage(&database));
            usage.unwrap_or_default()
        });
        self.counters.set_usage(usage.unwrap_or_default());
    }
}

fn write_one<V: Persist>(
    batch: &mut Batch<'_>,
    command: Command<V>,
    counters: &Counters,
    dictionaries: &Dictionaries,
    pending: &mut Vec<Pending>,
) -> Result<(), Failure> {
    match command {
        Command::Merge { key, value, reply } => {
            let merged = batch.merge(&key, value, dictionaries);
            pending.push(Pending::Merge(reply, merged.as_ref().ok().copied()));
            if merged? == Merged::Unchanged {
                // As good as a read: somebody still wants it.
                counters.mark_read(&key);
            }
            Ok(())
        }
        Command::Remove { key, reply } => {
            pending.push(Pending::Plain(reply));
            batch.remove(&key)
        }
        Command::Flush { reply } => {
            pending.push(Pending::Plain(reply));
            Ok(())
        }
        Command::Discard { key, stamp } => batch.discard(&key, stamp),
        Command::Replace { .. } => Ok(()),
    }
}

impl Pending {
    fn done(self) {
        match self {
            Self::Merge(reply, Some(Merged::Stored | Merged::Unchanged)) => {
                reply.done(Written::Stored);
            }
            Self::Merge(reply, Some(Merged::TooLarge)) => reply.done(Written::TooLarge),
            // Dropping the reply is an error for who waits.
            Self::Merge(_, Some(Merged::Refused) | None) => {}
            Self::Plain(reply) => reply.done(()),
        }
    }

    fn failed(self, cause: &Arc<Failure>) {
        match self {
            Self::Merge(reply, _) => reply.failed(cause),
            Self::Plain(reply) => reply.failed(cause),
        }
    }
}

fn refuse<V>(commands: Vec<Command<V>>, cause: &Arc<Failure>) {
    for command in commands {
        match command {
            Command::Merge { reply, .. } => reply.failed(cause),
            Command::Remove { reply, .. } | Command::Flush { reply } => reply.failed(cause),
            Command::Discard { .. } | Command::Replace { .. } => {}
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a plain thread that waits for its queue: tokio's clock does not run here"
)]
fn now() -> Instant {
    Instant::now()
}
