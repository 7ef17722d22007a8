//! Whatever GitHub does wrong is seen in `last_error` or in a gap.

use github_sim::{FaultBody, FaultKind, FaultRule};
use serde_json::json;

use crate::drills::rig::{Github, Monitor, of_one};
use crate::store::Standing;

async fn error(monitor: &Monitor) -> String {
    monitor.repository("r").await.last_error.unwrap_or_default()
}

fn status(code: u16) -> FaultRule {
    FaultRule::new(FaultKind::Status {
        code,
        body: FaultBody::Message,
    })
}

#[tokio::test]
async fn a_repository_that_is_gone_is_not_polled_any_more() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    github.happen("r", 1, 0);
    monitor.round().await;
    github.sim.fault(status(451).path("/repos/octo/r/**"));
    github.pass(300);
    monitor.round().await;
    let gone = monitor.repository("r").await;
    assert_eq!(gone.standing, Standing::Inactive);
    assert!(error(&monitor).await.contains("451"));
    assert_eq!(gone.events_stored, 1, "its events are kept");
    // It may come back.
    github.sim.clear_faults();
    monitor
        .store
        .activate(gone.id, 5, github.now())
        .await
        .unwrap();
    assert_eq!(error(&monitor).await, "");
    github.pass(300);
    monitor.round().await;
    assert_eq!(monitor.repository("r").await.standing, Standing::Active);
    github.change(json!({"change": "delete_repository", "repo": "octo/r"}));
    github.pass(300);
    monitor.round().await;
    assert!(error(&monitor).await.contains("404"));
    let polls = github.polls().0;
    github.pass(3000);
    monitor.round().await;
    assert_eq!(github.polls().0, polls);
}

#[tokio::test]
async fn a_limit_silences_all_repositories_and_survives_a_restart() {
    let github = Github::start().await;
    let (monitor, folder) = of_one(&github).await;
    github.repository("other");
    crate::drills::rig::added(&monitor.store, "octo/other").await;
    monitor.round().await;
    github.pass(300);
    let limit = FaultRule::new(FaultKind::SecondaryLimit {
        retry_after: Some(1000),
    });
    github.sim.fault(limit.times(1));
    monitor.round().await;
    let (asked, _) = github.polls();
    assert_eq!(asked, 3, "the other one is not asked about any more");
    assert!(error(&monitor).await.contains("limits the token"));
    let until = github.now().after(std::time::Duration::from_secs(1000));
    for name in ["r", "other"] {
        let silenced = monitor.repository(name).await;
        assert_eq!(silenced.standing, Standing::Active);
        assert!(silenced.next_poll_at >= Some(until), "{name}");
        let wished = monitor.store.request_poll(silenced.id, github.now()).await;
        assert!(matches!(
            wished.unwrap(),
            crate::store::Requested::NotBefore(at) if at >= until
        ));
    }
    let store = monitor.store.clone();
    drop(monitor);
    let monitor = Monitor::over(&github, store, crate::drills::rig::every_five_minutes());
    github.pass(990);
    monitor.round().await;
    assert_eq!(github.polls().0, asked);
    github.pass(20);
    monitor.round().await;
    assert_eq!(github.polls().0, asked + 2);
    assert_eq!(error(&monitor).await, "");
    drop(folder);
}

#[tokio::test]
async fn a_broken_catch_up_saves_nothing() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    let mut expected = github.happen("r", 5, 1);
    monitor.round().await;
    let before = monitor.repository("r").await;
    expected.extend(github.happen("r", 150, 1));
    github.pass(300);
    for (fault, expected_error) in [
        (FaultKind::Truncate { after_bytes: 100 }, "broke off"),
        (FaultKind::Reset, "cannot be reached"),
    ] {
        // Page 1 arrives, and page 2 does not.
        github.sim.fault(FaultRule::new(fault).skip(1));
        monitor.round().await;
        let after = monitor.repository("r").await;
        assert_eq!(after.etag, before.etag);
        assert_eq!(after.events_stored, 5);
        assert!(error(&monitor).await.contains(expected_error), "{after:?}");
        github.sim.clear_faults();
        github.pass(300);
    }
    github.sim.fault(status(502).times(1));
    monitor.round().await;
    assert!(error(&monitor).await.contains("502"));
    github.pass(300);
    monitor.round().await;
    assert_eq!(error(&monitor).await, "");
    assert_eq!(monitor.ids("r").await, expected);
    assert_eq!(monitor.gaps("r").await, []);
}

#[tokio::test]
async fn a_stuck_tag_is_found_out_and_told() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    let mut expected = github.happen("r", 100, 60);
    monitor.round().await;
    let stuck = FaultRule::new(FaultKind::StuckTag).path("/repos/octo/r/**");
    github.sim.fault(stuck);
    let mut told = None;
    for _ in 0..12 {
        github.pass(300);
        expected.extend(github.happen("r", 5, 60));
        monitor.round().await;
        told = told.or(monitor.repository("r").await.last_error);
    }
    let told = told.unwrap();
    assert!(told.contains("tag was stuck"), "{told}");
    github.sim.clear_faults();
    github.pass(300);
    monitor.round().await;
    assert_eq!(monitor.ids("r").await, expected, "nothing is lost");
    assert_eq!(monitor.gaps("r").await, []);
    assert_eq!(error(&monitor).await, "");
}

#[tokio::test]
async fn late_events_are_found_by_the_next_sweep() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    github.happen("r", 120, 0);
    let late = github.change(json!({
        "change": "append_events", "repo": "octo/r", "type": "ForkEvent", "delay": 1000,
    }));
    github.happen("r", 120, 0);
    monitor.round().await;
    assert_eq!(monitor.repository("r").await.events_stored, 240);
    github.pass(3600);
    github.happen("r", 1, 0);
    monitor.round().await;
    let late = late["ids"][0].as_str().unwrap().to_owned();
    assert!(monitor.ids("r").await.contains(&late));
    assert_eq!(monitor.gaps("r").await, []);
}

#[tokio::test]
async fn the_interval_that_github_asks_for_is_kept_though_a_304_lacks_it() {
    let github = Github::start().await;
    github.change(json!({"change": "poll_interval", "seconds": 600}));
    let (monitor, _folder) = of_one(&github).await;
    github.happen("r", 1, 0);
    let due = monitor.round().await;
    assert_eq!(due.seconds_since(github.now()), 600);
    github.pass(600);
    let due = monitor.round().await;
    assert_eq!(github.polls(), (2, 1));
    assert_eq!(due.seconds_since(github.now()), 600);
}

#[tokio::test]
async fn a_frozen_feed_is_told_and_what_it_hid_is_a_gap_of_githubs() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    // One event a minute: an hour's silence is improbable.
    github.happen("r", 100, 60);
    monitor.round().await;
    github.change(json!({"change": "freeze_feed", "path": "/repos/octo/r/events"}));
    for _ in 0..12 {
        github.pass(300);
        github.happen("r", 5, 60);
        monitor.round().await;
    }
    assert!(error(&monitor).await.contains("frozen"));
    let (polls, same) = github.polls();
    assert!(
        polls - same >= 2,
        "at least one plain question: {polls} {same}"
    );
    assert!(
        polls - same <= 5,
        "each costs, so they become rarer: {polls} {same}"
    );
    github.happen("r", 300, 0);
    github.change(json!({"change": "thaw_feed", "path": "/repos/octo/r/events"}));
    github.pass(300);
    monitor.round().await;
    assert_eq!(error(&monitor).await, "");
    let gaps = monitor.gaps("r").await;
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].reason.as_str(), "upstream");
}
