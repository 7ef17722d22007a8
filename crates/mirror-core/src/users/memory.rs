//! What was found out about fingerprints of late, bounded in number and time (pure).

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// Values that are forgotten after a while.
///
/// Two generations: new values go into the young one. When it is full, the old one is dropped and the young one becomes
/// old. So the oldest half goes at once, at no cost per value, and what is asked for often stays.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    young: HashMap<K, Held<V>>,
    old: HashMap<K, Held<V>>,
    generation: usize,
}

#[derive(Clone, Debug)]
struct Held<V> {
    value: V,
    until: Instant,
}

impl<K: Hash + Eq + Copy, V: Clone> Memory<K, V> {
    /// Room for at most so many values, and for two at least.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation: (most / 2).max(1),
        }
    }

    pub(crate) fn recall(&mut self, key: K, now: Instant) -> Option<V> {
        if let Some(held) = self.young.get(&key) {
            return (now < held.until).then(|| held.value.clone());
        }
        let held = self.old.remove(&key).filter(|held| now < held.until)?;
        let value = held.value.clone();
        self.insert(key, held);
        Some(value)
    }

    pub(crate) fn keep(&mut self, key: K, value: V, until: Instant) {
        self.old.remove(&key);
        self.insert(key, Held { value, until });
    }

    pub(crate) fn forget(&mut self, key: K) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    fn insert(&mut self, key: K, held: Held<V>) {
        if self.young.len() >= self.generation && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, held);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_are_forgotten_in_time() {
        let now = tokio::time::Instant::now().into_std();
        let second = Duration::from_secs(1);
        let mut memory = Memory::new(10);
        memory.keep(1, "a", now + 5 * second);
        assert_eq!(memory.recall(1, now + 4 * second), Some("a"));
        assert_eq!(memory.recall(1, now + 5 * second), None);
        memory.keep(1, "b", now + 9 * second);
        assert_eq!(memory.recall(1, now + 5 * second), Some("b"));
        memory.forget(1);
        assert_eq!(memory.recall(1, now), None);
        assert_eq!(memory.recall(2, now), None);
    }

    #[test]
    fn the_number_of_values_is_bounded_and_what_is_asked_for_stays() {
        let now = tokio::time::Instant::now().into_std();
        let until = now + Duration::from_secs(1);
        let mut memory = Memory::new(100);
        memory.keep(0, 0, until);
        for key in 1..10_000 {
            memory.keep(key, key, until);
            assert_eq!(memory.recall(0, now), Some(0), "{key}");
            assert!(memory.len() <= 100, "{key}: {}", memory.len());
        }
        assert_eq!(memory.recall(1, now), None);
        assert_eq!(memory.recall(9_999, now), Some(9_999));
    }

    #[test]
    fn a_renewed_value_is_held_once() {
        let now = tokio::time::Instant::now().into_std();
        let until = now + Duration::from_secs(1);
        let mut memory = Memory::new(4);
        for round in 0..10 {
            for key in 0..2 {
                memory.keep(key, round, until);
            }
        }
        assert_eq!(memory.len(), 2);
        assert_eq!(memory.recall(1, now), Some(9));
    }
}
