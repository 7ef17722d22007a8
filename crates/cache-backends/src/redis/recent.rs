//! Which keys this process wrote a moment ago: they are read from the primary, because a replica may not have them yet.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::StoreKey;
use crate::key::KeyHasherBuilder;

/// Beyond this many keys the oldest are forgotten; their readers may see what the replica has.
const MOST_KEYS: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct RecentWrites {
    lag: Duration,
    until: HashMap<StoreKey, Instant, KeyHasherBuilder>,
    order: VecDeque<(Instant, StoreKey)>,
}

impl RecentWrites {
    /// Remembers keys for as long as replicas may lag behind.
    pub(super) fn new(lag: Duration) -> Self {
        Self {
            lag,
            until: HashMap::default(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn note(&mut self, key: StoreKey, now: Instant) {
        self.forget(now);
        let until = now + self.lag;
        self.until.insert(key, until);
        self.order.push_back((until, key));
    }

    pub(super) fn contains(&self, key: &StoreKey, now: Instant) -> bool {
        self.until.get(key).is_some_and(|until| now < *until)
    }

    fn forget(&mut self, now: Instant) {
        while let Some(&(until, key)) = self.order.front() {
            if now < until && self.order.len() < MOST_KEYS {
                return;
            }
            self.order.pop_front();
            // A later write of the key has its own place in the order.
            if self.until.get(&key) == Some(&until) {
                self.until.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::key;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_recent_for_the_lag_after_its_last_write() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut recent = RecentWrites::new(Duration::from_secs(10));
        recent.note(key(1), at(0));
        recent.note(key(1), at(5));
        recent.note(key(2), at(12));
        assert!(recent.contains(&key(1), at(14)));
        assert!(!recent.contains(&key(1), at(15)));
        recent.note(key(3), at(16));
        assert_eq!(recent.until.len(), 2, "the first is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_keys_is_bounded() {
        let now = Instant::now();
        let mut recent = RecentWrites::new(Duration::from_secs(10));
        for number in 0..MOST_KEYS as u64 + 100 {
            recent.note(key(number), now);
        }
        assert!(recent.until.len() <= MOST_KEYS);
        assert!(recent.contains(&key(MOST_KEYS as u64), now));
        assert!(!recent.contains(&key(0), now));
    }
}
