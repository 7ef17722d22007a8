//! The requests of a full profile sync, before they are made (pure).
//!
//! The lists of repositories and of stars hold whole repositories, so no repository costs a request of its own. What is
//! left is the profile, the pages of its lists, one request per developer nobody knows yet, and the pages of the
//! stargazers of the developer's own repositories.

use std::collections::BTreeSet;

/// What has to be known to plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) followers: u64,
    pub(crate) following: u64,
    pub(crate) repositories: u64,
    pub(crate) starred: u64,
    /// Followers, followed and owners of starred repositories that are not stored, or too old.
    pub(crate) unknown: BTreeSet<i64>,
    /// `stargazers_count` of each own repository.
    pub(crate) stargazers: Vec<u64>,
}

/// How many requests for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) profile: u64,
    pub(crate) list_pages: u64,
    pub(crate) developers: u64,
    pub(crate) stargazer_pages: u64,
}

impl Plan {
    pub(crate) const fn total(&self) -> u64 {
        self.profile + self.list_pages + self.developers + self.stargazer_pages
    }
}

/// The plan for what is in scope, with so many items on a page.
pub(crate) fn plan(scope: &Scope, per_page: u64) -> Plan {
    let lists = [
        scope.followers,
        scope.following,
        scope.repositories,
        scope.starred,
    ];
    let starred_repositories = scope.stargazers.iter().filter(|count| **count > 0);
    Plan {
        profile: 1,
        list_pages: lists.iter().map(|items| pages(*items, per_page)).sum(),
        developers: scope.unknown.len() as u64,
        stargazer_pages: starred_repositories
            .map(|items| pages(*items, per_page))
            .sum(),
    }
}

/// An empty list is asked for too: that is how it is known to be empty.
const fn pages(items: u64, per_page: u64) -> u64 {
    match items.div_ceil(per_page) {
        0 => 1,
        pages => pages,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The profile of issue 9: 62 followers, 4 followed, 164 repositories, 45 stars, nobody known before.
    #[test]
    fn the_measured_profile_stays_within_its_budget() {
        let scope = Scope {
            followers: 62,
            following: 4,
            repositories: 164,
            starred: 45,
            unknown: (0..62 + 4 + 45).collect(),
            stargazers: vec![0, 3, 250, 0],
        };
        let plan = plan(&scope, 100);
        assert_eq!(
            plan,
            Plan {
                profile: 1,
                list_pages: 5,
                developers: 111,
                stargazer_pages: 4,
            }
        );
        assert!(plan.total() - plan.stargazer_pages <= 140);
    }

    #[test]
    fn a_second_sync_asks_for_its_lists_alone() {
        let scope = Scope::default();
        assert_eq!(plan(&scope, 100).total(), 5);
    }

    proptest! {
        #[test]
        fn every_item_is_on_a_planned_page(items in 0_u64..10_000, per_page in 1_u64..=100) {
            let pages = pages(items, per_page);
            prop_assert!(pages * per_page >= items);
            prop_assert!(pages == 1 || (pages - 1) * per_page < items);
        }
    }
}
