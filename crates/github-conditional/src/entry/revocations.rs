//! Callers whom GitHub has refused, and when.

use std::collections::HashMap;
use std::time::SystemTime;

use cache_backends::KeyHasherBuilder;

use super::{from_millis, to_millis};
use crate::fingerprint::Fingerprint;

/// Revocations that are kept; beyond it the oldest half is forgotten. A forgotten one could only matter to a
/// confirmation that is older still, and that some other store has kept all the while.
const MAX_REVOCATIONS: usize = 1024;

/// When each caller was refused last, in milliseconds since the Unix epoch.
type Times = HashMap<Fingerprint, u64, KeyHasherBuilder>;

/// Who was refused, and when. Nearly always nobody, so then it is as small as can be.
#[derive(Clone, Debug, Default)]
pub(super) struct Revocations(Option<Box<Times>>);

impl Revocations {
    pub(super) fn note(&mut self, fingerprint: Fingerprint, at: SystemTime) {
        let at = to_millis(at);
        let times = self.0.get_or_insert_default();
        let latest = times.entry(fingerprint).or_default();
        *latest = at.max(*latest);
        if times.len() > MAX_REVOCATIONS {
            let mut all: Vec<_> = times.values().copied().collect();
            let (_, middle, _) = all.select_nth_unstable(MAX_REVOCATIONS / 2);
            let middle = *middle;
            times.retain(|other, at| *at > middle || *other == fingerprint);
        }
    }

    /// Whether a confirmation of this time counts for nothing. One that counts ends the revocation.
    ///
    /// Within one millisecond the confirmation counts: it was learned of after the refusal.
    pub(super) fn forbid(&mut self, fingerprint: Fingerprint, at: SystemTime) -> bool {
        let Some(times) = &mut self.0 else {
            return false;
        };
        match times.get(&fingerprint) {
            Some(refused) if to_millis(at) < *refused => true,
            Some(_) => {
                times.remove(&fingerprint);
                false
            }
            None => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |times| times.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Fingerprint, SystemTime)> {
        let times = self.0.iter().flat_map(|times| times.iter());
        times.map(|(fingerprint, at)| (*fingerprint, from_millis(*at)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_asked_before_a_refusal_counts_for_nothing() {
        let caller = Fingerprint::from_bytes([1; 16]);
        let mut revocations = Revocations::default();
        assert!(!revocations.forbid(caller, at(1)));
        revocations.note(caller, at(5));
        revocations.note(caller, at(3));
        assert!(revocations.forbid(caller, at(4)));
        assert!(!revocations.forbid(Fingerprint::ANONYMOUS, at(4)));
        assert!(!revocations.forbid(caller, at(6)));
        assert!(
            !revocations.forbid(caller, at(4)),
            "the right is there again"
        );
    }

    #[test]
    fn they_are_bounded_and_the_newest_stay() {
        let mut revocations = Revocations::default();
        let caller = |number: u64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            Fingerprint::from_bytes(bytes)
        };
        for number in 1..=5000 {
            revocations.note(caller(number), at(number));
            assert!(revocations.len() <= MAX_REVOCATIONS);
        }
        assert!(revocations.forbid(caller(5000), at(4999)));
    }
}
