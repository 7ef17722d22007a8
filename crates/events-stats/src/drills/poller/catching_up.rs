//! Nothing is lost or asked for twice while all goes well, and what is lost is said.

use crate::gap::GapReason;
use crate::herald::Topic;
use crate::poller::{Parts, Poller, PollerError};
use serde_json::json;

use crate::drills::rig::{Github, Monitor, every_five_minutes, of_one, opened};

#[tokio::test]
async fn a_feed_is_read_once_and_asked_about_by_its_tag() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    let mut expected = github.happen("r", 3, 60);
    let due = monitor.round().await;
    assert_eq!(monitor.ids("r").await, expected);
    assert_eq!(due, github.now().after(std::time::Duration::from_secs(300)));
    let after_first = monitor.repository("r").await;
    assert!(after_first.etag.is_some());
    assert_eq!(after_first.last_poll_at, Some(github.now()));
    assert_eq!(after_first.poll_interval_seconds, Some(60));
    assert_eq!(after_first.last_error, None);
    assert!(after_first.github_id.is_some());
    // 30 days, because a feed that is not full has all of them.
    let month = std::time::Duration::from_secs(30 * 86_400);
    assert_eq!(after_first.covered_from, Some(github.now().before(month)));
    let told = [vec![Topic::Event; expected.len()], vec![Topic::Stats]].concat();
    assert_eq!(monitor.told(), told);
    // Not due: not asked.
    github.pass(299);
    monitor.round().await;
    assert_eq!(github.polls(), (1, 0));
    github.pass(1);
    monitor.round().await;
    assert_eq!(github.polls(), (2, 1));
    assert_eq!(monitor.repository("r").await.etag, after_first.etag);
    assert!(monitor.told().is_empty());
    expected.extend(github.happen("r", 2, 1));
    github.pass(300);
    monitor.round().await;
    assert_eq!(monitor.ids("r").await, expected);
    assert_eq!(monitor.gaps("r").await, []);
    let watched = monitor.windows.watched(after_first.id).unwrap();
    assert_eq!(watched.window.len(), 5);
}

#[tokio::test]
async fn pages_are_read_until_a_known_event_and_swept_once_an_hour() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    let mut expected = github.happen("r", 250, 10);
    monitor.round().await;
    assert_eq!(github.polls().0, 3);
    expected.extend(github.happen("r", 120, 1));
    github.pass(300);
    monitor.round().await;
    // Two pages hold the 120 and some that are known.
    assert_eq!(github.polls().0, 5);
    expected.extend(github.happen("r", 1, 1));
    github.pass(3600);
    monitor.round().await;
    assert_eq!(github.polls().0, 8, "an hour has passed");
    assert_eq!(monitor.ids("r").await, expected);
    assert_eq!(monitor.gaps("r").await, []);
}

#[tokio::test]
async fn an_overflow_is_a_gap_and_after_a_restart_it_is_the_downtimes() {
    let github = Github::start().await;
    let (monitor, folder) = of_one(&github).await;
    github.happen("r", 10, 10);
    monitor.round().await;
    let newest = github.now();
    github.pass(300);
    let lost = github.happen("r", 400, 0);
    monitor.round().await;
    let gaps = monitor.gaps("r").await;
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].reason, GapReason::Overflow);
    assert_eq!((gaps[0].from, gaps[0].to), (newest, github.now()));
    assert_eq!(monitor.ids("r").await.len(), 310);
    assert!(!monitor.ids("r").await.contains(&lost[0]));
    assert!(monitor.told().contains(&Topic::Gap));
    let store = monitor.store.clone();
    drop(monitor);
    github.pass(3600);
    github.happen("r", 350, 0);
    let again = Monitor::over(&github, store, every_five_minutes());
    again.round().await;
    let gaps = again.gaps("r").await;
    assert_eq!(gaps.len(), 2);
    assert_eq!(gaps[1].reason, GapReason::Downtime);
    drop(folder);
}

#[tokio::test]
async fn a_first_poll_of_a_full_feed_covers_no_more_than_it_shows() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    github.happen("r", 400, 60);
    monitor.round().await;
    let repository = monitor.repository("r").await;
    assert_eq!(monitor.gaps("r").await, []);
    assert_eq!(repository.events_stored, 300);
    assert_eq!(repository.covered_from, repository.oldest_event_at);
}

#[tokio::test]
async fn what_another_way_brought_is_counted_too() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    github.happen("r", 2, 60);
    monitor.round().await;
    let id = monitor.repository("r").await.id;
    let json = format!(
        r#"{{"id":"5","type":"ForkEvent","actor":null,"repo":{{"id":1,"name":"octo/r"}},"created_at":"{}"}}"#,
        github.now()
    );
    let event = crate::event::parse_event(&json).unwrap();
    monitor.store.insert(id, &[event]).await.unwrap();
    monitor.round().await;
    let watched = monitor.windows.watched(id).unwrap();
    assert_eq!(
        watched.window.kinds().collect::<Vec<_>>(),
        ["ForkEvent", "WatchEvent"]
    );
}

#[tokio::test]
async fn a_file_is_polled_by_one_process() {
    let github = Github::start().await;
    let (monitor, folder) = of_one(&github).await;
    let path = folder.path().join("events.db");
    let other = opened(path.to_str().unwrap()).await;
    let parts =
        |store| -> Parts { crate::drills::rig::parts(&github, store, every_five_minutes()).0 };
    let refused = Poller::new(parts(other.clone())).unwrap_err();
    assert!(matches!(refused, PollerError::Taken { .. }), "{refused}");
    // Reading and changing beside it work.
    github.happen("r", 1, 0);
    monitor.round().await;
    let name = crate::drills::rig::named("octo/r");
    let seen = other.repository(&name).await.unwrap().unwrap();
    assert_eq!(seen.events_stored, 1);
    other.request_poll(seen.id, github.now()).await.unwrap();
    drop(monitor);
    Poller::new(parts(other)).unwrap();
}

#[tokio::test]
async fn a_wish_brings_a_poll_forward_to_what_github_allows() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    monitor.round().await;
    github.pass(10);
    let id = monitor.repository("r").await.id;
    monitor.store.request_poll(id, github.now()).await.unwrap();
    let due = monitor.round().await;
    assert_eq!(github.polls().0, 1);
    assert_eq!(due.seconds_since(github.now()), 50);
    github.pass(50);
    monitor.round().await;
    assert_eq!(github.polls().0, 2);
}

#[tokio::test]
async fn a_renamed_repository_is_followed_once() {
    let github = Github::start().await;
    let (monitor, _folder) = of_one(&github).await;
    let mut expected = github.happen("r", 2, 1);
    monitor.round().await;
    let id = monitor.repository("r").await.id;
    github.change(json!({"change": "rename_repository", "repo": "octo/r", "name": "new"}));
    expected.extend(github.happen("new", 1, 0));
    github.pass(300);
    monitor.round().await;
    let renamed = monitor.repository("new").await;
    assert_eq!(renamed.id, id);
    assert_eq!(renamed.full_name.as_str(), "octo/new");
    assert_eq!(
        monitor.repository("r").await.id,
        id,
        "the old name leads on"
    );
    assert_eq!(monitor.ids("new").await, expected);
    let moved = |github: &Github| github.sim.counters().count_status(301);
    assert_eq!(moved(&github), 1);
    github.pass(300);
    monitor.round().await;
    assert_eq!(moved(&github), 1, "later polls ask under the new name");
    // Somebody else takes the old name: that is another repository.
    github.repository("r");
    let other = crate::drills::rig::added(&monitor.store, "octo/other").await;
    monitor.store.remove(other.id).await.unwrap();
    github.pass(300);
    monitor.round().await;
    assert_eq!(monitor.repository("new").await.id, id);
}
