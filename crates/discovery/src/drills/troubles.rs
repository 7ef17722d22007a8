//! What fails is tried again, then put aside; what is not there is not.

use std::time::Duration;

use github_sim::{FaultKind, FaultRule, Scale};

use super::rig::{As, Rig};
use crate::store::{RunState, RunTarget};

fn broken() -> FaultRule {
    FaultRule::new(FaultKind::Status {
        code: 502,
        body: github_sim::FaultBody::Message,
    })
}

#[tokio::test]
async fn a_server_that_stays_broken_makes_a_dead_letter_that_can_be_requeued() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    rig.sim.fault(broken().path("/users/octocat/following"));
    let id = rig.queue("octocat").await;
    for attempt in 1..5 {
        let run = rig.attempt(id).await;
        assert_eq!((run.state, run.attempt), (RunState::Queued, attempt));
        let wait = run.run_after.since(rig.now());
        assert!(wait <= Duration::from_secs(1 << (attempt - 1)), "{wait:?}");
        rig.pass(wait + Duration::from_secs(1));
    }
    let run = rig.attempt(id).await;
    assert_eq!((run.state, run.attempt), (RunState::Dead, 5));
    assert!(run.error.unwrap().contains("502"));
    let listed = rig.crawler.dead_letters(10).await.unwrap();
    assert!(
        listed.contains(&id.to_string()) && listed.contains("octocat"),
        "{listed}"
    );

    // An error answer closes nothing, and what was read before it stays.
    rig.sim.clear_faults();
    rig.store.requeue_run(id, rig.now()).await.unwrap();
    assert_eq!(rig.attempt(id).await.state, RunState::Done);
}

#[tokio::test]
async fn a_target_that_is_not_there_fails_at_once() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    let run = rig.sync("nobody-of-this-name").await;
    assert_eq!((run.state, run.attempt), (RunState::Failed, 0));
    let target = RunTarget::Repository {
        owner: "octocat".to_owned(),
        name: "no-such-thing".to_owned(),
    };
    let id = rig.queue_target(target).await;
    assert_eq!(rig.attempt(id).await.state, RunState::Failed);
    assert_eq!(rig.store.developer_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_repository_is_synced_with_its_owner_and_its_stargazers() {
    let rig = Rig::start(Scale::Small, As::Somebody("crawler")).await;
    rig.sync("octocat").await;
    let starred = rig
        .store
        .next_starred(octocat(&rig).await, 0)
        .await
        .unwrap()
        .unwrap();
    let (owner, name) = starred.full_name.split_once('/').unwrap();
    let target = RunTarget::Repository {
        owner: owner.to_uppercase(),
        name: name.to_owned(),
    };
    let id = rig.queue_target(target).await;
    let run = rig.attempt(id).await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.error);
    let repository = rig
        .store
        .repository(starred.github_id)
        .await
        .unwrap()
        .unwrap();
    assert!(repository.record.subscribers_count.is_some());
    assert_eq!(repository.sync.state.as_str(), "complete");
}

async fn octocat(rig: &Rig) -> i64 {
    let known = rig.store.developer_by_login("octocat").await.unwrap();
    known.unwrap().github_id
}

#[tokio::test]
async fn a_token_that_github_refuses_gives_way_to_the_next() {
    let rig = Rig::start_with(Scale::Small, As::Somebody("crawler"), |config| {
        let good = config.github.tokens.expose().to_owned();
        config.github.tokens = service_runtime::Secret::from(format!("ghp_unknown,{good}"));
    })
    .await;
    let run = rig.sync("hubot").await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.error);
}
