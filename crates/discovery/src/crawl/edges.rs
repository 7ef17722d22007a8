//! What a complete list changes among the edges of its owner (pure).
//!
//! The store does the same in SQL, page by page and in bounded memory; a property test holds it to this function.

use std::collections::BTreeSet;

/// How the reading of a list ended, as far as its edges are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Every page was read, and what is not on them is not in the list.
    Complete,
    /// It broke off, or met an error, or moved while it was read: absence proves nothing.
    Incomplete,
}

/// Neighbours by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EdgeDiff {
    pub(crate) opened: BTreeSet<i64>,
    pub(crate) closed: BTreeSet<i64>,
    pub(crate) kept: BTreeSet<i64>,
}

/// Compares a list with the open edges that are stored for it.
pub(crate) fn diff(open: &BTreeSet<i64>, listed: &BTreeSet<i64>, reading: Reading) -> EdgeDiff {
    let absent: BTreeSet<i64> = open.difference(listed).copied().collect();
    let mut kept: BTreeSet<i64> = open.intersection(listed).copied().collect();
    let closed = match reading {
        Reading::Complete => absent,
        Reading::Incomplete => {
            kept.extend(absent);
            BTreeSet::new()
        }
    };
    EdgeDiff {
        opened: listed.difference(open).copied().collect(),
        closed,
        kept,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(ids: &[i64]) -> BTreeSet<i64> {
        ids.iter().copied().collect()
    }

    #[test]
    fn a_complete_list_opens_closes_and_keeps() {
        let found = diff(&set(&[1, 2, 3]), &set(&[2, 3, 4]), Reading::Complete);
        assert_eq!(
            found,
            EdgeDiff {
                opened: set(&[4]),
                closed: set(&[1]),
                kept: set(&[2, 3]),
            }
        );
    }

    #[test]
    fn a_list_that_was_not_read_to_its_end_closes_nothing() {
        let found = diff(&set(&[1, 2]), &set(&[3]), Reading::Incomplete);
        assert_eq!((found.opened, found.closed), (set(&[3]), set(&[])));
    }

    proptest! {
        #[test]
        fn what_is_open_afterwards_is_the_list_or_more_where_it_was_not_read_whole(
            open in prop::collection::btree_set(0_i64..50, 0..30),
            listed in prop::collection::btree_set(0_i64..50, 0..30),
            complete in any::<bool>(),
        ) {
            let reading = if complete { Reading::Complete } else { Reading::Incomplete };
            let EdgeDiff { opened, closed, kept } = diff(&open, &listed, reading);
            let after: BTreeSet<i64> = kept.union(&opened).copied().collect();
            match reading {
                Reading::Complete => prop_assert_eq!(&after, &listed),
                Reading::Incomplete => {
                    prop_assert_eq!(after, open.union(&listed).copied().collect::<BTreeSet<_>>());
                }
            }
            prop_assert!(closed.is_disjoint(&listed) && closed.is_subset(&open));
            prop_assert!(opened.is_disjoint(&open));
        }
    }
}
