//! Entries that are read and never written live on: their expiry is put off when less than half of it is left.
//!
//! Nobody waits for that. A key in use is noted at most once per [`Keeper::interval`], a few tasks look at what is
//! noted, and what finds no room is noted the next time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fred::error::Error;
use fred::interfaces::KeysInterface;
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use super::Shared;
use crate::{Persist, StoreKey};

/// Tasks that look at expiries; each has one command on its way.
pub(super) const KEEPERS: usize = 4;

/// Keys that may wait to be looked at.
const MOST_WAITING: usize = 1024;

/// Keys that are remembered as looked at: half a megabyte. Two keys that share a slot are looked at more often than
/// need be, which costs a command.
const SLOTS: usize = 1 << 16;

/// Looks per life of an entry: one of them falls into the half in which the expiry is put off, as long as the entry is
/// read a few times in its life.
const LOOKS: u32 = 8;

pub(super) struct Keeper {
    slots: Box<[AtomicU64]>,
    begun: Instant,
    interval: Duration,
    keys: mpsc::Sender<StoreKey>,
    waiting: Mutex<mpsc::Receiver<StoreKey>>,
}

impl Keeper {
    pub(super) fn new(ttl: Duration, now: Instant) -> Self {
        let (keys, waiting) = mpsc::channel(MOST_WAITING);
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            begun: now,
            interval: (ttl / LOOKS).max(Duration::from_millis(1)),
            keys,
            waiting: Mutex::new(waiting),
        }
    }

    /// A key is in use.
    pub(super) fn note(&self, key: &StoreKey, now: Instant) {
        let (slot, mark) = self.place(key, now);
        if slot.load(Ordering::Relaxed) != mark && self.keys.try_send(*key).is_ok() {
            slot.store(mark, Ordering::Relaxed);
        }
    }

    /// A key was written: there is nothing to look at for a while.
    pub(super) fn written(&self, key: &StoreKey, now: Instant) {
        let (slot, mark) = self.place(key, now);
        slot.store(mark, Ordering::Relaxed);
    }

    /// Where a key is remembered, and what stands there when it was looked at in this interval.
    fn place(&self, key: &StoreKey, now: Instant) -> (&AtomicU64, u64) {
        let [first, second] = words(key);
        // No two keys begin their intervals together, so they are not all due at once.
        let offset = self
            .interval
            .mul_f64(f64::from(first) / f64::from(u32::MAX));
        let since = now.saturating_duration_since(self.begun) + offset;
        let nth = since.as_millis() / self.interval.as_millis();
        // Never 0, which is an empty slot.
        let mark = (u64::from(second) << 32) | (nth as u64 & 0x7FFF_FFFF) | 0x8000_0000;
        (&self.slots[first as usize % SLOTS], mark)
    }

    async fn next(&self) -> Option<StoreKey> {
        self.waiting.lock().await.recv().await
    }
}

/// Two independent words of a key.
fn words(key: &StoreKey) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

/// What is to be done about an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry {
    Leave,
    PutOff,
}

/// Decides by what `PTTL` says: milliseconds that are left, -1 = for ever, -2 = no such key.
fn decide(left: i64, ttl: Duration) -> Expiry {
    match u128::try_from(left) {
        Ok(left) if left < ttl.as_millis() / 2 => Expiry::PutOff,
        _ => Expiry::Leave,
    }
}

/// Looks at what is noted for as long as the store lives.
pub(super) async fn work<V: Persist>(shared: Arc<Shared<V>>) {
    while let Some(key) = shared.keeper.next().await {
        if !shared.primary.is_up() {
            continue;
        }
        if let Err(error) = shared.look(&key).await {
            shared.counters.expiry_errors.add_one();
            shared.counters.note_error(&error);
        }
    }
}

impl<V: Persist> Shared<V> {
    async fn look(&self, key: &StoreKey) -> Result<(), Error> {
        let name = self.naming.name(key);
        let name = name.as_str();
        let timeout = self.options.write_timeout;
        let left: i64 = self
            .primary
            .ask(name, timeout, |commands| async move {
                commands.pttl(name).await
            })
            .await?;
        self.counters.expiries_checked.add_one();
        if decide(left, self.options.ttl) == Expiry::Leave {
            return Ok(());
        }
        let lives = self.lifetime_milliseconds();
        let renewed: i64 = self
            .primary
            .ask(name, timeout, |commands| async move {
                commands.pexpire(name, lives, None).await
            })
            .await?;
        if renewed == 1 {
            self.counters.expiries_renewed.add_one();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::key;

    #[test]
    fn an_expiry_is_put_off_when_less_than_half_of_it_is_left() {
        let ttl = Duration::from_secs(100);
        assert_eq!(decide(49_999, ttl), Expiry::PutOff);
        assert_eq!(decide(0, ttl), Expiry::PutOff);
        assert_eq!(decide(50_000, ttl), Expiry::Leave);
        assert_eq!(decide(-1, ttl), Expiry::Leave, "for ever");
        assert_eq!(decide(-2, ttl), Expiry::Leave, "gone");
    }

    async fn noted(keeper: &Keeper) -> usize {
        let mut waiting = keeper.waiting.lock().await;
        std::iter::from_fn(|| waiting.try_recv().ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_noted_once_in_an_interval_however_often_it_is_read() {
        let begun = Instant::now();
        let keeper = Keeper::new(Duration::from_secs(800), begun);
        let mut total = 0;
        for second in 0..800 {
            keeper.note(&key(1), begun + Duration::from_secs(second));
            total += noted(&keeper).await;
        }
        // 8 intervals, and the part of one by which this key is early.
        assert!((8..=9).contains(&total), "{total}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_written_is_not_noted() {
        let begun = Instant::now();
        let keeper = Keeper::new(Duration::from_secs(800), begun);
        keeper.written(&key(1), begun);
        keeper.note(&key(1), begun);
        assert_eq!(noted(&keeper).await, 0);
        keeper.note(&key(2), begun);
        assert_eq!(noted(&keeper).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_is_noted_the_next_time() {
        let begun = Instant::now();
        let keeper = Keeper::new(Duration::from_secs(800), begun);
        for number in 0..MOST_WAITING as u64 {
            keeper.keys.try_send(key(number)).unwrap();
        }
        keeper.note(&key(5000), begun);
        assert_eq!(noted(&keeper).await, MOST_WAITING);
        keeper.note(&key(5000), begun);
        assert_eq!(noted(&keeper).await, 1);
    }
}
