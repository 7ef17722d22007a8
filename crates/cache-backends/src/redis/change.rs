//! What is to become of one key: the pure part of writing behind.

use crate::CacheValue;

/// A write that has been promised to a caller and has not reached Redis yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<V> {
    /// Join with whatever is stored.
    Merge(V),
    /// Forget what is stored.
    Remove,
    /// Forget what is stored, then keep this.
    Replace(V),
}

impl<V: CacheValue> Change<V> {
    /// One change that does what both do, one after the other.
    pub(super) fn then(self, later: Self) -> Self {
        match (self, later) {
            (Self::Merge(earlier), Self::Merge(later)) => Self::Merge(V::merge(&earlier, later)),
            (Self::Replace(earlier), Self::Merge(later)) => {
                Self::Replace(V::merge(&earlier, later))
            }
            (Self::Remove, Self::Merge(later)) => Self::Replace(later),
            (_, later @ (Self::Remove | Self::Replace(_))) => later,
        }
    }

    /// What a reader sees who found `stored`.
    pub(super) fn applied_to(self, stored: Option<V>) -> Option<V> {
        match (self, stored) {
            (Self::Merge(arriving), Some(stored)) => Some(V::merge(&stored, arriving)),
            (Self::Merge(arriving), None) | (Self::Replace(arriving), _) => Some(arriving),
            (Self::Remove, _) => None,
        }
    }

    /// Whether what a reader sees depends on what is stored.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Merge(_) => Scope::Joins,
            Self::Remove | Self::Replace(_) => Scope::Covers,
        }
    }

    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Self::Merge(value) | Self::Replace(value) => value.weight_bytes(),
            Self::Remove => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// What is stored shows through.
    Joins,
    /// What is stored is of no interest any more.
    Covers,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Sample;

    fn sample(version: u64) -> Sample {
        Sample::new(version, 10)
    }

    fn both(one: u64, other: u64) -> Sample {
        Sample::merge(&sample(one), sample(other))
    }

    #[track_caller]
    fn check(earlier: Change<Sample>, later: Change<Sample>, expected: Change<Sample>) {
        assert_eq!(earlier.clone().then(later.clone()), expected);
        // One change in place of two must look the same to a reader, whatever is stored.
        for stored in [None, Some(sample(9))] {
            let in_turn = later
                .clone()
                .applied_to(earlier.clone().applied_to(stored.clone()));
            assert_eq!(expected.clone().applied_to(stored), in_turn);
        }
    }

    #[test]
    fn two_changes_become_one() {
        use Change::{Merge, Remove, Replace};
        check(Merge(sample(1)), Merge(sample(2)), Merge(both(1, 2)));
        check(Merge(sample(1)), Remove, Remove);
        check(Remove, Merge(sample(2)), Replace(sample(2)));
        check(Replace(sample(1)), Merge(sample(2)), Replace(both(1, 2)));
        check(Replace(sample(1)), Remove, Remove);
        check(Remove, Remove, Remove);
        check(Merge(sample(1)), Replace(sample(2)), Replace(sample(2)));
    }

    #[test]
    fn only_a_merge_lets_the_stored_value_through() {
        assert_eq!(Change::Merge(sample(1)).scope(), Scope::Joins);
        assert_eq!(Change::Replace(sample(1)).scope(), Scope::Covers);
        assert_eq!(Change::<Sample>::Remove.scope(), Scope::Covers);
    }
}
