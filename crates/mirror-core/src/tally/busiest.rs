//! The busiest of many, in bounded room: whoever has asked least makes room for a newcomer.

use std::hash::Hash;

use foldhash::{HashMap, HashMapExt as _};

use super::Counts;

#[derive(Debug)]
pub(crate) struct Busiest<K> {
    counts: HashMap<K, Counts>,
    most: usize,
}

impl<K: Copy + Eq + Hash + Ord> Busiest<K> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            counts: HashMap::new(),
            most,
        }
    }

    pub(crate) fn add(&mut self, key: K, counts: &Counts) {
        if self.counts.len() >= self.most && !self.counts.contains_key(&key) {
            let idlest = self
                .counts
                .iter()
                .min_by_key(|(key, counts)| (counts.requests, **key))
                .map(|(key, _)| *key);
            if let Some(idlest) = idlest {
                self.counts.remove(&idlest);
            }
        }
        self.counts.entry(key).or_default().add(counts);
    }

    /// Busiest first.
    pub(crate) fn ranked(&self) -> Vec<(K, Counts)> {
        let mut ranked: Vec<_> = self
            .counts
            .iter()
            .map(|(key, counts)| (*key, *counts))
            .collect();
        ranked.sort_by(|one, other| (other.1.requests, one.0).cmp(&(one.1.requests, other.0)));
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_newcomers_does_not_push_out_the_busy() {
        let once = Counts {
            requests: 1,
            ..Counts::default()
        };
        let mut busiest = Busiest::new(8);
        for key in [1_000_001, 1_000_002] {
            for _ in 0..10 {
                busiest.add(key, &once);
            }
        }
        for newcomer in 0..10_000 {
            busiest.add(newcomer, &once);
        }
        let ranked = busiest.ranked();
        assert_eq!(ranked.len(), 8);
        assert_eq!((ranked[0].0, ranked[1].0), (1_000_001, 1_000_002));
        assert_eq!(ranked[0].1.requests, 10);
    }
}
