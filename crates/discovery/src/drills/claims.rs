//! A run is one worker's, whoever else tries; and what a dead one held is taken over where it stopped.

use std::time::Duration;

use futures_util::future::join_all;
use github_sim::Scale;
use service_runtime::Shutdown;
use uuid::Uuid;

use super::rig::{As, Rig};
use crate::crawl::runner::Ran;
use crate::store::{Finish, RunState, Store};

async fn check_one_at_a_time(rig: &Rig, store: &Store) {
    let mut tools = rig.crawler.tools.clone();
    tools.store = store.clone();
    let id = rig.queue_in(store, "monalisa").await;
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

/// A worker that claims it and is never heard of again.
async fn kill_one(rig: &Rig, store: &Store, id: Uuid) {
    let lease = rig.crawler.tools.rules.lease;
    let claimed = store.claim_run(id, "killed", lease, rig.now()).await;
    assert!(claimed.unwrap().is_some());
    rig.pass(lease + Duration::from_secs(1));
}

async fn check_what_kills_its_workers(rig: &Rig, store: &Store) {
    let mut tools = rig.crawler.tools.clone();
    tools.store = store.clone();
    let id = rig.queue_in(store, "monalisa").await;
    for _ in 0..tools.rules.retry.max_attempts {
        kill_one(rig, store, id).await;
    }
    let asked = rig.sim.counters().total;
    let ran = tools.run(id, "heir", std::future::pending()).await.unwrap();
    assert!(matches!(ran, Ran::Ended), "{ran:?}");
    assert_eq!(rig.sim.counters().total, asked, "it was not begun again");
    let (count, letters) = store.runs_in(&[RunState::Dead], 0, 10).await.unwrap();
    assert_eq!((count, letters[0].id, letters[0].attempt), (1, id, 5));
    let error = letters[0].error.as_deref().unwrap();
    assert_eq!(
        error,
        "its worker ended 5 times while it ran, and it got no further"
    );

    // Somebody gives it another chance.
    store.requeue_run(id, tools.now()).await.unwrap();
    tools.run(id, "heir", std::future::pending()).await.unwrap();
    assert_eq!(store.run(id).await.unwrap().unwrap().state, RunState::Done);
}

#[tokio::test]
async fn what_kills_each_of_its_workers_becomes_a_dead_letter() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    check_what_kills_its_workers(&rig, &rig.store).await;
    let server = test_servers::Postgres::start().await;
    let shared = Store::open(&server.database("poison"), 4).await.unwrap();
    check_what_kills_its_workers(&rig, &shared).await;
}

#[tokio::test]
async fn workers_that_are_killed_here_and_there_lose_nothing() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    let id = rig.queue("octocat").await;
    let lease = rig.crawler.tools.rules.lease;
    let (mut deaths, sim) = (0, &rig.sim);
    loop {
        // Dropped without a word after a few requests, in the middle of a page or of the describing of its members.
        let more = sim.counters().total + 3;
        let killed = async {
            while sim.counters().total < more {
                tokio::task::yield_now().await;
            }
        };
        let never = std::future::pending();
        let tools = &rig.crawler.tools;
        tokio::select! {
            ran = tools.run(id, "mortal", never) => {
                assert!(matches!(ran, Ok(Ran::Ended)), "{ran:?}");
                break;
            }
            () = killed => deaths += 1,
        }
        rig.pass(lease + Duration::from_secs(1));
    }
    let run = rig.store.run(id).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Done, "{deaths}: {:?}", run.error);
    let allowed = rig.crawler.tools.rules.retry.max_attempts;
    assert!(deaths > 3 * allowed, "{deaths}");
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
async fn a_stop_takes_no_longer_than_what_is_under_way() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    let id = rig.queue("octocat").await;
    let shutdown = Shutdown::new();
    let stopping = async {
        while rig.sim.counters().total < 5 {
            tokio::task::yield_now().await;
        }
        shutdown.begin();
    };
    let working = async { tokio::join!(rig.crawler.work(shutdown.clone()), stopping).0 };
    // A hanging database would be waited for as long as this.
    let lease = rig.crawler.tools.rules.lease;
    let stopped = tokio::time::timeout(lease / 2, working).await;
    stopped.expect("it stops").unwrap();
    let run = rig.store.run(id).await.unwrap().unwrap();
    assert_eq!((run.state, run.attempt), (RunState::Queued, 0));
    assert!(run.claimed_by.is_none() && run.cursor.is_some());
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
