//! Whether a list stood still while its pages were read (pure).
//!
//! Pages are read in several requests, and GitHub counts them anew for each: an item inserted meanwhile makes another
//! appear twice, one deleted meanwhile makes another be skipped, which nothing in the pages shows. So when any page has
//! changed, the pages before it are asked about once more, conditionally, which is free; if all of them still are what
//! they were, no item can have slipped past the boundary.

use std::ops::Range;

/// How often a refresh begins anew before it is given up until the next attempt.
pub(crate) const MOST_RESTARTS: u32 = 2;

/// What GitHub said about one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageAnswer {
    /// 304: as it was.
    Same,
    /// 200: new bytes.
    Changed,
}

/// Why the pages do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Drift {
    /// An item stands on two pages.
    Repeated,
    /// The number of pages is not what it was at the start.
    LastPageMoved,
    /// A page changed after it was read.
    EarlierPageChanged,
}

impl Drift {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::LastPageMoved => "last-page-moved",
            Self::EarlierPageChanged => "earlier-page-changed",
        }
    }
}

/// The pages (from 0) to ask about once more when all have been read.
pub(crate) fn to_confirm(answers: &[PageAnswer]) -> Range<usize> {
    let last_changed = answers
        .iter()
        .rposition(|answer| *answer == PageAnswer::Changed);
    0..last_changed.unwrap_or(0)
}

/// Judges the number of pages: what the `Link` of each page named as the last one (`None` = itself), where it was sent,
/// and how many there were in the end.
pub(crate) fn judge_last(named: &[Option<u32>], pages: usize) -> Option<Drift> {
    let moved = named
        .iter()
        .any(|named| named.is_some_and(|named| named as usize != pages));
    moved.then_some(Drift::LastPageMoved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PageAnswer::{Changed, Same};

    #[test]
    fn pages_before_the_last_changed_one_are_confirmed() {
        #[track_caller]
        fn check(answers: &[PageAnswer], expected: Range<usize>) {
            assert_eq!(to_confirm(answers), expected, "{answers:?}");
        }
        check(&[], 0..0);
        check(&[Same, Same, Same], 0..0);
        check(&[Changed], 0..0);
        check(&[Changed, Same, Same], 0..0);
        check(&[Same, Changed, Same], 0..1);
        check(&[Changed, Changed, Changed], 0..2);
        check(&[Same, Same, Changed], 0..2);
    }

    #[test]
    fn the_last_page_stays_where_it_was_named() {
        assert_eq!(judge_last(&[], 3), None);
        assert_eq!(judge_last(&[Some(3), Some(3), None], 3), None);
        let moved = Some(Drift::LastPageMoved);
        assert_eq!(judge_last(&[Some(3), Some(4), None], 4), moved);
        assert_eq!(judge_last(&[Some(3)], 2), moved);
    }
}
