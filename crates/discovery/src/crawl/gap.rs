//! Why a count that GitHub reports is not met by what it lists (pure).

use serde::{Deserialize, Serialize};

/// Why fewer, or other, edges are stored than GitHub's count says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum GapReason {
    /// The list goes on beyond the pages that may be read.
    UpstreamLimit,
    /// The whole list was read: GitHub counts accounts that it no longer lists.
    DeletedAccounts,
    /// Members of the list are not stored, by a setting.
    NotFetched,
}

impl GapReason {
    /// Every reason.
    pub(crate) const ALL: [Self; 3] =
        [Self::UpstreamLimit, Self::DeletedAccounts, Self::NotFetched];

    /// The word in the API and in the store.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamLimit => "upstream_limit",
            Self::DeletedAccounts => "deleted_accounts",
            Self::NotFetched => "not_fetched",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// How the reading of a list ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reach {
    /// Its last page was read.
    #[default]
    Whole,
    /// More pages exist than may be read.
    PageLimit,
    /// Some of its members were left out.
    LeftOut,
    /// It changed each time while it was read.
    Moved,
}

/// The gap that a list leaves, if it leaves one.
pub(crate) const fn gap(reported: i64, stored: i64, reach: Reach) -> Option<GapReason> {
    match reach {
        Reach::PageLimit => Some(GapReason::UpstreamLimit),
        Reach::LeftOut | Reach::Moved => Some(GapReason::NotFetched),
        Reach::Whole if reported != stored => Some(GapReason::DeletedAccounts),
        Reach::Whole => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reading_tells_the_reason() {
        use GapReason::{DeletedAccounts, NotFetched, UpstreamLimit};
        assert_eq!(gap(3, 3, Reach::Whole), None);
        assert_eq!(gap(4, 3, Reach::Whole), Some(DeletedAccounts));
        assert_eq!(gap(2, 3, Reach::Whole), Some(DeletedAccounts));
        assert_eq!(gap(3, 3, Reach::PageLimit), Some(UpstreamLimit));
        assert_eq!(gap(4, 3, Reach::LeftOut), Some(NotFetched));
        assert_eq!(gap(3, 3, Reach::Moved), Some(NotFetched));
    }

    #[test]
    fn words_are_those_of_the_contract() {
        let words = GapReason::ALL.map(GapReason::as_str);
        assert_eq!(words, ["upstream_limit", "deleted_accounts", "not_fetched"]);
    }
}
