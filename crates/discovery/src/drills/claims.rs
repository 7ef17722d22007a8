//! A run is one worker's, whoever else tries; and what a dead one held is taken over where it stopped.

use std::time::Duration;

use futures_util::future::join_all;
use github_sim::Scale;

use super::rig::{As, Rig};
use crate::crawl::runner::Ran;
use crate::store::{Finish, RunState, Store};

async fn check_one_at_a_time(rig: &Rig, store: &Store) {
    let mut tools = rig.crawler.tools.clone();
    tools.store = store.clone();
    let now = tools.now();
    let run = crate::store::NewRun {
        target: crate::store::RunTarget::Developer("monalisa".to_owned()),
        depth: 0,
        run_after: now,
    };
    let id = store.queue_run(&run, now).await.unwrap().id();
    let ran = join_all((0..6).map(|_| tools.run(id, "many", std::future::pending()))).await;
    let ended = ran.into_iter().filter(|ran| matches!(ran, Ok(Ran::Ended)));
    assert_eq!(ended.count(), 1);
    assert_eq!(store.run(id).await.unwrap().unwrap().state, RunState::Done);
}

#[tokio::test]
async fn of_many_who_try_one_runs_it() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    check_one_at_a_time(&rig, &rig.store).await;
    let server = test_servers::Postgres::start().await;
    let shared = Store::open(&server.database("claims"), 4).await.unwrap();
    check_one_at_a_time(&rig, &shared).await;
}

#[tokio::test]
async fn what_a_dead_worker_held_goes_on_elsewhere_and_its_late_writes_change_nothing() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    let id = rig.queue("octocat").await;
    let lease = rig.crawler.tools.rules.lease;
    let claimed = rig.store.claim_run(id, "dead", lease, rig.now()).await;
    let mut dead = claimed.unwrap().unwrap();

    let never = std::future::pending();
    let early = rig.crawler.tools.run(id, "heir", never).await.unwrap();
    assert!(matches!(early, Ran::NotOurs), "the lease holds");
    rig.pass(lease + Duration::from_secs(1));
    let due = rig.store.take_deliveries(lease * 2, 10, rig.now()).await;
    assert_eq!(due.unwrap(), [id], "it is delivered again");
    assert_eq!(rig.attempt(id).await.state, RunState::Done);

    dead.cursor = Some("late".to_owned());
    let late = rig.store.renew_run(&dead, rig.now().after(lease)).await;
    assert_eq!(late.unwrap(), Finish::NotYours);
}

#[tokio::test]
async fn a_delivery_is_made_once_and_again_when_it_must_be_lost() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    let id = rig.queue("octocat").await;
    let lost_after = Duration::from_secs(120);
    let take = async || {
        rig.store
            .take_deliveries(lost_after, 10, rig.now())
            .await
            .unwrap()
    };
    assert_eq!(take().await, [id]);
    assert!(take().await.is_empty());
    rig.pass(lost_after + Duration::from_secs(1));
    assert_eq!(take().await, [id]);
    rig.attempt(id).await;
    rig.pass(lost_after + Duration::from_secs(1));
    assert!(take().await.is_empty(), "what has ended is not delivered");
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_gives_its_run_back_at_its_page() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    let id = rig.queue("octocat").await;
    let sim = &rig.sim;
    let stopping = async {
        while sim.counters().total < 8 {
            tokio::task::yield_now().await;
        }
    };
    let ran = rig
        .crawler
        .tools
        .run(id, "leaving", stopping)
        .await
        .unwrap();
    assert!(matches!(ran, Ran::Ended));
    let run = rig.store.run(id).await.unwrap().unwrap();
    assert_eq!((run.state, run.attempt), (RunState::Queued, 0));
    assert!(run.cursor.is_some() && run.cost.requests >= 7);
    assert_eq!(rig.attempt(id).await.state, RunState::Done);
}

#[tokio::test]
async fn a_cancelled_run_is_not_run() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    let id = rig.queue("octocat").await;
    rig.store.cancel_run(id, rig.now()).await.unwrap();
    let never = std::future::pending();
    let ran = rig.crawler.tools.run(id, "late", never).await.unwrap();
    assert!(matches!(ran, Ran::NotOurs));
    assert_eq!(rig.sim.counters().total, 0);
}
