//! Quota is never overdrawn, and a run that has to wait goes on where it stopped.

use std::time::Duration;

use github_sim::{FaultKind, FaultRule, Scale};

use super::rig::{As, Rig};
use super::truth::{assert_same, stored, truth};
use crate::store::{Run, RunState};

/// Attempts at a run, with the waits that it asks for, until it ends.
async fn finish(rig: &Rig, login: &str) -> (Run, u32) {
    let id = rig.queue(login).await;
    let mut waits = 0;
    loop {
        let run = rig.attempt(id).await;
        match run.state {
            RunState::WaitingQuota => {
                waits += 1;
                assert!(run.cursor.is_some());
                let wait = run.run_after.since(rig.now());
                assert!(wait > Duration::ZERO, "{wait:?}");
                // GitHub's word about the end of its window wavers; what counts is what was heard last.
                let buckets = rig.store.buckets().await.unwrap();
                let [(_, bucket)] = buckets.as_slice() else {
                    panic!("{buckets:?}");
                };
                let after = run.run_after.since(bucket.resets_at);
                let spread = Duration::from_secs(1)..=Duration::from_secs(60);
                assert!(spread.contains(&after), "{after:?}");
                rig.pass(wait + Duration::from_secs(1));
            }
            RunState::Done => return (run, waits),
            other => panic!("{other:?}: {:?}", run.error),
        }
    }
}

#[tokio::test]
async fn a_run_stops_at_the_threshold_and_goes_on_at_its_page() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    rig.sim.set_quota("user:crawler/core", 30);
    let id = rig.queue("octocat").await;
    let run = rig.attempt(id).await;
    assert_eq!(run.state, RunState::WaitingQuota);
    let bucket = rig.sim.counters().quota_used["user:crawler/core"];
    assert_eq!(bucket, 30 - 25, "the threshold is left");
    let stage = run.cursor.clone().unwrap();
    assert!(!stage.contains("\"stage\":\"subject\""), "{stage}");

    // Before its time nobody gets it.
    let early = rig
        .crawler
        .tools
        .run(id, "early", std::future::pending())
        .await;
    assert!(matches!(early.unwrap(), crate::crawl::runner::Ran::NotOurs));
    let wait = run.run_after.since(rig.now());
    rig.pass(wait);
    let run = rig.attempt(id).await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(run.attempt, 0, "waiting is no failure");

    // Nothing was lost: the same as in one go.
    let mut other = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    other.sync("octocat").await;
    assert_same(&stored(&rig.store).await, &stored(&other.store).await);
    other.rebuild();
}

#[tokio::test]
async fn the_share_is_never_exceeded() {
    let rig = Rig::start_with(Scale::Small, As::Somebody("crawler"), |config| {
        config.github.quota_share = 0.002;
    })
    .await;
    let (run, waits) = finish(&rig, "octocat").await;
    assert!(waits >= 2, "10 requests an hour are not enough: {waits}");
    assert!(run.cost.requests > 20);
    assert!(rig.used() <= 10, "{}", rig.used());
}

#[tokio::test]
async fn it_works_without_any_token() {
    let rig = Rig::start(Scale::Small, As::Nobody).await;
    let (run, waits) = finish(&rig, "octocat").await;
    assert!(waits >= 1, "60 requests an hour are not enough: {run:?}");
    let exists = truth(&rig.sim, "eye", "octocat");
    let found = stored(&rig.store).await;
    let id = *exists
        .developers
        .iter()
        .find(|(_, line)| line.starts_with("\"octocat\""))
        .unwrap()
        .0;
    let mine = |edges: &std::collections::BTreeSet<(i64, i64)>| {
        edges
            .iter()
            .filter(|(from, to)| *from == id || *to == id)
            .count()
    };
    assert_eq!(mine(&found.follows), mine(&exists.follows));
    assert_eq!(mine(&found.owns), mine(&exists.owns));
    for used in rig.sim.counters().quota_used.values() {
        assert!(*used <= 60 - 25 || *used > 60, "{used}");
    }
}

/// The service's own requests and those of others come from one bucket; parallel runs share what is left.
#[tokio::test]
async fn runs_that_ask_at_the_same_time_do_not_cross_the_threshold_together() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    rig.sync("hubot").await;
    let before = rig.used();
    rig.sim.set_quota("user:crawler/core", 60);
    // The store learns what is left with the next answer.
    let logins = ["octocat", "monalisa"];
    let (first, second) = (rig.queue(logins[0]).await, rig.queue(logins[1]).await);
    let (first, second) = tokio::join!(rig.attempt(first), rig.attempt(second));
    let used = rig.used() - before;
    assert!(used <= 60 - 25, "{used}");
    assert!([first.state, second.state].contains(&RunState::WaitingQuota));
}

#[tokio::test]
async fn a_secondary_limit_is_waited_out() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    rig.sim.fault(
        FaultRule::new(FaultKind::SecondaryLimit {
            retry_after: Some(120),
        })
        .path("/users/*/following")
        .times(1),
    );
    let id = rig.queue("octocat").await;
    let run = rig.attempt(id).await;
    assert_eq!(run.state, RunState::WaitingQuota, "{:?}", run.error);
    let wait = run.run_after.since(rig.now());
    assert!(
        wait >= Duration::from_secs(121) && wait <= Duration::from_secs(180),
        "{wait:?}"
    );
    // Nobody else asks meanwhile, and nothing is sent.
    let sent = rig.sim.counters().total;
    let other = rig.sync("hubot").await;
    assert_eq!(other.state, RunState::WaitingQuota);
    assert_eq!(rig.sim.counters().total, sent);
    rig.pass(wait);
    assert_eq!(rig.attempt(id).await.state, RunState::Done);
}
