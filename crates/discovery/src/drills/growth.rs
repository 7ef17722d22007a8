//! Seeded with one login, discovery grows until everything that can be reached is stored; unchanged, it costs nothing.

use std::time::Duration;

use github_sim::Scale;

use super::rig::{As, Rig};
use super::truth::{assert_same, stored, truth};

#[tokio::test]
async fn what_is_stored_is_what_exists_and_a_second_pass_costs_nothing() {
    let mut rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    assert_eq!(rig.sync("octocat").await.state.as_str(), "done");
    let synced = rig.grow().await;
    let exists = truth(&rig.sim, "eye", "octocat");
    assert!(exists.developers.len() > 30 && synced >= exists.developers.len() - 1);
    assert_same(&stored(&rig.store).await, &exists);

    // A new window, everybody due, and the process restarted in between: what was learnt is in the database.
    rig.pass(Duration::from_secs(8 * 86_400));
    rig.rebuild();
    let before = rig.sim.counters();
    let again = rig.grow().await;
    let after = rig.sim.counters();
    assert_eq!(again, exists.developers.len(), "everybody was due");
    let token = |counters: &github_sim::Counters, status: u16| {
        counters.count(|one| one.token.contains("crawler") && one.status == status)
    };
    assert!(token(&after, 304) > token(&before, 304) + again as u64);
    let paid = after.total - before.total - (token(&after, 304) - token(&before, 304));
    let unchanged = after.count(|one| one.status == 200) - before.count(|one| one.status == 200);
    assert_eq!((paid, unchanged), (0, 0), "only 304s, which are free");
    assert_same(&stored(&rig.store).await, &exists);
}

#[tokio::test]
async fn whoever_was_told_to_be_too_far_away_is_not_picked() {
    let rig = Rig::start_with(Scale::Small, As::Somebody("crawler"), |config| {
        config.discovery.max_depth = Some(0);
    })
    .await;
    rig.sync("octocat").await;
    assert_eq!(rig.grow().await, 0, "neighbours are one step away");
    let by_hand = rig.sync("hubot").await;
    assert_eq!(by_hand.state.as_str(), "done");
}

#[tokio::test]
async fn no_more_developers_are_stored_than_may_be() {
    let rig = Rig::start_with(Scale::Small, As::Somebody("crawler"), |config| {
        config.discovery.max_users = Some(12);
    })
    .await;
    rig.sync("octocat").await;
    rig.grow().await;
    assert_eq!(rig.store.developer_count().await.unwrap(), 12);
    let known = rig.store.developer_by_login("octocat").await.unwrap();
    let id = known.unwrap().github_id;
    let gaps = rig
        .store
        .gaps_of(crate::store::Subject::Developer, &[id])
        .await
        .unwrap();
    let reasons: Vec<_> = gaps.iter().map(|gap| gap.reason.as_str()).collect();
    assert!(reasons.contains(&"not_fetched"), "{reasons:?}");
}
